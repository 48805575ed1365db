-- +goose Up
-- Which master keys the data is sealed under: a keyed digest of each, so that a wrong key is noticed at start and not when
-- somebody's data does not open. The keys themselves are never in the database (design 6).
CREATE TABLE master_key (
    version BIGINT PRIMARY KEY,
    digest  {{bytes}} NOT NULL,
    at      BIGINT NOT NULL
);
