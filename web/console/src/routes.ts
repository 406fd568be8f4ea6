/** Where the console is. */
export const BASE = "/kafka";

export type PlainPage =
  | "overview"
  | "topics"
  | "groups"
  | "dead-letters"
  | "trace"
  | "rooms"
  | "players"
  | "money"
  | "members"
  | "outbox"
  | "settings"
  | "log";

export type Route =
  | { page: PlainPage }
  | { page: "topic" | "messages"; topic: string }
  | { page: "group"; group: string }
  | { page: "traced"; id: string }
  | { page: "room"; roomId: string }
  | { page: "player"; userId: string }
  | { page: "nowhere" };

const PLAIN: readonly PlainPage[] = [
  "topics",
  "groups",
  "dead-letters",
  "trace",
  "rooms",
  "players",
  "money",
  "members",
  "outbox",
  "settings",
  "log",
];

/** The page at an address; what is in the address beside its path is the page's own. */
export function routeOf(path: string): Route {
  const parts = path
    .slice(path.startsWith(BASE) ? BASE.length : 0)
    .split("/")
    .filter((part) => part !== "")
    .map(decoded);
  const [page, id, more] = parts;
  if (page === undefined) return { page: "overview" };
  if (page === "topics" && id !== undefined && more === "messages" && parts.length === 3) {
    return { page: "messages", topic: id };
  }
  if (parts.length === 2 && id !== undefined) {
    if (page === "topics") return { page: "topic", topic: id };
    if (page === "groups") return { page: "group", group: id };
    if (page === "trace") return { page: "traced", id };
    if (page === "rooms") return { page: "room", roomId: id };
    if (page === "players") return { page: "player", userId: id };
  }
  const plain = PLAIN.find((each) => each === page);
  return plain && parts.length === 1 ? { page: plain } : { page: "nowhere" };
}

export function pathOf(route: Route): string {
  const at = (...parts: string[]) => [BASE, ...parts.map(encodeURIComponent)].join("/");
  switch (route.page) {
    case "overview":
    case "nowhere":
      return BASE;
    case "topic":
      return at("topics", route.topic);
    case "messages":
      return at("topics", route.topic, "messages");
    case "group":
      return at("groups", route.group);
    case "traced":
      return at("trace", route.id);
    case "room":
      return at("rooms", route.roomId);
    case "player":
      return at("players", route.userId);
    default:
      return at(route.page);
  }
}

/** The messages of a topic, from where these say. */
export function messagesPath(topic: string, asked: Readonly<Record<string, string | undefined>> = {}): string {
  return withQuery(pathOf({ page: "messages", topic }), asked);
}

/** One message among those around it. */
export function messagePath(topic: string, partition: number, offset: number | string): string {
  return messagesPath(topic, {
    start: `offset:${offset}`,
    partition: String(partition),
    open: `${partition}-${offset}`,
  });
}

/** A path with what is asked for; what is empty is left out. */
export function withQuery(path: string, asked: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(asked)) {
    if (value !== undefined && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}

/** The part of the navigation that a page belongs to. */
export function sectionOf(route: Route): PlainPage {
  switch (route.page) {
    case "topic":
    case "messages":
      return "topics";
    case "group":
      return "groups";
    case "traced":
      return "trace";
    case "room":
      return "rooms";
    case "player":
      return "players";
    case "nowhere":
      return "overview";
    default:
      return route.page;
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
