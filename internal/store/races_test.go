package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// world is the nouns over each of several nodes of one database: two on PostgreSQL, and the one that SQLite has.
type world struct {
	db    *DB
	nodes []node
	acme  partner.Partner
}

// node is one process as the nouns see it.
type node struct {
	partners  partner.Partners
	customers customer.Customers
	tokens    grant.Tokens
	claims    claim.Claims
}

const registrationCode = "b6c1ee1e-8d39-4b14-9a3a-35e0b1b8b4f1-registration"

// raceTime stands still: what is tried at once is tried in one moment.
func raceTime() time.Time { return time.UnixMilli(1_800_000_000_000).UTC() }

// worldOn is the nouns over some nodes of one database.
func worldOn(t *testing.T, dbs ...*DB) *world {
	t.Helper()
	w := &world{db: dbs[0], acme: partner.Partner{ID: 1, ClientID: "acme", Class: partner.Classic, Active: true,
		RedirectURIs: []string{"https://example.org/back"}, RequiredScopes: partner.AllScopes()}}
	for _, db := range dbs {
		w.nodes = append(w.nodes, nodeOn(db))
	}
	must(t, w.db.write(t.Context(), func(tx *Tx) error { return tx.SavePartner(&w.acme) }))
	return w
}

// nodeOn is the nouns over a database.
func nodeOn(db *DB) node {
	ids := secret.NewIDs(raceTime)
	return node{
		partners:  partner.Partners{Store: Partners{db}, IDs: ids, Now: raceTime},
		customers: customer.Customers{Store: Customers{db}, Keys: db.keys, IDs: ids, Now: raceTime},
		tokens:    grant.Tokens{Store: Tokens{db}, Keys: db.keys, IDs: ids, Now: raceTime},
		claims:    claim.Claims{Store: Claims{db}, Keys: db.keys, IDs: ids, Now: raceTime},
	}
}

func eachWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("sqlite", func(t *testing.T) { test(t, worldOn(t, openTest(t, filepath.Join(t.TempDir(), "test.db")))) })
	t.Run("postgres", func(t *testing.T) {
		dsn := postgresTest(t)
		test(t, worldOn(t, openTest(t, dsn), openTest(t, dsn)))
	})
}

// race runs fn 64 times at once, spread over the nodes.
func (w *world) race(t *testing.T, fn func(n node, i int) error, allowed ...error) int64 {
	t.Helper()
	return race(t, func(i int) error { return fn(w.nodes[i%len(w.nodes)], i) }, allowed...)
}

func (w *world) count(t *testing.T, query string, args ...any) (n int) {
	t.Helper()
	must(t, w.db.read(t.Context(), func(tx *Tx) error { return tx.get(query, args, &n) }))
	return n
}

// pending is an account that acme opened, and acme's access to it.
func (w *world) pending(t *testing.T, email string) (customer.Account, grant.Issue, customer.Caller) {
	t.Helper()
	n := w.nodes[0]
	a, err := n.customers.Create(t.Context(), w.acme, customer.Signup{Email: email, RegistrationCode: registrationCode}, "", "")
	must(t, err)
	issue, err := n.tokens.Registration(t.Context(), w.acme, email, registrationCode, customer.Origin{})
	must(t, err)
	access, err := n.tokens.Access(t.Context(), issue.Access)
	must(t, err)
	return a, issue, access.Caller("", "")
}

// almost is a journey to which only the commit lacks, and the key of its browser.
func (w *world) almost(t *testing.T, a customer.Account, number int64) claim.Post {
	t.Helper()
	now := raceTime()
	s, key := customer.NewSession(secret.NewIDs(raceTime), now)
	s.ID = customer.SessionID(1000 + number)
	key.ID = s.ID
	j := claim.Journey{ID: claim.JourneyID(number), Text: fmt.Sprint("journey", number), Session: s.ID, Partner: w.acme.ID, Account: a.ID, Code: 1,
		Number: 1, Epoch: a.Epoch, Address: a.Email, ProvenAt: now, PasswordAt: now, AppAt: now, Method: "app", StartedAt: now, FreshAt: now}
	j.Provisional = customer.Credentials{PasswordHash: "hash", Apps: []customer.App{{ID: 1, Secret: []byte("app")}},
		Recovery: make([]customer.RecoveryCode, customer.RecoveryCodeCount)}
	must(t, w.db.write(t.Context(), func(tx *Tx) error {
		a, err := tx.Account(a.ID)
		if err != nil {
			return err
		}
		a.LiveJourney, a.ProvenNumber, a.ClaimNumber = number, 1, 1
		return errors.Join(tx.SaveAccount(&a), tx.SaveSession(&s), tx.SaveJourney(&j))
	}))
	return claim.Post{Text: j.Text, Session: key}
}

