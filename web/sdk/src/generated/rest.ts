// Made by `make generated` from the types that stand on the wire; see crates/contract/src/typescript.rs. Changes here are
// lost. Objects may have more fields than these: whoever reads them passes over what it does not know.

import type { Cents, RoomId, RoomStatus, Timestamp, UserId } from "./contract.js";

/** A user as they see themselves. */
export interface Account {
  /** What they have. */
  balance_cents: Cents;
  /** The deployment's currency. */
  currency: string;
  /** Their address; null for guests. */
  email: string | null;
  /** Whether it is known that mail to it reaches them. */
  is_email_verified: boolean;
  /** `player`, `guest`, `admin`, … */
  roles: string[];
  /** The user. */
  user_id: UserId;
  /** The name shown to others. */
  username: string;
}

/** `GET me/balance` */
export interface Balance {
  /** What the user has. */
  balance_cents: Cents;
  /** The deployment's currency. */
  currency: string;
}

/** With what one signs in. */
export interface Credentials {
  /** In any case. */
  email: string;
  /** As it was chosen. */
  password: string;
}

/** How much a user wants to pay in at most. */
export interface DepositLimit {
  /** Null: no limit. */
  amount_cents: Cents | null;
  /** What will be in force. */
  pending: PendingDepositLimit | null;
  /** `day`, `week` or `month`: the last 24 hours, 7 days or 30 days. */
  period: "day" | "week" | "month";
  /** What was paid in, or may still be. */
  used_cents: Cents;
}

/** `GET me/limits` */
export interface DepositLimits {
  /** Until when the user is excluded by their own wish: RFC 3339, UTC. */
  excluded_until: Timestamp | null;
  /** One for each period, the shortest first. */
  limits: DepositLimit[];
}

/** A direct message. */
export interface DirectMessageEntry {
  /** As it was written. */
  content: string;
  /** Whether its recipient has marked it as read; the writer does not learn it. */
  is_read?: boolean | null;
  /** For `mark_read`. */
  message_id: string;
  /** To whom. */
  recipient_id: UserId;
  /** The reader's name then. */
  recipient_username: string;
  /** Who wrote it. */
  sender_id: UserId;
  /** The writer's name then. */
  sender_username: string;
  /** RFC 3339, UTC. */
  timestamp: Timestamp;
}

/** `GET me/messages` */
export interface DirectMessages {
  /** Newest first, sent and received. */
  messages: DirectMessageEntry[];
  /** For `?cursor=`, to read on; null at the end. */
  next_cursor: string | null;
  /** How many of all received ones are unread. */
  unread_count: number;
}

/** What a game costs and how it is played. */
export interface GameInfo {
  /** The deployment's currency. */
  currency: string;
  /** What a seat costs in rooms made from now on. */
  entry_fee_cents: Cents;
  /** As in commands and events: `bigger_dice`. */
  game_type: string;
  /** Whether the house's bot plays it with lone visitors; left out where it does not. */
  has_bot?: boolean;
  /** Most seats. */
  max_players: number;
  /** Fewest seats. */
  min_players: number;
  /** A JSON Schema of each move's fields. */
  moves: Record<string, unknown>;
  /** For people: `Bigger Dice`. */
  name: string;
  /** Where the module of its own page is; left out where it brings none. */
  page?: string | null;
  /** The winner's share of all fees, in percent. */
  prize_percent: number;
}

/** `GET games` */
export interface GameList {
  /** By name. */
  games: GameInfo[];
}

/** How a room ended for a player. */
export type GameResult =
  /** The prize was the player's. */
  | "won"
  /** It was another's. */
  | "lost"
  /** A draw, or called off: all fees went back. */
  | "returned";

/** What a user's rooms of one game come to. */
export interface GameStatistics {
  /** Fees of rooms that were won or lost. */
  fees_cents: Cents;
  /** The game. */
  game_type: string;
  /** Rooms that were won or lost. */
  played: number;
  /** Prizes. */
  prizes_cents: Cents;
  /** Rooms whose fees went back. */
  returned: number;
  /** Those that were won. */
  won: number;
}

/** `GET games/{game_type}/history/{room_id}` */
export interface GameTranscript {
  /** The room's events as the user's sockets got them, in order, but without chat and without `event_id` and `correlation_id`. The server's seed is in `games.event.seed_revealed`, the last one. */
  frames: Record<string, unknown>[];
  /** The room and its money; null for a room without a fee. */
  game: PlayedGame | null;
}

/** The answer to whoever has signed in. */
export interface Grant {
  /** For `Authorization: Bearer` and for `system.authenticate`. */
  access_token: string;
  /** How many seconds it is good. */
  expires_in: number;
  /** Who signed in. */
  user: Account;
}

