-- Why a payment is not to be made any more. None: nobody said so, or the payer was done already.
ALTER TABLE payment ADD COLUMN cancelled TEXT CHECK (cancelled IN ('cancelled', 'self_excluded'));

-- Cancellations that came before what they cancel: the two have topics of their own.
CREATE TABLE cancellation (
    request_id TEXT COLLATE "C" PRIMARY KEY,
    user_id    BIGINT NOT NULL,
    reason     TEXT NOT NULL,
    written_ms BIGINT NOT NULL
);
