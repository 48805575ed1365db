package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
)

// waysIn are the owner's verbs on each node.
func (w *world) waysIn() (all []customer.WaysIn) {
	for _, n := range w.nodes {
		db := n.claims.Store.(Claims).DB
		all = append(all, customer.WaysIn{Store: WaysIn{db}, Keys: db.keys, IDs: n.customers.IDs, Now: raceTime})
	}
	return all
}

// owner makes a claimed account with an app, passkeys 1 to n, and a browser of its owner for each of several.
func (w *world) owner(t *testing.T, email string, passkeys, browsers int) (customer.Account, []customer.OwnerPost) {
	t.Helper()
	a, _, _ := w.pending(t, email)
	now := raceTime()
	var posts []customer.OwnerPost
	must(t, w.db.write(t.Context(), func(tx *Tx) error {
		owned, err := tx.Account(a.ID)
		if err != nil {
			return err
		}
		posts = nil
		owned.State, owned.Epoch = customer.Claimed, owned.Epoch+1
		owned.Credentials.Apps = []customer.App{{ID: 100, Secret: []byte("app")}}
		for i := range passkeys {
			owned.Credentials.Passkeys = append(owned.Credentials.Passkeys, customer.Passkey{ID: int64(i + 1), Credential: []byte{byte(i)}})
		}
		a = owned
		errs := []error{tx.SaveAccount(&a)}
		for range browsers {
			s, key := customer.NewSession(w.nodes[0].customers.IDs, now)
			s.Account, s.Epoch, s.SessionEpoch, s.Level, s.ProvedAt, s.SignedInAt = a.ID, a.Epoch, a.SessionEpoch, customer.TwoSteps, now, now
			errs = append(errs, tx.SaveSession(&s))
			posts = append(posts, customer.OwnerPost{Session: key})
		}
		return errors.Join(errs...)
	}))
	return a, posts
}

func (w *world) account(t *testing.T, id customer.AccountID) (a customer.Account) {
	t.Helper()
	must(t, w.db.read(t.Context(), func(tx *Tx) (err error) { a, err = tx.Account(id); return err }))
	return a
}

// TestSecondStepsRemovedAtOnce: however many are removed at once, over every node, one is left; the removal that came through
// ended the sessions of the others.
func TestSecondStepsRemovedAtOnce(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		ways := w.waysIn()
		a, posts := w.owner(t, "owner@example.org", 1, 2)
		race(t, func(i int) error {
			way, in := ways[i%len(ways)], posts[i%2]
			var err error
			if i%2 == 0 {
				_, err = way.RemovePasskey(t.Context(), in, 1)
			} else {
				_, err = way.RemoveApp(t.Context(), in, 100)
			}
			return err
		}, customer.ErrLastStep, customer.ErrNoFactor, customer.ErrNoSession)
		if after := w.account(t, a.ID); after.Credentials.Steps() != 1 || after.SessionEpoch != a.SessionEpoch+1 {
			t.Errorf("%d second steps are left, after %d removals", after.Credentials.Steps(), after.SessionEpoch-a.SessionEpoch)
		}
	})
}

// TestCodesMadeAtOnce: recovery codes that are made by many at once in one browser are one set, and saved once.
func TestCodesMadeAtOnce(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		ways := w.waysIn()
		a, posts := w.owner(t, "owner@example.org", 0, 1)
		race(t, func(i int) error { return ways[i%len(ways)].StartCodes(t.Context(), posts[0]) })
		if n := w.count(t, "SELECT COUNT(*) FROM audit_event WHERE action = 'codes.started'"); n != 1 {
			t.Errorf("codes were drawn %d times", n)
		}
		_, shown, err := ways[0].Pending(t.Context(), posts[0].Session, customer.ChangeCodes)
		must(t, err)
		won := race(t, func(i int) error { return ways[i%len(ways)].SaveCodes(t.Context(), posts[0], true) }, customer.ErrNoChange)
		after := w.account(t, a.ID)
		if won != 1 || len(after.Credentials.Recovery) != customer.RecoveryCodeCount || string(after.Credentials.Recovery[0].Digest) != string(shown.Codes[0].Digest) {
			t.Errorf("%d saved; %d codes", won, len(after.Credentials.Recovery))
		}
	})
}

// codeFor is the code in the newest mail to an address.
func (w *world) codeFor(t *testing.T, address string) string {
	t.Helper()
	mails, err := Mails{DB: w.db}.Mails(t.Context(), 10)
	must(t, err)
	for _, m := range mails {
		if m.To == address && m.Code != "" {
			return m.Code
		}
	}
	t.Fatalf("no code was mailed to %s", address)
	return ""
}

// TestAddressTakenAtOnce: two owners prove one mailbox at once, by many clicks on every node: one gets it, the other hears that
// it is taken, and each keeps one account.
func TestAddressTakenAtOnce(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		ways := w.waysIn()
		const wanted = "wanted@example.org"
		var posts []customer.OwnerPost
		var codes []string
		var accounts []customer.Account
		for i := range 2 {
			a, own := w.owner(t, fmt.Sprintf("owner%d@example.org", i), 0, 1)
			must(t, ways[0].StartEmail(t.Context(), own[0], wanted))
			codes = append(codes, w.codeFor(t, wanted))
			posts, accounts = append(posts, own[0]), append(accounts, a)
		}
		won := race(t, func(i int) error {
			_, err := ways[i/2%len(ways)].ProveEmail(t.Context(), posts[i%2], codes[i%2])
			return err
		}, customer.ErrAddressHasAccount, customer.ErrNoSession, customer.ErrNoChange, customer.ErrCodeWrong, limit.ErrExceeded)
		owners := 0
		for _, a := range accounts {
			if after := w.account(t, a.ID); after.Email == wanted {
				owners++
			} else if after.Email != a.Email || after.Epoch != a.Epoch {
				t.Errorf("the loser has %q, epoch %d", after.Email, after.Epoch)
			}
		}
		if won != 1 || owners != 1 {
			t.Errorf("%d changes came through, %d accounts have the address", won, owners)
		}
	})
}

