import type { CommandType, EventFrame, EventType, Frame } from "./wire.js";

type Domain = "games" | "chat" | "wallet";
type NameOf<T extends string, Kind extends string> = T extends `${Kind}.${infer Name}` ? Name : never;

/**
 * The events that answer a command where they are certain ones, by their names behind `<domain>.command.` and
 * `<domain>.event.`. Others carry the same correlation_id (room_created goes to everyone who watches the lobby), so
 * "the first" is not enough here.
 */
const ANSWERS = {
  games: {
    create_room: ["room_state"],
    join_room: ["room_state"],
    join_as_spectator: ["room_state"],
    rejoin_room: ["room_state", "not_in_room"],
    list_rooms: ["room_list"],
    get_chat_history: ["chat_history"],
    quick_match: ["quick_match_waiting", "room_state"],
    invite_players: ["room_invited"],
  },
  chat: {
    send_message: ["message_received"],
    send_lobby_message: ["lobby_message"],
    mark_read: ["messages_read"],
  },
  wallet: {
    top_up: ["top_up"],
    cancel_top_up: ["top_up"],
    set_deposit_limit: ["limits"],
    exclude_self: ["limits"],
  },
} as const satisfies {
  [D in Domain]: { [N in NameOf<CommandType, `${D}.command`>]?: readonly NameOf<EventType, `${D}.event`>[] };
};

type Answers = typeof ANSWERS;

/** What a command's promise resolves to; without a certain event, the first that follows from it. */
export type Answer<C extends string> = C extends `${infer D extends Domain}.command.${infer N}`
  ? N extends keyof Answers[D]
    ? EventFrame<AnswerType<D, Answers[D][N]>> | EventFrame<"games.event.command_applied">
    : Frame
  : Frame;

type AnswerType<D extends Domain, Names> = Names extends readonly (infer Name extends string)[]
  ? Extract<EventType, `${D}.event.${Name}`>
  : never;

export function isAnswer(commandType: string, { type }: Frame): boolean {
  const [domain = "", name = ""] = commandType.split(".command.");
  const names: Record<string, readonly string[]> = ANSWERS[domain as Domain] ?? {};
  const expected = Object.hasOwn(names, name) ? names[name] : undefined;
  return (
    type.endsWith(".command_applied") || !expected || expected.some((event) => type === `${domain}.event.${event}`)
  );
}
