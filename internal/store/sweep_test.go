package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
)

func rows(t *testing.T, db *DB, table string) (n int) {
	t.Helper()
	must(t, db.read(t.Context(), func(tx *Tx) error { return tx.get("SELECT count(*) FROM "+table, nil, &n) }))
	return n
}

// TestSweep: each kind of row stays to the millisecond for as long as it may matter, and then goes.
func TestSweep(t *testing.T) {
	base := time.UnixMilli(1_800_000_000_000).UTC()
	for table, c := range map[string]struct {
		save func(*Tx) error
		// gone is when the row is no longer there.
		gone time.Time
	}{
		"claim_code": {func(tx *Tx) error {
			return tx.SaveClaimCode(&claim.Code{ID: 1, Account: owner, Digest: []byte("d"), ExpiresAt: base})
		}, base.Add(day)},
		"authorization_code": {func(tx *Tx) error { return tx.SaveCode(&grant.Code{ID: 1, Digest: []byte("d"), ExpiresAt: base}) }, base.Add(day)},
		"token": {func(tx *Tx) error {
			return tx.SaveToken(&grant.Token{ID: 1, Access: []byte("d"), AccessExpiresAt: base})
		}, base.Add(day)},
		"session": {func(tx *Tx) error {
			return tx.SaveSession(&customer.Session{ID: 1, Secret: []byte("d"), CreatedAt: base})
		}, base.Add(2 * day)},
		"journey": {func(tx *Tx) error { return tx.SaveJourney(&claim.Journey{ID: 1, Account: owner, FreshAt: base}) }, base.Add(30 * day)},
		"reply": {func(tx *Tx) error {
			return tx.SaveReply(customer.Reply{ID: 1, Account: owner, Request: []byte("d"), At: base})
		}, base.Add(day)},
		"mail": {func(tx *Tx) error {
			if err := tx.QueueMail(customer.Mail{ID: 1, At: base}); err != nil {
				return err
			}
			return tx.eraseMail(1, base)
		}, base.Add(day)},
		"partner_event": {func(tx *Tx) error { return tx.QueueEvent(partner.Event{OccurredAt: base}) }, base.Add(30 * day)},
		"delivery": {func(tx *Tx) error {
			if err := tx.QueueTest(partner.Delivery{ID: 1, Subscription: 1, DueAt: base}); err != nil {
				return err
			}
			return tx.RemoveSubscription(1, base)
		}, base.Add(30 * day)},
		"one_time_token": {func(tx *Tx) error {
			return tx.SaveApproval(&customer.Approval{ID: 1, Digest: []byte("d"), ExpiresAt: base})
		}, base.Add(day)},
		"tries": {func(tx *Tx) error {
			return tx.SaveTries(limit.NewKey(limit.KindMint, "a"), limit.Tries{Count: 1, Total: 1, LastAt: base.Add(-time.Minute)})
		}, base},
		"objection": {func(tx *Tx) error {
			return tx.SaveObjection(&claim.Objection{ID: 1, Account: owner, Digest: []byte("d"), ExpiresAt: base})
		}, base.Add(day)},
		"recovery": {func(tx *Tx) error { return tx.SaveRecovery(&customer.Recovery{ID: 1, CreatedAt: base}) }, base.Add(day)},
		"account_reset": {func(tx *Tx) error {
			return tx.SaveReset(&customer.Reset{ID: 1, Account: owner, Link: []byte("d"), ReadyAt: base})
		}, base.Add(customer.ResetLife + day)},
		"known_device": {func(tx *Tx) error {
			return tx.SaveDevice(&customer.Device{ID: 1, Account: owner, Digest: []byte("d"), ExpiresAt: base})
		}, base.Add(day)},
		"pending_change": {func(tx *Tx) error {
			return tx.SavePendingChange(&customer.PendingChange{ID: 1, Account: owner, Session: 2, Kind: customer.ChangeApp, ExpiresAt: base})
		}, base},
		"passkey_challenge": {func(tx *Tx) error {
			_, err := tx.SpendChallenge(owner, []byte("answered"), base)
			return err
		}, base},
		"address_guard": {func(tx *Tx) error {
			_, err := tx.exec("INSERT INTO address_guard (digest, at) VALUES ($1, $2)", []byte("guard"), millis(base))
			return err
		}, base.Add(time.Hour)},
		"address_block": {func(tx *Tx) error { return tx.BlockAddress(1, "a@example.org", base) }, base},
	} {
		t.Run(table, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, db *DB) {
				withAccount(t, db, owner, "owner@example.org")
				must(t, db.write(t.Context(), c.save))
				for _, step := range []struct {
					at   time.Time
					want int
				}{{c.gone, 1}, {c.gone.Add(time.Millisecond), 0}} {
					_, err := db.Sweep(t.Context(), step.at)
					must(t, err)
					if n := rows(t, db, table); n != step.want {
						t.Errorf("%d rows at %v, want %d", n, step.at, step.want)
					}
				}
			})
		})
	}
	if len(remains) != 19 {
		t.Errorf("%d tables are swept; each needs a row in this test", len(remains))
	}
}

