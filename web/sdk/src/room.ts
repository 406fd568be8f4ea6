import type { ChatView } from "./room_chat.js";
import type { Cents, Frame, RoomId, RoomStatus, UserId } from "./wire.js";

export interface Member {
  readonly userId: UserId;
  readonly username: string;
  readonly score: number;
  readonly isReady: boolean;
  /** A program of the house, and no person. */
  readonly isBot: boolean;
  readonly isAuto: boolean;
  readonly isGone: boolean;
  /** When a member who is gone is taken out of the room, in milliseconds of server time; null where never. */
  readonly goneUntil: number | null;
  readonly joinedAt: string;
}

/** Somebody by id, and by name where it is known. */
export interface Person {
  readonly userId: UserId;
  readonly username: string | null;
}

/** What somebody is to a room. */
export type Role = "player" | "lobby" | "spectator" | "none";

export interface Turn {
  readonly userId: UserId;
  readonly number: number;
  /** Milliseconds of server time; null where the turn has no limit. */
  readonly deadline: number | null;
}

export interface RoomResult {
  readonly winnerId: UserId | null;
  readonly winnerName: string | null;
  readonly finalScores: readonly { userId: UserId; username: string; score: number }[];
  readonly prizeCents: Cents;
  /** Nobody was left to play: every fee went back. */
  readonly isCancelled: boolean;
}

/** A game that stands still until somebody is back. */
export interface Pause {
  readonly userId: UserId;
  /** When the others win, in milliseconds of server time; null where it is not known. */
  readonly until: number | null;
}

export interface Fairness {
  readonly commitment: string | null;
  /** Known once the room has ended. */
  readonly serverSeed: string | null;
  /** Seeds in seat order, as game_started lists them; null for a seat without one. */
  readonly playerSeeds: readonly (string | null)[] | null;
  readonly draws: readonly { userId: UserId; value: number; nonce: number }[];
}

/**
 * - `waiting`: the host selects
 * - `starting`: all seats are taken, the selected confirm until the deadline
 * - `seeds`: everyone reveals a seed
 * - `playing`
 * - `over`: nothing happens here any more
 */
export type RoomPhase = "waiting" | "starting" | "seeds" | "playing" | "over";

/** A room as this client sees it: a fold of its events, replaced and never changed in place. */
export interface RoomView {
  readonly roomId: RoomId;
  readonly name: string;
  readonly gameType: string;
  readonly status: RoomStatus;
  readonly phase: RoomPhase;
  /** End of the phases `starting` and `seeds`, in milliseconds of server time. */
  readonly phaseDeadline: number | null;
  readonly hostId: UserId;
  /** Everyone but spectators, in order of arrival. */
  readonly members: readonly Member[];
  /** The taken seats; in seat order once play has begun. */
  readonly selected: readonly UserId[];
  readonly seats: number;
  readonly spectatorCount: number;
  /** Who watches, in the order of coming; of many the first. */
  readonly spectators: readonly Person[];
  readonly allowsSpectators: boolean;
  readonly muted: readonly UserId[];
  readonly banned: readonly Person[];
  readonly chat: ChatView;
  readonly pause: Pause | null;
  readonly turn: Turn | null;
  readonly entryFeeCents: Cents;
  readonly prizeCents: Cents;
  readonly isPasswordProtected: boolean;
  /** The host asked for the house's bot. */
  readonly invitesBot: boolean;
  readonly roomSeq: number;
  /** The last `<game>.state`. */
  readonly gameState: Frame | null;
  /** The game's own events that this client has seen, the newest last. */
  readonly gameEvents: readonly Frame[];
  readonly result: RoomResult | null;
  readonly fairness: Fairness;
  /** Why this user is out of the room, where the server said so. */
  readonly removal: { readonly reason: string; readonly message: string } | null;
}

/** What `userId` is to the room. */
export function roleIn(room: RoomView, userId: UserId): Role {
  if (room.selected.includes(userId)) return "player";
  if (room.members.some((member) => member.userId === userId)) return "lobby";
  return room.spectators.some((spectator) => spectator.userId === userId) ? "spectator" : "none";
}
