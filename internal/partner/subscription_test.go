package partner_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

func (w *world) subscriptions() partner.Subscriptions {
	keys, _ := secret.NewKeys(map[int][]byte{1: []byte("partners tests have a key of 32b"), 2: []byte("and a second one of 32 bytes ...")})
	now := func() time.Time { return w.now }
	return partner.Subscriptions{Store: store.Subscriptions{DB: w.db}, Keys: keys, IDs: secret.NewIDs(now), Now: now}
}

func draft() partner.Draft {
	return partner.Draft{Name: "verification", Trigger: partner.EventVerification, Payload: "4.0.0", URL: "https://hooks.acme.example/verif"}
}

// Contract 12.4 and OC-23: every documented name is accepted where it is documented, in its versions, and nothing else.
func TestTriggers(t *testing.T) {
	application, profile := partner.Owner{Partner: 1}, partner.Owner{Partner: 1, Account: 2, Profile: 3, Epoch: 1}
	for names, c := range map[string]struct {
		profile  bool
		versions string
	}{
		"profiles#verification-state-change profiles#state-change users#state-change profiles#cdd-check-state-change": {false, "2.0.0 4.0.0"},
		"kyc-reviews#state-change": {false, "2.0.0 4.0.0 5.0.0"},
		"x-claims#state-change x-grants#state-change x-profiles#state-change":                                                                     {false, "2.0.0 4.0.0"},
		"account-details-order#order-state-change cards#card-status-change cards#card-production-status-change cards#3ds-challenge":               {false, "2.0.0 3.0.0 4.0.0"},
		"cards#card-order-status-change cards#transaction-state-change cards#manual-provisioning-verification profiles#overdraft-limit-threshold": {false, "2.0.0"},
		"balances#account-state-change batch-payment-initiations#state-change partner-support#case-changed transaction-disputes#update":           {false, "2.0.0"},
		"bulk-settlement#payment-received": {false, "2.0.0"},
		"transfers#active-cases transfers#refund transfers#payout-failure transfers#state-change account-details-payment#state-change balances#update": {true, "2.0.0 4.0.0"},
		"hold-limit-breach#update swift-in#credit swift#message-received incoming-transfer#credited recipients#state-change":                           {true, "2.0.0"},
	} {
		for name := range strings.FieldsSeq(names) {
			for version := range strings.FieldsSeq(c.versions) {
				d := draft()
				d.Trigger, d.Payload = partner.EventType(name), version
				if errs := d.Check(application, partner.Receivers{}); len(errs) > 0 {
					t.Errorf("%s %s: %v", name, version, errs)
				}
				if errs := d.Check(profile, partner.Receivers{}); (len(errs) == 0) != c.profile {
					t.Errorf("%s %s of a profile: %v", name, version, errs)
				}
			}
			for _, version := range []string{"", "1", "1.0.0", "4", "4.0", "6.0.0", " 4.0.0"} {
				d := draft()
				d.Trigger, d.Payload = partner.EventType(name), version
				if errs := d.Check(application, partner.Receivers{}); len(errs) != 1 || !errors.Is(errs[0], partner.ErrPayloadVersion) {
					t.Errorf("%s %q: %v", name, version, errs)
				}
			}
		}
	}
	for _, name := range []string{"", "x", "profiles", "profiles#", "#state-change", "Profiles#State-Change", "x-claims", "x-other#state-change", "profiles#state-change "} {
		d := draft()
		d.Trigger = partner.EventType(name)
		if errs := d.Check(application, partner.Receivers{}); len(errs) != 1 || !errors.Is(errs[0], partner.ErrTrigger) {
			t.Errorf("%q: %v", name, errs)
		}
	}
	d := partner.Draft{Name: strings.Repeat("a", 201), Trigger: "x", URL: "http://x"}
	if errs := d.Check(application, partner.Receivers{}); len(errs) != 3 {
		t.Errorf("all at once: %v", errs)
	}
	for name, ok := range map[string]bool{"Ärger & Co — 帳簿": true, "a\x00b": false, "a\x1b[2Jb": false, "a\nb": false, "a\u0085b": false, strings.Repeat("ä", 200): true} {
		d := draft()
		d.Name = name
		if errs := d.Check(application, partner.Receivers{}); (len(errs) == 0) != ok || !ok && !errors.Is(errs[0], partner.ErrSubscriptionName) {
			t.Errorf("%q: %v", name, errs)
		}
	}
	if n := len(partner.EventTypes()); n != 8 {
		t.Errorf("%d events happen here", n)
	}
}

