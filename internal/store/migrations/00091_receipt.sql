-- +goose Up
-- What a commit or a consent was, for customer and partner to keep. The content is written in the transaction that it is
-- about, sealed under the account's key; the signature is made when the event has its place in the chain, and never again.
CREATE TABLE receipt (
    id         {{key}} PRIMARY KEY,
    account_id BIGINT NOT NULL,
    partner_id BIGINT NOT NULL,
    profile_id BIGINT NOT NULL,
    kind       TEXT NOT NULL,
    at         BIGINT NOT NULL,
    event_id   BIGINT NOT NULL,
    content    {{bytes}} NOT NULL,
    signed     TEXT NOT NULL
);
CREATE INDEX receipt_account ON receipt (account_id, id);
CREATE INDEX receipt_unsigned ON receipt (id) WHERE signed = '';
