-- +goose Up
-- A profile is of a person or of a business; who acts for a business is a row of its own, since several businesses of one
-- account may share it. details is sealed under the account's key.
ALTER TABLE profile ADD COLUMN kind TEXT NOT NULL DEFAULT 'personal';
ALTER TABLE profile ADD COLUMN representative_id BIGINT NOT NULL DEFAULT 0;

CREATE TABLE representative (
    id          {{key}} PRIMARY KEY,
    account_id  BIGINT NOT NULL,
    holder      BOOLEAN NOT NULL,
    details     {{bytes}},
    transfer_at BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    version     BIGINT NOT NULL
);
CREATE INDEX representative_account ON representative (account_id);

-- Files that were uploaded about a profile. name and content are sealed under the account's key.
CREATE TABLE profile_file (
    id          {{key}} PRIMARY KEY,
    account_id  BIGINT NOT NULL,
    profile_id  BIGINT NOT NULL,
    partner_id  BIGINT NOT NULL,
    purpose     TEXT NOT NULL,
    media       TEXT NOT NULL,
    size        BIGINT NOT NULL,
    name        {{bytes}} NOT NULL,
    content     {{bytes}} NOT NULL,
    at          BIGINT NOT NULL,
    reviewed_at BIGINT NOT NULL
);
CREATE INDEX profile_file_account ON profile_file (account_id, profile_id, id);
