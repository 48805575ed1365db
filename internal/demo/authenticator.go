package demo

import (
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// ErrNotAKey: the text is neither the key that page C5 shows nor its otpauth: address.
var ErrNotAKey = errors.New("that is neither a key nor an otpauth: address")

// Authenticator is an authenticator app (RFC 6238) in a page: it keeps the keys that were typed into it and shows their
// codes by the sandbox's clock. Like a phone's app it learns a key only by being given it.
type Authenticator struct {
	path string
	now  func() time.Time

	mu   sync.Mutex
	keys []appKey
}

// appKey is one account in the app.
type appKey struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

// AppCode is what the app shows for one account.
type AppCode struct {
	// Name is the account, as the otpauth: address or the person named it.
	Name string `json:"name"`
	// Key is the key in base32, Code the six digits that are good now, Next those of the step after.
	Key  string `json:"key"`
	Code string `json:"code"`
	Next string `json:"next"`
	// Until is when Code gives way to Next.
	Until time.Time `json:"until"`
}

// appStep is the length of a time step (RFC 6238 section 5.2).
const appStep = 30 * time.Second

// NewAuthenticator reads what an earlier sandbox with the same data kept at path; an empty path keeps nothing.
func NewAuthenticator(path string, now func() time.Time) (*Authenticator, error) {
	a := &Authenticator{path: path, now: now}
	if path == "" {
		return a, nil
	}
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading sandbox authenticator: %w", err)
	}
	if err := json.Unmarshal(content, &a.keys); err != nil {
		return nil, fmt.Errorf("reading sandbox authenticator: %s: %w", path, err)
	}
	return a, nil
}

// Add takes a key as a person pastes it: base32 with any spacing, or an otpauth: address. A key it has already is not
// added twice.
func (a *Authenticator) Add(text, name string) (AppCode, error) {
	key, label, err := readKey(text)
	if err != nil {
		return AppCode{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, have := range a.keys {
		if have.Key == key {
			return a.show(have)
		}
	}
	if name == "" {
		name = label
	}
	if name == "" {
		name = fmt.Sprintf("Account %d", len(a.keys)+1)
	}
	added := appKey{Name: name, Key: key}
	a.keys = append(a.keys, added)
	if a.path != "" {
		content, err := json.MarshalIndent(a.keys, "", "  ")
		if err == nil {
			err = os.WriteFile(a.path, content, 0o600)
		}
		if err != nil {
			return AppCode{}, fmt.Errorf("keeping sandbox authenticator: %w", err)
		}
	}
	return a.show(added)
}

// Codes lists all accounts with their codes of now, the newest account first.
func (a *Authenticator) Codes() []AppCode {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]AppCode, 0, len(a.keys))
	for i := len(a.keys) - 1; i >= 0; i-- {
		if code, err := a.show(a.keys[i]); err == nil {
			list = append(list, code)
		}
	}
	return list
}

func (a *Authenticator) show(k appKey) (AppCode, error) {
	raw, err := decodeKey(k.Key)
	if err != nil {
		return AppCode{}, err
	}
	now := a.now()
	return AppCode{
		Name: k.Name, Key: k.Key, Code: secret.AppCode(raw, now), Next: secret.AppCode(raw, now.Add(appStep)),
		Until: now.Truncate(appStep).Add(appStep),
	}, nil
}

// readKey finds the key in what was pasted, in upper case without spacing, and the name that came with it.
func readKey(text string) (key, name string, err error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(strings.ToLower(text), "otpauth:") {
		u, err := url.Parse(text)
		if err != nil || u.Host != "totp" {
			return "", "", ErrNotAKey
		}
		text, name = u.Query().Get("secret"), strings.TrimPrefix(u.Path, "/")
	}
	key = strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "\t", "", "\n", "", "\r", "", "\u00a0", "").Replace(text))
	key = strings.TrimRight(key, "=")
	if raw, err := decodeKey(key); err != nil || len(raw) < 10 || len(raw) > 64 {
		return "", "", ErrNotAKey
	}
	return key, name, nil
}

func decodeKey(key string) ([]byte, error) {
	return base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(key)
}
