package secret

import (
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrSharedKey says that the text of a shared key cannot be used; the wrapping message says why, never the key.
var ErrSharedKey = errors.New("shared key cannot be used")

// shortestShared is in bytes (Standard Webhooks: at least 24).
const shortestShared = 24

// ParseWebhookKey reads a key that this server shares with another one, both of which sign by it: whsec_ and base64.
func ParseWebhookKey(text string) (WebhookKey, error) {
	encoded, found := strings.CutPrefix(strings.TrimSpace(text), "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case !found || err != nil:
		return WebhookKey{}, fmt.Errorf("%w: it is not whsec_ and base64", ErrSharedKey)
	case len(key) < shortestShared:
		return WebhookKey{}, fmt.Errorf("%w: it has %d bytes, not at least %d", ErrSharedKey, len(key), shortestShared)
	}
	return WebhookKey{key}, nil
}

// Verifies reports whether a webhook-signature header holds a signature of the body under this key: one of several, with
// spaces between, as while a key is rotated.
func (w WebhookKey) Verifies(id string, at time.Time, body []byte, header string) bool {
	want := []byte(w.Sign(id, at, body))
	for _, one := range strings.Fields(header) {
		if len(w.key) > 0 && hmac.Equal([]byte(one), want) {
			return true
		}
	}
	return false
}
