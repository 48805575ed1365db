-- +goose Up
-- Claim codes, found by a keyed digest. bound, where the partner gave something, is sealed under the account's key.
CREATE TABLE claim_code (
    id         {{key}} PRIMARY KEY,
    account_id BIGINT NOT NULL,
    partner_id BIGINT NOT NULL,
    number     BIGINT NOT NULL,
    epoch      BIGINT NOT NULL,
    digest     {{bytes}} NOT NULL,
    state      TEXT NOT NULL,
    bound      {{bytes}},
    minted_at  BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    seen       BIGINT NOT NULL,
    ended_at   BIGINT NOT NULL,
    version    BIGINT NOT NULL
);
CREATE UNIQUE INDEX claim_code_digest ON claim_code (digest);
CREATE INDEX claim_code_minted ON claim_code (account_id) WHERE state = 'minted';
CREATE INDEX claim_code_expires ON claim_code (expires_at);

-- One way of one browser through the pages. sealed holds, under the account's key, what is personal or a credential:
-- the address, the request, the password's hash, the app's secret, the recovery codes.
CREATE TABLE journey (
    id            {{key}} PRIMARY KEY,
    text          TEXT NOT NULL,
    session_id    BIGINT NOT NULL,
    partner_id    BIGINT NOT NULL,
    account_id    BIGINT NOT NULL,
    claim_code_id BIGINT NOT NULL,
    number        BIGINT NOT NULL,
    epoch         BIGINT NOT NULL,
    sealed        {{bytes}},
    proven_at     BIGINT NOT NULL,
    password_at   BIGINT NOT NULL,
    app_at        BIGINT NOT NULL,
    committed_at  BIGINT NOT NULL,
    method        TEXT NOT NULL,
    reviewed_at   BIGINT NOT NULL,
    decision      TEXT NOT NULL,
    decided_at    BIGINT NOT NULL,
    grant_id      BIGINT NOT NULL,
    grant_code_id BIGINT NOT NULL,
    started_at    BIGINT NOT NULL,
    fresh_at      BIGINT NOT NULL,
    language      TEXT NOT NULL,
    ended_at      BIGINT NOT NULL,
    ended_reason  TEXT NOT NULL,
    abandoned_at  BIGINT NOT NULL,
    version       BIGINT NOT NULL
);
CREATE UNIQUE INDEX journey_text ON journey (text);
CREATE INDEX journey_session ON journey (session_id, id);
CREATE INDEX journey_fresh ON journey (fresh_at);
CREATE INDEX journey_silent ON journey (fresh_at) WHERE abandoned_at = 0 AND decided_at = 0;
