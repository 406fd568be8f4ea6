-- Money from outside. Written with the batches that decide it; instants are milliseconds since the Unix epoch.

-- Payments that players asked for.
CREATE TABLE top_up (
    request_id        BLOB PRIMARY KEY CHECK (length(request_id) = 16),
    user_id           INTEGER NOT NULL,
    amount_cents      INTEGER NOT NULL CHECK (amount_cents > 0),
    currency          TEXT NOT NULL,
    -- requested, session_created, failed, expired, success, refunded: it only moves on.
    status            TEXT NOT NULL,
    session_id        TEXT,
    session_url       TEXT,
    payment_intent_id TEXT,
    -- What its transfers are known by, once it is credited.
    payment           TEXT UNIQUE,
    -- How much the provider said to have paid back; it is taken from the player once the payment is credited.
    refunded_cents    INTEGER NOT NULL CHECK (refunded_cents BETWEEN 0 AND amount_cents),
    requested_ms      INTEGER NOT NULL,
    finished_ms       INTEGER,
    error             TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX top_up_by_user ON top_up (user_id, requested_ms);
CREATE INDEX top_up_open ON top_up (user_id) WHERE status IN ('requested', 'session_created');
CREATE INDEX top_up_paid ON top_up (user_id, finished_ms) WHERE payment IS NOT NULL;

-- Disputes of them, and where their money is.
CREATE TABLE top_up_dispute (
    request_id   BLOB NOT NULL CHECK (length(request_id) = 16),
    dispute_id   TEXT NOT NULL,
    user_id      INTEGER NOT NULL,
    amount_cents INTEGER NOT NULL CHECK (amount_cents > 0),
    -- What was told: a set of bits that is only added to.
    facts        INTEGER NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('free', 'held', 'out')),
    held_cents   INTEGER NOT NULL CHECK (held_cents >= 0),
    short_cents  INTEGER NOT NULL CHECK (short_cents >= 0),
    PRIMARY KEY (request_id, dispute_id)
) STRICT, WITHOUT ROWID;

-- What a player owes, and wants to be kept from.
CREATE TABLE wallet (
    user_id           INTEGER PRIMARY KEY,
    -- receivable/<user>, turned round.
    owed_cents        INTEGER NOT NULL CHECK (owed_cents >= 0),
    -- The player's limits as a JSON object.
    limits            TEXT NOT NULL,
    excluded_until_ms INTEGER
) STRICT;