// TestOneFamilyOfARegistrationCode: each exchange ends the refresh token of the one before, also of one that another node
// issues at the same time (contract 4.4).
func TestOneFamilyOfARegistrationCode(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		// No family exists yet, so that there is no row at which two first ones would meet.
		a, err := w.nodes[0].customers.Create(t.Context(), w.acme, customer.Signup{Email: "a@example.org", RegistrationCode: registrationCode}, "", "")
		must(t, err)
		won := w.race(t, func(n node, _ int) error {
			_, err := n.tokens.Registration(context.Background(), w.acme, "a@example.org", registrationCode, customer.Origin{})
			return err
		})
		live := w.count(t, "SELECT count(*) FROM token WHERE account_id = $1 AND account_id <> 0 AND refresh_ended_at = 0", a.ID)
		if won != crowdSize || live != 1 {
			t.Errorf("%d exchanges, %d refresh tokens live, want %d and 1", won, live, crowdSize)
		}
	})
}

// TestOneAnswerToManyRefreshes: workers that refresh at once get the same tokens, and the family moves on by one (design 4.8).
func TestOneAnswerToManyRefreshes(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		_, issue, _ := w.pending(t, "a@example.org")
		answers := make([]string, crowdSize)
		w.race(t, func(n node, i int) error {
			again, err := n.tokens.Refresh(context.Background(), w.acme, issue.Refresh, customer.Origin{})
			answers[i] = again.Access
			return err
		})
		for _, answer := range answers {
			if answer != answers[0] {
				t.Fatal("two refreshes at once got different tokens")
			}
		}
		if n := w.count(t, "SELECT generation FROM token WHERE id = $1", issue.Token.ID); n != 1 {
			t.Errorf("the family is at generation %d, want 1", n)
		}
	})
}

// TestOneRedemption: an authorization code works once; a second use ends what the first produced (I5).
func TestOneRedemption(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		a := customer.Account{ID: 5, Creator: 1, State: customer.Claimed, Epoch: 2, Email: "a@example.org"}
		g := grant.Grant{ID: 6, Account: 5, Partner: 1, Profile: 7, State: grant.Active}
		code, err := grant.NewCode(w.db.keys, secret.NewIDs(raceTime), g, grant.Request{RedirectURI: "https://example.org/back"}, 8, a.Epoch,
			time.Minute, raceTime())
		must(t, err)
		must(t, w.db.write(t.Context(), func(tx *Tx) error {
			return errors.Join(tx.SaveAccount(&a), tx.SaveGrant(&g), tx.SaveCode(&code))
		}))
		text, err := code.Text(w.db.keys)
		must(t, err)
		won := w.race(t, func(n node, _ int) error {
			_, err := n.tokens.Exchange(context.Background(), w.acme, grant.Exchange{Code: text, RedirectURI: "https://example.org/back"}, customer.Origin{})
			return err
		}, grant.ErrInvalidGrant)
		families := w.count(t, "SELECT count(*) FROM token WHERE grant_id = 6")
		ended := w.count(t, "SELECT count(*) FROM token WHERE grant_id = 6 AND ended_at <> 0")
		if won != 1 || families != 1 || ended != 1 {
			t.Errorf("%d redemptions, %d families, %d ended; want 1 each", won, families, ended)
		}
	})
}

// TestOneProfile: an account has one personal profile, and a retry under one idempotency key gets the bytes of the first
// try, also when both come at once.
func TestOneProfile(t *testing.T) {
	for name, key := range map[string]string{"without a key": "", "with a key": "k"} {
		t.Run(name, func(t *testing.T) {
			eachWorld(t, func(t *testing.T, w *world) {
				a, _, caller := w.pending(t, "a@example.org")
				answers := make([]string, crowdSize)
				won := w.race(t, func(n node, i int) error {
					_, body, err := n.customers.CreatePersonal(context.Background(), caller, customer.Personal{}, customer.Idempotency{Endpoint: "e",
						Key: key, Request: []byte("r"), Render: func(e any) []byte { return []byte(e.(customer.Entry).Profile.PublicID) }})
					answers[i] = string(body)
					return err
				}, customer.ErrProfileExists)
				want := int64(1)
				if key != "" {
					want = crowdSize
					for _, answer := range answers {
						if answer == "" || answer != answers[0] {
							t.Fatal("two tries under one key got different answers")
						}
					}
				}
				if n := w.count(t, "SELECT count(*) FROM profile WHERE account_id = $1", a.ID); won != want || n != 1 {
					t.Errorf("%d answers, want %d; %d profiles, want 1", won, want, n)
				}
			})
		})
	}
}

