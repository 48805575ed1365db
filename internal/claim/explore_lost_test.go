package claim_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// What somebody does who cannot sign in, as events of the exploration: R4, the reset when both steps are lost, and its links.

// newPassword is what a recovery sets.
const newPassword = "velvet harbour nine lanterns"

// mailbox takes a browser to where it has proven the mailbox.
func (st *stage) mailbox(a customer.Account) (customer.SessionKey, error) {
	ctx := st.Context()
	key, err := st.recoveries.Begin(ctx, customer.SessionKey{}, a.Email, customer.Origin{})
	if err != nil {
		return key, err
	}
	newest := customer.Mail{}
	for _, m := range st.m.rows.mails {
		if m.Kind == customer.MailRecovery && m.ID > newest.ID {
			newest = m
		}
	}
	if newest.Account != a.ID {
		return key, customer.ErrNoRecovery // a mail to nobody
	}
	return st.recoveries.ProveMailbox(ctx, key, newest.Code, customer.Origin{})
}

// whole plays several posts as one event, of which all happen or none: what lies between them is shown by package web.
func (st *stage) whole(run func() error) error {
	before := st.m.rows
	err := run()
	if err != nil {
		st.m.rows = before
	}
	return err
}

var lostSteps = []browserAction{
	{"forgot the password", func(st *stage, s *scene, v *visitor) (bool, error) {
		if s.renewed++; s.renewed > 1 || len(v.app) == 0 {
			return false, nil
		}
		return true, st.whole(func() error {
			key, err := st.mailbox(s.rows.accounts[0])
			if err == nil {
				key, err = st.recoveries.SecondStepByApp(st.Context(), key, secret.AppCode(v.app, st.now()), customer.Origin{})
			}
			if err == nil {
				key, err = st.recoveries.SetPassword(st.Context(), key, newPassword, customer.Origin{})
			}
			if err == nil {
				v.session = key
			}
			return err
		})
	}},
	{"asks for a reset", func(st *stage, s *scene, _ *visitor) (bool, error) {
		if s.resets++; s.resets > 1 {
			return false, nil
		}
		return true, st.whole(func() error {
			key, err := st.mailbox(s.rows.accounts[0])
			if err == nil {
				err = st.recoveries.AskReset(st.Context(), key, customer.Origin{})
			}
			return err
		})
	}},
	{"rebuilds", func(st *stage, s *scene, v *visitor) (bool, error) {
		if len(s.rows.resets) == 0 {
			return false, nil
		}
		return true, st.whole(func() error { return st.rebuild(s, v) })
	}},
	{"cancels the reset", func(st *stage, s *scene, v *visitor) (bool, error) {
		return v.session.ID != 0 && len(s.rows.resets) > 0, st.recoveries.Cancel(st.Context(), v.session, customer.Origin{})
	}},
}

func (st *stage) rebuild(s *scene, v *visitor) error {
	ctx, o := st.Context(), customer.Origin{}
	key, err := st.mailbox(s.rows.accounts[0])
	if err != nil {
		return err
	}
	if err := st.recoveries.Rebuild(ctx, key, o); err != nil {
		return err
	}
	if key, err = st.recoveries.SetPassword(ctx, key, newPassword, o); err != nil {
		return err
	}
	if err := st.recoveries.ChooseMethod(ctx, key, "app", o); err != nil {
		return err
	}
	state, err := st.recoveries.State(ctx, key)
	if err != nil {
		return err
	}
	app := state.Recovery.AppSecret
	if err := st.recoveries.ProveApp(ctx, key, secret.AppCode(app, st.now()), o); err != nil {
		return err
	}
	key, err = st.recoveries.Finish(ctx, key, true, o)
	if err == nil {
		v.session, v.app = key, app
	}
	return err
}

// theMailCancels is the button behind the link of mail M8, which needs no browser.
var theMailCancels = action{"cancels by mail", func(st *stage, s *scene) (bool, error) {
	i := slices.IndexFunc(s.rows.mails, func(m customer.Mail) bool { return m.Kind == customer.MailResetAsked && m.Link != "" })
	if i < 0 {
		return false, nil
	}
	return true, st.recoveries.CancelByLink(st.Context(), s.rows.mails[i].Link, customer.Origin{})
}}

