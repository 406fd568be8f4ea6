-- What `replay` and `audit` hold a room's journal to. Null where a room began under an earlier schema.
-- SHA-256 over the inputs in room_journal, chained line by line.
ALTER TABLE room_snapshot ADD COLUMN journal_digest BLOB CHECK (length(journal_digest) = 32);
-- SHA-256 over the same chain to the last input, and over the row's other columns.
ALTER TABLE room_archive ADD COLUMN rules_version INTEGER;
ALTER TABLE room_archive ADD COLUMN digest BLOB CHECK (length(digest) = 32);
