-- +goose Up
-- Where the chain of events begins, when older ones were dropped: the last place that was, with its hash and seal. mark is a keyed digest of
-- the place, so that whoever can write here and has no key cannot drop events and call it the operator's wish (design 10.26).
CREATE TABLE audit_start (
    id           BIGINT PRIMARY KEY,
    number       BIGINT NOT NULL,
    event_id     BIGINT NOT NULL,
    hash         {{bytes}} NOT NULL,
    seal_version BIGINT NOT NULL,
    seal         {{bytes}} NOT NULL,
    mark_version BIGINT NOT NULL,
    mark         {{bytes}} NOT NULL,
    dropped_at   BIGINT NOT NULL
);
