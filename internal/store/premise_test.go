package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

var askedBy = limit.NewKey(limit.KindClient, "acme", "192.0.2.0/24")

// saveAcme registers the client that asks.
func saveAcme(tx *Tx) error {
	return tx.SavePartner(&partner.Partner{ID: 5, ClientID: "acme", Class: partner.Classic, Active: true, Secrets: []partner.Secret{{Digest: []byte("d")}}})
}

// premiseOf is what an authentication of a partner rests on now.
func premiseOf(t *testing.T, db *DB) (p partner.Partner, premise partner.Premise) {
	t.Helper()
	must(t, db.read(t.Context(), func(tx *Tx) error {
		asked, tries, err := tx.PartnerAsking("acme", askedBy)
		p, premise = asked, partner.Premise{Partner: asked.ID, Version: asked.Version, Tries: askedBy, TriesVersion: tries.Version, TriesAt: tries.LastAt}
		return err
	}))
	return p, premise
}

// premiseChanges are what ends a premise, and what does not.
var premiseChanges = map[string]struct {
	change func(tx *Tx, p *partner.Partner) error
	want   error
}{
	"nothing": {func(*Tx, *partner.Partner) error { return nil }, nil},
	"another partner saved": {func(tx *Tx, _ *partner.Partner) error {
		return tx.SavePartner(&partner.Partner{ID: 6, ClientID: "other", Class: partner.Classic})
	}, nil},
	"tries of another client": {func(tx *Tx, _ *partner.Partner) error {
		return limit.Spend(tx, limit.NewKey(limit.KindClient, "other", "192.0.2.0/24"), time.UnixMilli(9))
	}, nil},
	"paused":                 {func(tx *Tx, p *partner.Partner) error { p.Active = false; return tx.SavePartner(p) }, partner.ErrChanged},
	"a secret taken back":    {func(tx *Tx, p *partner.Partner) error { p.Secrets = nil; return tx.SavePartner(p) }, partner.ErrChanged},
	"a wrong secret counted": {func(tx *Tx, _ *partner.Partner) error { return limit.Spend(tx, askedBy, time.UnixMilli(9)) }, partner.ErrChanged},
}

// TestPremises: a verb on a premise does all of its work where the premise holds, and nothing at all where it does not, whether or not
// it asks or writes anything besides.
func TestPremises(t *testing.T) {
	asks := func(tx grant.TokenTx) error {
		if _, err := tx.Token(99); !errors.Is(err, grant.ErrInvalidToken) {
			return err
		}
		return nil
	}
	event := func(grant.TokenTx) (audit.Event, error) { return happened(7), nil }
	verbs := map[string]func(t *testing.T, db *DB, holds func(grant.TokenTx) error) error{
		"a read of nothing else": func(t *testing.T, db *DB, holds func(grant.TokenTx) error) error {
			return Tokens{db}.View(t.Context(), holds)
		},
		"a read": func(t *testing.T, db *DB, holds func(grant.TokenTx) error) error {
			return Tokens{db}.View(t.Context(), func(tx grant.TokenTx) error {
				if err := holds(tx); err != nil {
					return err
				}
				return asks(tx)
			})
		},
		"an event alone": func(t *testing.T, db *DB, holds func(grant.TokenTx) error) error {
			return Tokens{db}.Change(t.Context(), func(tx grant.TokenTx) (audit.Event, error) {
				if err := holds(tx); err != nil {
					return audit.Event{}, err
				}
				return event(tx)
			})
		},
		"a row and an event, after a question": func(t *testing.T, db *DB, holds func(grant.TokenTx) error) error {
			return Tokens{db}.Change(t.Context(), func(tx grant.TokenTx) (audit.Event, error) {
				if err := errors.Join(holds(tx), asks(tx)); err != nil {
					return audit.Event{}, err
				}
				k := grant.Token{ID: 31, Access: []byte("a")}
				e, err := event(tx)
				return e, errors.Join(err, tx.SaveToken(&k))
			})
		},
		"the last turn": func(t *testing.T, db *DB, holds func(grant.TokenTx) error) error {
			fn := func(tx *Tx) error {
				if err := holds(tx); err != nil {
					return err
				}
				k := grant.Token{ID: 32, Access: []byte("a")}
				return tx.SaveToken(&k)
			}
			if db.engine.serial {
				return db.write(t.Context(), fn)
			}
			_, err := db.attempt(t.Context(), fn, last)
			return err
		},
	}
	eachEngine(t, func(t *testing.T, db *DB) {
		must(t, db.write(t.Context(), saveAcme))
		before := rowsOf(t, db)
		for name, c := range premiseChanges {
			for verb, run := range verbs {
				p, premise := premiseOf(t, db)
				must(t, db.write(t.Context(), func(tx *Tx) error { return c.change(tx, &p) }))
				changed := rowsOf(t, db)
				err := run(t, db, func(tx grant.TokenTx) error { return tx.Holds(premise) })
				if !errors.Is(err, c.want) || err != nil && c.want == nil {
					t.Errorf("%s, %s: %v, want %v", name, verb, err, c.want)
				}
				if after := rowsOf(t, db); c.want != nil && after != changed {
					t.Errorf("%s, %s: it changed something: %s, before %s", name, verb, after, changed)
				}
				must(t, db.write(t.Context(), func(tx *Tx) error {
					for _, table := range []string{"token", "tries", "audit_event", "partner"} {
						if _, err := tx.exec("DELETE FROM " + table + " WHERE 1 = 1"); err != nil {
							return err
						}
					}
					return saveAcme(tx)
				}))
			}
		}
		if after := rowsOf(t, db); after != before {
			t.Errorf("the test leaves %s, before %s", after, before)
		}
	})
}

