-- +goose Up
-- What happened. Numbers, actions and reasons only: no personal value, no secret (package audit).
CREATE TABLE audit_event (
    id         {{key}} PRIMARY KEY,
    at         BIGINT NOT NULL,
    action     TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    reason     TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id   BIGINT NOT NULL,
    partner_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    journey_id BIGINT NOT NULL,
    reference  TEXT NOT NULL,
    network    TEXT NOT NULL,
    detail     TEXT NOT NULL
);
CREATE INDEX audit_event_account ON audit_event (account_id, id) WHERE account_id <> 0;
