package claim_test

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

const crowd = 64

// snapshot is all that a stranger's presence could change of an account.
type snapshot struct {
	account  customer.Account
	profiles []customer.Profile
	code     claim.Code
	journey  claim.Journey
}

func (w *world) snapshot(o *onboarding, code string, text string) (s snapshot) {
	w.t.Helper()
	w.view(func(tx claim.Tx) (err error) {
		if s.account, err = tx.Account(o.account); err != nil {
			return err
		}
		s.account = unraised(s.account)
		if s.profiles, err = tx.Profiles(o.account); err != nil {
			return err
		}
		if code != "" {
			if s.code, err = tx.ClaimCodeByDigest(w.keys.Digest(secret.PurposeClaimCode, code)); err != nil {
				return err
			}
		}
		if text != "" {
			s.journey, err = tx.Journey(text)
		}
		return err
	})
	return s
}

// TestI1ManyBrowsersOneCode: 64 open, start and prove one code at once. All may open, the mails' limit lets some start, and
// exactly one passes the mailbox proof.
func TestI1ManyBrowsersOneCode(t *testing.T) {
	t.Parallel()
	for round := range 3 {
		w := newWorld(t)
		o := w.onboard(w.acme, "mira.kade@example.org")
		code := o.minted()
		browsers := make([]*browser, crowd)
		var opens, starts []func() error
		for i := range browsers {
			b := o.browser()
			browsers[i] = b
			opens = append(opens, func() error { return b.open(code) })
			starts = append(starts, b.start)
		}
		if n := count(together(opens...), nil); n != crowd {
			t.Fatalf("%d of %d browsers opened the code", n, crowd)
		}
		errs := together(starts...)
		started, refused := count(errs, nil), count(errs, limit.ErrExceeded)
		if started != 12 || started+refused != crowd {
			t.Fatalf("%d started, %d refused by the limit of mails", started, refused)
		}
		var proofs []func() error
		var running []*browser
		for i, err := range errs {
			if err == nil {
				running = append(running, browsers[i])
				for range 5 { // each presses five times
					digits := browsers[i].mailed()
					proofs = append(proofs, func() error { return browsers[i].prove(digits) })
				}
			}
		}
		errs = together(proofs...)
		if n := count(errs, nil); n != 1 || count(errs, claim.ErrNotNow) != len(errs)-1 {
			t.Fatalf("round %d: %d proofs passed of %d: %v", round, n, len(errs), errs)
		}
		past := 0
		for _, b := range running {
			switch step, reason := b.at(); {
			case step == claim.StepPassword:
				past++
			case step != claim.StepOver || reason != claim.OverUsed:
				t.Errorf("another browser stands at %s, %q", step, reason)
			}
		}
		if past != 1 || len(w.events(audit.Filter{Action: audit.JourneyEmailProven})) != 1 {
			t.Errorf("%d browsers are past the proof", past)
		}
		late := o.browser()
		wants(t, "opening a spent code", late.open(code), claim.ErrCodeUsed)
	}
}

// TestI1ReadingChangesNothingButSeen: whatever a scanner opens, nothing changes but the count of sightings, up to ten; the
// code stays good for the person.
func TestI1ReadingChangesNothingButSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	code := o.minted()
	before := w.snapshot(o, code, "")
	var opens []func() error
	for range crowd {
		b := o.browser()
		opens = append(opens, func() error { return b.open(code) })
	}
	together(opens...)
	after := w.snapshot(o, code, "")
	if after.code.Seen != 10 || after.code.SeenAt.IsZero() {
		t.Errorf("seen %d times", after.code.Seen)
	}
	after.code.Seen, after.code.SeenAt, after.code.Version = before.code.Seen, before.code.SeenAt, before.code.Version
	if !reflect.DeepEqual(before, after) {
		t.Errorf("reading changed\n%+v\n%+v", before, after)
	}
	if n := len(w.mails()); n != 0 {
		t.Errorf("reading sent %d mails", n)
	}
	b := o.browser()
	must(t, b.open(code))
	b.to(claim.StepPassword)
}

// TestI1FiveMinutes: a code opens until the last millisecond of its 300 s; an opened one may be started later.
func TestI1FiveMinutes(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]error{-time.Millisecond: nil, 0: claim.ErrCodeExpired, time.Millisecond: claim.ErrCodeExpired} {
		w := newWorld(t)
		o := w.onboard(w.acme, "mira.kade@example.org")
		code := o.minted()
		w.advance(300*time.Second + after)
		b := o.browser()
		wants(t, "300 s and "+after.String(), b.open(code), want)
		if want != nil {
			continue
		}
		w.advance(claim.TicketLife - time.Millisecond)
		must(t, b.start())
		b.stands(claim.StepEmail, claim.NotOver)
	}
	w := newWorld(t)
	b := w.onboard(w.acme, "mira.kade@example.org").opened()
	w.advance(claim.TicketLife)
	wants(t, "a ticket of 30 minutes", b.start(), claim.ErrTicketOver)
}