// TestSweepLeavesWhatLives: what is not over, and mails that were not delivered, whatever their age.
func TestSweepLeavesWhatLives(t *testing.T) {
	base := time.UnixMilli(1_800_000_000_000).UTC()
	eachEngine(t, func(t *testing.T, db *DB) {
		must(t, db.write(t.Context(), func(tx *Tx) error {
			must(t, tx.QueueMail(customer.Mail{At: base}))
			must(t, tx.SaveTries(limit.NewKey(limit.KindMailedCode, "a"), limit.Tries{Count: 1, Total: 1, LastAt: base}))
			return tx.SaveToken(&grant.Token{ID: 1, Account: owner, Access: []byte("a"), AccessExpiresAt: base, Refresh: []byte("r"),
				RefreshExpiresAt: base.Add(7300 * day)})
		}))
		_, err := db.Sweep(t.Context(), base.Add(300*day))
		must(t, err)
		for _, table := range []string{"mail", "tries", "token"} {
			if n := rows(t, db, table); n != 1 {
				t.Errorf("%d rows of %s, want 1", n, table)
			}
		}
		// A newer grant ends the refresh token: nothing keeps the family any more.
		must(t, db.write(t.Context(), func(tx *Tx) error { return tx.EndRefresh(owner, 0, 0, base) }))
		_, err = db.Sweep(t.Context(), base.Add(2*day))
		must(t, err)
		if n := rows(t, db, "token"); n != 0 {
			t.Errorf("%d tokens after their end, want none", n)
		}
	})
}

// TestSweepTakesWhatARisenEpochKilled: after the commit nothing keeps the partner's old families, whose refresh tokens
// would have lived for years; those of the new epoch and of other accounts stay.
func TestSweepTakesWhatARisenEpochKilled(t *testing.T) {
	base := time.UnixMilli(1_800_000_000_000).UTC()
	eachEngine(t, func(t *testing.T, db *DB) {
		a := withAccount(t, db, owner, "owner@example.org")
		must(t, db.write(t.Context(), func(tx *Tx) error {
			for id, token := range map[grant.TokenID]grant.Token{
				1: {Account: owner, Epoch: 1}, 2: {Account: owner, Epoch: 2}, 3: {Account: owner + 1, Epoch: 1}} {
				token.ID, token.Access, token.AccessExpiresAt = id, []byte("a"), base
				token.Refresh, token.RefreshExpiresAt = []byte("r"), base.Add(7300*day)
				must(t, tx.SaveToken(&token))
			}
			a.Epoch = 2
			return tx.SaveAccount(&a)
		}))
		_, err := db.Sweep(t.Context(), base.Add(2*day))
		must(t, err)
		must(t, db.read(t.Context(), func(tx *Tx) error {
			for id, want := range map[grant.TokenID]bool{1: false, 2: true, 3: true} {
				if _, err := tx.Token(id); (err == nil) != want {
					t.Errorf("token %d: %v, want it there: %t", id, err, want)
				}
			}
			return nil
		}))
	})
}

// TestSweepGoesInSmallSteps: many rows are many transactions, and a crowd of writes gets between them.
func TestSweepGoesInSmallSteps(t *testing.T) {
	base := time.UnixMilli(1_800_000_000_000).UTC()
	eachEngine(t, func(t *testing.T, db *DB) {
		notes(t, db)
		const many = 5*sweepRows + 1
		must(t, db.write(t.Context(), func(tx *Tx) error {
			for i := range many {
				if err := tx.SaveCode(&grant.Code{ID: grant.CodeID(i + 1), Digest: []byte("d"), ExpiresAt: base}); err != nil {
					return err
				}
			}
			return nil
		}))
		before := db.Stats().Writes
		done := make(chan error)
		go func() {
			for i := range 50 {
				if err := db.write(t.Context(), func(tx *Tx) error { return note(tx, int64(i+1), fmt.Sprint(i)) }); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		n, err := db.Sweep(t.Context(), base.Add(2*day))
		must(t, err)
		must(t, <-done)
		steps := db.Stats().Writes - before - 50
		if n != many || steps < many/sweepRows+1 {
			t.Errorf("%d rows in %d transactions, want %d in at least %d", n, steps, many, many/sweepRows+1)
		}
		if rows(t, db, "audit_event") != many/sweepRows+1 {
			t.Errorf("%d events for the sweep, want one a transaction that deleted", rows(t, db, "audit_event"))
		}
	})
}
