-- What the checkout keeps in PostgreSQL, in a schema of its own. Tables are those of the embedded store, and mean
-- the same. Money is integer minor units; instants are milliseconds since the Unix epoch, where a name does not say
-- seconds.

-- Payments that were asked for. A row stays for ever: the request sent again is the same payment.
CREATE TABLE payment (
    request_id        TEXT COLLATE "C" PRIMARY KEY,
    user_id           BIGINT NOT NULL,
    amount_cents      BIGINT NOT NULL,
    currency          TEXT NOT NULL,
    success_url       TEXT,
    cancel_url        TEXT,
    status            TEXT NOT NULL
        CHECK (status IN ('requested', 'session_created', 'success', 'failed', 'expired')),
    session_id        TEXT,
    session_url       TEXT,
    expires_at_s      BIGINT,
    payment_intent_id TEXT COLLATE "C",
    refunded_cents    BIGINT NOT NULL CHECK (refunded_cents >= 0),
    error             TEXT,
    held              TEXT,
    requested_ms      BIGINT NOT NULL,
    finished_ms       BIGINT,
    attempts          BIGINT NOT NULL,
    due_ms            BIGINT
);
CREATE INDEX payment_due ON payment (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX payment_paid_with ON payment (payment_intent_id) WHERE payment_intent_id IS NOT NULL;

-- Stages of disputes that were told.
CREATE TABLE dispute_stage (
    dispute_id   TEXT COLLATE "C" NOT NULL,
    stage        TEXT COLLATE "C" NOT NULL,
    request_id   TEXT COLLATE "C" NOT NULL REFERENCES payment (request_id),
    amount_cents BIGINT NOT NULL,
    outcome      TEXT,
    PRIMARY KEY (dispute_id, stage)
);
CREATE INDEX dispute_stage_of ON dispute_stage (request_id);

-- Events of the provider's. A row stays for ever: an event sent again is the same event.
CREATE TABLE provider_event (
    event_id    TEXT COLLATE "C" PRIMARY KEY,
    kind        TEXT NOT NULL,
    body        TEXT NOT NULL,
    source      TEXT NOT NULL,
    received_ms BIGINT NOT NULL,
    attempts    BIGINT NOT NULL,
    -- None: dealt with.
    due_ms      BIGINT,
    finished_ms BIGINT,
    outcome     TEXT
);
CREATE INDEX provider_event_due ON provider_event (due_ms) WHERE due_ms IS NOT NULL;

-- Records to publish, in order.
CREATE TABLE outgoing (
    seq          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic        TEXT COLLATE "C" NOT NULL,
    key          BYTEA NOT NULL,
    headers      BYTEA NOT NULL,
    payload      BYTEA NOT NULL,
    written_ms   BIGINT NOT NULL,
    published_ms BIGINT
);
CREATE INDEX outgoing_waiting ON outgoing (seq) WHERE published_ms IS NULL;
CREATE INDEX outgoing_published ON outgoing (published_ms) WHERE published_ms IS NOT NULL;

-- Payment records of games, as they stood on their topics.
CREATE TABLE journal (
    event_id   TEXT COLLATE "C" PRIMARY KEY,
    user_id    BIGINT NOT NULL,
    at_ms      BIGINT NOT NULL,
    topic      TEXT COLLATE "C" NOT NULL,
    partition  BIGINT NOT NULL,
    log_offset BIGINT NOT NULL,
    record     TEXT NOT NULL
);
CREATE INDEX journal_of_user ON journal (user_id, at_ms, event_id);

-- How far topics were read, below next_offset.
CREATE TABLE place (
    topic       TEXT COLLATE "C" NOT NULL,
    partition   BIGINT NOT NULL,
    next_offset BIGINT NOT NULL,
    PRIMARY KEY (topic, partition)
);

CREATE TABLE mark (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value BIGINT NOT NULL
);

-- Who does what only one process is to do.
CREATE TABLE lease (
    name     TEXT COLLATE "C" PRIMARY KEY,
    holder   TEXT NOT NULL,
    until_ms BIGINT NOT NULL
);
