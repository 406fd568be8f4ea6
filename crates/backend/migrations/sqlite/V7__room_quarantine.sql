-- Rooms that can not be loaded. Recovery applies these inputs to a room's snapshot, or from its opening on, and
-- then what the log has of later batches.
CREATE TABLE room_quarantine (
    room_id   TEXT PRIMARY KEY,
    partition INTEGER NOT NULL,
    -- The batch up to which inputs are here.
    batch_no  INTEGER NOT NULL,
    -- When it was in play for the last time.
    since_ms  INTEGER NOT NULL,
    -- As in the log's `_journal` records, one JSON object a line.
    inputs    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