// TestStandingOnAPremise: a token is told of on a premise that holds, and of none other, whosever it is and whether or not there is one.
func TestStandingOnAPremise(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		own, foreign := grant.Token{ID: 41, Partner: 5, Access: []byte("a")}, grant.Token{ID: 42, Partner: 6, Access: []byte("a")}
		must(t, db.write(t.Context(), func(tx *Tx) error {
			return errors.Join(saveAcme(tx), tx.SavePartner(&partner.Partner{ID: 6, ClientID: "other", Class: partner.Classic}), tx.SaveToken(&own), tx.SaveToken(&foreign))
		}))
		tokens := map[grant.TokenID]error{own.ID: nil, foreign.ID: nil, 43: grant.ErrInvalidToken}
		told := func(id grant.TokenID, on partner.Premise) error {
			return Tokens{db}.View(t.Context(), func(tx grant.TokenTx) error {
				s, err := tx.Standing(id, on)
				if err == nil && (s.Token.ID != id || s.Partner.ID != s.Token.Partner) {
					t.Errorf("token %d: %+v", id, s)
				}
				return err
			})
		}
		for name, c := range premiseChanges {
			if name == "another partner saved" {
				continue // it is there
			}
			p, premise := premiseOf(t, db)
			for id, want := range tokens {
				if err := told(id, premise); !errors.Is(err, want) {
					t.Errorf("token %d, before: %v, want %v", id, err, want)
				}
			}
			must(t, db.write(t.Context(), func(tx *Tx) error { return c.change(tx, &p) }))
			for id, want := range tokens {
				if c.want != nil {
					want = c.want
				}
				if err := told(id, premise); !errors.Is(err, want) {
					t.Errorf("%s, token %d: %v, want %v", name, id, err, want)
				}
			}
		}
	})
}

// rowsOf counts what the verbs of the test above could have changed.
func rowsOf(t *testing.T, db *DB) string {
	t.Helper()
	var tokens, events, tries int
	must(t, db.read(t.Context(), func(tx *Tx) error {
		return tx.get("SELECT (SELECT count(*) FROM token), (SELECT count(*) FROM audit_event), (SELECT count(*) FROM tries)", nil, &tokens, &events, &tries)
	}))
	return fmt.Sprintf("%d tokens, %d events, %d tries", tokens, events, tries)
}

// TestPremiseAcrossKeys: while digests are of two keys, the count is looked for under both.
func TestPremiseAcrossKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	one := map[int][]byte{1: secret.GenerateMaster()}
	keys, err := secret.NewKeys(one)
	must(t, err)
	db, err := Open(t.Context(), Options{Path: path, Keys: keys, Now: time.Now})
	must(t, err)
	must(t, db.write(t.Context(), func(tx *Tx) error {
		return errors.Join(saveAcme(tx), limit.Spend(tx, askedBy, time.UnixMilli(9)))
	}))
	_, premise := premiseOf(t, db)
	must(t, db.Close())
	both := map[int][]byte{1: one[1], 2: secret.GenerateMaster()}
	keys, err = secret.NewKeys(both)
	must(t, err)
	db, err = Open(t.Context(), Options{Path: path, Keys: keys, Now: time.Now})
	must(t, err)
	defer db.Close()
	holds := func() error {
		return Tokens{db}.View(t.Context(), func(tx grant.TokenTx) error { return tx.Holds(premise) })
	}
	if len(keys.DigestVersions()) != 2 || premise.TriesVersion != 1 {
		t.Fatalf("%v, %+v: the test does not do what it says", keys.DigestVersions(), premise)
	}
	if err := holds(); err != nil {
		t.Errorf("under the old key: %v", err)
	}
	must(t, db.write(t.Context(), func(tx *Tx) error { return limit.Spend(tx, askedBy, time.UnixMilli(9)) }))
	if err := holds(); !errors.Is(err, partner.ErrChanged) {
		t.Errorf("after a wrong secret: %v", err)
	}
}

