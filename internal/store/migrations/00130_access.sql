-- +goose Up
-- What the customer's page of accesses shows, and what tells of an access that ends by itself.
ALTER TABLE access_grant ADD COLUMN used_on BIGINT NOT NULL DEFAULT 0;
ALTER TABLE access_grant ADD COLUMN warned_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX access_grant_account ON access_grant (account_id, id);
CREATE INDEX access_grant_until ON access_grant (until_at) WHERE state = 'active' AND until_at <> 0;
