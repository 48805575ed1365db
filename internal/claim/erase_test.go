package claim_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/store"
)

func (w *world) erase(id customer.AccountID) (bool, error) {
	return w.claims.Erase(w.t.Context(), store.Erasing{DB: w.db}, id)
}

// rows asks the database by SQL, as somebody who has it does.
func (w *world) rows(query string, args ...any) (list []string) {
	w.t.Helper()
	file := raw(w.t, w.place)
	defer file.Close()
	rows, err := file.Query(query, args...)
	must(w.t, err)
	defer rows.Close()
	for rows.Next() {
		var text string
		must(w.t, rows.Scan(&text))
		list = append(list, text)
	}
	must(w.t, rows.Err())
	return list
}

// run changes the database by SQL.
func (w *world) run(query string, args ...any) {
	w.t.Helper()
	file := raw(w.t, w.place)
	defer file.Close()
	_, err := file.Exec(query, args...)
	must(w.t, err)
}

// told lists what partners are to be told that happened at now.
func (w *world) told() []string {
	w.t.Helper()
	return w.rows("SELECT partner_id || ' ' || type || ' ' || state || ' ' || reason || ' ' || data FROM partner_event WHERE occurred_at = $1 ORDER BY id", w.now().UnixMilli())
}

// TestErase: in whatever state an account is, nothing of it can be read or used afterwards, who had access is told, and its address is free.
func TestErase(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before func(*testing.T, *world, *onboarding) []grant.Issue
		state  customer.State
		told   []string
	}{
		"pending": {func(*testing.T, *world, *onboarding) []grant.Issue { return nil }, customer.Expired,
			[]string{"users#state-change DEACTIVATED", "profiles#state-change DEACTIVATED", "x-claims#state-change expired erased"}},
		"in the middle of a claim": {func(_ *testing.T, _ *world, o *onboarding) []grant.Issue {
			o.opened().to(claim.StepRecoveryCodes)
			return nil
		}, customer.Expired, []string{"users#state-change DEACTIVATED", "profiles#state-change DEACTIVATED", "x-claims#state-change expired erased"}},
		"claimed, and nobody has access": {func(_ *testing.T, _ *world, o *onboarding) []grant.Issue {
			o.opened().to(claim.StepReview)
			return nil
		}, customer.Closed, nil},
		"claimed, and one partner has access": {withAccess, customer.Closed,
			[]string{"x-grants#state-change ended", "users#state-change DEACTIVATED", "profiles#state-change DEACTIVATED"}},
		"on hold": {func(t *testing.T, w *world, o *onboarding) []grant.Issue {
			issues := withAccess(t, w, o)
			_, err := w.customers.Hold(t.Context(), o.account)
			must(t, err)
			return issues
		}, customer.Closed, []string{"x-grants#state-change ended", "users#state-change DEACTIVATED", "profiles#state-change DEACTIVATED"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s := w.signer()
			o := w.onboard(w.acme, "mira.kade@example.org")
			issues := append(c.before(t, w, o), o.issue)
			s.sign()
			w.advance(time.Minute)
			before := w.account(o.account)
			changed, err := w.erase(o.account)
			if err != nil || !changed {
				t.Fatalf("erased %t, %v", changed, err)
			}
			a := w.account(o.account)
			if a.State != c.state || a.Email != "" || a.ContactEmail != "" || a.Credentials.PasswordHash != "" || a.Registration != nil || a.Hold != "" || a.Epoch <= before.Epoch {
				t.Errorf("the row says %+v", a)
			}
			told := w.told()
			for i, event := range told {
				told[i] = strings.TrimSpace(strings.TrimPrefix(strings.Split(event, "{")[0], fmt.Sprint(w.acme.ID)))
			}
			if !slices.Equal(told, c.told) {
				t.Errorf("partners are told %q, want %q", told, c.told)
			}
			for _, issue := range issues {
				if _, err := w.tokens.Access(t.Context(), issue.Access); !errors.Is(err, grant.ErrInvalidToken) {
					t.Errorf("a token works: %v", err)
				}
			}
			nothingIsLeft(t, w, o)
			if again, err := w.erase(o.account); again || err != nil {
				t.Errorf("erased again: %t, %v", again, err)
			}
			if _, err := w.db.Chain().Seal(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			if _, err := w.db.Chain().Verify(t.Context(), audit.Link{}); err != nil {
				t.Error(err)
			}
			w.onboard(w.acme, o.email).opened().to(claim.StepReturn) // the person may come anew
		})
	}
}

func withAccess(t *testing.T, w *world, o *onboarding) []grant.Issue {
	t.Helper()
	b := o.opened().to(claim.StepReturn)
	way, err := b.back()
	must(t, err)
	issue, err := w.exchange(w.acme, way.Return.Code)
	must(t, err)
	return []grant.Issue{issue}
}

