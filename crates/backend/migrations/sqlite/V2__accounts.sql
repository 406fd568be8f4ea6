-- Who may sign in. Instants are milliseconds since the Unix epoch.

-- Ids are never used again, and stay below 2^53 so that every JSON reader keeps them exact.
CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id BETWEEN 1 AND 9007199254740991),
    -- Of ASCII characters alone, where NOCASE compares all letters; null for guests.
    email         TEXT UNIQUE COLLATE NOCASE,
    username      TEXT NOT NULL,
    -- A JSON array of strings.
    roles         TEXT NOT NULL,
    -- Argon2id in PHC format; null for guests.
    password_hash TEXT,
    status        TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'banned', 'closed')),
    created_ms    INTEGER NOT NULL,
    last_seen_ms  INTEGER NOT NULL,
    CHECK ((email IS NULL) = (password_hash IS NULL))
) STRICT;

-- A family is what has followed from one sign-in. A rotated token stays until it expires, so that
-- using it again is noticed; a revoked family has no rows.
CREATE TABLE refresh_token (
    token_sha256 BLOB PRIMARY KEY CHECK (length(token_sha256) = 32),
    family       BLOB NOT NULL,
    user_id      INTEGER NOT NULL REFERENCES users (id),
    issued_ms    INTEGER NOT NULL,
    expires_ms   INTEGER NOT NULL,
    rotated_ms   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_token_by_family ON refresh_token (family);
CREATE INDEX refresh_token_by_user ON refresh_token (user_id);
CREATE INDEX refresh_token_by_expiry ON refresh_token (expires_ms);
