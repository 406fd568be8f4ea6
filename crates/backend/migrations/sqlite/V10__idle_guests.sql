-- Guests who have not come for long are closed, and what they have goes back. Instants are milliseconds since the
-- Unix epoch.

-- When a guest's account was closed for that; null for all others.
ALTER TABLE users ADD COLUMN closed_ms INTEGER;
CREATE INDEX users_idle_guests ON users (last_seen_ms) WHERE status = 'active' AND roles = '["guest"]';

-- When a connection of the user ended for the last time: a socket may outlive the tokens it was opened with.
CREATE TABLE user_online (
    user_id INTEGER PRIMARY KEY,
    last_ms INTEGER NOT NULL
) STRICT;

-- Closed guests whose money has not been seen to be back yet, and when it was last asked for.
CREATE TABLE guest_closing (
    user_id  INTEGER PRIMARY KEY REFERENCES users (id),
    tried_ms INTEGER NOT NULL
) STRICT;
