-- The test bank's own file. `state` is JSON; the columns beside it are what is searched for.
CREATE TABLE session (
    seq            INTEGER PRIMARY KEY AUTOINCREMENT,
    id             TEXT NOT NULL UNIQUE,
    payment_intent TEXT,
    -- Of open ones alone.
    expires_at_s   INTEGER,
    state          TEXT NOT NULL
) STRICT;
CREATE INDEX session_by_payment ON session (payment_intent) WHERE payment_intent IS NOT NULL;
CREATE INDEX session_to_expire ON session (expires_at_s) WHERE expires_at_s IS NOT NULL;

CREATE TABLE payment (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    -- Of those that settle by themselves.
    settles_at_ms INTEGER,
    state         TEXT NOT NULL
) STRICT;
CREATE INDEX payment_to_settle ON payment (settles_at_ms) WHERE settles_at_ms IS NOT NULL;

CREATE TABLE charge (
    id      TEXT PRIMARY KEY,
    payment TEXT NOT NULL REFERENCES payment (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE refund (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    id      TEXT NOT NULL UNIQUE,
    payment TEXT NOT NULL REFERENCES payment (id),
    state   TEXT NOT NULL
) STRICT;
CREATE INDEX refund_by_payment ON refund (payment);

CREATE TABLE dispute (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    id      TEXT NOT NULL UNIQUE,
    payment TEXT NOT NULL REFERENCES payment (id),
    state   TEXT NOT NULL
) STRICT;
CREATE INDEX dispute_by_payment ON dispute (payment);

CREATE TABLE event (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    id        TEXT NOT NULL UNIQUE,
    kind      TEXT NOT NULL,
    created_s INTEGER NOT NULL,
    body      TEXT NOT NULL
) STRICT;

-- What is to be sent, and what became of it.
CREATE TABLE delivery (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    event         INTEGER NOT NULL REFERENCES event (seq),
    kind          TEXT NOT NULL CHECK (kind IN ('genuine', 'duplicate', 'forged', 'stale')),
    -- Where it is not the event's.
    body          TEXT,
    state         TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dropped', 'refused', 'given_up')),
    created_at_ms INTEGER NOT NULL,
    due_at_ms     INTEGER NOT NULL,
    -- Waits until then for a later one to overtake it.
    held_until_ms INTEGER,
    attempts      INTEGER NOT NULL DEFAULT 0,
    last_status   INTEGER,
    last_error    TEXT,
    done_at_ms    INTEGER
) STRICT;
CREATE INDEX delivery_pending ON delivery (due_at_ms) WHERE state = 'pending';
CREATE INDEX delivery_delivered ON delivery (seq) WHERE state = 'delivered';

CREATE TABLE idempotency (
    key       TEXT PRIMARY KEY,
    path      TEXT NOT NULL,
    digest    BLOB NOT NULL,
    status    INTEGER NOT NULL,
    body      TEXT NOT NULL,
    request   TEXT NOT NULL,
    created_s INTEGER NOT NULL
) STRICT;
CREATE INDEX idempotency_by_age ON idempotency (created_s);

CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
