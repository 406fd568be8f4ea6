import type { Cents, Frame, RoomId, Timestamp, UserId } from "./wire.js";

/** An ended room that the user had a paid seat in. */
export interface PlayedGame {
  room_id: RoomId;
  room_name: string;
  game_type: string;
  /** When the user took the seat. */
  seated_at: Timestamp;
  ended_at: Timestamp;
  /** `returned`: a draw, or called off; the fee went back. */
  result: "won" | "lost" | "returned";
  fee_cents: Cents;
  returned_cents: Cents;
  prize_cents: Cents;
  currency: string;
  /** Everybody who had a seat to the end, the user among them. */
  players: { user_id: UserId; username: string | null; is_bot?: boolean; has_won: boolean }[];
}

export interface PlayedGames {
  /** The newest first. */
  games: PlayedGame[];
  /** For the page after this one; null at the end. */
  next_cursor: string | null;
}

/** What the user's rooms come to, by game. */
export interface Statistics {
  games: {
    game_type: string;
    /** Rooms that were won or lost. */
    played: number;
    won: number;
    /** Rooms whose fees went back. */
    returned: number;
    /** Of rooms that were won or lost. */
    fees_cents: Cents;
    prizes_cents: Cents;
  }[];
  currency: string;
}

/** An ended room's events as this user got them, without chat. */
export interface GameTranscript {
  /** Null for a room without a fee. */
  game: PlayedGame | null;
  frames: Frame[];
}