/** An Ed25519 key (RFC 8037). */
export interface JsonWebKey {
  /** How it signs. */
  alg: "EdDSA";
  /** The curve. */
  crv: "Ed25519";
  /** Its name. */
  kid: string;
  /** The kind of key. */
  kty: "OKP";
  /** What it is for. */
  use: "sig";
  /** The public key, base64url. */
  x: string;
}

/** A JSON Web Key Set (RFC 7517). */
export interface JsonWebKeySet {
  /** The newest first; tokens name theirs by `kid`. */
  keys: JsonWebKey[];
}

/** A message in the lobby. */
export interface LobbyMessageEntry {
  /** As it was written. */
  content: string;
  /** Where. */
  lobby_id: string;
  /** Unlike any other's. */
  message_id: string;
  /** RFC 3339, UTC. */
  timestamp: Timestamp;
  /** Who wrote it. */
  user_id: UserId;
  /** The writer's name then. */
  username: string;
}

/** `GET lobbies/{lobby_id}/messages` */
export interface LobbyMessages {
  /** Newest first. */
  messages: LobbyMessageEntry[];
  /** For `?cursor=`, to read on; null at the end. */
  next_cursor: string | null;
}

/** `GET me` */
export interface Me {
  /** The account. */
  user: Account;
}

/** What a guest may say. */
export interface NewGuest {
  /** The name shown to others; without it one is made up. */
  username?: string | null;
}

/** What is to be paid in. */
export interface NewPayment {
  /** How much; `GET checkout/terms` says what is taken, and a gateway tells what came of it. */
  amount_cents: number;
  /** Where the payer goes who does not pay. */
  cancel_url?: string | null;
  /** Where the payer goes after paying: an address of the deployment's own. */
  success_url?: string | null;
}

/** What is read of an event; the rest is fetched. */
export interface NotedEvent {
  /** The provider's id. */
  id: string;
  /** What happened. */
  type: string;
}

/** `GET checkout/sessions` */
export interface OpenPayments {
  /** Those that may still be paid, the newest first. */
  payments: Payment[];
}

/** One of the two steps to a new password. */
export type PasswordReset =
  /** By the link: signs in. */
  | {
    /** 8 to 128 characters. */
    password: string;
    /** Of the link. */
    token: string;
  }
  /** For the link. */
  | {
    /** Whose password is forgotten. */
    email: string;
  };

/** `GET checkout/sessions/{request_id}` */
export interface Payment {
  /** How much. */
  amount_cents: Cents;
  /** The deployment's currency. */
  currency: string;
  /** Why it failed. */
  error_message: string | null;
  /** When it was paid, or came to nothing. */
  finished_at: Timestamp | null;
  /** How much of it was paid back. */
  refunded_cents: Cents;
  /** The request. */
  request_id: string;
  /** When it was asked for: RFC 3339, UTC. */
  requested_at: Timestamp;
  /** Where to pay, while it can be paid; `session_created` without it: the payer is done, and the money is on its way. */
  session_url: string | null;
  /** `requested`, `session_created`, `success`, `failed`, `expired`, `refunded`. */
  status: "requested" | "session_created" | "failed" | "expired" | "success" | "refunded";
}

/** `POST checkout/sessions` and `POST checkout/sessions/{request_id}/cancel` */
export interface PaymentRequested {
  /** For `GET checkout/sessions/{request_id}`, and in `wallet.event.top_up`. */
  request_id: string;
}

/** `GET checkout/terms` */
export interface PaymentTerms {
  /** The deployment's currency. */
  currency: string;
  /** The most that one player pays in within 24 hours; null: no limit. */
  day_cents: Cents | null;
  /** Whether anything can be paid in here. */
  is_open: boolean;
  /** Whether what is paid is test money, which nobody is charged for. */
  is_test_money: boolean;
  /** The most. */
  max_cents: Cents;
  /** The least that is paid in at once. */
  min_cents: Cents;
  /** The same within 30 days. */
  month_cents: Cents | null;
  /** The same within 7 days. */
  week_cents: Cents | null;
}

/** A limit that is not in force yet. */
export interface PendingDepositLimit {
  /** Null: no limit. */
  amount_cents: Cents | null;
  /** When it will be: RFC 3339, UTC. */
  from: Timestamp;
}

