export type Route =
  | { page: "room"; roomId: string }
  | { page: "replay"; gameType: string; roomId: string }
  | { page: "lobby" | "wallet" | "history" | "profile" | "reset" | "verify" };

const PAGES = {
  "/wallet": { page: "wallet" },
  "/history": { page: "history" },
  "/profile": { page: "profile" },
  "/reset-password": { page: "reset" },
  "/verify-email": { page: "verify" },
} as const;

export function routeOf(path: string): Route {
  const roomId = /^\/r\/([A-Za-z0-9_-]{1,100})\/?$/.exec(path)?.[1];
  if (roomId) return { page: "room", roomId };
  const [, gameType, playedId] = /^\/history\/([a-z0-9_]{1,100})\/([A-Za-z0-9_-]{1,100})\/?$/.exec(path) ?? [];
  if (gameType && playedId) return { page: "replay", gameType, roomId: playedId };
  return PAGES[path as keyof typeof PAGES] ?? { page: "lobby" };
}

export function pathOf(route: Route): string {
  switch (route.page) {
    case "room":
      return `/r/${encodeURIComponent(route.roomId)}`;
    case "replay":
      return `/history/${encodeURIComponent(route.gameType)}/${encodeURIComponent(route.roomId)}`;
    case "wallet":
      return "/wallet";
    case "history":
      return "/history";
    case "profile":
      return "/profile";
    case "reset":
      return "/reset-password";
    case "verify":
      return "/verify-email";
    case "lobby":
      return "/";
  }
}
