// What stands on the wire, as the server's own types give it, and what this package makes of that.

import type { CommandType, DepositLimit, Events, Timestamp } from "./generated/contract.js";

export type * from "./generated/contract.js";

/** A frame whose type this package may not know, from a server that may leave out what ours does not. */
export interface Frame {
  type: string;
  event_id?: string;
  correlation_id?: string | null;
  timestamp?: Timestamp;
  room_seq?: number;
  after_seq?: number;
  [field: string]: unknown;
}

/** A message between two users, as it is sent and as the API keeps it. */
export type DirectMessage = Events["chat.event.message_received"] & {
  /** Whether its recipient has marked it as read; left out of what has just been sent. */
  is_read?: boolean;
};

export type LobbyMessage = Events["chat.event.lobby_message"];

/**
 * How a payment stands; it only moves on. `requested`: there is no page to pay on yet. `session_created`: it can be paid,
 * or is on its way. `disputed` is told beside the others.
 */
export type PaymentStatus =
  | "requested"
  | "session_created"
  | "failed"
  | "expired"
  | "success"
  | "refunded"
  | "disputed";

/** A payment of one's own, as it is told at each change and as the API keeps it. */
export type PaymentChange = Omit<Events["wallet.event.top_up"], "status" | "session_url" | "error_message"> & {
  status: PaymentStatus;
  /** Where to pay, while it can be paid. */
  session_url?: string | null;
  /** Why it failed, for people to read. */
  error_message?: string | null;
};

export interface DepositLimits {
  /** One for each period, the shortest first. */
  limits: DepositLimit[];
  /** Until when the user is excluded by their own wish. */
  excluded_until?: Timestamp | null;
}

export type KnownGame = CommandType extends infer C
  ? C extends `games.command.${infer G}.${string}`
    ? G
    : never
  : never;

/** A command or event of another game, or one that is a `string` and no more to the compiler. */
export type OpenType<T extends string, Kind extends "command" | "event"> = string extends T
  ? T
  : T extends `games.${Kind}.${KnownGame}.${string}`
    ? never
    : T extends `games.${Kind}.${string}.${string}`
      ? T
      : never;
