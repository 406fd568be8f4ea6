-- What the engine keeps beside the log. Money is integer minor units; instants are milliseconds
-- since the Unix epoch.

CREATE TABLE deployment (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The fence. The embedded engine owns all partitions under the one row -1.
CREATE TABLE partition_owner (
    partition INTEGER PRIMARY KEY,
    epoch     INTEGER NOT NULL,
    batch_no  INTEGER NOT NULL,
    alive_ms  INTEGER NOT NULL,
    -- The first batch of the log that recovery applies to the snapshots.
    floor     INTEGER NOT NULL
) STRICT;

CREATE TABLE account_balance (
    account TEXT PRIMARY KEY,
    balance INTEGER NOT NULL CHECK (balance >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger_transfer (
    id             INTEGER PRIMARY KEY,
    key            TEXT NOT NULL UNIQUE,
    kind           TEXT NOT NULL,
    from_account   TEXT NOT NULL,
    to_account     TEXT NOT NULL CHECK (to_account <> from_account),
    amount_cents   INTEGER NOT NULL CHECK (amount_cents > 0),
    room_id        TEXT,
    user_id        INTEGER,
    correlation_id TEXT,
    batch_no       INTEGER NOT NULL,
    at_ms          INTEGER NOT NULL
) STRICT;
CREATE INDEX ledger_transfer_by_user ON ledger_transfer (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX ledger_transfer_by_room ON ledger_transfer (room_id) WHERE room_id IS NOT NULL;

CREATE TRIGGER ledger_transfer_is_never_changed BEFORE UPDATE ON ledger_transfer
BEGIN SELECT RAISE(ABORT, 'ledger rows are only added'); END;
CREATE TRIGGER ledger_transfer_is_never_deleted BEFORE DELETE ON ledger_transfer
BEGIN SELECT RAISE(ABORT, 'ledger rows are only added'); END;

-- A room as of the end of a batch; what came later is in the log's `_journal` records.
CREATE TABLE room_snapshot (
    room_id       TEXT PRIMARY KEY,
    partition     INTEGER NOT NULL,
    batch_no      INTEGER NOT NULL,
    sealed_secret TEXT NOT NULL,
    password_mac  BLOB,
    journal_parts INTEGER NOT NULL,
    state         BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The inputs of a running room up to its snapshot, in parts.
CREATE TABLE room_journal (
    room_id TEXT NOT NULL,
    part    INTEGER NOT NULL,
    inputs  BLOB NOT NULL,
    PRIMARY KEY (room_id, part)
) STRICT, WITHOUT ROWID;

-- The inputs of an ended room, whole: what replay reads.
CREATE TABLE room_archive (
    room_id       TEXT PRIMARY KEY,
    partition     INTEGER NOT NULL,
    game_type     TEXT NOT NULL,
    room_name     TEXT NOT NULL,
    game_version  INTEGER NOT NULL,
    ended_ms      INTEGER NOT NULL,
    sealed_secret TEXT NOT NULL,
    inputs        BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE room_directory (
    room_id   TEXT PRIMARY KEY,
    room_name TEXT NOT NULL,
    game_type TEXT NOT NULL,
    status    TEXT NOT NULL,
    summary   TEXT NOT NULL,
    listed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX room_directory_by_name ON room_directory (room_name);

CREATE TABLE room_member (
    user_id    INTEGER NOT NULL,
    room_id    TEXT NOT NULL,
    membership TEXT NOT NULL,
    PRIMARY KEY (user_id, room_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX room_member_by_room ON room_member (room_id);

-- The last answers given to a user by a partition, as of the end of a batch.
CREATE TABLE inbox_snapshot (
    partition INTEGER NOT NULL,
    user_id   INTEGER NOT NULL,
    batch_no  INTEGER NOT NULL,
    answers   BLOB NOT NULL,
    PRIMARY KEY (partition, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE presence (
    user_id       INTEGER NOT NULL,
    gateway_id    TEXT NOT NULL,
    boot_id       TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    PRIMARY KEY (user_id, connection_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX presence_by_gateway ON presence (gateway_id, boot_id);
