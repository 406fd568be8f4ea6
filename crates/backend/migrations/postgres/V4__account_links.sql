-- Since when mail to the address is known to reach the user.
ALTER TABLE users ADD COLUMN email_verified_ms BIGINT;

-- What was sent by mail: gone once it has been used for a new password, or its time is over. Whoever uses one holds
-- the user's row.
CREATE TABLE account_link (
    token_sha256 BYTEA PRIMARY KEY CHECK (length(token_sha256) = 32),
    purpose      TEXT COLLATE "C" NOT NULL CHECK (purpose IN ('reset_password', 'verify_email')),
    user_id      BIGINT NOT NULL REFERENCES users (id),
    -- As the user had it; a link is good for this address alone.
    email        TEXT COLLATE "C" NOT NULL,
    expires_ms   BIGINT NOT NULL
);
CREATE INDEX account_link_by_user ON account_link (user_id);
CREATE INDEX account_link_by_expiry ON account_link (expires_ms);
