-- +goose Up
-- Phone numbers that partners gave for accounts that nobody has claimed (contract 13); dead once the account has another
-- epoch. number is sealed under the account's key; digest, keyed, finds the same number of the same partner.
CREATE TABLE phone_number (
    id         {{key}} PRIMARY KEY,
    account_id BIGINT NOT NULL,
    partner_id BIGINT NOT NULL,
    epoch      BIGINT NOT NULL,
    number     {{bytes}} NOT NULL,
    digest     {{bytes}} NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX phone_number_digest ON phone_number (digest);
CREATE INDEX phone_number_account ON phone_number (account_id);

-- One-time tokens of protected calls, by digest (contract 13).
CREATE TABLE one_time_token (
    id           {{key}} PRIMARY KEY,
    account_id   BIGINT NOT NULL,
    partner_id   BIGINT NOT NULL,
    epoch        BIGINT NOT NULL,
    digest       {{bytes}} NOT NULL,
    action       TEXT NOT NULL,
    triggered_at BIGINT NOT NULL,
    passed_at    BIGINT NOT NULL,
    used_at      BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    version      BIGINT NOT NULL
);
CREATE UNIQUE INDEX one_time_token_digest ON one_time_token (digest);
CREATE INDEX one_time_token_account ON one_time_token (account_id);
CREATE INDEX one_time_token_expires ON one_time_token (expires_at);

-- Public keys that partners gave for signed and encrypted payloads (contract 13).
CREATE TABLE partner_key (
    id         {{key}} PRIMARY KEY,
    partner_id BIGINT NOT NULL,
    key_id     TEXT NOT NULL,
    scope      TEXT NOT NULL,
    algorithm  TEXT NOT NULL,
    material   TEXT NOT NULL,
    valid_from BIGINT NOT NULL,
    valid_till BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX partner_key_id ON partner_key (partner_id, key_id);
