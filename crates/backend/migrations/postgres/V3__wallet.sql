-- Money from outside. Written with the batches that decide it.

-- Payments that players asked for.
CREATE TABLE top_up (
    request_id        UUID PRIMARY KEY,
    user_id           BIGINT NOT NULL,
    amount_cents      BIGINT NOT NULL CHECK (amount_cents > 0),
    currency          TEXT NOT NULL,
    -- requested, session_created, failed, expired, success, refunded: it only moves on.
    status            TEXT COLLATE "C" NOT NULL,
    session_id        TEXT,
    session_url       TEXT,
    payment_intent_id TEXT,
    -- What its transfers are known by, once it is credited.
    payment           TEXT COLLATE "C" UNIQUE,
    -- How much the provider said to have paid back; it is taken from the player once the payment is credited.
    refunded_cents    BIGINT NOT NULL CHECK (refunded_cents BETWEEN 0 AND amount_cents),
    requested_ms      BIGINT NOT NULL,
    finished_ms       BIGINT,
    error             TEXT
);
CREATE INDEX top_up_by_user ON top_up (user_id, requested_ms);
CREATE INDEX top_up_open ON top_up (user_id) WHERE status IN ('requested', 'session_created');
CREATE INDEX top_up_paid ON top_up (user_id, finished_ms) WHERE payment IS NOT NULL;

-- Disputes of them, and where their money is.
CREATE TABLE top_up_dispute (
    request_id   UUID NOT NULL,
    dispute_id   TEXT COLLATE "C" NOT NULL,
    user_id      BIGINT NOT NULL,
    amount_cents BIGINT NOT NULL CHECK (amount_cents > 0),
    -- What was told: a set of bits that is only added to.
    facts        INTEGER NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('free', 'held', 'out')),
    held_cents   BIGINT NOT NULL CHECK (held_cents >= 0),
    short_cents  BIGINT NOT NULL CHECK (short_cents >= 0),
    PRIMARY KEY (request_id, dispute_id)
);

-- What a player owes, and wants to be kept from.
CREATE TABLE wallet (
    user_id           BIGINT PRIMARY KEY,
    -- receivable/<user>, turned round.
    owed_cents        BIGINT NOT NULL CHECK (owed_cents >= 0),
    -- The player's limits as a JSON object.
    limits            TEXT NOT NULL,
    excluded_until_ms BIGINT
);
