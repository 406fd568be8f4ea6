// What the HTTP API answers, as the server's own types give it, under the names that this package has for it.

import type * as Rest from "./generated/rest.js";
import type { Frame } from "./wire.js";

export type {
  Account,
  Balance,
  DirectMessageEntry as DirectMessage,
  GameInfo,
  LobbyMessageEntry as LobbyMessage,
  PaymentTerms,
  PlayedGame,
  PlayedGames,
  RoomSummary as ListedRoom,
  Statistics,
  Transaction,
  Transactions,
} from "./generated/rest.js";
/** All that the API takes and answers. */
export type { Rest };

/** An ended room's events as this user got them, without chat. */
export interface GameTranscript extends Rest.GameTranscript {
  frames: Frame[];
}
