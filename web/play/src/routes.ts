export type Route = { page: "lobby" } | { page: "room"; roomId: string };

export function routeOf(path: string): Route {
  const roomId = /^\/r\/([A-Za-z0-9_-]{1,100})\/?$/.exec(path)?.[1];
  return roomId ? { page: "room", roomId } : { page: "lobby" };
}

export function pathOf(route: Route): string {
  return route.page === "room" ? `/r/${encodeURIComponent(route.roomId)}` : "/";
}