// TestSubscriptionsVerbs: what each owner has is its own, each change has its event, and the secret is that of its key.
func TestSubscriptionsVerbs(t *testing.T) {
	w := newWorld(t)
	ss, ctx := w.subscriptions(), t.Context()
	mine, theirs := partner.Owner{Partner: 1, Reference: "r", Network: "192.0.2.0/24"}, partner.Owner{Partner: 2}
	s, err := ss.Add(ctx, mine, draft())
	if err != nil || len(s.PublicID) != 36 || s.KeyVersion != 2 || !s.CreatedAt.Equal(began) {
		t.Fatalf("%+v, %v", s, err)
	}
	if text, err := ss.Secret(s); err != nil || text != "" {
		t.Errorf("a documented event has the secret %q, %v", text, err)
	}
	d := draft()
	d.Trigger = partner.EventClaims
	ours, err := ss.Add(ctx, mine, d)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ss.Add(ctx, mine, d) // several for one event are allowed
	if err != nil {
		t.Fatal(err)
	}
	first, err1 := ss.Secret(ours)
	second, err2 := ss.Secret(again)
	same, err3 := ss.Secret(ours)
	if err1 != nil || err2 != nil || err3 != nil || first == second || first != same || !strings.HasPrefix(first, "whsec_") {
		t.Error("secrets are not those of their subscriptions")
	}
	for name, err := range map[string]error{
		"one":    errorOf(ss.One(ctx, theirs, s.PublicID)),
		"remove": ss.Remove(ctx, theirs, s.PublicID),
		"test":   errorOf(ss.Test(ctx, theirs, s.PublicID)),
		"none":   errorOf(ss.One(ctx, mine, "no such")),
	} {
		if !errors.Is(err, partner.ErrNoSubscription) {
			t.Errorf("%s of somebody else: %v", name, err)
		}
	}
	if list, err := ss.List(ctx, theirs); err != nil || len(list) > 0 {
		t.Errorf("somebody else lists %v, %v", list, err)
	}
	if _, err := ss.Test(ctx, mine, s.PublicID); err != nil {
		t.Error(err)
	}
	if err := ss.Remove(ctx, mine, s.PublicID); err != nil {
		t.Error(err)
	}
	list, err := ss.List(ctx, mine)
	if err != nil || len(list) != 2 || list[0].ID != ours.ID {
		t.Errorf("%v, %v", list, err)
	}
	counts := map[audit.Action]int{}
	for _, e := range w.events(t) {
		counts[e.Action]++
		if e.Partner != 1 || e.Reference != "r" {
			t.Errorf("event %+v", e)
		}
	}
	if counts[audit.SubscriptionAdded] != 3 || counts[audit.SubscriptionTested] != 1 || counts[audit.SubscriptionRemoved] != 1 {
		t.Errorf("events %v", counts)
	}
	bad := partner.Draft{Name: "x", Trigger: "nothing", URL: "http://x.example"}
	if _, err := ss.Add(ctx, mine, bad); !errors.Is(err, partner.ErrTrigger) || !errors.Is(err, partner.ErrReceiver) {
		t.Errorf("two mistakes: %v", err)
	}
}

func errorOf[T any](_ T, err error) error { return err }

func TestTooManySubscriptions(t *testing.T) {
	w := newWorld(t)
	ss, o := w.subscriptions(), partner.Owner{Partner: 1}
	for range partner.MostSubscriptions {
		if _, err := ss.Add(t.Context(), o, draft()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ss.Add(t.Context(), o, draft()); !errors.Is(err, partner.ErrTooManySubscriptions) {
		t.Errorf("one more: %v", err)
	}
	if _, err := ss.Add(t.Context(), partner.Owner{Partner: 2}, draft()); err != nil {
		t.Errorf("somebody else: %v", err)
	}
}

// TestFailed: the schedule of contract 12.2 by table.
func TestFailed(t *testing.T) {
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		attempts, refusals, status int
		after                      time.Time
		wait                       time.Duration
		over                       bool
	}{
		"first":                      {attempts: 1, status: 500, wait: time.Minute},
		"second":                     {attempts: 2, status: 0, wait: 2 * time.Minute},
		"eleventh":                   {attempts: 11, status: 500, wait: 1024 * time.Minute},
		"twelfth":                    {attempts: 12, status: 500, wait: day},
		"one before the last":        {attempts: 24, status: 500, wait: day},
		"last":                       {attempts: 25, status: 500, over: true},
		"past the last":              {attempts: 26, status: 500, over: true},
		"asked for a minute":         {attempts: 5, status: 429, after: began.Add(time.Minute), wait: time.Minute},
		"asked for the past":         {attempts: 5, status: 503, after: began.Add(-time.Hour), wait: 0},
		"asked for a year":           {attempts: 5, status: 503, after: began.Add(365 * day), wait: day},
		"asked, but it was the last": {attempts: 25, status: 503, after: began.Add(time.Minute), over: true},
		"hopeless once":              {attempts: 1, status: 404, wait: time.Minute},
		"hopeless twice":             {attempts: 2, refusals: 1, status: 410, wait: 2 * time.Minute},
		"hopeless three times":       {attempts: 3, refusals: 2, status: 400, over: true},
		"hopeless and asks":          {attempts: 3, refusals: 2, status: 400, after: began, over: true},
		"hopeless after other ones":  {attempts: 9, refusals: 0, status: 404, wait: 256 * time.Minute},
		"a redirect":                 {attempts: 3, refusals: 2, status: 302, wait: 4 * time.Minute},
	} {
		d := partner.Delivery{Attempts: c.attempts, Refusals: c.refusals}.Failed(c.status, c.after, began)
		if (d.Outcome == partner.GivenUp) != c.over || d.Status != c.status || d.TriedAt.IsZero() || c.over == d.DoneAt.IsZero() {
			t.Errorf("%s: %+v", name, d)
		}
		if !c.over && d.DueAt.Sub(began) != c.wait {
			t.Errorf("%s: due after %v, want %v", name, d.DueAt.Sub(began), c.wait)
		}
	}
	var hopeless []int
	for code := range 1000 {
		if partner.Hopeless(code) {
			hopeless = append(hopeless, code)
		}
	}
	if fmt.Sprint(hopeless) != "[400 401 403 404 405 410 413 414 415 422 501]" { // OC-25
		t.Errorf("hopeless: %v", hopeless)
	}
	tried := partner.Delivery{PublicID: "a", Attempts: 25, Refusals: 2, TriedAt: began}.Ended(partner.GivenUp, began.Add(day))
	if !tried.TriedAt.Equal(began) {
		t.Error("the end moved the first try")
	}
	again := tried.Again(began.Add(2 * day))
	if again.PublicID != "a" || again.Attempts != 0 || again.Refusals != 0 || again.Outcome != "" || !again.DoneAt.IsZero() || !again.DueAt.Equal(began.Add(2*day)) {
		t.Errorf("again: %+v", again)
	}
}