// TestOneNewestClaimCode: the limit of mints holds over all nodes, and only the newest code is left (design 4.3).
func TestOneNewestClaimCode(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		a, _, caller := w.pending(t, "a@example.org")
		won := w.race(t, func(n node, _ int) error {
			_, err := n.claims.Mint(context.Background(), caller, registrationCode, claim.Binding{})
			return err
		}, limit.ErrExceeded)
		if want := int64(limit.KindMint.Rule().Free); won != want {
			t.Errorf("%d codes were minted, want %d", won, want)
		}
		if n := w.count(t, "SELECT count(*) FROM claim_code WHERE account_id = $1 AND state = 'minted'", a.ID); n != 1 {
			t.Errorf("%d codes are alive, want 1", n)
		}
	})
}

// TestOneAccountAndOneBudget: of many that open an account for one address one succeeds, and each refusal is taken from the
// budget of answers that reveal (design 10.6): asking at once is not cheaper than in a row.
func TestOneAccountAndOneBudget(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		won := w.race(t, func(n node, _ int) error {
			_, err := n.customers.Create(context.Background(), w.acme, customer.Signup{Email: "a@example.org", RegistrationCode: registrationCode}, "", "")
			return err
		}, customer.ErrAddressTaken)
		spent := w.count(t, "SELECT count FROM tries WHERE kind = $1", string(limit.KindExists))
		refused := w.count(t, "SELECT count(*) FROM audit_event WHERE action = $1 AND outcome = 'denied'", string(audit.AccountRefused))
		if won != 1 || spent != crowdSize-1 || refused != crowdSize-1 {
			t.Errorf("%d accounts, %d tries spent, %d refusals told; want 1, %d, %d", won, spent, refused, crowdSize-1, crowdSize-1)
		}
	})
}

// TestOneSeededPartner: nodes that start at once with one seed file agree on one partner.
func TestOneSeededPartner(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		var added atomic.Int64
		w.race(t, func(n node, _ int) error {
			changed, err := n.partners.Seed(context.Background(), partner.Registration{ClientID: "seeded", Secret: "a-long-secret", Name: "Seeded",
				Class: "classic", RedirectURIs: []string{"https://example.org/back"}})
			if changed {
				added.Add(1)
			}
			return err
		})
		if n := w.count(t, "SELECT count(*) FROM partner WHERE client_id = 'seeded'"); n != 1 || added.Load() != 1 {
			t.Errorf("%d partners, added %d times; want 1 and 1", n, added.Load())
		}
	})
}

// TestTwoCopiesOfOneAddressRaceToTheCommit is design 10.1: one becomes the owner's, the other browser meets the existing
// account (E10), and the audit says of each what happened.
func TestTwoCopiesOfOneAddressRaceToTheCommit(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		var posts []claim.Post
		for i := range int64(2) {
			a := customer.Account{ID: customer.AccountID(50 + i), Creator: partner.ID(1 + i), State: customer.Pending, Epoch: 1, Email: "a@example.org"}
			must(t, w.db.write(t.Context(), func(tx *Tx) error { return tx.SaveAccount(&a) }))
			posts = append(posts, w.almost(t, a, 60+i))
		}
		won := w.race(t, func(n node, i int) error {
			_, err := n.claims.Commit(context.Background(), posts[i/2%2], true)
			return err
		}, claim.ErrNotNow)
		claimed := w.count(t, "SELECT count(*) FROM account WHERE state = 'claimed'")
		ended := w.count(t, "SELECT count(*) FROM journey WHERE ended_reason = $1", string(claim.OverExisting))
		told := w.count(t, "SELECT count(*) FROM audit_event WHERE action = $1 AND outcome = 'allowed'", string(audit.JourneyClaimed))
		if won != 1 || claimed != 1 || ended != 1 || told != 1 {
			t.Errorf("%d commits, %d claimed, %d told, %d met the existing account; want 1 each", won, claimed, told, ended)
		}
	})
}

