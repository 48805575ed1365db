package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/store"
)

const inactive = `{"active":false}`

// about asks one of the endpoints about a token.
func (w *world) about(client, path, token string) reply {
	w.t.Helper()
	return w.ask("POST", path, "token="+url.QueryEscape(token), "Content-Type", encoded,
		"Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(client+":"+client+"-s3cr3t")))
}

func (w *world) introspect(client, token string) reply {
	w.t.Helper()
	return w.about(client, "/oauth/introspect", token)
}

// revoke ends a token, or seems to: the answer is the same.
func (w *world) revoke(client, token string) {
	w.t.Helper()
	if got := w.about(client, "/2026Q3/oauth/revoke", token); got.status != 200 || got.body != "" || got.header.Get("Cache-Control") != "no-store" {
		w.t.Errorf("revoke: %d %q %v", got.status, got.body, got.header)
	}
}

// works asks introspection and the endpoint that takes the token, which must agree.
func (w *world) works(client, access string) bool {
	w.t.Helper()
	said := w.introspect(client, access)
	taken := w.json("GET", "/v1/me", "Bearer "+access, "")
	if (said.body != inactive) != (taken.status == 200) || said.status != 200 {
		w.t.Errorf("introspection says %d %s, the endpoint %d %s", said.status, said.body, taken.status, taken.body)
	}
	return taken.status == 200
}

func (w *world) refresh(client, token string) reply {
	w.t.Helper()
	return w.form(client, "grant_type", "refresh_token", "refresh_token", token)
}

// RFC 7662 section 2.2: what is said of each kind of token, byte for byte, and to its own client alone.
func TestIntrospection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.tokenOf(w.form(acme, "grant_type", "client_credentials")).Access
	p := w.open(acme, "mira.kade@example.org")
	const tail = `"client_id":"acme-treasury","token_type":"bearer","exp":1927901106,"iat":1927857906`
	issuer := `,"iss":"https://id.example.org"}`
	got := w.introspect(acme, app)
	got.want(t, 200, `{"active":true,`+tail+issuer)
	if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Content-Type") != "application/json" || got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("headers %v", got.header)
	}
	sub := `,"sub":"` + decimal(p.id) + `"` + issuer
	w.introspect(acme, p.token.Access).want(t, 200, `{"active":true,"scope":"account.read profiles.read profiles.write",`+tail+sub)
	w.introspect(acme, p.token.Refresh).want(t, 200,
		`{"active":true,"scope":"account.read profiles.read profiles.write","client_id":"acme-treasury","exp":2558577906,"iat":1927857906`+sub)
	owner, _ := w.owned(acme, "nora.kade@example.org")
	w.introspect(acme, owner.token.Access).want(t, 200, `{"active":true,"scope":"account.read profiles.read",`+tail+`,"sub":"`+decimal(owner.id)+`"`+issuer)
	for name, token := range map[string]string{"nothing of ours": "x", "a registration code": code, "a changed secret": altered(app),
		"an unknown number": strings.Replace(app, "lka_0_", "lka_0_1", 1), "another account before it": strings.Replace(p.token.Access, "lka_", "lka_1", 1),
		"an access token as a refresh token": "lkr_" + app[4:], "a NUL": "lka_\x00"} {
		if got := w.introspect(acme, token); got.status != 200 || got.body != inactive {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	for _, token := range []string{app, p.token.Access, p.token.Refresh, owner.token.Access} {
		w.introspect(globex, token).want(t, 200, inactive)
	}
	if n := w.events(t, "token.ended"); n != 0 {
		t.Errorf("asking left %d events", n)
	}
}

// Each way in which a token dies shows at once, at introspection as at the endpoint (I2, design 4.12).
func TestIntrospectionOfDeadTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	end := func(name string, act func(p person)) {
		p, _ := w.owned(acme, strings.ReplaceAll(name, " ", "-")+"@example.org")
		if !w.works(acme, p.token.Access) {
			t.Fatalf("%s: dead from the start", name)
		}
		act(p)
		if w.works(acme, p.token.Access) || w.introspect(acme, p.token.Refresh).body != inactive && name != "refresh" {
			t.Errorf("%s: still active", name)
		}
	}
	change := func(p person, fn func(tx *store.Tx, a *customer.Account) error) {
		must(t, store.Customers{DB: w.db}.Change(t.Context(), func(tx customer.Tx) (audit.Event, error) {
			a, err := tx.Account(customer.AccountID(p.id))
			must(t, err)
			must(t, fn(tx.(*store.Tx), &a))
			return audit.Event{At: w.now(), Action: audit.AccountHeld, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorOperator}, Account: p.id}, tx.SaveAccount(&a)
		}))
	}
	end("epoch", func(p person) { change(p, func(_ *store.Tx, a *customer.Account) error { a.Epoch++; return nil }) })
	end("hold", func(p person) {
		change(p, func(_ *store.Tx, a *customer.Account) error { a.Hold = customer.HoldObjected; return nil })
	})
	end("stop", func(p person) {
		change(p, func(tx *store.Tx, a *customer.Account) error {
			all, err := tx.GrantsOf(a.ID)
			must(t, err)
			all[0].State, all[0].EndedAt = grant.Stopped, w.now()
			return tx.SaveGrant(&all[0])
		})
	})
	end("refresh", func(p person) { w.tokenOf(w.refresh(acme, p.token.Refresh)) })
	end("revoked", func(p person) { w.revoke(acme, p.token.Refresh) })
	taken := w.open(acme, "taken@example.org")
	w.claimed(taken, "", nil)
	if w.works(acme, taken.token.Access) || w.introspect(acme, taken.token.Refresh).body != inactive {
		t.Error("a registration token works after the claim")
	}
	late, _ := w.owned(acme, "late@example.org")
	w.advance(12*time.Hour - time.Millisecond)
	if !w.works(acme, late.token.Access) {
		t.Error("the last moment")
	}
	w.advance(time.Millisecond)
	if w.works(acme, late.token.Access) || w.introspect(acme, late.token.Refresh).body == inactive {
		t.Error("the access token alone ends after 12 hours")
	}
	fresh := w.tokenOf(w.refresh(acme, late.token.Refresh)).Access
	must(t, store.Partners{DB: w.db}.Change(t.Context(), func(tx partner.Tx) (audit.Event, error) {
		paused, err := tx.PartnerByClient(acme)
		must(t, err)
		paused.Active = false
		return audit.Event{At: w.now(), Action: audit.PartnerPaused, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorOperator}}, tx.SavePartner(&paused)
	}))
	w.json("GET", "/v1/me", "Bearer "+fresh, "").want(t, 401, invalidToken)
	w.about(acme, "/oauth/introspect", late.token.Refresh).want(t, 401, invalidClient)
}

