-- What the checkout keeps in its own file. Money is integer minor units; instants are milliseconds since the Unix
-- epoch, where a name does not say seconds.

-- Payments that were asked for. A row stays for ever: the request sent again is the same payment.
CREATE TABLE payment (
    request_id        TEXT PRIMARY KEY,
    user_id           INTEGER NOT NULL,
    amount_cents      INTEGER NOT NULL,
    currency          TEXT NOT NULL,
    success_url       TEXT,
    cancel_url        TEXT,
    status            TEXT NOT NULL
        CHECK (status IN ('requested', 'session_created', 'success', 'failed', 'expired')),
    session_id        TEXT,
    session_url       TEXT,
    expires_at_s      INTEGER,
    payment_intent_id TEXT,
    refunded_cents    INTEGER NOT NULL CHECK (refunded_cents >= 0),
    error             TEXT,
    held              TEXT,
    requested_ms      INTEGER NOT NULL,
    finished_ms       INTEGER,
    attempts          INTEGER NOT NULL,
    due_ms            INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX payment_due ON payment (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX payment_paid_with ON payment (payment_intent_id) WHERE payment_intent_id IS NOT NULL;

-- Stages of disputes that were told.
CREATE TABLE dispute_stage (
    dispute_id   TEXT NOT NULL,
    stage        TEXT NOT NULL,
    request_id   TEXT NOT NULL REFERENCES payment (request_id),
    amount_cents INTEGER NOT NULL,
    outcome      TEXT,
    PRIMARY KEY (dispute_id, stage)
) STRICT, WITHOUT ROWID;
CREATE INDEX dispute_stage_of ON dispute_stage (request_id);

-- Events of the provider's. A row stays for ever: an event sent again is the same event.
CREATE TABLE provider_event (
    event_id    TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    body        TEXT NOT NULL,
    source      TEXT NOT NULL,
    received_ms INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    -- None: dealt with.
    due_ms      INTEGER,
    finished_ms INTEGER,
    outcome     TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX provider_event_due ON provider_event (due_ms) WHERE due_ms IS NOT NULL;

-- Records to publish, in order.
CREATE TABLE outgoing (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    topic        TEXT NOT NULL,
    key          BLOB NOT NULL,
    headers      BLOB NOT NULL,
    payload      BLOB NOT NULL,
    written_ms   INTEGER NOT NULL,
    published_ms INTEGER
) STRICT;
CREATE INDEX outgoing_waiting ON outgoing (seq) WHERE published_ms IS NULL;
CREATE INDEX outgoing_published ON outgoing (published_ms) WHERE published_ms IS NOT NULL;

-- Payment records of games, as they stood on their topics.
CREATE TABLE journal (
    event_id   TEXT PRIMARY KEY,
    user_id    INTEGER NOT NULL,
    at_ms      INTEGER NOT NULL,
    topic      TEXT NOT NULL,
    partition  INTEGER NOT NULL,
    log_offset INTEGER NOT NULL,
    record     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX journal_of_user ON journal (user_id, at_ms, event_id);

-- How far topics were read, below next_offset.
CREATE TABLE place (
    topic       TEXT NOT NULL,
    partition   INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) STRICT, WITHOUT ROWID;

CREATE TABLE mark (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
