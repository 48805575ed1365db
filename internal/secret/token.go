package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"log/slog"
	"strconv"
	"strings"
)

// The prefixes of tokens. A fixed beginning lets secret scanners find a token that was published by mistake, and keeps
// one kind from being taken for another.
const (
	PrefixAccess            = "lka_"
	PrefixRefresh           = "lkr_"
	PrefixAuthorizationCode = "lkc_"
)

// maxNumber is the highest number that every JSON client reads exactly (design 6).
const maxNumber = 1<<53 - 1

// tokenSecretSize is the length of a token's secret in bytes, before base64url makes 43 characters of it.
const tokenSecretSize = 32

// Token is the text form of an access token, a refresh token or an authorization code: prefix, account, number, secret.
// The account (0 where the token is a partner's own) and the number find the row; only the secret proves anything, and
// only its Hash is stored. Looking up by a number and comparing the secret keeps the index free of secrets, so that the
// time of a look-up says nothing about them.
type Token struct {
	Prefix          string
	Account, Number int64
	Secret          string
}

// String is the text that is given out, once. Never write it to a log.
func (t Token) String() string {
	return t.Prefix + strconv.FormatInt(t.Account, 10) + "_" + strconv.FormatInt(t.Number, 10) + "_" + t.Secret
}

// LogValue is what slog writes of a token: what finds its row, and nothing that proves anything (I9).
func (t Token) LogValue() slog.Value {
	return slog.StringValue(Token{Prefix: t.Prefix, Account: t.Account, Number: t.Number, Secret: "[secret]"}.String())
}

// NewTokenSecret draws the secret of a token: 256 bits in 43 characters of base64url.
func NewTokenSecret() string { return Text(tokenSecretSize) }

// ParseToken reads a token strictly: ok means that String gives back exactly text. Leading zeros, plus signs, a second
// spelling of the same secret, numbers that JSON clients round: all refused, so that a token has one text only and no
// list of ended tokens can be got round by another spelling.
func ParseToken(text string) (t Token, ok bool) {
	for _, prefix := range [...]string{PrefixAccess, PrefixRefresh, PrefixAuthorizationCode} {
		if rest, found := strings.CutPrefix(text, prefix); found {
			t, ok = parseTokenRest(prefix, rest)
			break
		}
	}
	if !ok || t.String() != text {
		return Token{}, false
	}
	return t, true
}

func parseTokenRest(prefix, rest string) (Token, bool) {
	account, rest, found := strings.Cut(rest, "_")
	if !found {
		return Token{}, false
	}
	number, secret, found := strings.Cut(rest, "_")
	if !found {
		return Token{}, false
	}
	t := Token{Prefix: prefix, Secret: secret}
	var err error
	if t.Account, err = strconv.ParseInt(account, 10, 64); err != nil || t.Account < 0 || t.Account > maxNumber {
		return Token{}, false
	}
	if t.Number, err = strconv.ParseInt(number, 10, 64); err != nil || t.Number < 1 || t.Number > maxNumber {
		return Token{}, false
	}
	if len(secret) != base64.RawURLEncoding.EncodedLen(tokenSecretSize) {
		return Token{}, false
	}
	decoded, err := decode64(secret)
	return t, err == nil && len(decoded) == tokenSecretSize
}

const (
	journeyRandom = 16
	journeyMAC    = 8
	journeySize   = journeyRandom + 8 + journeyMAC
)

// NewJourneyText draws the id of a journey (jid) as it stands in addresses: 16 random bytes, the partner's id and a MAC
// over both, as 43 characters of base64url. The id is no credential, the browser's cookie is; but it names the partner by
// itself, so that page E6 can lead back to the partner when the browser kept no cookie.
func (k *Keys) NewJourneyText(partner int64) string {
	b := make([]byte, journeyRandom, journeySize)
	fill(b)
	b = binary.BigEndian.AppendUint64(b, uint64(partner))
	return base64.RawURLEncoding.EncodeToString(append(b, journeySum(k.current(), b)...))
}

// JourneyPartner reads the partner from a jid that this server made, under any loaded key. The MAC keeps an attacker
// from composing an address of ours that leads to a partner of their choice.
func (k *Keys) JourneyPartner(jid string) (partner int64, ok bool) {
	if len(jid) != base64.RawURLEncoding.EncodedLen(journeySize) {
		return 0, false
	}
	b, err := decode64(jid)
	if err != nil || len(b) != journeySize {
		return 0, false
	}
	said, sum := b[:journeySize-journeyMAC], b[journeySize-journeyMAC:]
	for _, f := range k.ring.Load().families {
		if Equal(journeySum(f, said), sum) {
			ok = true
		}
	}
	if !ok {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(said[journeyRandom:])), true
}

func journeySum(f *family, said []byte) []byte {
	h := hmac.New(sha256.New, f.journey)
	h.Write(said)
	return h.Sum(nil)[:journeyMAC]
}