// A customer who allows less on a later visit means the tokens in use too, and introspection says so.
func TestIntrospectionShowsTodaysScopes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, _ := w.owned(acme, "mira.kade@example.org")
	must(t, store.Customers{DB: w.db}.Change(t.Context(), func(tx customer.Tx) (audit.Event, error) {
		all, err := tx.(*store.Tx).GrantsOf(customer.AccountID(p.id))
		must(t, err)
		all[0].Scopes = []partner.Scope{partner.ScopeProfilesRead}
		return audit.Event{At: w.now(), Action: audit.ConsentAllowed, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorOperator}}, tx.(*store.Tx).SaveGrant(&all[0])
	}))
	if got := w.introspect(acme, p.token.Access); !strings.Contains(got.body, `"scope":"profiles.read",`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	w.json("GET", "/v1/me", "Bearer "+p.token.Access, "").want(t, 403, forbidden)
}

// RFC 7009 section 2.1: an access token ends alone, a refresh token with what it issued; another's stays.
func TestRevocation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.tokenOf(w.form(acme, "grant_type", "client_credentials")).Access
	p, _ := w.owned(acme, "mira.kade@example.org")
	for _, token := range []string{app, p.token.Access, p.token.Refresh} {
		w.revoke(globex, token)
		w.revoke(acme, altered(token))
		w.revoke(acme, strings.NewReplacer("lka_", "lka_9", "lkr_", "lkr_9").Replace(token))
		w.revoke(acme, strings.NewReplacer("lka_", "lkr_", "lkr_", "lka_").Replace(token))
	}
	w.revoke(acme, "x")
	if !w.works(acme, p.token.Access) || w.introspect(acme, app).body == inactive {
		t.Fatal("a stranger's revocation ended something")
	}
	w.revoke(acme, app)
	w.json("POST", "/v1/users/exists", "Bearer "+app, `{"email":"a@example.org"}`).want(t, 401, invalidToken)
	w.revoke(acme, p.token.Access)
	if w.works(acme, p.token.Access) {
		t.Error("the revoked access token works")
	}
	next := w.tokenOf(w.refresh(acme, p.token.Refresh))
	if !w.works(acme, next.Access) {
		t.Error("the refresh token ended with the access token")
	}
	w.revoke(acme, next.Access)
	next = w.tokenOf(w.refresh(acme, p.token.Refresh)) // within the five seconds in which two workers get the same
	if !w.works(acme, next.Access) {
		t.Error("a refresh answers the revoked access token again")
	}
	w.revoke(acme, p.token.Refresh)
	if w.works(acme, next.Access) {
		t.Error("what the refresh token issued lives on")
	}
	w.refresh(acme, p.token.Refresh).want(t, 401, invalidGrant)
	w.revoke(acme, p.token.Refresh) // again is nothing
	ended, err := audit.Events{Store: store.Audit{DB: w.db}}.Tail(t.Context(), audit.Filter{Action: audit.TokenEnded, Limit: 100})
	must(t, err)
	count := map[string]int{}
	for _, e := range ended {
		count[string(e.Outcome)+" "+e.Reason]++
	}
	want := map[string]int{"allowed access_token": 3, "allowed refresh_token": 1, "denied ended": 1, "denied unknown": 7, "denied foreign_client": 3, "denied malformed": 3}
	if fmt.Sprint(count) != fmt.Sprint(want) {
		t.Errorf("audit %v, want %v", count, want)
	}
}

