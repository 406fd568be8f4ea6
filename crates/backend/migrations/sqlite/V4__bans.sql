-- Why an operator has banned a user; null for others, and where no reason was given.
ALTER TABLE users ADD COLUMN ban_reason TEXT;
