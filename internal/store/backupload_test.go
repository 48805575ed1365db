package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// given is something that was answered and opens something: its use, which tells whether it still does.
type given struct {
	what string
	use  func(n node) error
}

// A load is many who open, mint, claim and refresh, and a ledger of what they were answered.
type load struct {
	w        *world
	mu       sync.Mutex // guards what follows
	accounts []string   // the addresses of those who were opened
	given    []given
}

func (l *load) note(email string, all ...given) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if email != "" {
		l.accounts = append(l.accounts, email)
	}
	l.given = append(l.given, all...)
}

// one is one customer of one of four ways to come far.
func (l *load) one(t *testing.T, kind int, number int64) {
	ctx, n, email := context.Background(), l.w.nodes[0], fmt.Sprintf("a%d@example.org", number)
	if kind == 0 {
		_, err := n.customers.Create(ctx, l.w.acme, customer.Signup{Email: email, RegistrationCode: registrationCode}, "", "")
		must(t, err)
		l.note(email, given{"a registration code", func(n node) error {
			_, err := n.tokens.Registration(ctx, l.w.acme, email, registrationCode, customer.Origin{})
			return err
		}})
		return
	}
	if kind == 1 {
		s := l.w.stoppable(t, number)
		issue, err := n.tokens.Refresh(ctx, l.w.acme, s.refresh, customer.Origin{})
		must(t, err)
		l.note("", access(issue), refreshing(l.w, issue.Refresh), given{"an authorization code", func(n node) error {
			_, err := n.tokens.Exchange(ctx, l.w.acme, grant.Exchange{Code: s.code, RedirectURI: "https://example.org/back"}, customer.Origin{})
			return err
		}})
		return
	}
	a, issue, caller := l.w.pending(t, email)
	l.note(email, access(issue), refreshing(l.w, issue.Refresh))
	if kind == 2 {
		text, err := n.claims.Mint(ctx, caller, registrationCode, claim.Binding{})
		must(t, err)
		l.note("", given{"a claim code", func(n node) error {
			_, _, err := n.claims.Open(ctx, claim.Opening{Request: grant.Request{Partner: l.w.acme.ID, RedirectURI: "https://example.org/back"}, Code: text})
			return err
		}})
		return
	}
	post := l.w.almost(t, a, number)
	key, err := n.claims.Commit(ctx, post, true)
	must(t, err)
	for what, key := range map[string]customer.SessionKey{"the session of a claim": key, "the session before a claim": post.Session} {
		l.note("", given{what, func(n node) error {
			s, a, _, err := customer.SignIns{Store: SignIns{For[customer.SignInTx]{n.db()}}, Keys: n.db().keys, IDs: n.customers.IDs, Now: raceTime}.Session(ctx, key)
			if err == nil && !s.SignedIn(a, raceTime()) {
				err = customer.ErrNoSession
			}
			return err
		}}, given{what + " at its journey", func(n node) error {
			s, err := n.claims.State(ctx, post.Text, key)
			if next, _ := s.Next(raceTime()); err == nil && (next == claim.StepSignIn || next == claim.StepOver) {
				err = customer.ErrNoSession
			}
			return err
		}})
	}
}

func access(issue grant.Issue) given {
	return given{"an access token", func(n node) error {
		_, err := n.tokens.Access(context.Background(), issue.Access)
		return err
	}}
}

func refreshing(w *world, text string) given {
	return given{"a refresh token", func(n node) error {
		_, err := n.tokens.Refresh(context.Background(), w.acme, text, customer.Origin{})
		return err
	}}
}

// TestBackupUnderLoad: while sixteen open, mint, claim and refresh, copies are made. Each holds everything that was answered before it
// began and no half of a change. Restored, it obeys every rule (I1 to I8), its chain of events holds, and nothing that was given out
// before, or by the other database since, opens anything.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	w, path := fileWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	l := &load{w: w}
	var writers sync.WaitGroup
	for i := range 16 {
		writers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				l.one(t, (i+n)%4, int64(n*16+i+1)*10)
			}
		})
	}
	type taken struct {
		file   string
		before []string
	}
	var copies []taken
	for n := range 4 {
		for enough := false; !enough && !t.Failed(); {
			l.mu.Lock()
			enough = len(l.accounts) > n*20
			l.mu.Unlock()
		}
		l.mu.Lock()
		one := taken{filepath.Join(t.TempDir(), "copy.db"), slices.Clone(l.accounts)}
		l.mu.Unlock()
		made, err := Backup(t.Context(), path, one.file)
		if err != nil {
			t.Fatal(err)
		}
		if stat, err := os.Stat(one.file); err != nil || stat.Mode().Perm() != 0o600 || stat.Size() != made.Bytes || !slices.Equal(made.Keys, []int{1}) {
			t.Errorf("%v %v, %+v", stat, err, made)
		}
		copies = append(copies, one)
	}
	stop()
	writers.Wait()
	worked := map[string]int{}
	for _, g := range l.given {
		if g.use(w.nodes[0]) == nil {
			worked[g.what]++
		}
	}
	if len(worked) < 6 {
		t.Errorf("in the database that was copied only these work: %v", worked)
	}
	for _, one := range copies {
		l.restores(t, one.file, one.before)
	}
}