// Where the class rotates, the spent refresh token of a family ends it too, and never answers as active.
func TestRevocationOfRotatedTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.strictPair("mira.kade@example.org")
	second := w.tokenOf(w.refresh(strict, first.Refresh))
	w.introspect(strict, first.Refresh).want(t, 200, inactive)
	if got := w.introspect(strict, second.Refresh); !strings.Contains(got.body, `"exp":1935633906`) { // 90 days of silence, before the year
		t.Errorf("%d %s", got.status, got.body)
	}
	w.revoke(strict, first.Refresh)
	if w.works(strict, second.Access) || w.introspect(strict, second.Refresh).body != inactive {
		t.Error("the family lives")
	}
	w.refresh(strict, second.Refresh).want(t, 400, invalidGrant)
}

// Both endpoints ask for the client as the token endpoint does, take its encodings, and nothing but POST.
func TestIntrospectionAndRevocationAskWhoCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.tokenOf(w.form(acme, "grant_type", "client_credentials")).Access
	missing := `{"error":"invalid_request","error_description":"Missing token"}`
	large := `{"errors":[{"code":"PAYLOAD_TOO_LARGE","message":"The body is larger than 1 MB","arguments":[]}]}`
	good := "Basic " + base64.StdEncoding.EncodeToString([]byte(acme+":"+acme+"-s3cr3t"))
	for i, path := range []string{"/oauth/introspect", "/oauth/revoke", "/2026Q3/oauth/introspect/", "/2031Q1/oauth/revoke"} {
		for n, x := range []struct {
			name, kind, authorization, body string
			status                          int
			want                            string
		}{
			{"nobody", encoded, "", "token=" + app, 401, invalidClient},
			{"the token itself", encoded, "Bearer " + app, "token=" + app, 401, invalidClient},
			{"a wrong secret", encoded, "", "client_id=acme-treasury&client_secret=x&token=" + app, 401, invalidClient},
			{"an id without a secret", encoded, "", "client_id=acme-treasury&token=" + app, 401, invalidClient},
			{"no token", encoded, good, "", 400, missing},
			{"an empty token", encoded, good, "token=", 400, missing},
			{"twice", encoded, good, "token=a&token=b", 400, unreadable},
			{"JSON", "application/json", good, `{"token":"a"}`, 400, unreadable},
			{"too long", encoded, good, "token=" + strings.Repeat("a", largestBody), 413, large},
			{"a hint that nobody knows", encoded, good, "token=x&token_type_hint=id_token", 200, "*"},
			{"multipart", "multipart/form-data; boundary=x", good, parts("token", "x", "", ""), 200, "*"},
		} {
			headers := []string{"Content-Type", x.kind, "X-Test-From", fmt.Sprintf("198.51.%d.%d", i, n)}
			if x.authorization != "" {
				headers = append(headers, "Authorization", x.authorization)
			}
			got := w.ask("POST", path, x.body, headers...)
			if got.status != x.status || x.want != "*" && got.body != x.want || (got.header.Get("WWW-Authenticate") == challengeBasic) != (x.status == 401) {
				t.Errorf("%s %s: %d %s %v", path, x.name, got.status, got.body, got.header)
			}
		}
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT"} {
			if got := w.ask(method, path+"?token="+app, "", "Authorization", good); got.status != 405 || got.header.Get("Allow") != "POST" {
				t.Errorf("%s %s: %d %v", method, path, got.status, got.header)
			}
		}
	}
	if got := w.introspect(acme, app); got.body == inactive {
		t.Error("a refused revocation ended the token")
	}
}

