-- +goose Up
-- What a partner asked to be checked about a profile (contract 11.5), dead once the account has another epoch. Requirements
-- and triggers are keys and ids of the partner's; nothing personal. link is the digest of the newest link's text.
CREATE TABLE kyc_review (
    id              {{key}} PRIMARY KEY,
    public_id       TEXT NOT NULL,
    account_id      BIGINT NOT NULL,
    profile_id      BIGINT NOT NULL,
    partner_id      BIGINT NOT NULL,
    epoch           BIGINT NOT NULL,
    state           TEXT NOT NULL,
    requirements    TEXT NOT NULL,
    triggers        TEXT NOT NULL,
    redirect_uri    TEXT NOT NULL,
    required_by     BIGINT NOT NULL,
    link            {{bytes}},
    link_expires_at BIGINT NOT NULL,
    link_used_at    BIGINT NOT NULL,
    link_outcome    TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    version         BIGINT NOT NULL
);
CREATE UNIQUE INDEX kyc_review_public ON kyc_review (public_id);
CREATE UNIQUE INDEX kyc_review_link ON kyc_review (link) WHERE link IS NOT NULL;
CREATE INDEX kyc_review_profile ON kyc_review (profile_id, id);
CREATE INDEX kyc_review_account ON kyc_review (account_id);
