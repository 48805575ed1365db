-- +goose Up
-- What waits for an account goes when the account is erased: found by it, and not by reading everything that waits.
CREATE INDEX delivery_account ON delivery (account_id) WHERE done_at = 0;
CREATE INDEX mail_account ON mail (account_id) WHERE body IS NOT NULL;
