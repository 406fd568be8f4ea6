-- The greatest instant of a record that was decided, as its sender gave it, and no later than five minutes after it was
-- decided: a topic that has lost records is read on from there. 0 where it is not known.
ALTER TABLE partition_offset ADD COLUMN newest_ms BIGINT NOT NULL DEFAULT 0;
