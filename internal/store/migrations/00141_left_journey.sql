-- +goose Up
-- Journeys that were left before the account was claimed are abandoned ones too: their partner hears of both alike.
DROP INDEX journey_silent;
CREATE INDEX journey_silent ON journey (fresh_at) WHERE abandoned_at = 0 AND (decided_at = 0 OR decision = 'left');
