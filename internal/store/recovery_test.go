package store

import (
	"errors"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// recoveries are the verbs of who cannot sign in, on each node.
func (w *world) recoveries() (all []customer.Recoveries) {
	for _, n := range w.nodes {
		db := n.claims.Store.(Claims).DB
		all = append(all, customer.Recoveries{Store: Recoveries{db}, SignIns: customer.SignIns{Store: SignIns{For[customer.SignInTx]{db}}, Keys: db.keys,
			IDs: n.customers.IDs, Now: raceTime}})
	}
	return all
}

// lost is a claimed account with recovery codes and an access that it gave, and a browser that proved its mailbox for each of
// several; prepare finishes the rows.
func (w *world) lost(t *testing.T, browsers int, prepare func(*customer.Session, *customer.Recovery)) (a customer.Account, keys []customer.SessionKey, codes []string) {
	t.Helper()
	a, _ = w.owner(t, "owner@example.org", 0, 0)
	now := raceTime()
	must(t, w.db.write(t.Context(), func(tx *Tx) (err error) {
		keys = nil
		if a, err = tx.Account(a.ID); err != nil {
			return err
		}
		codes, a.Credentials.Recovery = customer.NewRecoveryCodes(w.db.keys, a.ID)
		errs := []error{tx.SaveAccount(&a), tx.SaveGrant(&grant.Grant{ID: 1, Account: a.ID, Partner: w.acme.ID, Profile: 1, State: grant.Active, GivenAt: now})}
		for range browsers {
			s, key := customer.NewSession(w.nodes[0].customers.IDs, now)
			r := customer.Recovery{ID: customer.RecoveryID(w.nodes[0].customers.IDs.Next()), Session: s.ID, Account: a.ID, Epoch: a.Epoch, SessionEpoch: a.SessionEpoch,
				CreatedAt: now, ProvenAt: now}
			prepare(&s, &r)
			if s.Level == customer.OneStep {
				s.Account, s.Epoch, s.SessionEpoch = a.ID, a.Epoch, a.SessionEpoch
			}
			errs = append(errs, tx.SaveSession(&s), tx.SaveRecovery(&r))
			keys = append(keys, key)
		}
		return errors.Join(errs...)
	}))
	return a, keys, codes
}

// ready plants a reset whose wait is over in this moment.
func (w *world) ready(t *testing.T, a customer.Account, link string) {
	t.Helper()
	must(t, w.db.write(t.Context(), func(tx *Tx) error {
		return tx.SaveReset(&customer.Reset{ID: 1, Account: a.ID, Epoch: a.Epoch, SessionEpoch: a.SessionEpoch, Link: secret.Hash(link),
			Addresses: []string{a.Email, "second@example.org"}, AskedAt: raceTime().Add(-customer.ResetWait), ReadyAt: raceTime()})
	}))
}

func (w *world) happened(t *testing.T, action audit.Action) int {
	t.Helper()
	return w.count(t, "SELECT count(*) FROM audit_event WHERE action = $1", string(action))
}

// TestOneResetOfMany: whoever asks at once, over every node, asks for one reset, and everybody on file is written to once.
func TestOneResetOfMany(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		rs := w.recoveries()
		a, keys, _ := w.lost(t, 8, func(*customer.Session, *customer.Recovery) {})
		won := race(t, func(i int) error { return rs[i%len(rs)].AskReset(t.Context(), keys[i%len(keys)], customer.Origin{}) })
		rows, asked, mails := w.count(t, "SELECT count(*) FROM account_reset"), w.happened(t, audit.ResetAsked), w.count(t, "SELECT count(*) FROM mail")
		if won != crowdSize || rows != 1 || asked != 1 || mails != 1 {
			t.Errorf("%d answers, %d rows, %d asked for, %d mails; want %d and 1 of each", won, rows, asked, mails, crowdSize)
		}
		must(t, w.db.read(t.Context(), func(tx *Tx) error {
			q, err := tx.Reset(a.ID)
			if err != nil || !q.ReadyAt.Equal(raceTime().Add(customer.ResetWait)) {
				t.Errorf("%+v: %v", q, err)
			}
			return nil
		}))
	})
}

