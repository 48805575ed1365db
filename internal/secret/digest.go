package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// Purpose says what a digest is for. Each purpose has keys of its own, so that a digest made for one can never be
// replayed as another, even over the same text.
type Purpose uint8

// The purposes. Their order may change, their labels (in label) never: digests in the database depend on them.
const (
	// PurposeRegistration is for the registration code that a partner keeps (design 4.11).
	PurposeRegistration Purpose = iota
	// PurposeEmail is for finding an account by its folded e-mail address.
	PurposeEmail
	// PurposeMailedCode is for the six digits of a mail: short, so only a key outside the database protects them.
	PurposeMailedCode
	// PurposeRecovery is for recovery codes (design 10.15).
	PurposeRecovery
	// PurposeClaimCode is for claim codes.
	PurposeClaimCode
	// PurposeStep is for the step_token of a page (design 10.23).
	PurposeStep
	// PurposeJourney is for what is bound to a journey: its cookie tickets and its links.
	PurposeJourney
	// PurposeToken is for tokens that are computed again from the one presented (design 4.8).
	PurposeToken
	// PurposeAuthorizationCode is for the authorization codes of page C11, computed again on reload.
	PurposeAuthorizationCode
	// PurposeLimit is for the keys under which tries are counted: they contain addresses of people and networks.
	PurposeLimit
	// PurposeNetwork is for recognising a network without keeping its address.
	PurposeNetwork
	// PurposeSession is for the secret that follows a session's at a rise of privilege, computed again on a double click.
	PurposeSession
	// PurposeReply is for recognising a repeated request by its content (idempotency, contract 3.1).
	PurposeReply
	// PurposeWebhook is for the keys by which receivers check our own events, computed for each subscription.
	PurposeWebhook
	// PurposeMaster is for recognising a master key itself.
	PurposeMaster
	// PurposePhone is for recognising a phone number that a partner gave before (contract 13).
	PurposePhone
	// PurposePasskey is for challenges that passkeys answer at sign-in, and for recognising those that were answered.
	PurposePasskey
	// PurposeAudit is for the chain of audit events.
	PurposeAudit
	// PurposeDevice is for the secrets of known devices, computed again on a double click.
	PurposeDevice

	purposeCount
)

func (p Purpose) label() string {
	return [purposeCount]string{
		PurposeRegistration:      "registration",
		PurposeEmail:             "email",
		PurposeMailedCode:        "mailed code",
		PurposeRecovery:          "recovery code",
		PurposeClaimCode:         "claim code",
		PurposeStep:              "step",
		PurposeJourney:           "journey",
		PurposeToken:             "token",
		PurposeAuthorizationCode: "authorization code",
		PurposeLimit:             "limit",
		PurposeNetwork:           "network",
		PurposeSession:           "session",
		PurposeReply:             "reply",
		PurposeWebhook:           "webhook",
		PurposeMaster:            "master key",
		PurposePhone:             "phone number",
		PurposeAudit:             "audit chain",
		PurposePasskey:           "passkey challenge",
		PurposeDevice:            "known device",
	}[p]
}

// Digest is what is stored in place of a secret: 32 bytes from which the secret cannot be found again. Compare digests
// with Equal.
type Digest []byte

// Hash is the SHA-256 of a secret that has 256 random bits, such as a token's or a client's (requirement 64). It is not
// for anything a person chose or a machine drew short: those can be tried out against a stolen database.
func Hash(secret string) Digest {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// Equal compares two digests in a time that does not depend on where they differ; a comparison that stops at the first
// difference lets an attacker find a value byte by byte. Two empty values are not equal: an unset digest matches nothing.
func Equal(a, b []byte) bool {
	return len(a) > 0 && subtle.ConstantTimeCompare(a, b) == 1
}

// Digest is the HMAC-SHA-256 of the parts, in their order, under the newest key of the purpose. Each part is preceded by
// its length, so that ("ab","c") and ("a","bc") differ: nobody can shift text from one part into the next. Where the
// digest is stored, store DigestVersion beside it.
func (k *Keys) Digest(p Purpose, parts ...string) Digest {
	return k.current().digests[p].ofParts(parts)
}

// DigestVersion is the version of the key that Digest uses now.
func (k *Keys) DigestVersion() int { return k.current().version }

// DigestVersions lists the loaded versions, the one in use first, then the newest: a look-up by digest tries each until every row is of
// the one in use.
func (k *Keys) DigestVersions() []int { return append([]int(nil), k.ring.Load().versions...) }

// DigestWith is Digest under the key of a version, for comparing with a digest made earlier. The error is ErrKeyVersion.
func (k *Keys) DigestWith(version int, p Purpose, parts ...string) (Digest, error) {
	f, err := k.version(version)
	if err != nil {
		return nil, err
	}
	return f.digests[p].ofParts(parts), nil
}

// Derive makes a secret that can be made again from the same parts and is stored nowhere: 43 characters of base64url
// under the newest key. Its keys differ from those of Digest, so that a digest in the database is never a secret in use.
func (k *Keys) Derive(p Purpose, parts ...string) string {
	return base64.RawURLEncoding.EncodeToString(k.current().derives[p].ofParts(parts))
}

// Derived reports whether a text is what Derive makes of these parts, or made of them under another loaded key: a form that was
// shown before a key was rotated is still the form that was shown.
func (k *Keys) Derived(text string, p Purpose, parts ...string) bool {
	same := false
	for _, version := range k.DigestVersions() {
		derived, err := k.DeriveWith(version, p, parts...)
		same = err == nil && Equal([]byte(text), []byte(derived)) || same
	}
	return same
}

// DeriveWith is Derive under the key of a version, for a secret that must stay the same across a rotation of keys. The
// error is ErrKeyVersion.
func (k *Keys) DeriveWith(version int, p Purpose, parts ...string) (string, error) {
	f, err := k.version(version)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(f.derives[p].ofParts(parts)), nil
}
