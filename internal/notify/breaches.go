package notify

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// Breaches asks a list of leaked passwords whether it has one, by the range look-up that such lists offer (NIST SP 800-63B
// section 3.1.1.2; ASVS 6.2.12): five hex digits of the password's SHA-1 go out, some hundred endings come back, padded so that
// their number says nothing either, and the comparison is made here. Make it with NewBreaches. It is safe for use by many at once.
//
// Whoever keeps the list must not be able to keep customers out: no answer in time, or one that cannot be read, counts as not
// listed. Failed counts them.
type Breaches struct {
	client *http.Client
	url    string
	log    *slog.Logger
	failed atomic.Int64
}

const (
	// breachLimit is how long a person waits for the list at most.
	breachLimit = 2 * time.Second
	// breachAnswer is how large an answer may be, in bytes: a range of a billion passwords has 50 KB, with padding.
	breachAnswer = 512 << 10
	// breachLine is the length of an ending in hex digits.
	breachLine = 35
)

// NewBreaches returns what asks the list at an address, to which the five digits are appended. The operator chose the address, so
// it may be in any network.
func NewBreaches(url string, log *slog.Logger) *Breaches {
	anywhere := partner.Receivers{Networks: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}
	client := newClient(anywhere, nil)
	client.Timeout = breachLimit
	return &Breaches{client: client, url: strings.TrimSuffix(url, "/") + "/", log: log}
}

// Failed is how often the list did not answer.
func (b *Breaches) Failed() int64 { return b.failed.Load() }

// Listed reports whether the list has the password. It is false when the list does not answer.
func (b *Breaches) Listed(ctx context.Context, password string) bool {
	prefix, rest := secret.BreachDigest(password)
	found, err := b.ask(ctx, prefix, rest)
	if err != nil && ctx.Err() == nil {
		b.log.WarnContext(ctx, "the list of leaked passwords did not answer", "failed", b.failed.Add(1), "error", err)
	}
	return found
}

func (b *Breaches) ask(ctx context.Context, prefix, rest string) (bool, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+prefix, nil)
	if err != nil {
		return false, errors.New("its address cannot be read")
	}
	r.Header.Set("Add-Padding", "true")
	r.Header.Set("Accept", "text/plain")
	r.Header.Set("User-Agent", "latchkey")
	got, err := b.client.Do(r)
	if err != nil {
		return false, plainCause(err)
	}
	defer got.Body.Close()
	if got.StatusCode != http.StatusOK {
		return false, fmt.Errorf("status %d", got.StatusCode)
	}
	lines, found := bufio.NewScanner(io.LimitReader(got.Body, breachAnswer)), false
	for lines.Scan() {
		ending, count, is := strings.Cut(strings.TrimSpace(lines.Text()), ":")
		if !is || len(ending) != breachLine {
			return false, errors.New("the answer is no list of endings")
		}
		// Padding has a count of 0.
		found = found || strings.EqualFold(ending, rest) && strings.Trim(count, "0") != ""
	}
	return found, lines.Err()
}