// restores restores a copy and holds it to what is said of it.
func (l *load) restores(t *testing.T, file string, before []string) {
	t.Helper()
	done, restored := restoreTo(t, file)
	db := openTest(t, restored)
	checked, err := db.Check(t.Context(), nil)
	must(t, err)
	if len(checked.Findings) > 0 || checked.Sealed == 0 || checked.Audit.Checked+checked.Audit.Waiting == 0 {
		t.Errorf("restored: %+v", checked)
	}
	accounts, opened, events := 0, 0, 0
	must(t, db.read(t.Context(), func(tx *Tx) error {
		for _, email := range before {
			_, err := tx.PendingAccount(l.w.acme.ID, email)
			if errors.Is(err, customer.ErrNoAccount) {
				_, err = tx.ClaimedAccount(email)
			}
			if err != nil {
				t.Errorf("%s was answered before the copy and is not in it: %v", email, err)
			}
		}
		return errors.Join(tx.get("SELECT count(*) FROM account", nil, &accounts),
			tx.get("SELECT count(*) FROM account WHERE id > 1000000", nil, &opened), // those with a number drawn by Create
			tx.get("SELECT count(*) FROM audit_event WHERE action = 'account.created'", nil, &events))
	}))
	if opened != events || opened < len(before) || done.Accounts != int64(accounts) {
		t.Errorf("%d accounts, %d opened, %d events of them, %d signed out, %d were answered", accounts, opened, events, done.Accounts, len(before))
	}
	n := nodeOn(db)
	for _, g := range l.given {
		if err := g.use(n); err == nil || errors.Is(err, ErrUnavailable) {
			t.Errorf("%s after the restore: %v", g.what, err)
		}
	}
	if checked, err = db.Check(t.Context(), nil); err != nil || len(checked.Findings) > 0 {
		t.Errorf("after everybody tried: %v, %v", checked.Findings, err)
	}
}

// TestRestoreEndsLinks: the link that stops a reset, what a forgotten password had begun, the link of a review and a one-time token open
// nothing after a restore, and no reset that was under way goes on.
func TestRestoreEndsLinks(t *testing.T) {
	t.Parallel()
	w, path := fileWorld(t)
	ctx := t.Context()
	a, keys, _ := w.lost(t, 1, func(*customer.Session, *customer.Recovery) {})
	w.ready(t, a, "link of a reset")
	must(t, w.db.write(ctx, func(tx *Tx) error {
		owned, err := tx.Account(a.ID)
		owned.ClaimedAt, owned.Registration = raceTime(), nil
		p := customer.NewProfile(w.nodes[0].customers.IDs, a.ID, customer.KindPersonal, raceTime())
		p.ID = 1 // what lost gave access to
		return errors.Join(err, tx.SaveAccount(&owned), tx.SaveProfile(&p), tx.SaveKYCReview(&customer.KYCReview{ID: 1, PublicID: "r", Account: a.ID, Profile: p.ID, Partner: w.acme.ID, Epoch: a.Epoch,
			Link: customer.ReviewLink{Digest: secret.Hash("link of a review"), ExpiresAt: raceTime().Add(customer.LinkLife)}, CreatedAt: raceTime(), UpdatedAt: raceTime()}),
			tx.SaveApproval(&customer.Approval{ID: 1, Account: a.ID, Partner: w.acme.ID, Epoch: a.Epoch, Digest: secret.Hash("one-time token"), ExpiresAt: raceTime().Add(time.Hour)}))
	}))
	uses := map[string]func(w *world) error{
		"the link that stops a reset": func(w *world) error {
			_, err := w.recoveries()[0].Cancellable(ctx, "link of a reset")
			return err
		},
		"what a forgotten password had begun": func(w *world) error {
			_, err := w.recoveries()[0].State(ctx, keys[0])
			return err
		},
		"a reset that is under way": func(w *world) error {
			_, err := w.recoveries()[0].ResetOf(ctx, a.ID)
			return err
		},
		"the link of a review": func(w *world) error {
			return w.db.read(ctx, func(tx *Tx) error { _, err := tx.KYCReviewByLink(secret.Hash("link of a review")); return err })
		},
		"a one-time token": func(w *world) error {
			var n int
			return w.db.read(ctx, func(tx *Tx) error {
				return tx.get("SELECT id FROM one_time_token WHERE account_id = $1", []any{a.ID}, &n)
			})
		},
	}
	for what, use := range uses {
		if err := use(w); err != nil {
			t.Errorf("%s in the database that was copied: %v", what, err)
		}
	}
	file := filepath.Join(t.TempDir(), "copy.db")
	_, err := Backup(ctx, path, file)
	must(t, err)
	_, restored := restoreTo(t, file)
	db := openTest(t, restored)
	for what, use := range uses {
		if err := use(&world{db: db, nodes: []node{nodeOn(db)}}); err == nil || errors.Is(err, ErrUnavailable) {
			t.Errorf("%s after the restore: %v", what, err)
		}
	}
}
