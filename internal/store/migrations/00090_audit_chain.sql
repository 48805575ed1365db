-- +goose Up
-- The mark is a keyed digest of the event, made when it is written: a row that somebody else put in has none. Events of
-- before have none either; they are the beginning of the chain.
ALTER TABLE audit_event ADD COLUMN mark_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE audit_event ADD COLUMN mark {{bytes}};
-- The chain: each link's hash covers the one before and one event. Links are written after the events, in one row each, so
-- that no write of a request waits for another's; the number begins at 1 and has no gaps. The last link of each turn carries
-- a seal, a keyed digest of its number and hash.
CREATE TABLE audit_link (
    number       {{key}} PRIMARY KEY,
    event_id     BIGINT NOT NULL,
    hash         {{bytes}} NOT NULL,
    seal_version BIGINT NOT NULL,
    seal         {{bytes}}
);
CREATE UNIQUE INDEX audit_link_event ON audit_link (event_id);
