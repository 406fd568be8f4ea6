-- Who waits for a quick match, by game: one JSON object a queue, written with each change.
CREATE TABLE quick_queue (
    game_type TEXT PRIMARY KEY,
    state     BLOB NOT NULL
) STRICT, WITHOUT ROWID;
