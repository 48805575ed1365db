-- +goose Up
-- Challenges that a passkey has answered, by keyed digest, until they would end by themselves: an answer signs in once. The
-- passkeys themselves lie sealed among the account's credentials.
CREATE TABLE passkey_challenge (
    digest     {{bytes}} PRIMARY KEY,
    account_id BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX passkey_challenge_expires ON passkey_challenge (expires_at);

-- When a journey made its passkey; 0 for none.
ALTER TABLE journey ADD COLUMN passkey_at BIGINT NOT NULL DEFAULT 0;
