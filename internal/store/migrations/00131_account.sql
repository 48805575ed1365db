-- +goose Up
-- When the customer signed in before this time, and when an account ends whose customer asked to close it.
ALTER TABLE account ADD COLUMN previous_sign_in_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN close_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX account_close ON account (close_at) WHERE close_at <> 0;
