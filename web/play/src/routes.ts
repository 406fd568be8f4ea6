export type Route = { page: "lobby" } | { page: "room"; roomId: string } | { page: "reset" } | { page: "verify" };

const MAIL_LINKS = { "/reset-password": { page: "reset" }, "/verify-email": { page: "verify" } } as const;

export function routeOf(path: string): Route {
  const roomId = /^\/r\/([A-Za-z0-9_-]{1,100})\/?$/.exec(path)?.[1];
  if (roomId) return { page: "room", roomId };
  return MAIL_LINKS[path as keyof typeof MAIL_LINKS] ?? { page: "lobby" };
}

export function pathOf(route: Route): string {
  switch (route.page) {
    case "room":
      return `/r/${encodeURIComponent(route.roomId)}`;
    case "reset":
      return "/reset-password";
    case "verify":
      return "/verify-email";
    case "lobby":
      return "/";
  }
}
