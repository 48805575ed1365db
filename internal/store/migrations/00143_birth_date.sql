-- +goose Up
-- Whether the partner's customers are asked for their date of birth after the mailed code (design 10.9), and when a journey's was right; 0
-- for not.
ALTER TABLE partner ADD COLUMN birthdate_check BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE journey ADD COLUMN birth_at BIGINT NOT NULL DEFAULT 0;