// TestI1ForeignAndUnknownLookAlike, and change nothing but one line of the audit (E4, I10).
func TestI1ForeignAndUnknownLookAlike(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	code := o.minted()
	before := w.snapshot(o, code, "")
	other := &onboarding{w: w, partner: w.globex, email: o.email}
	events := len(w.events(audit.Filter{}))
	for _, c := range []struct {
		o    *onboarding
		code string
	}{{other, code}, {o, secret.UUID()}, {o, ""}, {o, "x"}, {o, strings.ToUpper(code)}, {o, code + " "}, {o, strings.Repeat("x", 36)}, {o, "\xff" + code[1:]}} {
		err := c.o.browser().open(c.code)
		if !errors.Is(err, claim.ErrCodeUnknown) || err.Error() != claim.ErrCodeUnknown.Error() {
			t.Errorf("%q: %v", c.code, err)
		}
		events++
		if n := len(w.events(audit.Filter{})); n != events {
			t.Errorf("%q left %d events", c.code, n-events+1)
		}
	}
	if after := w.snapshot(o, code, ""); !reflect.DeepEqual(before, after) {
		t.Errorf("a foreign look changed\n%+v\n%+v", before, after)
	}
	must(t, o.browser().open(code))
}

// TestNewestCodeWins (design 4.3): a superseded code opens no more, a ticket of one starts no more; a journey that started
// goes on until another passes the proof, and the proof of an older code never takes over from a newer one.
func TestNewestCodeWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	first := o.minted()
	opened, started, past := o.browser(), o.browser(), o.browser()
	for _, b := range []*browser{opened, started, past} {
		must(t, b.open(first))
	}
	must(t, started.start())
	past.to(claim.StepPassword)
	started.stands(claim.StepOver, claim.OverUsed)

	second := o.minted()
	wants(t, "the older code", o.browser().open(first), claim.ErrCodeUsed)
	wants(t, "a ticket of the older code", opened.start(), claim.ErrCodeUsed)
	past.stands(claim.StepPassword, claim.NotOver)
	newer := o.browser()
	must(t, newer.open(second))
	must(t, newer.start())
	must(t, past.setPassword()) // goes on beside a started one
	newer.to(claim.StepPassword)
	past.stands(claim.StepOver, claim.OverUsed)
	wants(t, "the journey that was overtaken", past.choose(), claim.ErrNotNow)

	third := o.minted()
	late := o.browser()
	must(t, late.open(third))
	must(t, late.start())
	fourth := o.minted()
	wants(t, "a superseded code", o.browser().open(third), claim.ErrCodeExpired)
	newest := o.browser()
	must(t, newest.open(fourth))
	newest.to(claim.StepPassword)
	wants(t, "the proof of an older code after that of a newer one", late.prove(late.mailed()), claim.ErrNotNow)
	newest.to(claim.StepReview)
	late.stands(claim.StepOver, claim.OverClaimed)
	wants(t, "opening after the claim", o.browser().open(fourth), claim.ErrAlreadyClaimed)
	if _, err := o.mint(); !errors.Is(err, customer.ErrStale) {
		t.Errorf("minting with the old token after the claim: %v", err)
	}
}

// TestChangedAddressEndsEverything: tickets, codes, journeys and mailed codes of before (design 10.3).
func TestChangedAddressEndsEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	code := o.minted()
	opened, started, past := o.browser(), o.browser(), o.browser()
	for _, b := range []*browser{opened, started, past} {
		must(t, b.open(code))
	}
	must(t, started.start())
	digits := started.mailed()
	past.to(claim.StepRecoveryCodes)
	o.minted()
	_, err := w.customers.SetContactEmail(t.Context(), o.caller, "other@example.org")
	must(t, err)
	wants(t, "a ticket of before", opened.start(), claim.ErrCodeUsed)
	wants(t, "a mailed code of before", started.prove(digits), claim.ErrNotNow)
	wants(t, "a commit of before", past.commit(), claim.ErrNotNow)
	past.stands(claim.StepOver, claim.OverCode)
	started.stands(claim.StepOver, claim.OverCode)
	wants(t, "a code of before", o.browser().open(code), claim.ErrCodeUsed)
	_, err = w.customers.SetContactEmail(t.Context(), o.caller, "mira.kade@example.org")
	must(t, err)
	wants(t, "a commit of before, the address back as it was", past.commit(), claim.ErrNotNow)
	past.stands(claim.StepOver, claim.OverUsed)
	fresh := o.opened().to(claim.StepReview)
	fresh.stands(claim.StepReview, claim.NotOver)
}

