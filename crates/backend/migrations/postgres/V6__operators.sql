-- What operators do, and what they have set.

-- Every action: a row when it is asked for, and one that says what came of it.
CREATE TABLE operator_log (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_ms    BIGINT NOT NULL,
    -- A user's id, or `cli:` and a name of the operating system.
    operator TEXT COLLATE "C" NOT NULL,
    action   TEXT COLLATE "C" NOT NULL,
    -- What it is done to: a user's id, a room's, a setting's name.
    target   TEXT COLLATE "C",
    -- A JSON object, without secrets.
    detail   TEXT NOT NULL,
    outcome  TEXT COLLATE "C" NOT NULL CHECK (outcome IN ('asked', 'done', 'failed'))
);
CREATE INDEX operator_log_by_operator ON operator_log (operator, id);
CREATE INDEX operator_log_by_action ON operator_log (action, id);
CREATE INDEX operator_log_by_target ON operator_log (target, id) WHERE target IS NOT NULL;

CREATE FUNCTION operator_log_rows_are_only_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of the operators'' log are only added' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER operator_log_is_never_changed BEFORE UPDATE OR DELETE ON operator_log
    FOR EACH ROW EXECUTE FUNCTION operator_log_rows_are_only_added();
CREATE TRIGGER operator_log_is_never_emptied BEFORE TRUNCATE ON operator_log
    FOR EACH STATEMENT EXECUTE FUNCTION operator_log_rows_are_only_added();

-- Settings that were changed while the server runs; the others are as configured.
CREATE TABLE live_setting (
    name       TEXT COLLATE "C" PRIMARY KEY,
    -- JSON.
    value      TEXT NOT NULL,
    changed_ms BIGINT NOT NULL,
    changed_by TEXT COLLATE "C" NOT NULL
);

-- Rooms that have ended, the last first.
CREATE INDEX room_archive_by_end ON room_archive (ended_ms, room_id);
