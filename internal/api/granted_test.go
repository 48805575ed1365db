package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// grantBoth has an account claimed whose customer lets the partner use both profiles, each by a visit of its own, and returns
// the account with the bearer of the person's grant, and with that of the business's.
func (b *bench) grantBoth(client, email string) (person, business account) {
	b.t.Helper()
	ctx := b.t.Context()
	a := b.account(client, email)
	v := b.claimed(a.person, "", nil)
	state, err := b.claims.State(ctx, v.post.Text, v.post.Session)
	must(b.t, err)
	must(b.t, b.claims.Confirm(ctx, v.post, state.Edition()))
	granted := func(post claim.Post, profile string) account {
		must(b.t, b.claims.Decide(ctx, post, claim.Answer{Allow: true, Asked: state.Journey.Request.Scopes, Profile: customer.ProfileID(number(b.t, profile)), Optional: partner.AllScopes(), Language: "en"}))
		way, err := b.claims.Return(ctx, post, "https://id.example.org")
		must(b.t, err)
		with := a
		with.token = b.tokenOf(b.exchange(client, way.Return.Code))
		with.bearer = "Bearer " + with.token.Access
		return with
	}
	person = granted(v.post, a.personal)
	ticket := b.claims.Ticket(v.request)
	must(b.t, b.claims.Visit(ctx, ticket, v.post.Session, "en", customer.Origin{}))
	return person, granted(claim.Post{Text: ticket.Text, Session: v.post.Session}, a.business)
}

// OC-34, I10: at every route that names a profile, in its path, query or body, a token reaches the profile that was granted;
// the account's other one is answered like one that nobody has.
func TestEveryRouteReachesTheGrantedProfileAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	person, business := b.grantBoth(acme, "nora.kade@example.org")
	tried := 0
	b.each(func(t *testing.T, rt route, pattern string, x trial) {
		if rt.by != byUser && rt.by != byBearer || x.fresh || !strings.Contains(pattern+x.body+x.query, "{profile}") && !strings.Contains(x.body+x.query, "PROFILE") {
			return
		}
		tried++
		right, wrong := person, business
		if x.business {
			right, wrong = business, person
		}
		q := b.good(rt, pattern, x, right)
		if got := b.do(q); got.body == forbidden || got.status == 401 {
			t.Errorf("the granted profile: %d %s", got.status, got.body)
		}
		q = b.good(rt, pattern, x, right)
		q.bearer = wrong.bearer
		other := b.do(q)
		for _, id := range []string{right.personal, right.business} {
			q.path, q.body = strings.ReplaceAll(q.path, id, "9007199254740991"), strings.ReplaceAll(q.body, id, "9007199254740991")
		}
		unknown := b.do(q)
		if other.status != 403 || other.status != unknown.status || other.body != unknown.body {
			t.Errorf("a profile that was not granted: %d %s, one that nobody has: %d %s", other.status, other.body, unknown.status, unknown.body)
		}
	})
	if tried < 60 {
		t.Errorf("only %d addresses name a profile", tried)
	}
}

// OC-35: lists hold the granted profile alone; who the customer is shows details only where the person was granted.
func TestListsHoldTheGrantedProfileAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	person, business := b.grantBoth(acme, "nora.kade@example.org")
	for _, c := range []struct {
		name             string
		with             account
		one, other       string
		address, details bool
	}{{"person", person, person.personal, person.business, true, true}, {"business", business, business.business, business.personal, false, false}} {
		for _, path := range []string{"/v2/profiles", "/2026Q3/profiles", "/v1/profiles"} {
			var list []struct{ ID int64 }
			got := b.json("GET", path, c.with.bearer, "")
			if json.Unmarshal([]byte(got.body), &list) != nil || len(list) != 1 || decimal(list[0].ID) != c.one {
				t.Errorf("%s, %s: %d %s", c.name, path, got.status, got.body)
			}
		}
		got := b.json("GET", "/v1/addresses", c.with.bearer, "")
		if got.status != 200 || strings.Contains(got.body, c.other) || !strings.Contains(got.body, c.one) {
			t.Errorf("%s, addresses: %d %s", c.name, got.status, got.body)
		}
		if got := b.json("GET", "/v1/addresses/"+c.with.address, c.with.bearer, ""); (got.status == 200) != c.address {
			t.Errorf("%s, the person's address: %d %s", c.name, got.status, got.body)
		}
		got = b.json("GET", "/v1/me", c.with.bearer, "")
		if got.status != 200 || strings.Contains(got.body, `"details":null`) == c.details {
			t.Errorf("%s, who am I: %d %s", c.name, got.status, got.body)
		}
		if got := b.json("POST", "/v1/simulation/verify-profile", c.with.bearer, ""); got.status != 200 {
			t.Errorf("%s, verified: %d %s", c.name, got.status, got.body)
		}
		other := map[string]account{"person": business, "business": person}[c.name]
		status := b.json("POST", "/v3/profiles/"+c.other+"/verification-status/bank-transfer?source_currencies=GBP", other.bearer, "")
		if verified := strings.Contains(status.body, `"verified"`) && !strings.Contains(status.body, "not_verified"); verified != (c.name == "business") {
			t.Errorf("%s was verified, the other one: %s", c.name, status.body)
		}
		// A grant of one profile makes no others.
		if got := b.json("POST", q3Business, c.with.bearer, kadeV5); got.status != 403 && got.status != 409 {
			t.Errorf("%s, a further business: %d %s", c.name, got.status, got.body)
		}
	}
}