// TestThePartnerRacesTheCommit is I2 with many at once: whatever the creator writes while the customer commits is either
// before it, and dead, or refused. Nothing of it is alive when the dust has settled.
func TestThePartnerRacesTheCommit(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for round := range int64(5) {
			email := fmt.Sprintf("a%d@example.org", round)
			a, issue, caller := w.pending(t, email)
			post := w.almost(t, a, 60+round)
			var commits atomic.Int64
			w.race(t, func(n node, i int) error {
				ctx := context.Background()
				switch i % 5 {
				case 0:
					_, err := n.claims.Commit(ctx, post, true)
					if err == nil {
						commits.Add(1)
					}
					return err
				case 1:
					_, err := n.tokens.Registration(ctx, w.acme, email, registrationCode, customer.Origin{})
					return err
				case 2:
					_, err := n.claims.Mint(ctx, caller, registrationCode, claim.Binding{})
					return err
				case 3:
					_, _, err := n.customers.CreatePersonal(ctx, caller, customer.Personal{}, customer.Idempotency{Endpoint: "e", Key: fmt.Sprint(i),
						Request: []byte("r"), Render: func(any) []byte { return []byte("body") }})
					return err
				}
				_, err := n.tokens.Refresh(ctx, w.acme, issue.Refresh, customer.Origin{})
				return err
			}, claim.ErrNotNow, grant.ErrInvalidCredentials, grant.ErrInvalidGrant, limit.ErrExceeded, customer.ErrStale, customer.ErrProfileExists,
				claim.ErrAlreadyClaimed)
			if commits.Load() != 1 {
				t.Fatalf("%d commits, want 1", commits.Load())
			}
			for what, query := range map[string]string{
				"claim codes":    "SELECT count(*) FROM claim_code WHERE account_id = $1 AND state = 'minted'",
				"tokens":         "SELECT count(*) FROM token t JOIN account a ON a.id = t.account_id WHERE a.id = $1 AND t.epoch >= a.epoch",
				"stored replies": "SELECT count(*) FROM reply r JOIN account a ON a.id = r.account_id WHERE a.id = $1 AND r.epoch >= a.epoch",
			} {
				if n := w.count(t, query, a.ID); n != 0 {
					t.Errorf("%d %s of the creator are alive after the commit", n, what)
				}
			}
			if n := w.count(t, "SELECT count(*) FROM profile WHERE account_id = $1", a.ID); n != 1 {
				t.Errorf("%d profiles after the commit, want 1", n)
			}
		}
	})
}

// TestNothingIsWrittenForAnAccountThatMovedOn: whatever a change writes after it has read an account, it is run again when
// the account was changed in between, on any node (I2). Each method that writes is tried; a new one cannot be forgotten.
func TestNothingIsWrittenForAnAccountThatMovedOn(t *testing.T) {
	dsn := postgresTest(t)
	db, other := openTest(t, dsn), openTest(t, dsn)
	withAccount(t, db, owner, "owner@example.org")
	raise := func() {
		must(t, other.write(t.Context(), func(tx *Tx) error {
			a, err := tx.Account(owner)
			if err != nil {
				return err
			}
			a.Epoch++
			return tx.SaveAccount(&a)
		}))
	}
	tried := 0
	for i := range reflect.TypeFor[*Tx]().NumMethod() {
		name := reflect.TypeFor[*Tx]().Method(i).Name
		writes := false
		for _, verb := range []string{"Save", "End", "Queue", "BlockAddress", "Erase"} {
			writes = writes || strings.HasPrefix(name, verb)
		}
		if !writes {
			continue
		}
		tried++
		runs := 0
		err := db.write(t.Context(), func(tx *Tx) error {
			runs++
			if _, err := tx.Account(owner); err != nil {
				return err
			}
			if runs == 1 {
				raise()
			}
			return everyMethod(t)[name](tx)
		})
		if err != nil || runs != 2 {
			t.Errorf("%s: %v after %d runs, want 2", name, err, runs)
		}
	}
	if tried < 15 {
		t.Errorf("only %d methods were tried", tried)
	}
	// The same when the account is read last, when all is written.
	runs := 0
	err := db.write(t.Context(), func(tx *Tx) error {
		runs++
		if err := tx.BlockAddress(1, "a@example.org", raceTime()); err != nil {
			return err
		}
		if runs == 1 {
			raise()
		}
		_, err := tx.Account(owner)
		return err
	})
	if err != nil || runs != 2 {
		t.Errorf("read last: %v after %d runs, want 2", err, runs)
	}
}
