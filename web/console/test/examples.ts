import type { Message } from "../src/types.js";

/** A record with all that it can have, but for what the test says. */
export function message(offset: number, more: Partial<Message> = {}): Message {
  return {
    topic: "games.events",
    partition: 0,
    offset,
    timestamp: "2026-01-31T18:00:00Z",
    key: "",
    type: null,
    correlation_id: null,
    user_id: null,
    room_id: null,
    headers: {},
    value: { payload: { offset } },
    size: 1,
    ...more,
  };
}
