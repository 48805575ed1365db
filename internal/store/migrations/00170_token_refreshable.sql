-- +goose Up
-- The refresh tokens that still work. An exchange ends those of the same access, and must not read every family that a busy customer's
-- visits have left to find the one.
CREATE INDEX token_refreshable ON token (account_id, partner_id, grant_id) WHERE account_id <> 0 AND refresh_ended_at = 0 AND ended_at = 0;
