-- +goose Up
-- Who may call. Never deleted: audit events and grants name partners. secrets holds digests of machine-made secrets.
CREATE TABLE partner (
    id              {{key}} PRIMARY KEY,
    client_id       TEXT NOT NULL,
    name            TEXT NOT NULL,
    home_uri        TEXT NOT NULL,
    restart_uri     TEXT NOT NULL,
    redirect_uris   TEXT NOT NULL,
    class           TEXT NOT NULL,
    active          BOOLEAN NOT NULL,
    hide_existing   BOOLEAN NOT NULL,
    required_scopes TEXT NOT NULL,
    optional_scopes TEXT NOT NULL,
    purpose         TEXT NOT NULL,
    per_second      BIGINT NOT NULL,
    per_minute      BIGINT NOT NULL,
    secrets         TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    version         BIGINT NOT NULL
);
CREATE UNIQUE INDEX partner_client ON partner (client_id);

-- What partners are to be told, written with the change that it speaks of. No personal value.
CREATE TABLE partner_event (
    id          {{key}} PRIMARY KEY,
    partner_id  BIGINT NOT NULL,
    account_id  BIGINT NOT NULL,
    profile_id  BIGINT NOT NULL,
    type        TEXT NOT NULL,
    state       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    fields      TEXT NOT NULL,
    occurred_at BIGINT NOT NULL
);
CREATE INDEX partner_event_occurred ON partner_event (occurred_at);
