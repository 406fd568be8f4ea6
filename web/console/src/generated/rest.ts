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
  /** How much of it is done, from 0 to 100; null where that is not known yet. */
  progress_percent: number | null;
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
  reason?: string | null;
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
  reason?: string | null;
}

/** `GET dead-letters` */
export interface DeadLetters {
  /** Newest first. */
  dead_letters: Letter[];
  /** For `?cursor=`, to read on; null at the end. */
  next_cursor: string | null;
}

/** What became of a letter that was decided on. */
export interface DecidedLetter {
  /** The letter. */
  id: string;
  /** Its offset there. */
  offset: number | null;
  /** Its partition there. */
  partition: number | null;
  /** `retried` or `discarded`. */
  state: LetterState;
  /** Where the record was appended: its topic; null for one that was discarded. */
  topic: string | null;
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

/** `POST dead-letters/{id}/discard` */
export interface Discard {
  /** For the operators' log. */
  reason: string;
}

/** A gateway. */
export interface GatewayMember {
  /** Its present start. */
  boot_id: string;
  /** Its id. */
  gateway_id: string;
  /** When it was heard last: RFC 3339, UTC. */
  last_heard_at: Timestamp;
  /** How far it has read what it reads; those of a gateway that was given no id, of all such. */
  positions: MemberPosition[];
  /** Its open connections; null where it does not tell. */
  sockets: number | null;
}

/** A group. */
export interface GroupInfo {
  /** Its name. */
  group: string;
  /** How many records it has still to read, in all. */
  lag: number;
  /** How many members the brokers know: 0 where members are told their partitions by nobody; null without brokers. */
  members: number | null;
  /** What it reads. */
  partitions: GroupPlace[];
}

/** A partition that a group reads. */
export interface GroupPlace {
  /** The next offset that it reads; null where it has none. */
  committed: number | null;
  /** One past the newest. */
  end: number;
  /** What lies between; null where it has none. */
  lag: number | null;
  /** Its number. */
  partition: number;
  /** Its topic. */
  topic: string;
}

/** `GET groups` */
export interface Groups {
  /** The groups of the contract, and those of gateways that were given an id. */
  groups: GroupInfo[];
}

/** A group's lag at an instant. */
export interface LagSample {
  /** When: RFC 3339, UTC. */
  at: Timestamp;
  /** How many records it had still to read. */
  lag: number;
}

/** `GET groups/{group}/lag` */
export interface Lags {
  /** Oldest first, one every ten seconds, for an hour, of the process that answers. */
  samples: LagSample[];
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

/** A dead letter. */
export interface Letter {
  /** The command that the record follows from. */
  correlation_id: string | null;
  /** Why it was put aside. */
  error: string | null;
  /** When the record was put aside, as the letter says it. */
  failed_at: string | null;
  /** Where the letter stands: partition and offset on `events.dead_letter`. */
  id: string;
  /** Its key, if that is text. */
  key: string | null;
  /** Its offset, where one record is concerned. */
  offset: number | null;
  /** Who decided so, or asked for it. */
  operator: string | null;
  /** The record's payload: JSON with passwords masked; a string of base64 where it is no JSON, and `***` where it may hold a password. */
  original: unknown;
  /** Its partition. */
  partition: number | null;
  /** What became of it. */
  state: LetterState;
  /** Where the record was. */
  topic: string | null;
}

/** What became of a letter. */
export type LetterState =
  /** Nothing yet. */
  | "waiting"
  /** Somebody asked for it, and what came of that was never told: a process ended meanwhile. */
  | "unknown"
  /** It was appended once more. */
  | "retried"
  /** It was discarded. */
  | "discarded";

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

/** How far a member has read a partition. */
export interface MemberPosition {
  /** How many are left; null where it has none. */
  lag: number | null;
  /** The next offset; null where it has none. */
  next: number | null;
  /** The partition. */
  partition: number;
  /** The topic. */
  topic: string;
}

/** `GET members` */
export interface Members {
  /** Gateways that were heard within the last minute, by id. */
  gateways: GatewayMember[];
  /** The partitions' owners, as the database has them. */
  owners: OwnerMember[];
}

/** A message, passwords masked. */
export interface Message {
  /** The command that it follows from. */
  correlation_id: string | null;
  /** Its headers, as text. */
  headers: Record<string, unknown>;
  /** The room's or user's id, mostly. */
  key: string;
  /** Its place in the partition. */
  offset: number;
  /** Its partition. */
  partition: number;
  /** The room that it is about. */
  room_id: string | null;
  /** The bytes of key, headers and payload. */
  size: number;
  /** When it was appended: RFC 3339, UTC. */
  timestamp: Timestamp;
  /** Where it stands. */
  topic: string;
  /** `games.event.bigger_dice.rolled`; null where it has none. */
  type: string | null;
  /** Who sent it, or else whom it is for or about, where that is one user. */
  user_id: string | null;
  /** Its payload: JSON, or a string where it is something else. */
  value: unknown;
}

/** `GET topics/{topic}/messages` */
export interface Messages {
  /** Whether nothing was left to look at; what is appended later comes with `next_cursor` all the same. */
  is_at_end: boolean;
  /** Newest first where the search goes back, oldest first where it goes on. */
  messages: Message[];
  /** For `?cursor=`, to go on; null where nothing older is left. */
  next_cursor: string | null;
  /** How many records were looked at. */
  scanned: number;
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
  starts_at?: Timestamp | null;
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

/** `GET outbox` */
export interface Outbox {
  /** By partition; none on one server with a file, whose log is written in the same transaction. */
  partitions: OutboxPartition[];
}

/** What a partition's owner has committed and published. */
export interface OutboxPartition {
  /** Batches between them that are kept, up to 100,000. */
  backlog: number;
  /** The last batch that is committed. */
  committed: number;
  /** How often it was taken over. */
  epoch: number;
  /** When the first of them was decided; null where there is none. */
  oldest_unpublished_at: Timestamp | null;
  /** Who has it. */
  owner: string;
  /** The partition. */
  partition: number;
  /** The last batch up to which all is known to be in the log. */
  published_upto: number;
}

/** A partition's owner. */
export interface OwnerMember {
  /** Its last batch. */
  batch_no: number;
  /** How often the partition was taken over. */
  epoch: number;
  /** The process, as it is called in the database; `serve` where there is but one. */
  owner: string;
  /** The partition; null where one owner has all. */
  partition: number | null;
  /** How far each topic that owners read is decided. */
  positions: MemberPosition[];
  /** Records that wait to be decided, over all topics that owners read. */
  queue_depth: number;
}

/** A partition. */
export interface PartitionInfo {
  /** The oldest offset that is kept. */
  begin: number;
  /** One past the newest. */
  end: number;
  /** As of the topic, by the topic's average. */
  estimated_bytes: number | null;
  /** Those of them that keep up. */
  in_sync: number[];
  /** The broker that leads it; null where there are no brokers, or none leads it. */
  leader: number | null;
  /** Its number. */
  partition: number;
  /** The brokers that have it. */
  replicas: number[];
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
  /** The game's state, as everybody was told it last among the events that were looked through; null before play, and where the game tells none. */
  state: Record<string, unknown> | null;
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
  /** The balance after it. */
  balance_cents: Cents;
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
  | "dead_letter"
  /** A gateway handed it to sockets, or the socket that had asked was closed. */
  | "socket";

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

/** `GET topics/{topic}` */
export interface TopicDescribed {
  /** They, in their order. */
  by_partition: PartitionInfo[];
  /** Bytes of keys, headers and payloads, about: the oldest and the newest records' average, as often as there are records. Brokers' copies, indexes and compression are not in it. */
  estimated_bytes: number | null;
  /** When the oldest record that is kept was appended; null where there is none. */
  first_timestamp: Timestamp | null;
  /** When the newest was; null as before. */
  last_timestamp: Timestamp | null;
  /** Its name. */
  name: string;
  /** How many partitions it has. */
  partitions: number;
  /** Records a second over the last minute; null while that is not known yet. */
  rate_per_s: number | null;
  /** Offsets that are kept, of all partitions; on Kafka some may be marks, which are no records. */
  records: number;
  /** How long records are kept, in milliseconds; null where the log does not tell, below 0 for ever. */
  retention_ms: number | null;
  /** Its settings by name; null stands for a secret. */
  settings: Record<string, unknown>;
}

/** A topic. */
export interface TopicInfo {
  /** Bytes of keys, headers and payloads, about: the oldest and the newest records' average, as often as there are records. Null in a list of Kafka's, where records are not looked at. */
  estimated_bytes: number | null;
  /** When the oldest record that is kept was appended; null where there is none, and in a list of Kafka's. */
  first_timestamp: Timestamp | null;
  /** When the newest was; null as before. */
  last_timestamp: Timestamp | null;
  /** Its name. */
  name: string;
  /** How many partitions it has. */
  partitions: number;
  /** Records a second over the last minute; null while that is not known yet. */
  rate_per_s: number | null;
  /** Offsets that are kept, of all partitions; on Kafka some may be marks, which are no records. */
  records: number;
  /** How long records are kept, in milliseconds; null where the log does not tell, below 0 for ever. */
  retention_ms: number | null;
}

/** `GET topics` */
export interface Topics {
  /** By name. */
  topics: TopicInfo[];
}

/** What became of a command. */
export interface Trace {
  /** Whether all that the topics have of the time in question was looked through. */
  complete: boolean;
  /** The command's id, which all that follows from it carries. */
  correlation_id: string;
  /** What gateways say that were asked which sockets it went to. */
  gateways?: TraceGateway[];
  /** How many records were looked through. */
  scanned: number;
  /** Gateways that live and did not say it in time. */
  silent_gateways?: string[];
  /** What happened, in order. */
  steps: TraceStep[];
  /** What came of it, in one sentence. */
  verdict: string;
}

/** A gateway, and the connections of who gave the command. */
export interface TraceGateway {
  /** Its id. */
  gateway_id: string;
  /** Whether the one by which the command came is still open. */
  is_connected: boolean;
  /** Since when it remembers what it sent: RFC 3339, UTC. */
  remembers_since: Timestamp;
  /** How many connections the user has to it now. */
  user_sockets: number;
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