// TestBoundCodes: what the partner said about the browser's request at the mint must match (design 10.21).
func TestBoundCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	for bound, want := range map[claim.Binding]error{
		{State: "s+1"}: nil, {State: "s%2B1"}: claim.ErrCodeUnknown, {RedirectURI: callback}: nil,
		{RedirectURI: callback + "/"}: claim.ErrCodeUnknown, {Challenge: "x"}: claim.ErrCodeUnknown,
	} {
		w.advance(time.Minute)
		code, err := w.claims.Mint(t.Context(), o.caller, o.registration, bound)
		must(t, err)
		wants(t, "bound", o.browser().open(code), want)
	}
}

// TestMinting: who may, with which code, how often.
func TestMinting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	mint := func(change func(*customer.Caller), registration string) error {
		c := o.caller
		change(&c)
		text, err := w.claims.Mint(context.Background(), c, registration, claim.Binding{})
		if err != nil && w.snapshotOf(text) {
			t.Error("a refused mint left a code")
		}
		return err
	}
	same := func(*customer.Caller) {}
	wants(t, "a wrong registration code", mint(same, "another registration code of 32 chars"), claim.ErrRegistrationCode)
	wants(t, "no registration code", mint(same, ""), claim.ErrRegistrationCode)
	wants(t, "another partner", mint(func(c *customer.Caller) { c.Partner = w.globex.ID }, o.registration), customer.ErrStale)
	wants(t, "another epoch", mint(func(c *customer.Caller) { c.Epoch++ }, o.registration), customer.ErrStale)
	wants(t, "an account that is not there", mint(func(c *customer.Caller) { c.Account++ }, o.registration), customer.ErrNoAccount)
	for range 5 {
		must(t, mint(same, o.registration))
	}
	wants(t, "the sixth within a minute", mint(same, o.registration), limit.ErrExceeded)
	w.advance(time.Minute)
	must(t, mint(same, o.registration))
	b := o.opened().to(claim.StepReturn)
	way, err := b.back()
	must(t, err)
	issue, err := w.exchange(w.acme, way.Return.Code)
	must(t, err)
	access, err := w.tokens.Access(t.Context(), issue.Access)
	must(t, err)
	_, err = w.claims.Mint(t.Context(), access.Caller("", ""), o.registration, claim.Binding{})
	wants(t, "with the customer's token", err, claim.ErrAlreadyClaimed)
}

func (w *world) snapshotOf(code string) (found bool) {
	w.view(func(tx claim.Tx) error {
		_, err := tx.ClaimCodeByDigest(w.keys.Digest(secret.PurposeClaimCode, code))
		found = err == nil
		return nil
	})
	return found
}

// TestClaimCodesAreStoredAsDigests (requirement 2, I9).
func TestClaimCodesAreStoredAsDigests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	code := o.minted()
	s := w.snapshot(o, code, "")
	if len(code) != 36 || bytes.Contains(s.code.Digest, []byte(code[:8])) || len(s.code.Digest) != 32 {
		t.Errorf("a code of %d characters with a digest of %d bytes", len(code), len(s.code.Digest))
	}
}

// TestSignedInAsSomebodyElse: the code is neither opened nor started, and stays good (E9, requirement 18).
func TestSignedInAsSomebodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.onboard(w.globex, "other@example.org")
	b := other.opened().to(claim.StepReview)
	o := w.onboard(w.acme, "mira.kade@example.org")
	code := o.minted()
	b.o = o
	before := w.snapshot(o, code, "")
	wants(t, "opening", b.open(code), claim.ErrSignedInAsOther)
	if after := w.snapshot(o, code, ""); !reflect.DeepEqual(before, after) {
		t.Error("the code was changed")
	}
	opened := o.browser()
	must(t, opened.open(code))
	b.ticket = opened.ticket // opened before the sign-in in the same browser
	wants(t, "starting", b.start(), claim.ErrSignedInAsOther)
	must(t, w.signins.SignOut(t.Context(), b.session, b.origin()))
	must(t, b.start())
	b.text = opened.text
	b.to(claim.StepReview)
}
