// What `/api/v1/admin` answers. Fields that a server may leave out are optional here.

import type * as Rest from "./generated/rest.js";

export type Me = Rest.Operator;
export type LogEntry = Rest.LogEntry;
export type TraceStep = Rest.TraceStep;
export type Trace = Rest.Trace;
export type RoomRow = Rest.OperatorRoom;
export type RoomMember = Rest.RoomMember;
export type TimelineEntry = Rest.TimelineEntry;
export type LedgerEntry = Rest.LedgerEntry;
export type RoomDetails = Rest.RoomDetails;
export type PlayerRow = Rest.PlayerLine;
export type PlayerSession = Rest.PlayerSession;
export type PlayerDetails = Rest.PlayerDetails;
export type StatementEntry = Rest.StatementEntry;
export type Money = Rest.Money;
export type Audit = Rest.Audit;

type Json = unknown;

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

export interface Maintenance {
  starts_at: string;
  message: string;
  announced_by: string;
}

export interface SettingList {
  settings: Setting[];
  maintenance?: Maintenance | null;
}