// theOperatorStops ends a reset at the command line.
var theOperatorStops = action{"operator stops the reset", func(st *stage, s *scene) (bool, error) {
	return len(s.rows.resets) > 0, st.recoveries.StopReset(st.Context(), st.account)
}}

// regained checks on the way between two states what a recovery may do: nobody gets in before the wait is over or after it was
// cancelled, and afterwards nothing that was given out before works (I2) and every access waits for its owner (I4).
func (st *stage) regained(before, after *scene, fail func(law, format string, args ...any)) {
	was, is, name := before.rows.accounts[0], after.rows.accounts[0], after.path.name
	if strings.HasSuffix(name, " rebuilds") && is.Epoch != was.Epoch {
		open := slices.ContainsFunc(before.rows.resets, func(q customer.Reset) bool {
			return q.EndedAt.IsZero() && q.Epoch == was.Epoch && q.SessionEpoch == was.SessionEpoch && !st.now().Before(q.AskedAt.Add(customer.ResetWait))
		})
		if !open {
			fail("I2", "an account was taken back without a reset whose wait was over")
		}
		if is.SessionEpoch == was.SessionEpoch || is.Credentials.PasswordHash == was.Credentials.PasswordHash {
			fail("I2", "what was lost still opens the account")
		}
		for _, app := range was.Credentials.Apps {
			if slices.ContainsFunc(is.Credentials.Apps, func(a customer.App) bool { return bytes.Equal(a.Secret, app.Secret) }) {
				fail("I2", "the lost app still opens the account")
			}
		}
		if slices.ContainsFunc(after.rows.grants, func(g grant.Grant) bool { return g.Account == is.ID && g.Stands(st.now()) }) {
			fail("I4", "an access stands after everything was set up anew")
		}
	}
	if strings.HasSuffix(name, " forgot the password") && is.Credentials.PasswordHash != was.Credentials.PasswordHash && is.SessionEpoch != was.SessionEpoch+1 {
		fail("I2", "the sessions of before outlive a forgotten password")
	}
}

// writeLost tells what of resets makes scenes differ.
func (s *scene) writeLost(b *bytes.Buffer) {
	for _, q := range s.rows.resets {
		fmt.Fprint(b, "Q", q.Epoch, q.SessionEpoch, s.ago(q.ReadyAt), q.Ended)
	}
	fmt.Fprint(b, s.resets)
}

// The model's side of what these verbs need beside the others'.

func (tx *modelTx) Reset(a customer.AccountID) (customer.Reset, error) {
	return find(tx, tx.rows.resets, func(q customer.Reset) bool { return q.Account == a }, customer.ErrNoReset)
}

func (tx *modelTx) ResetByLink(digest []byte) (customer.Reset, error) {
	return find(tx, tx.rows.resets, func(q customer.Reset) bool { return bytes.Equal(q.Link, digest) }, customer.ErrNoReset)
}

func (tx *modelTx) SaveReset(q *customer.Reset) error {
	return save(tx, &tx.rows.resets, q, func(r customer.Reset) bool { return r.ID == q.ID }, func(r *customer.Reset) *int64 { return &r.Version })
}

func (tx *modelTx) RecoveryOf(of customer.SessionID) (customer.Recovery, error) {
	return find(tx, tx.rows.recoveries, func(r customer.Recovery) bool { return r.Session == of }, customer.ErrNoRecovery)
}

func (tx *modelTx) SaveRecovery(r *customer.Recovery) error {
	return save(tx, &tx.rows.recoveries, r, func(o customer.Recovery) bool { return o.ID == r.ID }, func(o *customer.Recovery) *int64 { return &o.Version })
}

func (tx *modelTx) SuspendAccess(a customer.AccountID, at time.Time) (all []customer.Access, err error) {
	for _, g := range tx.rows.grants {
		if g.Account == a && g.State == grant.Active {
			g.State, g.EndedAt = grant.Suspended, at
			if err := tx.SaveGrant(&g); err != nil {
				return nil, err
			}
			all = append(all, customer.Access{Partner: g.Partner, Profile: g.Profile})
		}
	}
	return all, tx.call()
}
