export type Route = { page: "room"; roomId: string } | { page: "lobby" | "wallet" | "reset" | "verify" };

const PAGES = {
  "/wallet": { page: "wallet" },
  "/reset-password": { page: "reset" },
  "/verify-email": { page: "verify" },
} as const;

export function routeOf(path: string): Route {
  const roomId = /^\/r\/([A-Za-z0-9_-]{1,100})\/?$/.exec(path)?.[1];
  if (roomId) return { page: "room", roomId };
  return PAGES[path as keyof typeof PAGES] ?? { page: "lobby" };
}

export function pathOf(route: Route): string {
  switch (route.page) {
    case "room":
      return `/r/${encodeURIComponent(route.roomId)}`;
    case "wallet":
      return "/wallet";
    case "reset":
      return "/reset-password";
    case "verify":
      return "/verify-email";
    case "lobby":
      return "/";
  }
}
