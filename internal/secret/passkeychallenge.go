package secret

import (
	"encoding/base64"
	"encoding/binary"
	"time"
)

// PasskeyChallengeLife is how long a challenge may be answered (WebAuthn level 3 section 13.4.3 asks for a short one).
const PasskeyChallengeLife = 15 * time.Minute

// The parts of a challenge that carries its own proof, in bytes: random, the moment, the proof.
const (
	challengeRandom = 16
	challengeHead   = challengeRandom + 8
	challengeSize   = challengeHead + 32
)

// PasskeyChallenge draws a challenge for somebody of whom nothing is stored yet: a page that offers to sign in is shown to
// anybody, and a row for each would be a flood's. It proves by itself that this server made it at now for what it is bound
// to (the browser, the page), and carries 128 random bits. That it is answered once is for the caller to keep.
func (k *Keys) PasskeyChallenge(now time.Time, bound ...string) string {
	head := binary.BigEndian.AppendUint64(Bytes(challengeRandom), uint64(now.UnixMilli()))
	proof := k.Digest(PurposePasskey, append([]string{string(head)}, bound...)...)
	return base64.RawURLEncoding.EncodeToString(append(head, proof...))
}

// CheckPasskeyChallenge tells when a challenge of PasskeyChallenge ends. The error is a PasskeyFault: "challenge" for one
// that was not made here for what it is bound to, or not in this one form; "late" for one that was, and has ended.
func (k *Keys) CheckPasskeyChallenge(challenge string, now time.Time, bound ...string) (until time.Time, err error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(challenge)
	if err != nil || len(raw) != challengeSize || base64.RawURLEncoding.EncodeToString(raw) != challenge {
		return time.Time{}, PasskeyFault{"challenge"}
	}
	head, proof := raw[:challengeHead], raw[challengeHead:]
	ours := false
	for _, version := range k.DigestVersions() {
		digest, err := k.DigestWith(version, PurposePasskey, append([]string{string(head)}, bound...)...)
		ours = ours || err == nil && Equal(digest, proof)
	}
	if !ours {
		return time.Time{}, PasskeyFault{"challenge"}
	}
	until = time.UnixMilli(int64(binary.BigEndian.Uint64(head[challengeRandom:]))).UTC().Add(PasskeyChallengeLife)
	if !now.Before(until) {
		return until, PasskeyFault{"late"}
	}
	return until, nil
}
