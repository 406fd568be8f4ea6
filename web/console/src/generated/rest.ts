// Made by `make generated` from the types that stand on the wire; see crates/contract/src/typescript.rs. Changes here are
// lost. Objects may have more fields than these: whoever reads them passes over what it does not know.

/** `GET money/audit` */
export interface Audit {
  /** Every check: its name, how much it looked at, and how much of that differs. */
  checked: AuditChecked[];
  /** Why it failed. */
  error: string | null;
  /** What differs, in words. */
  findings: string[];
  /** RFC 3339, UTC. */
  finished_at: Timestamp | null;
  /** Whether nothing differs; null until it is done. */
  is_clean: boolean | null;
  /** RFC 3339, UTC. */
  started_at: Timestamp | null;
  /** How far it is. */
  state: AuditState;
}

/** One check of an audit. */
export interface AuditChecked {
  /** How many of them are wrong. */
  differences: number;
  /** How many things were looked at. */
  looked_at: number;
  /** What is checked. */
  name: string;
}

/** How far an audit is. */
export type AuditState =
  /** This process has made none yet. */
  | "never"
  /** It is being made. */
  | "running"
  /** It was made. */
  | "done"
  /** It could not be made. */
  | "failed";

/** Why a player may not sign in. */
export interface Ban {
  /** As an operator has said it. */
  reason: string | null;
}

/** The body of `ban`. */
export interface BanReason {
  /** Kept with the account: 1 to 200 characters on one line. */
  reason: string | null;
}

/** An amount in minor units (cents). */
export type Cents = number;