// TestResetIsFinishedOrCancelled: of those who finish, those who cancel by the link and the owner who signs in, all at once,
// one comes through. The account is the old one or the new one as a whole, and is told of what happened.
func TestResetIsFinishedOrCancelled(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		rs := w.recoveries()
		fresh := customer.Credentials{PasswordHash: "new", Apps: []customer.App{{ID: 7, Secret: []byte("new")}}, Recovery: make([]customer.RecoveryCode, customer.RecoveryCodeCount)}
		i := 0
		a, keys, codes := w.lost(t, 6, func(s *customer.Session, r *customer.Recovery) {
			if i++; i%6 == 0 { // the last one is the owner, between password and second step
				s.Level, s.ProvedAt = customer.OneStep, raceTime()
				return
			}
			r.RebuiltAt, r.Provisional, r.Method = raceTime(), fresh, "app"
		})
		w.ready(t, a, "link")
		mails := w.count(t, "SELECT count(*) FROM mail")
		race(t, func(i int) error {
			r := rs[i%len(rs)]
			switch i % 4 {
			case 0:
				return r.CancelByLink(t.Context(), "link", customer.Origin{})
			case 1:
				_, err := r.RecoveryCode(t.Context(), keys[5], codes[0], customer.Origin{})
				return err
			}
			_, err := r.Finish(t.Context(), keys[i%5], true, customer.Origin{})
			return err
		}, customer.ErrResetLink, customer.ErrNoRecovery, customer.ErrRecoveryStep, customer.ErrNoSession, customer.ErrRecoveryCode, limit.ErrExceeded)
		after, finished, cancelled := w.account(t, a.ID), w.happened(t, audit.ResetFinished), w.happened(t, audit.ResetCancelled)
		ended, told := "", w.count(t, "SELECT count(*) FROM mail")-mails
		must(t, w.db.read(t.Context(), func(tx *Tx) error {
			q, err := tx.Reset(a.ID)
			ended = q.Ended
			return err
		}))
		suspended := w.count(t, "SELECT count(*) FROM access_grant WHERE state = 'suspended'")
		switch ended {
		case customer.ResetFinished:
			if finished != 1 || cancelled != 0 || after.Epoch != a.Epoch+1 || after.Credentials.PasswordHash != "new" || suspended != 1 {
				t.Errorf("finished %d times, cancelled %d, epoch %d, %d suspended", finished, cancelled, after.Epoch-a.Epoch, suspended)
			}
		case customer.ResetCancelled, customer.ResetSignedIn:
			if finished != 0 || cancelled > 1 || after.Epoch != a.Epoch || after.Credentials.PasswordHash == "new" || suspended != 0 || told < 2 {
				t.Errorf("%s, yet finished %d times, cancelled %d, epoch %d, %d suspended, %d mails", ended, finished, cancelled, after.Epoch-a.Epoch, suspended, told)
			}
		default:
			t.Errorf("the reset ended as %q", ended)
		}
	})
}

// TestRecoveryCodeOnceAtOnce: one recovery code lets one browser in, whatever the node, and is told of once.
func TestRecoveryCodeOnceAtOnce(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		rs := w.recoveries()
		a, keys, codes := w.lost(t, crowdSize, func(s *customer.Session, _ *customer.Recovery) { s.Level, s.ProvedAt = customer.OneStep, raceTime() })
		won := race(t, func(i int) error {
			_, err := rs[i%len(rs)].RecoveryCode(t.Context(), keys[i], codes[3], customer.Origin{})
			return err
		}, customer.ErrRecoveryCode, limit.ErrExceeded)
		if left := w.account(t, a.ID).Credentials.RecoveryLeft(); won != 1 || left != customer.RecoveryCodeCount-1 || w.happened(t, audit.RecoveryUsed) != 1 {
			t.Errorf("%d browsers are in, %d codes left", won, left)
		}
	})
}

// TestForgottenWritesAlike: what R4 writes is the same, row by row, whether an account has the address or not: what takes as
// long tells nothing. Only where a mail goes differs, and the one to nobody is in no queue.
func TestForgottenWritesAlike(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.lost(t, 0, nil)
		w.pending(t, "pending@example.org")
		r := w.recoveries()[0]
		rows := func() (counts []int) {
			for _, table := range strings.Fields("account session recovery account_reset mail tries audit_event token access_grant partner_event") {
				counts = append(counts, w.count(t, "SELECT count(*) FROM "+table))
			}
			return counts
		}
		var want []int
		for _, address := range []string{"owner@example.org", "pending@example.org", "nobody@example.org"} {
			before := rows()
			waiting := w.count(t, "SELECT count(*) FROM mail WHERE body IS NOT NULL")
			_, err := r.Begin(t.Context(), customer.SessionKey{}, address, customer.Origin{})
			must(t, err)
			after := rows()
			for i := range after {
				after[i] -= before[i]
			}
			if want == nil {
				want = after
			}
			queued := w.count(t, "SELECT count(*) FROM mail WHERE body IS NOT NULL") - waiting
			for i := range want {
				if after[i] != want[i] {
					t.Errorf("%s writes %v, another %v", address, after, want)
					break
				}
			}
			if (queued == 1) != (address == "owner@example.org") {
				t.Errorf("%s: %d mails wait", address, queued)
			}
		}
	})
}

// TestRecoveryKeepsItsSecrets: what is set up anew and who was told lie sealed under the account's key, and go with it.
func TestRecoveryKeepsItsSecrets(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		withAccount(t, db, owner, "owner@example.org")
		must(t, db.write(t.Context(), func(tx *Tx) error {
			return errors.Join(tx.SaveRecovery(&customer.Recovery{ID: 1, Session: 2, Account: owner, Method: "app", AppSecret: []byte("canary-app"), Texts: []string{"canary-code"}}),
				tx.SaveReset(&customer.Reset{ID: 1, Account: owner, Link: []byte("l"), Addresses: []string{"canary@example.org"}}))
		}))
		for _, table := range []string{"recovery", "account_reset"} {
			var sealed []byte
			must(t, db.read(t.Context(), func(tx *Tx) error { return tx.get("SELECT sealed FROM "+table, nil, &sealed) }))
			if len(sealed) == 0 || strings.Contains(string(sealed), "canary") {
				t.Errorf("%s holds %q", table, sealed)
			}
		}
		must(t, db.write(t.Context(), func(tx *Tx) error { return tx.EraseAccount(owner) }))
		if n := rows(t, db, "recovery") + rows(t, db, "account_reset"); n != 0 {
			t.Errorf("%d rows outlive the account", n)
		}
	})
}
