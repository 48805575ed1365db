-- +goose Up
-- The one-use link of mail M1, "This wasn't me" (design 10.10), by digest. One row for each claimed account, until the link has run out.
CREATE TABLE objection (
    id         {{key}} PRIMARY KEY,
    account_id BIGINT NOT NULL,
    digest     {{bytes}} NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL,
    version    BIGINT NOT NULL
);
CREATE UNIQUE INDEX objection_digest ON objection (digest);
CREATE INDEX objection_account ON objection (account_id);
CREATE INDEX objection_expires ON objection (expires_at);