// TestEndRefreshOfOne: what ends is the account's alone: its refresh tokens, and the codes that its journeys hold.
func TestEndRefreshOfOne(t *testing.T) {
	now := raceTime()
	eachEngine(t, func(t *testing.T, db *DB) {
		must(t, db.write(t.Context(), func(tx *Tx) error {
			var errs []error
			for i := range int64(2) {
				id := owner + customer.AccountID(i)
				errs = append(errs, tx.SaveAccount(&customer.Account{ID: id, State: customer.Claimed, Epoch: 1, Email: fmt.Sprintf("o%d@example.org", i)}),
					tx.SaveSession(&customer.Session{ID: customer.SessionID(10 + i), Account: id, Secret: []byte("s")}),
					tx.SaveToken(&grant.Token{ID: grant.TokenID(20 + i), Kind: grant.Customer, Account: id, Access: []byte("a"), Refresh: []byte("r")}),
					tx.SaveCode(&grant.Code{ID: grant.CodeID(30 + i), Account: id, Digest: []byte("d")}),
					tx.SaveJourney(&claim.Journey{ID: claim.JourneyID(40 + i), Text: fmt.Sprint("journey", i), Account: id,
						Session: customer.SessionID(10 + i), GrantCode: grant.CodeID(30 + i)}))
			}
			return errors.Join(errs...)
		}))
		must(t, db.write(t.Context(), func(tx *Tx) error { return tx.EndRefreshOf(owner, now) }))
		must(t, db.read(t.Context(), func(tx *Tx) error {
			for i := range int64(2) {
				token, err := tx.Token(grant.TokenID(20 + i))
				must(t, err)
				code, err := tx.Code(grant.CodeID(30 + i))
				must(t, err)
				if ended := !token.RefreshEndedAt.IsZero(); ended != (i == 0) || code.SupersededAt.IsZero() == (i == 0) || !token.EndedAt.IsZero() {
					t.Errorf("account %d: refresh ended %v, code superseded at %v", i, ended, code.SupersededAt)
				}
			}
			return nil
		}))
	})
}

// TestSessionsOfOne: the account's own that nobody ended, and none of who is signed in as nobody.
func TestSessionsOfOne(t *testing.T) {
	now := raceTime()
	eachEngine(t, func(t *testing.T, db *DB) {
		withAccount(t, db, owner, "owner@example.org")
		must(t, db.write(t.Context(), func(tx *Tx) error {
			var errs []error
			for i, s := range []customer.Session{{Account: owner, Browser: "firefox linux"}, {Account: owner, EndedAt: now}, {Account: owner + 1}, {}} {
				s.ID, s.Secret = customer.SessionID(i+1), []byte("s")
				errs = append(errs, tx.SaveSession(&s))
			}
			return errors.Join(errs...)
		}))
		must(t, db.read(t.Context(), func(tx *Tx) error {
			for account, want := range map[customer.AccountID]int{owner: 1, owner + 1: 1, owner + 2: 0, 0: 0} {
				all, err := tx.SessionsOf(account)
				if err != nil || len(all) != want {
					t.Errorf("account %d: %d sessions, %v", account, len(all), err)
				}
			}
			return nil
		}))
	})
}

// TestPendingChangesAreSealed: neither the address nor a recovery code nor an app's secret lies open in the row.
func TestPendingChangesAreSealed(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		withAccount(t, db, owner, "owner@example.org")
		c := customer.PendingChange{ID: 1, Account: owner, Session: 2, Kind: customer.ChangeEmail, Begun: customer.Begun{Address: "canary@example.org", Texts: []string{"CANARY-CODE"}}}
		must(t, db.write(t.Context(), func(tx *Tx) error { return tx.SavePendingChange(&c) }))
		var body []byte
		must(t, db.read(t.Context(), func(tx *Tx) error {
			return tx.get("SELECT body FROM pending_change WHERE id = $1", []any{1}, &body)
		}))
		if text := string(body); len(body) < 20 || strings.Contains(strings.ToLower(text), "canary") || strings.Contains(text, "address") {
			t.Errorf("the row holds %q", text)
		}
		other := c
		other.ID, other.Version, other.Session = 2, 0, 3
		must(t, db.write(t.Context(), func(tx *Tx) error {
			_, err := tx.exec("INSERT INTO pending_change (id, account_id, session_id, kind, epoch, session_epoch, body, expires_at, version) VALUES (9, $1, 9, 'email', 0, 0, $2, 0, 1)", owner, body)
			return err
		}))
		err := db.read(t.Context(), func(tx *Tx) error { _, err := tx.PendingChange(9, customer.ChangeEmail); return err })
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("a body from another row opens: %v", err)
		}
	})
}
