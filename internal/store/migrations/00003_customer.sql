-- +goose Up
-- One customer's account. contact and credentials are sealed under wrapped_key, which is itself sealed under a server
-- key; without wrapped_key nothing personal of the account can be read again. An address is one account's among the
-- claimed, and one account's of each partner among the pending (design 10.1).
CREATE TABLE account (
    id                   {{key}} PRIMARY KEY,
    creator_id           BIGINT NOT NULL,
    state                TEXT NOT NULL,
    hold                 TEXT NOT NULL,
    epoch                BIGINT NOT NULL,
    session_epoch        BIGINT NOT NULL,
    claim_number         BIGINT NOT NULL,
    proven_number        BIGINT NOT NULL,
    live_journey         BIGINT NOT NULL,
    email_digest         {{bytes}} NOT NULL,
    email_version        BIGINT NOT NULL,
    wrapped_key          {{bytes}},
    contact              {{bytes}},
    credentials          {{bytes}},
    registration         {{bytes}},
    registration_version BIGINT NOT NULL,
    created_at           BIGINT NOT NULL,
    updated_at           BIGINT NOT NULL,
    claimed_at           BIGINT NOT NULL,
    last_sign_in_at      BIGINT NOT NULL,
    version              BIGINT NOT NULL
);
CREATE UNIQUE INDEX account_claimed ON account (email_digest) WHERE state = 'claimed';
CREATE UNIQUE INDEX account_pending ON account (creator_id, email_digest) WHERE state = 'pending';
CREATE INDEX account_stale ON account (updated_at) WHERE state = 'pending';

-- Addresses for which a partner may not create an account for a while (design 10.8).
CREATE TABLE address_block (
    creator_id   BIGINT NOT NULL,
    email_digest {{bytes}} NOT NULL,
    until_at     BIGINT NOT NULL,
    PRIMARY KEY (creator_id, email_digest)
);
CREATE INDEX address_block_until ON address_block (until_at);

-- A legal identity. details is sealed under the account's key.
CREATE TABLE profile (
    id                {{key}} PRIMARY KEY,
    account_id        BIGINT NOT NULL,
    public_id         TEXT NOT NULL,
    address_id        BIGINT NOT NULL,
    details           {{bytes}},
    edition           BIGINT NOT NULL,
    confirmed_edition BIGINT NOT NULL,
    confirmed_at      BIGINT NOT NULL,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    version           BIGINT NOT NULL
);
CREATE INDEX profile_account ON profile (account_id, id);

-- One browser. secret and previous are digests.
CREATE TABLE session (
    id             {{key}} PRIMARY KEY,
    account_id     BIGINT NOT NULL,
    secret         {{bytes}} NOT NULL,
    previous       {{bytes}},
    previous_until BIGINT NOT NULL,
    epoch          BIGINT NOT NULL,
    session_epoch  BIGINT NOT NULL,
    level          BIGINT NOT NULL,
    more_time      BOOLEAN NOT NULL,
    created_at     BIGINT NOT NULL,
    seen_at        BIGINT NOT NULL,
    signed_in_at   BIGINT NOT NULL,
    proved_at      BIGINT NOT NULL,
    ended_at       BIGINT NOT NULL,
    version        BIGINT NOT NULL
);
CREATE INDEX session_created ON session (created_at);

-- Answers kept for a retry with the same idempotency key, of which a keyed digest is stored. body is sealed under the
-- account's key; an answer of an earlier epoch is dead (design 2, I2).
CREATE TABLE reply (
    id         {{key}} PRIMARY KEY,
    account_id BIGINT NOT NULL,
    partner_id BIGINT NOT NULL,
    endpoint   TEXT NOT NULL,
    key_digest {{bytes}} NOT NULL,
    request    {{bytes}} NOT NULL,
    body       {{bytes}} NOT NULL,
    epoch      BIGINT NOT NULL,
    at         BIGINT NOT NULL
);
CREATE UNIQUE INDEX reply_key ON reply (account_id, key_digest);
CREATE INDEX reply_at ON reply (at);

-- Mails that wait, sealed under a server key; body is NULL once a mail is out.
CREATE TABLE mail (
    id         {{key}} PRIMARY KEY,
    account_id BIGINT NOT NULL,
    body       {{bytes}},
    at         BIGINT NOT NULL,
    due_at     BIGINT NOT NULL,
    attempts   BIGINT NOT NULL,
    done_at    BIGINT NOT NULL
);
CREATE INDEX mail_due ON mail (due_at) WHERE body IS NOT NULL;
CREATE INDEX mail_done ON mail (done_at) WHERE body IS NULL;

-- How often something was tried. The subject is in key_digest alone, keyed: it may be an address or a network. Rows can
-- be divided by key_digest, which is even.
CREATE TABLE tries (
    key_digest {{bytes}} PRIMARY KEY,
    kind       TEXT NOT NULL,
    count      BIGINT NOT NULL,
    first_at   BIGINT NOT NULL,
    last_at    BIGINT NOT NULL,
    until_at   BIGINT NOT NULL,
    total      BIGINT NOT NULL,
    dead_at    BIGINT NOT NULL,
    version    BIGINT NOT NULL
);
CREATE INDEX tries_dead ON tries (dead_at);
