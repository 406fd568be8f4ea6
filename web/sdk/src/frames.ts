import type { Frame, RoomId, UserId } from "./wire.js";

/** Ids come as strings from us, as integers from some other programs. */
export function userIdOf(value: unknown): UserId {
  if (typeof value === "object" && value !== null && "user_id" in value) return userIdOf(value.user_id);
  return value === null || value === undefined ? "" : String(value);
}

/** Undefined where it is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isFrame(value: unknown): value is Frame {
  return typeof value === "object" && value !== null && typeof (value as Frame).type === "string";
}

/** The room that a frame is about, be it in the frame or in the state that it carries; "" where there is none. */
export function roomIdOf(frame: Frame): RoomId {
  const room = frame.room as { room_id?: unknown } | undefined;
  const roomId = room?.room_id ?? frame.room_id;
  return typeof roomId === "string" ? roomId : "";
}

/** A hash or a seed; null where it is none. */
export function hexOf(value: unknown): string | null {
  return typeof value === "string" && /^[0-9a-f]{64}$/i.test(value) ? value.toLowerCase() : null;
}

export function hexList(list: unknown): (string | null)[] {
  return Array.isArray(list) ? list.map(hexOf) : [];
}

/** Milliseconds, or null where there is no time. */
export function time(value: unknown): number | null {
  const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}
