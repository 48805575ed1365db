-- +goose Up
-- Browsers that signed in to an account with two factors once (design 10.25), by digest. They open nothing.
CREATE TABLE known_device (
    id            {{key}} PRIMARY KEY,
    account_id    BIGINT NOT NULL,
    digest        {{bytes}} NOT NULL,
    epoch         BIGINT NOT NULL,
    session_epoch BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    seen_at       BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    version       BIGINT NOT NULL
);
CREATE UNIQUE INDEX known_device_digest ON known_device (digest);
CREATE INDEX known_device_account ON known_device (account_id, seen_at, id);
CREATE INDEX known_device_expires ON known_device (expires_at);
