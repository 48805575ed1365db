package grant

import (
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

var today = time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC)

func testKeys(t testing.TB) *secret.Keys {
	t.Helper()
	keys, err := secret.NewKeys(map[int][]byte{1: []byte("grants in tests have a 32 b key!")})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestRemaining: documented answers show a fresh token of 12 hours as 43199 seconds (contract 4.3).
func TestRemaining(t *testing.T) {
	for left, want := range map[time.Duration]int64{
		12 * time.Hour: 43199, 12*time.Hour + time.Millisecond: 43200, 12*time.Hour - time.Millisecond: 43199, 7300 * 24 * time.Hour: 630719999,
		time.Second: 0, time.Second + time.Millisecond: 1, 2 * time.Second: 1, time.Millisecond: 0, 0: 0, -time.Hour: 0,
	} {
		if got := Remaining(today.Add(left), today); got != want {
			t.Errorf("%v left: %d, want %d", left, got, want)
		}
	}
}

func TestGrantsStand(t *testing.T) {
	g := Grant{ID: 1, State: Active, Until: today}
	for after, want := range map[time.Duration]bool{-time.Millisecond: true, 0: false, time.Millisecond: false} {
		if g.Stands(today.Add(after)) != want {
			t.Errorf("%v after its end: want %t", after, want)
		}
	}
	if !(Grant{ID: 1, State: Active}).Stands(today.AddDate(100, 0, 0)) {
		t.Error("a grant without an end ends")
	}
	for _, none := range []Grant{{}, {State: Active}, {ID: 1, State: Stopped}, {ID: 1, State: Ended}, {ID: 1}} {
		if none.Stands(today) {
			t.Errorf("%+v stands", none)
		}
	}
	g.Scopes = []partner.Scope{partner.ScopeAccountRead, partner.ScopeProfilesRead}
	for _, c := range []struct {
		scopes []partner.Scope
		want   bool
	}{{nil, true}, {g.Scopes, true}, {g.Scopes[1:], true}, {partner.AllScopes(), false}, {[]partner.Scope{"x"}, false}} {
		if g.Covers(c.scopes) != c.want {
			t.Errorf("covers %v: want %t", c.scopes, c.want)
		}
	}
}

func TestCodesEndOnTheMillisecond(t *testing.T) {
	c := Code{ID: 1, ExpiresAt: today}
	for after, want := range map[time.Duration]bool{-time.Millisecond: true, 0: false, time.Millisecond: false} {
		if c.Live(today.Add(after)) != want {
			t.Errorf("%v after its end: want %t", after, want)
		}
	}
	for name, dead := range map[string]Code{"none": {ExpiresAt: today}, "redeemed": {ID: 1, ExpiresAt: today, RedeemedAt: today.Add(-time.Hour)},
		"superseded": {ID: 1, ExpiresAt: today, SupersededAt: today.Add(-time.Hour)}} {
		if dead.Live(today.Add(-time.Minute)) {
			t.Errorf("%s is live", name)
		}
	}
}

// TestACodesTextIsComputed: the same each time, nowhere stored, and another for every journey, account and number (I9).
func TestACodesTextIsComputed(t *testing.T) {
	keys, ids := testKeys(t), secret.NewIDs(func() time.Time { return today })
	g := Grant{ID: 3, Account: 7, Partner: 5, Profile: 9, Scopes: partner.AllScopes()}
	r := Request{Partner: 5, RedirectURI: callback, Challenge: challenge, ScopeGiven: true}
	c, err := NewCode(keys, ids, g, r, 11, 2, time.Minute, today)
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.Text(keys)
	again, _ := c.Text(keys)
	parsed, ok := secret.ParseToken(text)
	if err != nil || text != again || !ok || parsed.Number != int64(c.ID) || parsed.Account != 7 || !secret.Equal(c.Digest, secret.Hash(parsed.Secret)) {
		t.Errorf("%v, %q, then %q", err, text, again)
	}
	if strings.Contains(string(c.Digest), parsed.Secret) || c.Epoch != 2 || c.Grant != 3 || c.Profile != 9 || c.Challenge != challenge ||
		c.RedirectURI != callback || !c.ScopeGiven || c.ExpiresAt != today.Add(time.Minute) || c.Journey != 11 {
		t.Errorf("%+v", c)
	}
	for _, change := range []func(*Code){func(c *Code) { c.ID++ }, func(c *Code) { c.Journey++ }, func(c *Code) { c.Account++ }} {
		other := c
		change(&other)
		if theirs, err := other.Text(keys); err != nil || strings.HasSuffix(theirs, parsed.Secret) {
			t.Errorf("two codes of one text: %v", err)
		}
	}
	lost := c
	lost.KeyVersion = 99
	if _, err := lost.Text(keys); err == nil {
		t.Error("a code of a key that is gone has a text")
	}
}

// TestAdmits takes away one condition at a time (I2, I4, I10).
func TestAdmits(t *testing.T) {
	account := customer.Account{ID: 7, State: customer.Claimed, Epoch: 2, Creator: 5}
	family := Token{Kind: Customer, Partner: 5, Account: 7, Profile: 9, Grant: 3, Epoch: 2}
	given := Grant{ID: 3, State: Active, Account: 7, Partner: 5, Profile: 9, Until: today.Add(time.Hour)}
	if !family.admits(account, given, today) {
		t.Fatal("a customer's token is refused")
	}
	for name, change := range map[string]func(*Token, *customer.Account, *Grant){
		"epoch risen":        func(_ *Token, a *customer.Account, _ *Grant) { a.Epoch++ },
		"account pending":    func(_ *Token, a *customer.Account, _ *Grant) { a.State = customer.Pending },
		"account closed":     func(_ *Token, a *customer.Account, _ *Grant) { a.State = customer.Closed },
		"account on hold":    func(_ *Token, a *customer.Account, _ *Grant) { a.Hold = customer.HoldObjected },
		"held for codes":     func(_ *Token, a *customer.Account, _ *Grant) { a.Hold = customer.HoldEmailTries },
		"no grant":           func(_ *Token, _ *customer.Account, g *Grant) { *g = Grant{} },
		"grant stopped":      func(_ *Token, _ *customer.Account, g *Grant) { g.State = Stopped },
		"grant over":         func(_ *Token, _ *customer.Account, g *Grant) { g.Until = today },
		"another grant":      func(_ *Token, _ *customer.Account, g *Grant) { g.ID++ },
		"another partner's":  func(_ *Token, _ *customer.Account, g *Grant) { g.Partner++ },
		"another account's":  func(_ *Token, _ *customer.Account, g *Grant) { g.Account++ },
		"another profile's":  func(_ *Token, _ *customer.Account, g *Grant) { g.Profile++ },
		"an application's":   func(k *Token, _ *customer.Account, _ *Grant) { k.Kind = Application },
		"a registration's":   func(k *Token, _ *customer.Account, _ *Grant) { k.Kind = Registration },
		"of no kind":         func(k *Token, _ *customer.Account, _ *Grant) { k.Kind = "" },
		"from a later epoch": func(k *Token, _ *customer.Account, _ *Grant) { k.Epoch++ },
	} {
		k, a, g := family, account, given
		if change(&k, &a, &g); k.admits(a, g, today) {
			t.Errorf("%s: admitted", name)
		}
	}
	pending := customer.Account{ID: 7, State: customer.Pending, Epoch: 1, Creator: 5}
	first := Token{Kind: Registration, Partner: 5, Account: 7, Epoch: 1}
	held := pending
	held.Hold = customer.HoldEmailTries
	if !first.admits(pending, Grant{}, today) || !first.admits(held, Grant{}, today) {
		t.Fatal("a registration token is refused")
	}
	for name, change := range map[string]func(*customer.Account){
		"claimed": func(a *customer.Account) { a.State = customer.Claimed }, "epoch risen": func(a *customer.Account) { a.Epoch++ },
		"another creator": func(a *customer.Account) { a.Creator++ }, "objected": func(a *customer.Account) { a.Hold = customer.HoldObjected },
		"expired": func(a *customer.Account) { a.State = customer.Expired },
	} {
		a := pending
		if change(&a); first.admits(a, Grant{}, today) {
			t.Errorf("registration token, %s: admitted", name)
		}
	}
}

func TestRefreshable(t *testing.T) {
	strict, classic := partner.Partner{Class: partner.Strict}, partner.Partner{Class: partner.Classic}
	family := func() Token { return Token{Kind: Customer, CreatedAt: today, RefreshExpiresAt: today.AddDate(1, 0, 0)} }
	for after, want := range map[time.Duration]bool{-time.Millisecond: true, 0: false} {
		if got := family().refreshable(strict, today.Add(partner.Strict.RefreshIdle+after)); got != want {
			t.Errorf("idle, %v after: %t", after, got)
		}
		used := family()
		used.RefreshedAt = today.AddDate(1, 0, -1)
		if got := used.refreshable(strict, used.RefreshExpiresAt.Add(after)); got != want {
			t.Errorf("at its end, %v after: %t", after, got)
		}
	}
	if !family().refreshable(classic, today.AddDate(0, 11, 0)) {
		t.Error("classic has no idle limit")
	}
	for name, change := range map[string]func(*Token){
		"ended": func(k *Token) { k.EndedAt = today }, "replaced": func(k *Token) { k.RefreshEndedAt = today }, "application": func(k *Token) { k.Kind = Application },
	} {
		k := family()
		if change(&k); k.refreshable(classic, today) {
			t.Errorf("%s: refreshable", name)
		}
	}
}

func TestAllows(t *testing.T) {
	one := Access{Kind: Customer, Scopes: []partner.Scope{partner.ScopeAccountRead}}
	if !one.Allows(partner.ScopeAccountRead) || one.Allows(partner.ScopeProfilesWrite) || (Access{Kind: Application}).Allows(partner.ScopeAccountRead) {
		t.Error("scopes are not what allows")
	}
	if !(Access{Kind: Registration}).Allows(partner.ScopeProfilesWrite) {
		t.Error("a registration token cannot prefill")
	}
	c := Access{Kind: Registration, Partner: partner.Partner{ID: 5}, Account: 7, Profile: 9, Epoch: 2}.Caller("ref", "net")
	if c != (customer.Caller{Partner: 5, Account: 7, Profile: 9, Epoch: 2, Registration: true, Reference: "ref", Network: "net"}) {
		t.Errorf("%+v", c)
	}
}
