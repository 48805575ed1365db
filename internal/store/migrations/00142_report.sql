-- +goose Up
-- When the partner reported, within the life of the link, that the wrong person took the account over (design 10.10); 0 for not.
ALTER TABLE objection ADD COLUMN reported_at BIGINT NOT NULL DEFAULT 0;
