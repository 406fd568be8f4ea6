-- What operators do, and what they have set. Instants are milliseconds since the Unix epoch.

-- Every action: a row when it is asked for, and one that says what came of it.
CREATE TABLE operator_log (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms    INTEGER NOT NULL,
    -- A user's id, or `cli:` and a name of the operating system.
    operator TEXT NOT NULL,
    action   TEXT NOT NULL,
    -- What it is done to: a user's id, a room's, a setting's name.
    target   TEXT,
    -- A JSON object, without secrets.
    detail   TEXT NOT NULL,
    outcome  TEXT NOT NULL CHECK (outcome IN ('asked', 'done', 'failed'))
) STRICT;
CREATE INDEX operator_log_by_operator ON operator_log (operator, id);
CREATE INDEX operator_log_by_action ON operator_log (action, id);
CREATE INDEX operator_log_by_target ON operator_log (target, id) WHERE target IS NOT NULL;

CREATE TRIGGER operator_log_is_never_changed BEFORE UPDATE ON operator_log
BEGIN SELECT RAISE(ABORT, 'rows of the operators'' log are only added'); END;
CREATE TRIGGER operator_log_is_never_deleted BEFORE DELETE ON operator_log
BEGIN SELECT RAISE(ABORT, 'rows of the operators'' log are only added'); END;

-- Settings that were changed while the server runs; the others are as configured.
CREATE TABLE live_setting (
    name       TEXT PRIMARY KEY,
    -- JSON.
    value      TEXT NOT NULL,
    changed_ms INTEGER NOT NULL,
    changed_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Rooms that have ended, the last first.
CREATE INDEX room_archive_by_end ON room_archive (ended_ms, room_id);