/** An ended room that the user had a paid seat in. Rooms without a fee are not among them. */
export interface PlayedGame {
  /** The deployment's currency. */
  currency: string;
  /** When the room ended: RFC 3339, UTC. */
  ended_at: Timestamp;
  /** What the seat cost. */
  fee_cents: Cents;
  /** As in commands and events: `bigger_dice`. */
  game_type: string;
  /** Everybody who had a seat to the end, the user among them, in the order of taking them. */
  players: PlayedSeat[];
  /** The prize; 0 without one. */
  prize_cents: Cents;
  /** How it ended for the user. */
  result: GameResult;
  /** What of it came back. */
  returned_cents: Cents;
  /** The room. */
  room_id: string;
  /** Its name. */
  room_name: string;
  /** When the user took the seat: RFC 3339, UTC. */
  seated_at: Timestamp;
}

/** `GET me/games`, `GET games/{game_type}/history` */
export interface PlayedGames {
  /** Newest first. */
  games: PlayedGame[];
  /** For `?cursor=`, to read on; null at the end. */
  next_cursor: string | null;
}

/** Who played. */
export interface PlayedSeat {
  /** Whether the prize was theirs. */
  has_won: boolean;
  /** Whether it is the house's bot; left out for people. */
  is_bot?: boolean;
  /** Whose seat. */
  user_id: UserId;
  /** The name that the user has now; null where there is no account any more. */
  username: string | null;
}

/** A problem as it is sent. */
export interface Problem {
  /** What is wrong, for programs. */
  code: string;
  /** What is wrong, for people. */
  detail: string;
  /** The field of the request that is concerned. */
  field?: string | null;
  /** The HTTP status. */
  status: number;
  /** The status in words. */
  title: string;
  /** `about:blank`: `code` says what it is. */
  type: "about:blank";
}

/** What a new account has to say. */
export interface Registration {
  /** Where mails go; nobody else sees it. */
  email: string;
  /** 8 to 128 characters. */
  password: string;
  /** The name shown to others: up to 24 characters, none that is reserved. */
  username: string;
}

/** `GET rooms` */
export interface RoomList {
  /** Those that wait first, then by name; 500 at most. */
  rooms: RoomSummary[];
}

/** A room's line in the list (without `can_rejoin` and `rejoin_role`, which depend on who asks). */
export interface RoomSummary {
  /** Whether others may watch. */
  allow_spectators: boolean;
  /** Bots among the people; left out where there are none. */
  bot_count?: number;
  /** What a seat costs. */
  entry_fee_cents: Cents;
  /** Its game. */
  game_type: string;
  /** Its host. */
  host_id: UserId;
  /** Its host's name. */
  host_name: string;
  /** Whether the host asks for the house's bot; left out where not. */
  invites_bot?: boolean;
  /** Whether joining asks for a password. */
  is_password_protected: boolean;
  /** Seats. */
  max_players: number;
  /** People in lobby and seats. */
  player_count: number;
  /** What the winner gets if all seats are taken. */
  prize_cents: Cents;
  /** The room. */
  room_id: RoomId;
  /** Its name. */
  room_name: string;
  /** People watching. */
  spectator_count: number;
  /** Where it stands. */
  status: RoomStatus;
}

/** `GET me/statistics` */
export interface Statistics {
  /** The deployment's currency. */
  currency: string;
  /** By game, each that the user has played for money. */
  games: GameStatistics[];
}

/** A change of the user's balance. */
export interface Transaction {
  /** RFC 3339, UTC. */
  at: Timestamp;
  /** Above 0 what came in, below 0 what went out. */
  change_cents: Cents;
  /** The deployment's currency. */
  currency: string;
  /** The room's game, as far as it is known. */
  game_type: string | null;
  /** Its own for ever; `?cursor=` with it reads on after it. */
  id: string;
  /** `demo_grant`, `credit`, `fee`, `refund`, `prize`, `top_up`, `top_up_refund`, `receivable_paid`, `dispute_hold`, `dispute_release`, `dispute_reinstated`, `withdrawal_hold`, `withdrawal_release`, `guest_closed`. */
  kind: string;
  /** The room, where one is concerned. */
  room_id: string | null;
  /** The room's name, as far as it is known. */
  room_name: string | null;
}

/** `GET me/transactions` */
export interface Transactions {
  /** For `?cursor=`, to read on; null at the end. */
  next_cursor: string | null;
  /** Newest first. */
  transactions: Transaction[];
}

/** What makes a guest an account. */
export interface Upgrade {
  /** Where mails go; nobody else sees it. */
  email: string;
  /** 8 to 128 characters. */
  password: string;
  /** Another name, if wanted. */
  username?: string | null;
}

/** One of the two steps to a verified address. */
export interface Verification {
  /** Of the link; left out by the signed-in user who wants one. */
  token?: string | null;
}
