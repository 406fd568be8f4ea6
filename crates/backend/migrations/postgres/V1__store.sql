-- What partitions' owners and the HTTP API keep in PostgreSQL. Tables that the embedded store has too mean the
-- same here. Money is integer minor units; instants are milliseconds since the Unix epoch. Text that is compared
-- or sorted has the collation "C", whose order and whose letters are the same on every server.

CREATE TABLE deployment (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value TEXT NOT NULL
);

-- The fence: who owns a partition, and how far its batches have come. A row is locked for as long as a batch of
-- its partition is decided.
CREATE TABLE partition_owner (
    partition      INTEGER PRIMARY KEY,
    epoch          BIGINT NOT NULL,
    batch_no       BIGINT NOT NULL,
    alive_ms       BIGINT NOT NULL,
    -- The first batch that recovery applies to the snapshots.
    floor          BIGINT NOT NULL,
    -- The last batch whose records are all in the event log.
    published_upto BIGINT NOT NULL,
    owner          TEXT NOT NULL
) WITH (fillfactor = 20);

-- What has been decided of each consumed topic, below next_offset.
CREATE TABLE partition_offset (
    partition   INTEGER NOT NULL,
    topic       TEXT COLLATE "C" NOT NULL,
    next_offset BIGINT NOT NULL,
    PRIMARY KEY (partition, topic)
) WITH (fillfactor = 20);

-- The last record that came from another partition's outbox over a consumed topic: those up to it are repeats.
CREATE TABLE partition_forwarded (
    partition INTEGER NOT NULL,
    source    INTEGER NOT NULL,
    topic     TEXT COLLATE "C" NOT NULL,
    seq       BIGINT NOT NULL,
    PRIMARY KEY (partition, source, topic)
) WITH (fillfactor = 50);

-- Where the dense outbox_seq of a topic's partition goes on.
CREATE TABLE outbox_position (
    partition INTEGER NOT NULL,
    topic     TEXT COLLATE "C" NOT NULL,
    target    INTEGER NOT NULL,
    next_seq  BIGINT NOT NULL,
    PRIMARY KEY (partition, topic, target)
) WITH (fillfactor = 50);

-- Drawn by each batch once it holds all of its locks, so that its order agrees with the order of commits of every
-- partition and of every account.
CREATE SEQUENCE batch_commit_no;

-- The outbox, and what recovery reads: the records that a batch sends and journals, in order, and what it had
-- decided. Both columns carry a version and a checksum.
CREATE TABLE batch (
    partition INTEGER NOT NULL,
    batch_no  BIGINT NOT NULL,
    commit_no BIGINT NOT NULL,
    at_ms     BIGINT NOT NULL,
    consumed  BYTEA NOT NULL,
    records   BYTEA NOT NULL,
    PRIMARY KEY (partition, batch_no)
);

-- A quarter of the work that the default takes, where the server has it.
DO $$ BEGIN
    EXECUTE 'ALTER TABLE batch ALTER COLUMN records SET COMPRESSION lz4';
EXCEPTION WHEN feature_not_supported OR syntax_error OR invalid_parameter_value THEN NULL;
END $$;

CREATE TABLE account_balance (
    account TEXT COLLATE "C" PRIMARY KEY,
    balance BIGINT NOT NULL CONSTRAINT balance_is_never_negative CHECK (balance >= 0)
) WITH (fillfactor = 80);