// nothingIsLeft looks at what the erased account had.
func nothingIsLeft(t *testing.T, w *world, o *onboarding) {
	t.Helper()
	for table, query := range map[string]string{
		"mails": "SELECT id FROM mail WHERE account_id = $1 AND body IS NOT NULL", "sessions": "SELECT id FROM session WHERE account_id = $1",
		"tokens": "SELECT id FROM token WHERE account_id = $1", "profiles": "SELECT id FROM profile WHERE account_id = $1",
		"receipts": "SELECT id FROM receipt WHERE account_id = $1", "grants": "SELECT id FROM access_grant WHERE account_id = $1 AND state = 'active'",
		"deliveries":  "SELECT d.id FROM delivery d JOIN partner_event e ON e.id = d.event_id WHERE d.account_id = $1 AND e.occurred_at < (SELECT MAX(occurred_at) FROM partner_event)",
		"key":         "SELECT id FROM account WHERE id = $1 AND (wrapped_key IS NOT NULL OR contact IS NOT NULL OR credentials IS NOT NULL OR length(email_digest) > 0)",
		"claim codes": "SELECT id FROM claim_code WHERE account_id = $1 AND state = 'minted'",
	} {
		if left := w.rows(query, int64(o.account)); len(left) > 0 {
			t.Errorf("%s are left: %v", table, left)
		}
	}
	if _, err := w.tokens.Registration(t.Context(), w.acme, o.email, o.registration, customer.Origin{}); err == nil {
		t.Error("the registration code works")
	}
	if _, err := w.signins.Password(t.Context(), customer.SessionKey{}, o.email, password, false, customer.Origin{}); !errors.Is(err, customer.ErrSignIn) {
		t.Errorf("signing in: %v", err)
	}
}

// TestEraseOverwritesTheKey: without a VACUUM the key of an erased account, and every value that was sealed under it, is in no page of the
// file and not in what its engine keeps beside it. The test finds them there before.
func TestEraseOverwritesTheKey(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, inFile)
	o := w.onboard(w.acme, "mira.kade@example.org")
	o.opened().to(claim.StepReturn)
	other := w.onboard(w.globex, "ada.holm@example.org")
	blob := func(query string, id customer.AccountID) []byte {
		list := w.rows(query, int64(id))
		if len(list) != 1 || len(list[0]) < 40 {
			t.Fatalf("%s: %q", query, list)
		}
		return []byte(list[0])
	}
	gone := map[string][]byte{}
	for what, query := range map[string]string{"key": "SELECT wrapped_key FROM account WHERE id = $1", "contact": "SELECT contact FROM account WHERE id = $1",
		"credentials": "SELECT credentials FROM account WHERE id = $1", "details": "SELECT details FROM profile WHERE account_id = $1"} {
		gone[what] = blob(query, o.account)
	}
	kept := blob("SELECT wrapped_key FROM account WHERE id = $1", other.account)
	files := func() (all []byte) {
		for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
			raw, err := os.ReadFile(w.place.Path + suffix)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			all = append(all, raw...)
		}
		return all
	}
	before := files()
	for what, value := range gone {
		if !bytes.Contains(before, value[:40]) {
			t.Errorf("the %s is not where the test looks", what)
		}
	}
	changed, err := w.erase(o.account)
	if err != nil || !changed {
		t.Fatal(changed, err)
	}
	if done, err := w.db.Scrub(t.Context()); err != nil || !done {
		t.Fatalf("scrubbed %t, %v", done, err)
	}
	after := files()
	for what, value := range gone {
		for from := 0; from+16 <= len(value); from += 8 { // no part of it either
			if bytes.Contains(after, value[from:from+16]) {
				t.Errorf("bytes %d to %d of the %s lie on the disk", from, from+16, what)
				break
			}
		}
	}
	if !bytes.Contains(after, kept) {
		t.Error("another account's key is gone")
	}
}

// TestEraseRaces: whatever the customer and the partner do meanwhile, afterwards there is nothing, and nothing that fails is trouble.
func TestEraseRaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened().to(claim.StepRecoveryCodes)
	errs := together(
		func() error { _, err := w.erase(o.account); return err },
		func() error { _, err := w.erase(o.account); return err },
		b.commit,
		func() error { _, err := o.mint(); return err },
		func() error {
			_, _, err := w.customers.CreatePersonal(t.Context(), o.caller, customer.Personal{Values: details}, plain("k"))
			return err
		},
	)
	for _, err := range errs {
		if errors.Is(err, store.ErrUnavailable) {
			t.Error(err)
		}
	}
	if a := w.account(o.account); a.Email != "" || a.Owned() {
		t.Errorf("%+v", a)
	}
	nothingIsLeft(t, w, o)
	if _, err := w.erase(4711); !errors.Is(err, customer.ErrNoAccount) {
		t.Errorf("nobody: %v", err)
	}
}
