-- +goose Up
-- One browser's way back to an account (R4), found by the browser's session. There is a row where the address has no account
-- too, with account_id 0. digest is of the mailed code, subject a keyed digest of the address; sealed holds, under the
-- account's key, what is set up anew.
CREATE TABLE recovery (
    id            {{key}} PRIMARY KEY,
    session_id    BIGINT NOT NULL,
    account_id    BIGINT NOT NULL,
    epoch         BIGINT NOT NULL,
    session_epoch BIGINT NOT NULL,
    subject       TEXT NOT NULL,
    digest        {{bytes}},
    key_version   BIGINT NOT NULL,
    tries         BIGINT NOT NULL,
    sent_at       BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    proven_at     BIGINT NOT NULL,
    passed_at     BIGINT NOT NULL,
    rebuilt_at    BIGINT NOT NULL,
    ended_at      BIGINT NOT NULL,
    sealed        {{bytes}},
    version       BIGINT NOT NULL
);
CREATE INDEX recovery_session ON recovery (session_id, id);
CREATE INDEX recovery_account ON recovery (account_id);
CREATE INDEX recovery_created ON recovery (created_at);

-- What somebody asked for who has lost both steps (design 10.14): one row for each account, taken over by a later request.
-- link is the digest of the cancel link's text; sealed holds the addresses that were told.
CREATE TABLE account_reset (
    id            {{key}} PRIMARY KEY,
    account_id    BIGINT NOT NULL,
    epoch         BIGINT NOT NULL,
    session_epoch BIGINT NOT NULL,
    link          {{bytes}},
    sealed        {{bytes}},
    asked_at      BIGINT NOT NULL,
    ready_at      BIGINT NOT NULL,
    ended_at      BIGINT NOT NULL,
    ended         TEXT NOT NULL,
    version       BIGINT NOT NULL
);
CREATE UNIQUE INDEX account_reset_account ON account_reset (account_id);
CREATE UNIQUE INDEX account_reset_link ON account_reset (link);
CREATE INDEX account_reset_ready ON account_reset (ready_at);
