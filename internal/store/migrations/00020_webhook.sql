-- +goose Up
-- Where partners want to be told of what (contract 12.1). account_id, profile_id and epoch are 0 for a partner's own; a
-- profile's is dead once its account's epoch is another. Never changed.
CREATE TABLE subscription (
    id          {{key}} PRIMARY KEY,
    public_id   TEXT NOT NULL,
    partner_id  BIGINT NOT NULL,
    account_id  BIGINT NOT NULL,
    profile_id  BIGINT NOT NULL,
    epoch       BIGINT NOT NULL,
    name        TEXT NOT NULL,
    trigger_on  TEXT NOT NULL,
    payload     TEXT NOT NULL,
    url         TEXT NOT NULL,
    key_version BIGINT NOT NULL,
    created_at  BIGINT NOT NULL
);
CREATE UNIQUE INDEX subscription_public ON subscription (public_id);
CREATE INDEX subscription_owner ON subscription (partner_id, profile_id, id);
CREATE INDEX subscription_account ON subscription (account_id) WHERE account_id <> 0;

-- data holds further members of a documented payload; no personal value.
ALTER TABLE partner_event ADD COLUMN data TEXT NOT NULL DEFAULT '';
ALTER TABLE partner_event ADD COLUMN sequence BIGINT NOT NULL DEFAULT 0;

-- How many events of an account a partner was told of; it gives the next its number.
CREATE TABLE event_sequence (
    account_id BIGINT NOT NULL,
    partner_id BIGINT NOT NULL,
    last       BIGINT NOT NULL,
    PRIMARY KEY (account_id, partner_id)
);

-- One event on its way to one subscription, written with the event. event_id is 0 for a test. While a try is under way,
-- due_at is when another node may take it over.
CREATE TABLE delivery (
    id              {{key}} PRIMARY KEY,
    public_id       TEXT NOT NULL,
    subscription_id BIGINT NOT NULL,
    partner_id      BIGINT NOT NULL,
    event_id        BIGINT NOT NULL,
    account_id      BIGINT NOT NULL,
    sequence        BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    due_at          BIGINT NOT NULL,
    attempts        BIGINT NOT NULL,
    refusals        BIGINT NOT NULL,
    tried_at        BIGINT NOT NULL,
    done_at         BIGINT NOT NULL,
    outcome         TEXT NOT NULL,
    status          BIGINT NOT NULL
);
CREATE UNIQUE INDEX delivery_public ON delivery (public_id);
CREATE UNIQUE INDEX delivery_once ON delivery (event_id, subscription_id) WHERE event_id <> 0;
CREATE INDEX delivery_due ON delivery (subscription_id, due_at) WHERE done_at = 0;
CREATE INDEX delivery_order ON delivery (subscription_id, account_id, sequence) WHERE done_at = 0 AND tried_at = 0;
CREATE INDEX delivery_done ON delivery (done_at) WHERE done_at <> 0;
CREATE INDEX delivery_partner ON delivery (partner_id, id);
