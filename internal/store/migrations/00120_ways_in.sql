-- +goose Up
-- What an owner has begun to change of how they get in and has not finished: an app's secret, new recovery codes, another
-- address. body is sealed under the account's key. A row of an earlier epoch or of a session that is over is worth nothing.
CREATE TABLE pending_change (
    id            {{key}} PRIMARY KEY,
    account_id    BIGINT NOT NULL,
    session_id    BIGINT NOT NULL,
    kind          TEXT NOT NULL,
    epoch         BIGINT NOT NULL,
    session_epoch BIGINT NOT NULL,
    body          {{bytes}} NOT NULL,
    expires_at    BIGINT NOT NULL,
    version       BIGINT NOT NULL
);
CREATE UNIQUE INDEX pending_change_session ON pending_change (session_id, kind);
CREATE INDEX pending_change_account ON pending_change (account_id);
CREATE INDEX pending_change_expires ON pending_change (expires_at);

-- Which browser a session is, in two words of a closed list, so that its owner can tell it from others: no version, no address.
ALTER TABLE session ADD COLUMN browser TEXT NOT NULL DEFAULT '';
CREATE INDEX session_account ON session (account_id, id) WHERE account_id <> 0;
