import { pathOf } from "./routes.js";

const ROOMS = new Set(["room_id", "game_id"]);
const TRACED = new Set(["correlation_id", "command_id", "event_id", "request_id", "causation_id"]);
const ID = /^[A-Za-z0-9_-]{1,100}$/;

/** Where an id in a record leads, by its field's name; undefined for what is no id. */
export function linkOf(name: string, value: unknown): string | undefined {
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const id = String(value);
  if (!ID.test(id)) return undefined;
  if (ROOMS.has(name)) return pathOf({ page: "room", roomId: id });
  if (TRACED.has(name)) return pathOf({ page: "traced", id });
  if (/(^|_)(user|player|host|winner|sender|recipient)_ids?$/.test(name) && /^\d+$/.test(id)) {
    return pathOf({ page: "player", userId: id });
  }
  return undefined;
}
