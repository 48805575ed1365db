-- +goose Up
-- Whether a profile is verified and who decided last; and when the operator's own system is to be asked about it, 0 for
-- never, with the number of tries so far.
ALTER TABLE profile ADD COLUMN verified_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE profile ADD COLUMN verified_by TEXT NOT NULL DEFAULT '';
ALTER TABLE profile ADD COLUMN ask_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE profile ADD COLUMN asked BIGINT NOT NULL DEFAULT 0;
CREATE INDEX profile_ask ON profile (ask_at) WHERE ask_at <> 0;