CREATE TABLE ledger_transfer (
    id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key            TEXT COLLATE "C" NOT NULL UNIQUE,
    kind           TEXT NOT NULL,
    from_account   TEXT COLLATE "C" NOT NULL,
    to_account     TEXT COLLATE "C" NOT NULL CHECK (to_account <> from_account),
    amount_cents   BIGINT NOT NULL CHECK (amount_cents > 0),
    room_id        TEXT COLLATE "C",
    user_id        BIGINT,
    correlation_id TEXT,
    partition      INTEGER NOT NULL,
    batch_no       BIGINT NOT NULL,
    at_ms          BIGINT NOT NULL
);
CREATE INDEX ledger_transfer_by_user ON ledger_transfer (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX ledger_transfer_by_room ON ledger_transfer (room_id) WHERE room_id IS NOT NULL;

CREATE FUNCTION ledger_rows_are_only_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger rows are only added' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER ledger_transfer_is_never_changed BEFORE UPDATE OR DELETE ON ledger_transfer
    FOR EACH ROW EXECUTE FUNCTION ledger_rows_are_only_added();
CREATE TRIGGER ledger_transfer_is_never_emptied BEFORE TRUNCATE ON ledger_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_rows_are_only_added();

-- A room as of the end of a batch of its partition; what came later is in that partition's batches.
CREATE TABLE room_snapshot (
    room_id        TEXT COLLATE "C" PRIMARY KEY,
    partition      INTEGER NOT NULL,
    batch_no       BIGINT NOT NULL,
    sealed_secret  TEXT NOT NULL,
    password_mac   BYTEA,
    journal_parts  BIGINT NOT NULL,
    -- SHA-256 over the inputs in room_journal, chained line by line.
    journal_digest BYTEA CHECK (length(journal_digest) = 32),
    -- The newest messages of the room's channels; null where nobody has said anything.
    chat           BYTEA,
    state          BYTEA NOT NULL
);
CREATE INDEX room_snapshot_by_partition ON room_snapshot (partition, room_id);

-- The inputs of a running room up to its snapshot, in parts.
CREATE TABLE room_journal (
    room_id TEXT COLLATE "C" NOT NULL,
    part    BIGINT NOT NULL,
    inputs  BYTEA NOT NULL,
    PRIMARY KEY (room_id, part)
);

-- The inputs of an ended room, whole: what replay reads.
CREATE TABLE room_archive (
    room_id       TEXT COLLATE "C" PRIMARY KEY,
    partition     INTEGER NOT NULL,
    game_type     TEXT NOT NULL,
    room_name     TEXT NOT NULL,
    game_version  BIGINT NOT NULL,
    rules_version BIGINT NOT NULL,
    ended_ms      BIGINT NOT NULL,
    sealed_secret TEXT NOT NULL,
    inputs        BYTEA NOT NULL,
    -- SHA-256 over the journal's chain to the last input, and over the row's other columns.
    digest        BYTEA CHECK (length(digest) = 32)
);

-- Rooms that can not be loaded. Recovery applies these inputs to a room's snapshot, or from its opening on, and
-- then what its partition's later batches have.
CREATE TABLE room_quarantine (
    room_id   TEXT COLLATE "C" PRIMARY KEY,
    partition INTEGER NOT NULL,
    -- The batch up to which inputs are here.
    batch_no  BIGINT NOT NULL,
    -- When it was in play for the last time.
    since_ms  BIGINT NOT NULL,
    -- As they were journaled, one JSON object a line.
    inputs    TEXT NOT NULL
);

CREATE TABLE room_directory (
    room_id   TEXT COLLATE "C" PRIMARY KEY,
    room_name TEXT COLLATE "C" NOT NULL,
    game_type TEXT COLLATE "C" NOT NULL,
    status    TEXT COLLATE "C" NOT NULL,
    summary   TEXT NOT NULL,
    listed_ms BIGINT NOT NULL
);
CREATE INDEX room_directory_by_name ON room_directory (room_name, room_id);

CREATE TABLE room_member (
    user_id    BIGINT NOT NULL,
    room_id    TEXT COLLATE "C" NOT NULL,
    membership TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, room_id)
);
CREATE INDEX room_member_by_room ON room_member (room_id);

-- The last answers given to a user by a partition, as of the end of a batch.
CREATE TABLE inbox_snapshot (
    partition INTEGER NOT NULL,
    user_id   BIGINT NOT NULL,
    batch_no  BIGINT NOT NULL,
    answers   BYTEA NOT NULL,
    PRIMARY KEY (partition, user_id)
);

