-- Since when mail to the address is known to reach the user.
ALTER TABLE users ADD COLUMN email_verified_ms INTEGER;

-- What was sent by mail: gone once it has been used for a new password, or its time is over.
CREATE TABLE account_link (
    token_sha256 BLOB PRIMARY KEY CHECK (length(token_sha256) = 32),
    purpose      TEXT NOT NULL CHECK (purpose IN ('reset_password', 'verify_email')),
    user_id      INTEGER NOT NULL REFERENCES users (id),
    -- As the user had it; a link is good for this address alone.
    email        TEXT NOT NULL COLLATE NOCASE,
    expires_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX account_link_by_user ON account_link (user_id);
CREATE INDEX account_link_by_expiry ON account_link (expires_ms);
