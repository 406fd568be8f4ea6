-- What users write. Instants are milliseconds since the Unix epoch.

-- The newest messages of a room's channels, with its snapshot; null where nobody has said anything.
ALTER TABLE room_snapshot ADD COLUMN chat BLOB;

CREATE TABLE direct_message (
    id                 INTEGER PRIMARY KEY,
    message_id         BLOB NOT NULL UNIQUE CHECK (length(message_id) = 16),
    sender_id          INTEGER NOT NULL,
    sender_username    TEXT NOT NULL,
    recipient_id       INTEGER NOT NULL CHECK (recipient_id <> sender_id),
    recipient_username TEXT NOT NULL,
    content            TEXT NOT NULL,
    sent_ms            INTEGER NOT NULL,
    -- When its recipient said to have read it.
    read_ms            INTEGER
) STRICT;
CREATE INDEX direct_message_by_sender ON direct_message (sender_id, id);
CREATE INDEX direct_message_by_recipient ON direct_message (recipient_id, id);
CREATE INDEX direct_message_unread ON direct_message (recipient_id) WHERE read_ms IS NULL;

CREATE TABLE lobby_message (
    id         INTEGER PRIMARY KEY,
    message_id BLOB NOT NULL UNIQUE CHECK (length(message_id) = 16),
    lobby_id   TEXT NOT NULL,
    user_id    INTEGER NOT NULL,
    username   TEXT NOT NULL,
    content    TEXT NOT NULL,
    sent_ms    INTEGER NOT NULL
) STRICT;
CREATE INDEX lobby_message_by_lobby ON lobby_message (lobby_id, id);