// TestIntrospectionNamesWhatIsMissing: without a token the answer says that it is the token, with and without a body (RFC 7662 section 2.1,
// RFC 7009 section 2.1).
func TestIntrospectionNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(acme+":"+acme+"-s3cr3t"))
	const missing = `{"error":"invalid_request","error_description":"Missing token"}`
	for _, path := range []string{"/oauth/introspect", "/oauth/revoke"} {
		w.ask("POST", path, "", "Authorization", basic).want(t, 400, missing)
		for _, body := range []string{"", "token=", "token_type_hint=access_token", "Token=x"} {
			w.ask("POST", path, body, "Content-Type", encoded, "Authorization", basic).want(t, 400, missing)
		}
	}
}

// Introspection counts as any request of the client, and not against its few of the token endpoint (OC-42).
func TestIntrospectionIsLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	limited := 0
	for range 140 {
		switch got := w.introspect(slow, "x"); got.status {
		case http.StatusTooManyRequests:
			limited++
		default:
			got.want(t, 200, inactive)
		}
	}
	if limited != 40 {
		t.Errorf("%d of 140 in a second were too many, want 40", limited)
	}
	if got := w.about(slow, "/oauth/revoke", "x"); got.status != 429 || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %v", got.status, got.header)
	}
}

// Revoking and refreshing at once: whichever comes last, nothing of the family works afterwards.
func TestRevocationAgainstRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, _ := w.owned(acme, "mira.kade@example.org")
	var mu sync.Mutex
	access := []string{p.token.Access}
	var wait sync.WaitGroup
	for i := range 12 {
		wait.Go(func() {
			if i == 6 {
				w.revoke(acme, p.token.Refresh)
				return
			}
			got := w.refresh(acme, p.token.Refresh)
			var body tokenBody
			if got.status == 200 && json.Unmarshal([]byte(got.body), &body) == nil {
				mu.Lock()
				defer mu.Unlock()
				access = append(access, body.Access)
			}
		})
	}
	wait.Wait()
	for _, token := range access {
		if w.works(acme, token) {
			t.Error("a token of the family works after its revocation")
		}
	}
}