-- Who waits for a quick match, by game: one JSON object a queue, written with each change.
CREATE TABLE quick_queue (
    game_type TEXT COLLATE "C" PRIMARY KEY,
    state     BYTEA NOT NULL
);

-- The connections of a partition's users.
CREATE TABLE presence (
    partition     INTEGER NOT NULL,
    user_id       BIGINT NOT NULL,
    gateway_id    TEXT NOT NULL,
    boot_id       TEXT NOT NULL,
    connection_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (partition, user_id, connection_id)
);

CREATE TABLE direct_message (
    id                 BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id         UUID NOT NULL UNIQUE,
    sender_id          BIGINT NOT NULL,
    sender_username    TEXT NOT NULL,
    recipient_id       BIGINT NOT NULL CHECK (recipient_id <> sender_id),
    recipient_username TEXT NOT NULL,
    content            TEXT NOT NULL,
    sent_ms            BIGINT NOT NULL,
    -- When its recipient said to have read it.
    read_ms            BIGINT
);
CREATE INDEX direct_message_by_sender ON direct_message (sender_id, id);
CREATE INDEX direct_message_by_recipient ON direct_message (recipient_id, id);
CREATE INDEX direct_message_unread ON direct_message (recipient_id) WHERE read_ms IS NULL;

CREATE TABLE lobby_message (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id UUID NOT NULL UNIQUE,
    lobby_id   TEXT COLLATE "C" NOT NULL,
    user_id    BIGINT NOT NULL,
    username   TEXT NOT NULL,
    content    TEXT NOT NULL,
    sent_ms    BIGINT NOT NULL
);
CREATE INDEX lobby_message_by_lobby ON lobby_message (lobby_id, id);

-- Who may sign in. Ids are never used again, and stay below 2^53 so that every JSON reader keeps them exact. The
-- sequence gives those that no operator has chosen.
CREATE SEQUENCE user_id MAXVALUE 9007199254740991;
CREATE TABLE users (
    id            BIGINT PRIMARY KEY CHECK (id BETWEEN 1 AND 9007199254740991),
    -- Of ASCII characters alone, whose letters "C" knows; null for guests.
    email         TEXT COLLATE "C",
    username      TEXT COLLATE "C" NOT NULL,
    -- A JSON array of strings.
    roles         TEXT COLLATE "C" NOT NULL,
    -- Argon2id in PHC format; null for guests.
    password_hash TEXT,
    status        TEXT COLLATE "C" NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'banned', 'closed')),
    -- Why an operator has banned a user; null for others, and where no reason was given.
    ban_reason    TEXT,
    created_ms    BIGINT NOT NULL,
    last_seen_ms  BIGINT NOT NULL,
    CHECK ((email IS NULL) = (password_hash IS NULL))
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX users_by_email ON users (lower(email));
CREATE INDEX users_by_username ON users (username, id);
CREATE INDEX users_shut_out ON users (id) WHERE status <> 'active';
CREATE INDEX users_house_bots ON users (roles, id) WHERE email IS NULL AND roles = '["bot"]';

-- A family is what has followed from one sign-in. A rotated token stays until it expires, so that using it again
-- is noticed; a revoked family has no rows. Whoever changes a user's families holds the user's row.
CREATE TABLE refresh_token (
    token_sha256 BYTEA PRIMARY KEY CHECK (length(token_sha256) = 32),
    family       UUID NOT NULL,
    user_id      BIGINT NOT NULL REFERENCES users (id),
    issued_ms    BIGINT NOT NULL,
    expires_ms   BIGINT NOT NULL,
    rotated_ms   BIGINT
);
CREATE INDEX refresh_token_by_family ON refresh_token (family);
CREATE INDEX refresh_token_by_user ON refresh_token (user_id);
CREATE INDEX refresh_token_by_expiry ON refresh_token (expires_ms);
