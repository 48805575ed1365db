package api

import (
	"testing"
	"time"
)

// strictPair is a customer's tokens of a partner of the class strict.
func (w *world) strictPair(email string) tokenBody {
	w.t.Helper()
	p := w.open(strict, email)
	w.profile(p)
	query := "&response_type=code&code_challenge_method=S256&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	return w.tokenOf(w.exchange(strict, w.allowed(w.claimed(p, query, nil)), "code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))
}

// The class strict rotates (RFC 9700 section 4.14.2): each refresh answers a new refresh token, the same to two workers
// within five seconds; a spent one that is shown later ends the family, and so does one from before that.
func TestRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	refresh := func(token string) reply { return w.form(strict, "grant_type", "refresh_token", "refresh_token", token) }
	dead := func(what string, tokens ...tokenBody) {
		t.Helper()
		for i, k := range tokens {
			if got := refresh(k.Refresh); got.status != 400 || got.body != invalidGrant {
				t.Errorf("%s: refresh token %d: %d %s", what, i, got.status, got.body)
			}
			if got := w.json("GET", "/v1/me", "Bearer "+k.Access, ""); got.status != 401 {
				t.Errorf("%s: access token %d: %d", what, i, got.status)
			}
		}
	}
	for _, x := range []struct{ name, email string }{{"the one before", "a@example.org"}, {"an older one", "b@example.org"}} {
		first := w.strictPair(x.email)
		second := w.tokenOf(refresh(first.Refresh))
		if second.Refresh == first.Refresh || second.Access == first.Access {
			t.Fatal("a refresh did not rotate")
		}
		w.advance(5*time.Second - time.Millisecond)
		if again := w.tokenOf(refresh(first.Refresh)); again != second {
			t.Error("two refreshes within five seconds gave different tokens")
		}
		newest := second
		if x.name == "an older one" {
			newest = w.tokenOf(refresh(second.Refresh))
		}
		if got := w.json("GET", "/v1/me", "Bearer "+newest.Access, ""); got.status != 200 {
			t.Fatalf("%s: the newest access token: %d", x.name, got.status)
		}
		w.advance(5 * time.Second)
		dead(x.name, first, newest)
	}
}

// A refresh token of strict ends 90 days after it was last used, and a year after it was first given, to the millisecond.
func TestRefreshTokensOfStrictEnd(t *testing.T) {
	t.Parallel()
	const idle, most = 90 * 24 * time.Hour, 365 * 24 * time.Hour
	w := newWorld(t)
	refresh := func(token string) reply { return w.form(strict, "grant_type", "refresh_token", "refresh_token", token) }
	pair := w.strictPair("mira.kade@example.org")
	began := w.now()
	for range 4 {
		w.advance(idle - time.Millisecond)
		pair = w.tokenOf(refresh(pair.Refresh))
	}
	w.set(began.Add(most - time.Millisecond))
	pair = w.tokenOf(refresh(pair.Refresh))
	w.advance(time.Millisecond)
	refresh(pair.Refresh).want(t, 400, invalidGrant)

	unused := w.strictPair("noor.hale@example.org")
	w.advance(idle)
	refresh(unused.Refresh).want(t, 400, invalidGrant)
}
