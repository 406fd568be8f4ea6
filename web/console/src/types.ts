// What `/api/v1/admin` answers. Fields that a server may leave out are optional here.

import type { Rest } from "@blazing-sun/client";

type Json = unknown;

export interface Me {
  user_id: string;
  username: string;
  roles: string[];
}

export interface Topic {
  name: string;
  partitions: number;
  records: number;
  retention_ms?: number | null;
  first_timestamp?: string | null;
  last_timestamp?: string | null;
  rate_per_s?: number | null;
}

export interface TopicPartition {
  partition: number;
  begin: number;
  end: number;
  leader?: number | null;
  replicas?: number[] | null;
  in_sync?: number[] | null;
}

export interface TopicDetails extends Topic {
  by_partition: TopicPartition[];
  /** Null stands for a secret. */
  settings?: Readonly<Record<string, string | null>> | null;
}

export interface Message {
  topic: string;
  partition: number;
  offset: number;
  timestamp: string;
  key?: string | null;
  type?: string | null;
  correlation_id?: string | null;
  user_id?: string | null;
  room_id?: string | null;
  headers?: Readonly<Record<string, string>> | null;
  value?: Json;
  size?: number | null;
}

export interface Messages {
  messages: Message[];
  next_cursor?: string | null;
  scanned: number;
  is_at_end: boolean;
}

export interface GroupPartition {
  topic: string;
  partition: number;
  committed?: number | null;
  end: number;
  lag?: number | null;
}

export interface Group {
  group: string;
  members?: number | null;
  lag: number;
  partitions: GroupPartition[];
}

export interface LagSample {
  at: string;
  lag: number;
}

export type DeadLetterState = "waiting" | "unknown" | "retried" | "discarded";

export interface DeadLetter {
  id: string;
  failed_at?: string | null;
  topic?: string | null;
  partition?: number | null;
  offset?: number | null;
  key?: string | null;
  error?: string | null;
  state: DeadLetterState;
  /** Who decided so, or asked for it. */
  operator?: string | null;
  original?: Json;
}

export interface OutboxPartition {
  partition: number;
  owner?: string | null;
  epoch?: number | null;
  published_upto: number;
  committed: number;
  backlog: number;
  oldest_unpublished_at?: string | null;
}

export interface Position {
  topic: string;
  partition: number;
  next?: number | null;
  lag?: number | null;
}

export interface Gateway {
  gateway_id: string;
  boot_id?: string | null;
  last_heard_at?: string | null;
  sockets?: number | null;
  positions?: Position[] | null;
}

export interface Owner {
  /** Null where one owner has all. */
  partition?: number | null;
  owner?: string | null;
  epoch?: number | null;
  batch_no?: number | null;
  positions?: Position[] | null;
  queue_depth?: number | null;
}

export interface Members {
  gateways: Gateway[];
  owners: Owner[];
}

export interface LogEntry {
  id: number | string;
  at: string;
  operator: string;
  action: string;
  target?: string | null;
  detail?: Json;
  outcome: string;
}

export interface TraceWhere {
  topic?: string | null;
  partition?: number | null;
  offset?: number | null;
  outbox_seq?: number | null;
  batch_no?: number | null;
}

export interface TraceStep {
  at: string;
  what: string;
  title: string;
  where?: TraceWhere | null;
  user_id?: string | null;
  room_id?: string | null;
  since_start_ms: number;
  since_previous_ms: number;
  data?: Json;
}

export interface Trace {
  correlation_id: string;
  steps: TraceStep[];
  verdict: string;
  complete: boolean;
}

export interface RoomRow {
  room_id: string;
  room_name: string;
  game_type: string;
  /** `waiting`, `in_progress`, `ended`, or `unlisted` where everybody has left. */
  status: string;
  updated_at: string;
  host_id?: string | null;
  players?: number | null;
  max_players?: number | null;
  spectators?: number | null;
  entry_fee_cents?: number | null;
  is_quarantined: boolean;
}

export interface RoomMember {
  user_id: string;
  username?: string | null;
  membership: string;
}

export interface TimelineEntry {
  at: string;
  room_seq?: number | null;
  type: string;
  actor: string;
  correlation_id?: string | null;
  summary: string;
}

export interface LedgerEntry {
  at: string;
  kind: string;
  from: string;
  to: string;
  amount_cents: number;
  user_id?: string | null;
  correlation_id?: string | null;
}

export interface RoomDetails {
  room: RoomRow;
  members: RoomMember[];
  money: { escrow_cents: number; entries: LedgerEntry[] };
  timeline: TimelineEntry[];
  next_cursor?: string | null;
  /** Since when it can not be loaded. */
  quarantined?: string | null;
}

export interface PlayerRow {
  user_id: string;
  username: string;
  email?: string | null;
  roles: string[];
  balance_cents: number;
  is_banned: boolean;
  status: string;
  created_at: string;
}

export interface PlayerProfile {
  user_id: string;
  username: string;
  email?: string | null;
  roles: string[];
  status: string;
  created_at: string;
  last_seen_at: string;
}

/** A sign-in that can be renewed, or an open socket. */
export interface PlayerSession {
  kind: "sign_in" | "socket";
  gateway_id?: string | null;
  connection_id?: string | null;
  begun_at?: string | null;
  renewed_at?: string | null;
  expires_at?: string | null;
}

export interface PlayerDetails {
  profile: PlayerProfile;
  balance: { balance_cents: number; currency: string };
  sessions: PlayerSession[];
  limits: Rest.DepositLimits;
  rooms: { room_id: string; membership: string }[];
  ban?: { reason?: string | null } | null;
}

export interface StatementEntry {
  at: string;
  kind: string;
  amount_cents: number;
  key: string;
  room_id?: string | null;
  correlation_id?: string | null;
}

export interface Setting {
  name: string;
  value: Json;
  default?: Json;
  from: string;
  kind?: string | null;
  unit?: string | null;
  description?: string | null;
  changed_at?: string | null;
  changed_by?: string | null;
}

export interface Account {
  kind: string;
  sum_cents: number;
  accounts?: number | null;
}

export interface Moved {
  kind: string;
  amount_cents: number;
  transfers?: number | null;
}

export interface Money {
  accounts: Account[];
  difference_cents: number;
  currency: string;
  is_test_money?: boolean | null;
  moved_today?: Moved[] | null;
}

export interface Audit {
  /** Of the process that answers. */
  state: "never" | "running" | "done" | "failed";
  started_at?: string | null;
  finished_at?: string | null;
  is_clean?: boolean | null;
  findings: string[];
  checked: AuditChecked[];
  error?: string | null;
}

export interface AuditChecked {
  name: string;
  looked_at: number;
  differences: number;
}

export interface Maintenance {
  starts_at: string;
  message: string;
  announced_by: string;
}

export interface SettingList {
  settings: Setting[];
  maintenance?: Maintenance | null;
}
