-- +goose Up
-- What a customer allowed.
CREATE TABLE access_grant (
    id         {{key}} PRIMARY KEY,
    account_id BIGINT NOT NULL,
    partner_id BIGINT NOT NULL,
    profile_id BIGINT NOT NULL,
    scopes     TEXT NOT NULL,
    wording    TEXT NOT NULL,
    language   TEXT NOT NULL,
    given_at   BIGINT NOT NULL,
    until_at   BIGINT NOT NULL,
    state      TEXT NOT NULL,
    ended_at   BIGINT NOT NULL,
    version    BIGINT NOT NULL
);
CREATE INDEX access_grant_active ON access_grant (account_id, partner_id, id) WHERE state = 'active';

-- Authorization codes, found by their number; digest is of the secret beside it.
CREATE TABLE authorization_code (
    id            {{key}} PRIMARY KEY,
    journey_id    BIGINT NOT NULL,
    grant_id      BIGINT NOT NULL,
    account_id    BIGINT NOT NULL,
    partner_id    BIGINT NOT NULL,
    profile_id    BIGINT NOT NULL,
    redirect_uri  TEXT NOT NULL,
    challenge     TEXT NOT NULL,
    scopes        TEXT NOT NULL,
    scope_given   BOOLEAN NOT NULL,
    epoch         BIGINT NOT NULL,
    digest        {{bytes}} NOT NULL,
    minted_at     BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    superseded_at BIGINT NOT NULL,
    redeemed_at   BIGINT NOT NULL,
    token_id      BIGINT NOT NULL,
    key_version   BIGINT NOT NULL,
    version       BIGINT NOT NULL
);
CREATE INDEX authorization_code_expires ON authorization_code (expires_at);

-- Families of tokens, found by their number; access, refresh and previous_refresh are digests. dead_at is when the row
-- may go.
CREATE TABLE token (
    id                 {{key}} PRIMARY KEY,
    kind               TEXT NOT NULL,
    partner_id         BIGINT NOT NULL,
    account_id         BIGINT NOT NULL,
    profile_id         BIGINT NOT NULL,
    grant_id           BIGINT NOT NULL,
    scopes             TEXT NOT NULL,
    scope_given        BOOLEAN NOT NULL,
    epoch              BIGINT NOT NULL,
    access             {{bytes}} NOT NULL,
    access_issued_at   BIGINT NOT NULL,
    access_expires_at  BIGINT NOT NULL,
    refresh            {{bytes}},
    previous_refresh   {{bytes}},
    refresh_expires_at BIGINT NOT NULL,
    generation         BIGINT NOT NULL,
    refreshed_at       BIGINT NOT NULL,
    refresh_ended_at   BIGINT NOT NULL,
    ended_at           BIGINT NOT NULL,
    ended_reason       TEXT NOT NULL,
    key_version        BIGINT NOT NULL,
    created_at         BIGINT NOT NULL,
    dead_at            BIGINT NOT NULL,
    version            BIGINT NOT NULL
);
CREATE INDEX token_account ON token (account_id, partner_id, grant_id) WHERE account_id <> 0;
CREATE INDEX token_dead ON token (dead_at);
