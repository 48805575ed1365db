package grant

import (
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// Design 10.12: events about a claimed account need an active grant at delivery, save the decision itself.
func TestTelling(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000).UTC()
	const claimed, changed = "x-claims#state-change claimed", "x-profiles#state-change changed"
	events := map[string]partner.Event{
		claimed:                           {Type: partner.EventClaims, State: "claimed"},
		"x-claims#state-change declined":  {Type: partner.EventClaims, State: "declined"},
		"x-claims#state-change objected":  {Type: partner.EventClaims, State: "objected"},
		"x-grants#state-change active":    {Type: partner.EventGrants, State: "active", Profile: 9},
		"x-grants#state-change stopped":   {Type: partner.EventGrants, State: "stopped", Profile: 9},
		changed:                           {Type: partner.EventProfiles, State: "changed", Profile: 9},
		"about no profile":                {Type: partner.EventProfiles, State: "changed"},
		"x-claims#state-change started":   {Type: partner.EventClaims, State: "started"},
		"x-claims#state-change abandoned": {Type: partner.EventClaims, State: "abandoned"},
		"verified":                        {Type: partner.EventVerification, State: "verified", Profile: 9},
	}
	decisions := map[string]bool{claimed: true, "x-claims#state-change declined": true, "x-claims#state-change objected": true,
		"x-grants#state-change active": true, "x-grants#state-change stopped": true}
	stands := Grant{ID: 1, Account: 7, Partner: 1, Profile: 9, State: Active, Until: now.Add(time.Millisecond)}
	with := func(fn func(*Grant)) []Grant {
		g := stands
		fn(&g)
		return []Grant{g}
	}
	for name, c := range map[string]struct {
		account customer.Account
		grants  []Grant
		rest    bool // everything that is no decision
		none    bool // "about no profile"
	}{
		"pending":             {customer.Account{ID: 7, State: customer.Pending}, nil, true, true},
		"pending and held":    {customer.Account{ID: 7, State: customer.Pending, Hold: "objected"}, nil, true, true},
		"expired":             {customer.Account{ID: 7, State: customer.Expired}, nil, true, true},
		"about no account":    {customer.Account{}, nil, true, true},
		"claimed, no grant":   {customer.Account{ID: 7, State: customer.Claimed}, nil, false, false},
		"claimed, granted":    {customer.Account{ID: 7, State: customer.Claimed}, []Grant{stands}, true, true},
		"granted, held":       {customer.Account{ID: 7, State: customer.Claimed, Hold: "reported"}, []Grant{stands}, false, false},
		"granted, ended":      {customer.Account{ID: 7, State: customer.Claimed}, with(func(g *Grant) { g.State = Ended }), false, false},
		"granted, stopped":    {customer.Account{ID: 7, State: customer.Claimed}, with(func(g *Grant) { g.State = Stopped }), false, false},
		"granted, run out":    {customer.Account{ID: 7, State: customer.Claimed}, with(func(g *Grant) { g.Until = now }), false, false},
		"for another profile": {customer.Account{ID: 7, State: customer.Claimed}, with(func(g *Grant) { g.Profile = 8 }), false, true},
		"to another partner":  {customer.Account{ID: 7, State: customer.Claimed}, with(func(g *Grant) { g.Partner = 2 }), false, false},
		"of another account":  {customer.Account{ID: 7, State: customer.Claimed}, with(func(g *Grant) { g.Account = 8 }), false, false},
		"closed by the owner": {customer.Account{ID: 7, State: "closed"}, nil, false, false},
	} {
		for text, e := range events {
			tell := Telling{Notice: partner.Notice{Delivery: partner.Delivery{Partner: 1, Account: int64(c.account.ID)}, Event: e}, Account: c.account, Grants: c.grants}
			want := decisions[text] || c.rest
			switch text {
			case "about no profile", "x-claims#state-change started", "x-claims#state-change abandoned":
				want = c.none
			}
			if got := tell.Allowed(now); got != want {
				t.Errorf("%s: %s: %t, want %t", name, text, got, want)
			}
		}
	}
}
