-- An event that was dealt with is kept for longer than the provider sends it, or has it in its list. What comes again after
-- that is looked at once more, which changes nothing.
CREATE INDEX provider_event_finished ON provider_event (finished_ms) WHERE finished_ms IS NOT NULL;
