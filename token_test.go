package latchkey

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// grantServer answers refreshes with numbered tokens and takes only the newest access token, as the real one does.
type grantServer struct {
	newest  atomic.Int64
	trouble atomic.Int64 // status of refreshes, 0 for none
}

func (g *grantServer) answer(w http.ResponseWriter, r *http.Request, _ string) {
	if strings.HasSuffix(r.URL.Path, "/token") {
		if status := g.trouble.Load(); status != 0 {
			w.WriteHeader(int(status))
			_, _ = io.WriteString(w, `{"error":"invalid_grant","error_description":"d"}`)
			return
		}
		fmt.Fprintf(w, `{"access_token":"a%d","token_type":"bearer","refresh_token":"r","expires_in":43199,"scope":"transfers"}`, g.newest.Add(1))
		return
	}
	if r.Header.Get("Authorization") != fmt.Sprintf("Bearer a%d", g.newest.Load()) {
		w.WriteHeader(401)
		_, _ = io.WriteString(w, `{"error":"invalid_token","error_description":"d"}`)
		return
	}
	_, _ = io.WriteString(w, freshUser)
}

func kept(access string, left time.Duration) Token {
	return Token{AccessToken: Secret(access), RefreshToken: "r", ExpiresIn: 43199, ExpiresAt: Stamp{noon.Add(left)}}
}

// TestTokensRenewOnce: at half time one renewal serves all who ask, and is saved before it is used.
func TestTokensRenewOnce(t *testing.T) {
	g := &grantServer{}
	_, c := play(t, g.answer)
	var saved atomic.Int64
	tokens := c.Tokens(kept("a0", 6*time.Hour-time.Second), func(_ context.Context, n Token) error {
		if n.AccessToken != "a1" || n.RefreshToken != "r" {
			t.Errorf("saved %q", string(n.AccessToken))
		}
		saved.Add(1)
		return nil
	})
	var wait sync.WaitGroup
	for range 32 {
		wait.Go(func() {
			if _, err := c.Account(tokens).Me(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if g.newest.Load() != 1 || saved.Load() != 1 {
		t.Errorf("%d renewals, %d saved", g.newest.Load(), saved.Load())
	}
}

// TestTokensFollowAnotherProcess: when somebody else renewed, ours is dead at once; the call is made again with a new one.
func TestTokensFollowAnotherProcess(t *testing.T) {
	g := &grantServer{}
	s, c := play(t, g.answer)
	g.newest.Store(7)
	if _, err := c.Account(c.Tokens(kept("a0", 11*time.Hour), nil)).Me(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(s.asked) != 3 {
		t.Errorf("asked %q", s.asked)
	}
	g.newest.Store(-1) // no token is ever right now: once more, then the refusal stands
	_, err := c.Account(Token{AccessToken: "a0"}).Me(t.Context())
	if !errors.Is(err, ErrUnauthorized) || len(s.asked) != 4 {
		t.Errorf("%v after %q", err, s.asked)
	}
}

// TestTokensInTrouble: what still lives serves while renewal is out of order; a refusal is told at once.
func TestTokensInTrouble(t *testing.T) {
	for _, x := range []struct {
		name   string
		status int64
		left   time.Duration
		want   string
		is     error
	}{
		{"busy, alive", 503, time.Hour, "a0", nil},
		{"limited, alive", 429, time.Hour, "a0", nil},
		{"busy, dead", 503, 0, "", ErrUnavailable},
		{"refused, alive", 401, time.Hour, "", ErrInvalidGrant},
	} {
		t.Run(x.name, func(t *testing.T) {
			g := &grantServer{}
			_, c := play(t, g.answer)
			g.trouble.Store(x.status)
			got, err := c.Tokens(kept("a0", x.left), nil).Bearer(t.Context())
			if string(got) != x.want || !errors.Is(err, x.is) {
				t.Errorf("%q, %v", string(got), err)
			}
		})
	}
	_, c := play(t, (&grantServer{}).answer)
	if _, err := c.Tokens(Token{AccessToken: "a0"}, nil).Bearer(t.Context()); !errors.Is(err, ErrInvalidGrant) {
		t.Errorf("without a refresh token: %v", err)
	}
}

// TestTokensSaveAgain: a token that could not be saved is not used, and saving is tried again with the same one.
func TestTokensSaveAgain(t *testing.T) {
	g := &grantServer{}
	_, c := play(t, g.answer)
	full := errors.New("disk full")
	fail := true
	tokens := c.Tokens(kept("a0", 0), func(context.Context, Token) error {
		if fail {
			return full
		}
		return nil
	})
	if _, err := tokens.Bearer(t.Context()); !errors.Is(err, full) {
		t.Fatalf("not saved, and: %v", err)
	}
	fail = false
	if got, err := tokens.Bearer(t.Context()); got != "a1" || err != nil || g.newest.Load() != 1 {
		t.Errorf("%q, %v, %d renewals", string(got), err, g.newest.Load())
	}
}

// TestWaitingForARenewalCanBeGivenUp: a caller does not hang behind another's slow renewal.
func TestWaitingForARenewalCanBeGivenUp(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	_, c := play(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		close(began)
		<-release
		_, _ = io.WriteString(w, userToken)
	})
	tokens := c.Tokens(kept("a0", 0), nil)
	done := make(chan error)
	go func() { _, err := tokens.Bearer(context.Background()); done <- err }()
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tokens.Bearer(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("waited on: %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestDrawnSecrets(t *testing.T) {
	// RFC 7636 appendix B
	if got := Challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"); got != "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" {
		t.Errorf("challenge %s", got)
	}
	seen := map[string]bool{}
	for range 100 {
		key := NewKey()
		if len(key) != 36 || key[14] != '4' || !strings.ContainsRune("89ab", rune(key[19])) {
			t.Fatalf("key %s", key)
		}
		for _, s := range []string{string(NewRegistrationCode()), string(NewVerifier()), NewState(), key} {
			if len(s) != 43 && s != key || seen[s] {
				t.Fatalf("%q", s)
			}
			seen[s] = true
		}
	}
}