/** The body of `credit`. */
export interface CreditAsked {
  /** From 1 to 100,000,000. */
  amount_cents: Cents;
  /** A UUIDv7 of the client's own: the same again changes nothing. */
  command_id: string;
  /** Kept in the command's record: 1 to 200 characters on one line. */
  reason: string | null;
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

/** A transfer. */
export interface LedgerEntry {
  /** How much. */
  amount_cents: Cents;
  /** RFC 3339, UTC. */
  at: Timestamp;
  /** The command that it follows from. */
  correlation_id: string | null;
  /** The account that paid. */
  from: string;
  /** `fee`, `refund`, `prize`, … */
  kind: string;
  /** The account that was paid. */
  to: string;
  /** Whose money, where it is a player's. */
  user_id: UserId | null;
}

/** `GET log` */
export interface LogEntries {
  /** Newest first. */
  entries: LogEntry[];
  /** For `?cursor=`, to read on; null at the end. */
  next_cursor: string | null;
}

/** An action: once as it was asked for, once with what came of it. */
export interface LogEntry {
  /** What: `user.ban`, `room.close`, … */
  action: string;
  /** RFC 3339, UTC. */
  at: Timestamp;
  /** What else is to be known; where it says what came of it, `asked` is the id of the entry before. */
  detail: Record<string, unknown>;
  /** Its place: a later one has a higher. */
  id: number;
  /** A user's id, or `cli:` and a name of the operating system. */
  operator: string;
  /** How far it has come: `asked`, `done` or `failed`. */
  outcome: "asked" | "done" | "failed";
  /** What it is done to. */
  target: string | null;
}

/** Maintenance, as it stands. */
export interface MaintenanceState {
  /** By whom it was announced. */
  announced_by: string;
  /** What players are told. */
  message: string;
  /** From then on no room is made; RFC 3339, UTC. */
  starts_at: Timestamp;
}

/** `GET money` */
export interface Money {
  /** By kind. */
  accounts: MoneyAccount[];
  /** The deployment's currency. */
  currency: string;
  /** What all accounts come to: 0. */
  difference_cents: number;
  /** Whether no money of this deployment is real. */
  is_test_money: boolean;
  /** What moved since midnight, UTC, by kind. */
  moved_today: Moved[];
}

/** Accounts of one kind. */
export interface MoneyAccount {
  /** How many have something, where there are many. */
  accounts: number | null;
  /** `players`, `escrow`, `disputed`, `withdrawals`, `rake`, `mint`, `clearing`, `test_clearing`, `receivable`. */
  kind: string;
  /** What they have; below 0 where money comes from. */
  sum_cents: number;
}

/** Transfers of one kind. */
export interface Moved {
  /** How much. */
  amount_cents: number;
  /** `fee`, `prize`, … */
  kind: string;
  /** How many. */
  transfers: number;
}

/** Maintenance to be announced. */
export interface NewMaintenance {
  /** What players are told, 1 to 500 characters. */
  message: string;
  /** From then on no room is made; RFC 3339, now where it is left out. */
  starts_at: Timestamp | null;
}

/** A setting's new value. */
export interface NewValue {
  /** What it takes; null: as configured again. */
  value: unknown;
}

/** `GET me` */
export interface Operator {
  /** `admin` and others. */
  roles: string[];
  /** Who. */
  user_id: UserId;
  /** The name shown to others. */
  username: string;
}

/** A room, as operators see it. */
export interface OperatorRoom {
  /** What a seat costs; null once it has ended. */
  entry_fee_cents: number | null;
  /** Its game. */
  game_type: string;
  /** Who opened it; null once it has ended. */
  host_id: UserId | null;
  /** Whether it can not be loaded. */
  is_quarantined: boolean;
  /** How many seats there are; null once it has ended. */
  max_players: number | null;
  /** How many have a seat; null once it has ended. */
  players: number | null;
  /** The room. */
  room_id: string;
  /** Its name. */
  room_name: string;
  /** How many watch; null once it has ended. */
  spectators: number | null;
  /** `waiting`, `in_progress` or `ended`. */
  status: string;
  /** When its line last changed, or when it ended. RFC 3339, UTC. */
  updated_at: Timestamp;
}

/** A limit that is not in force yet. */
export interface PendingDepositLimit {
  /** Null: no limit. */
  amount_cents: Cents | null;
  /** When it will be: RFC 3339, UTC. */
  from: Timestamp;
}

/** A limit that is not in force yet. */
export interface PendingLimit {
  /** None: no limit. */
  amount_cents?: Cents;
  /** When it will be. */
  from: Timestamp;
}

/** What a limit is for. */
export type Period =
  /** 24 hours. */
  | "day"
  /** 7 days. */
  | "week"
  /** 30 days. */
  | "month";

/** What a player has. */
export interface PlayerBalance {
  /** Now. */
  balance_cents: Cents;
  /** The deployment's currency. */
  currency: string;
}

/** `POST players/{user_id}/credit` */
export interface PlayerCredited {
  /** How much. */
  amount_cents: Cents;
  /** What the player has now. */
  balance_cents: Cents;
  /** By which command. */
  command_id: string;
  /** The deployment's currency. */
  currency: string;
  /** Whether it happened now; otherwise the ledger had it before. */
  is_new: boolean;
  /** To whom. */
  user_id: UserId;
}

/** `GET players/{user_id}` */
export interface PlayerDetails {
  /** The player's money. */
  balance: PlayerBalance;
  /** The ban; null where there is none. */
  ban: Ban | null;
  /** The player's own limits on paying in. */
  limits: DepositLimits;
  /** The account. */
  profile: PlayerProfile;
  /** Rooms that the player is in. */
  rooms: PlayerRoom[];
  /** Sign-ins that can be renewed, and open sockets. */
  sessions: PlayerSession[];
}

/** A player, in a list. */
export interface PlayerLine {
  /** What the player has. */
  balance_cents: Cents;
  /** RFC 3339, UTC. */
  created_at: Timestamp;
  /** Null for guests. */
  email: string | null;
  /** Whether the player may not sign in because an operator said so. */
  is_banned: boolean;
  /** `player`, `guest`, `admin`, … */
  roles: string[];
  /** `active`, `banned` or `closed`. */
  status: string;
  /** Who. */
  user_id: UserId;
  /** The name shown to others. */
  username: string;
}

/** An account. */
export interface PlayerProfile {
  /** RFC 3339, UTC. */
  created_at: Timestamp;
  /** Null for guests. */
  email: string | null;
  /** The last sign-in or renewal. RFC 3339, UTC. */
  last_seen_at: Timestamp;
  /** `player`, `guest`, `admin`, … */
  roles: string[];
  /** `active`, `banned` or `closed`. */
  status: string;
  /** Who. */
  user_id: UserId;
  /** The name shown to others. */
  username: string;
}

/** A room that a player is in. */
export interface PlayerRoom {
  /** `player`, `lobby`, `spectator` or `left`. */
  membership: string;
  /** The room. */
  room_id: string;
}

/** A sign-in that can be renewed, or an open socket. */
export interface PlayerSession {
  /** Of a sign-in: since when. RFC 3339, UTC. */
  begun_at?: Timestamp | null;
  /** Of a socket: the connection. */
  connection_id?: string | null;
  /** Of a sign-in: when it ends. RFC 3339, UTC. */
  expires_at?: Timestamp | null;
  /** Of a socket: at which gateway. */
  gateway_id?: string | null;
  /** `sign_in` or `socket`. */
  kind: "sign_in" | "socket";
  /** Of a sign-in: when it was last renewed. RFC 3339, UTC. */
  renewed_at?: Timestamp | null;
}

/** `POST players/{user_id}/sign-out` */
export interface PlayerSignedOut {
  /** Who. */
  user_id: UserId;
}

/** `GET players` */
export interface PlayersFound {
  /** At most 50, by name. */
  players: PlayerLine[];
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

/** The body of `close`. */
export interface Reason {
  /** For the log: 1 to 200 characters on one line. */
  reason: string;
}

/** What came of it. */
export interface RoomClosed {
  /** The command that ended it, for a trace. */
  command_id: string | null;
  /** Whether it ended by this; otherwise it had ended before. */
  is_new: boolean;
  /** The room. */
  room_id: string;
}

/** `GET rooms/{room_id}` */
export interface RoomDetails {
  /** Who is in it. */
  members: RoomMember[];
  /** Its money. */
  money: RoomMoney;
  /** For `?cursor=`, to read on in the timeline; null at the end. */
  next_cursor: string | null;
  /** Since when it can not be loaded. RFC 3339, UTC. */
  quarantined: Timestamp | null;
  /** Its line. */
  room: OperatorRoom;
  /** What happened, newest first. */
  timeline: TimelineEntry[];
}

/** `GET rooms` */
export interface RoomLines {
  /** For `?cursor=`, to read on; null at the end. */
  next_cursor: string | null;
  /** Those whose line changed last come first. */
  rooms: OperatorRoom[];
}

/** Somebody in a room. */
export interface RoomMember {
  /** `player`, `lobby`, `spectator` or `left`. */
  membership: string;
  /** Who. */
  user_id: UserId;
  /** The user's name; null where there is no account. */
  username: string | null;
}

/** What is in a room's escrow, and how it came there. */
export interface RoomMoney {
  /** The newest 200 transfers, newest first. */
  entries: LedgerEntry[];
  /** What lies there now. */
  escrow_cents: Cents;
}

/** A setting as it stands. */
export interface Setting {
  /** RFC 3339, UTC; null where no operator changed it. */
  changed_at: Timestamp | null;
  /** By whom, as in the operators' log. */
  changed_by: string | null;
  /** What would be, had no operator changed it. */
  default: unknown;
  /** `config` or `live`. */
  from: "config" | "live";
  /** What it takes, in words. */
  kind: string;
  /** Its name. */
  name: string;
  /** In what it is counted; empty where it is not. */
  unit: string;
  /** What is in force. */
  value: unknown;
}

/** `GET settings` */
export interface SettingList {
  /** Null where none was announced. */
  maintenance: MaintenanceState | null;
  /** By part. */
  settings: Setting[];
}

/** `GET players/{user_id}/statement` */
export interface Statement {
  /** Newest first. */
  entries: StatementEntry[];
  /** For `?cursor=`, to read on; null at the end. */
  next_cursor: string | null;
}

/** A change of a player's balance. */
export interface StatementEntry {
  /** Above 0 what came in, below 0 what went out. */
  amount_cents: Cents;
  /** RFC 3339, UTC. */
  at: Timestamp;
  /** The command that it follows from. */
  correlation_id: string | null;
  /** The transfer's own key. */
  key: string;
  /** `fee`, `prize`, `credit`, … */
  kind: string;
  /** The room, where one is concerned. */
  room_id: string | null;
}

/** What kind of thing happened. */
export type StepKind =
  /** A gateway took a frame from a socket, or another part of the system asked. */
  | "frame"
  /** The command was written to its topic. */
  | "record"
  /** Its partition's owner decided it. */
  | "batch"
  /** Money moved. */
  | "ledger"
  /** It was refused. */
  | "refusal"
  /** Somebody was told. */
  | "event"
  /** It could not be decided and was put aside. */
  | "dead_letter";

/** Where a step is to be found. */
export interface StepPlace {
  /** The batch. */
  batch_no?: number | null;
  /** The offset there. */
  offset?: number | null;
  /** The place among what the partition's owner sent to the topic. */
  outbox_seq?: number | null;
  /** Its partition. */
  partition?: number | null;
  /** The topic. */
  topic?: string | null;
}

/** An event of a room. */
export interface TimelineEntry {
  /** Who caused it: a user's id, or `system`. */
  actor: string;
  /** RFC 3339, UTC. */
  at: Timestamp;
  /** The command that it follows from. */
  correlation_id: string | null;
  /** Its place among the room's events; none where it was told to some alone. */
  room_seq: number | null;
  /** The beginning of its fields. */
  summary: string;
  /** `games.event.player_selected` */
  type: string;
}

/** An instant: RFC 3339, UTC. */
export type Timestamp = string;

/** What became of a command. */
export interface Trace {
  /** Whether all that the topics have of the time in question was looked through. */
  complete: boolean;
  /** The command's id, which all that follows from it carries. */
  correlation_id: string;
  /** How many records were looked through. */
  scanned: number;
  /** What happened, in order. */
  steps: TraceStep[];
  /** What came of it, in one sentence. */
  verdict: string;
}

/** Something that happened. */
export interface TraceStep {
  /** RFC 3339, UTC. */
  at: Timestamp;
  /** What else is known of it, without secrets. */
  data: Record<string, unknown>;
  /** The room that it is about. */
  room_id?: string | null;
  /** Milliseconds since the step before. */
  since_previous_ms: number;
  /** Milliseconds since the first step. */
  since_start_ms: number;
  /** For people: the message's type, or what moved. */
  title: string;
  /** Whom it is about. */
  user_id?: UserId | null;
  /** What kind of thing. */
  what: StepKind;
  /** Where it is to be found. */
  where: StepPlace;
}

/** A user: a number below 2^53 as text. Records without an envelope have it as a number; both are read. */
export type UserId = string;
