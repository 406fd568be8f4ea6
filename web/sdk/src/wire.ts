// What stands on the wire, as the server's own types give it, and what this package makes of that.

import type { CommandType, Events, Timestamp, DepositLimit as ToldDepositLimit } from "./generated/contract.js";
import type * as Rest from "./generated/rest.js";

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

/**
 * How a payment stands; it only moves on. `requested`: there is no page to pay on yet. `session_created`: it can be paid,
 * or is on its way. `disputed` is told beside the others.
 */
export type PaymentStatus = Rest.Payment["status"] | "disputed";

/** A payment of one's own, as it is told at each change. */
export type PaymentChange = Omit<Events["wallet.event.top_up"], "status"> & { status: PaymentStatus };

/** A limit as it is told, or as the API keeps it: without an amount there is none. */
export type DepositLimit = ToldDepositLimit | Rest.DepositLimit;

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
