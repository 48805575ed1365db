-- +goose Up
-- at is the moment from which a master key seals what is new. unused_at is when nothing was left that is sealed under it; from then on
-- carried holds what still checks older digests, sealed under the key in use (design 10.29).
ALTER TABLE master_key ADD COLUMN carried {{bytes}};
ALTER TABLE master_key ADD COLUMN unused_at BIGINT NOT NULL DEFAULT 0;

-- While digests of two keys are in account, its index cannot keep one address from two accounts that are written at once: they meet here.
CREATE TABLE address_guard (
    digest {{bytes}} PRIMARY KEY,
    at     BIGINT NOT NULL
);
CREATE INDEX address_guard_at ON address_guard (at);
