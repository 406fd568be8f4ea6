// Made by `make generated` from the types that stand on the wire; see crates/contract/src/typescript.rs. Changes here are
// lost. Objects may have more fields than these: whoever reads them passes over what it does not know.

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

/** `GET me` */
export interface Operator {
  /** `admin` and others. */
  roles: string[];
  /** Who. */
  user_id: UserId;
  /** The name shown to others. */
  username: string;
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

/** An instant: RFC 3339, UTC. */
export type Timestamp = string;

/** A user: a number below 2^53 as text. Records without an envelope have it as a number; both are read. */
export type UserId = string;