// TestPremisesAtOnce: while others ask on a premise, it ends; nobody who asks after that is answered, and those before each wrote their row.
func TestPremisesAtOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		must(t, db.write(t.Context(), saveAcme))
		p, premise := premiseOf(t, db)
		write := func(id grant.TokenID) error {
			return Tokens{db}.Change(t.Context(), func(tx grant.TokenTx) (audit.Event, error) {
				if err := tx.Holds(premise); err != nil {
					return audit.Event{}, err
				}
				k := grant.Token{ID: id, Access: []byte("a")}
				return happened(int64(id)), tx.SaveToken(&k)
			})
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		written := 0
		for n := range 8 {
			all.Go(func() {
				for i := range 20 {
					err := write(grant.TokenID(1000*(n+1) + i))
					if err != nil && !errors.Is(err, partner.ErrChanged) {
						t.Error(err)
					}
					if n == 0 && i == 10 {
						if err := db.write(t.Context(), func(tx *Tx) error { p.Active = false; return tx.SavePartner(&p) }); err != nil {
							t.Error(err)
						}
					}
					if n == 0 && i > 10 && err == nil {
						t.Error("a token after the client was paused")
					}
					if err == nil {
						mu.Lock()
						written++
						mu.Unlock()
					}
				}
			})
		}
		all.Wait()
		if got, want := rowsOf(t, db), fmt.Sprintf("%d tokens, %d events, 0 tries", written, written); got != want || written < 11 {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// TestPremiseAfterASweep: a count that was forgotten and counted anew to the same version is another one.
func TestPremiseAfterASweep(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		must(t, db.write(t.Context(), saveAcme))
		guess := func(at time.Time) {
			for range 10 {
				must(t, db.write(t.Context(), func(tx *Tx) error { return limit.Spend(tx, askedBy, at) }))
			}
		}
		t0 := time.UnixMilli(1_000_000)
		guess(t0)
		_, premise := premiseOf(t, db) // the network may try again: until has passed by t0+61s
		_, err := db.Sweep(t.Context(), t0.Add(2*time.Minute))
		must(t, err)
		guess(t0.Add(3 * time.Minute))
		must(t, db.read(t.Context(), func(tx *Tx) error {
			tries, err := tx.Tries(askedBy)
			if _, ok := askedBy.Kind.Rule().Allowed(tries, t0.Add(3*time.Minute)); ok {
				t.Error("not shut out")
			}
			return err
		}))
		own := grant.Token{ID: 41, Partner: 5, Access: []byte("a")}
		must(t, db.write(t.Context(), func(tx *Tx) error { return tx.SaveToken(&own) }))
		for how, fn := range map[string]func(grant.TokenTx) error{
			"alone":        func(tx grant.TokenTx) error { return tx.Holds(premise) },
			"with a token": func(tx grant.TokenTx) error { _, err := tx.Standing(own.ID, premise); return err },
		} {
			if err := (Tokens{db}).View(t.Context(), fn); !errors.Is(err, partner.ErrChanged) {
				t.Errorf("%s: %v", how, err)
			}
		}
	})
}

// TestPremiseOfAReadThatFailed: what waits of a read that failed does not go with the question of the next.
func TestPremiseOfAReadThatFailed(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		must(t, db.write(t.Context(), saveAcme))
		_, premise := premiseOf(t, db)
		premise.Version += 7
		ctx, end := context.WithCancel(t.Context())
		err := Tokens{db}.View(ctx, func(tx grant.TokenTx) error {
			if err := tx.Holds(premise); err != nil {
				return err
			}
			end()
			_, err := tx.Token(99)
			return err
		})
		if err == nil {
			t.Error("it did not fail: the test does not do what it says")
		}
		err = Partners{db}.View(t.Context(), func(tx partner.Tx) error {
			_, err := tx.Partner(5)
			return err
		})
		if err != nil {
			t.Errorf("a stranger's read: %v", err)
		}
	})
}
