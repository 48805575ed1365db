package store

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// roundTrip writes a value with every field set, reads it, changes every field, and reads it again; then writes one with
// no field set but those that the row needs.
func roundTrip[T any](t *testing.T, db *DB, prepare func(*T), save func(*Tx, *T) error, load func(*Tx, T) (T, error)) {
	t.Helper()
	version := func(v *T) reflect.Value { return reflect.ValueOf(v).Elem().FieldByName("Version") }
	check := func(what string, v T) {
		t.Helper()
		must(t, db.write(t.Context(), func(tx *Tx) error { return save(tx, &v) }))
		must(t, db.read(t.Context(), func(tx *Tx) error {
			got, err := load(tx, v)
			if d := differences(v, got); err != nil || d != "" {
				t.Errorf("%s: %v\n%s", what, err, d)
			}
			return nil
		}))
	}
	first := filled[T](t)
	prepare(&first)
	for _, name := range zeroFields(reflect.ValueOf(first), "") {
		t.Errorf("field %s is zero: the test would not see that it is forgotten", name)
	}
	version(&first).SetInt(0)
	check("insert", first)

	version(&first).SetInt(1)
	second := filled[T](t)
	f := filler{n: 5000}
	f.set(t, reflect.ValueOf(&second).Elem(), "second")
	prepare(&second)
	version(&second).SetInt(1)
	check("update", second)

	var empty T
	prepare(&empty)
	id := reflect.ValueOf(&empty).Elem().FieldByName("ID")
	id.SetInt(id.Int() + 1)
	check("empty", unlike(empty, second))

	stale := second
	version(&stale).SetInt(1) // the row is at 2
	err := db.write(t.Context(), func(tx *Tx) error { return save(tx, &stale) })
	if !errors.Is(err, ErrConflict) || version(&stale).Int() != 1 {
		t.Errorf("saving an old version: %v and version %d, want ErrConflict and 1", err, version(&stale).Int())
	}
}

// unlike gives an empty value the texts by which a unique index tells rows apart.
func unlike[T any](empty, other T) T {
	v := reflect.ValueOf(&empty).Elem()
	for _, name := range []string{"Text", "ClientID"} {
		if f := v.FieldByName(name); f.IsValid() {
			f.SetString("another")
		}
	}
	for _, name := range []string{"Digest", "Secret", "Access"} {
		if f := v.FieldByName(name); f.IsValid() && f.Kind() == reflect.Slice {
			f.SetBytes([]byte("another"))
		}
	}
	return empty
}

const owner = customer.AccountID(77)

// withAccount makes the account that rows of other nouns hang on.
func withAccount(t *testing.T, db *DB, id customer.AccountID, email string) customer.Account {
	t.Helper()
	a := customer.Account{ID: id, Creator: 5, State: customer.Pending, Epoch: 1, Email: email}
	must(t, db.write(t.Context(), func(tx *Tx) error { return tx.SaveAccount(&a) }))
	return a
}

func TestEveryFieldOfEveryNounIsKept(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		withAccount(t, db, owner, "owner@example.org")
		t.Run("partner", func(t *testing.T) {
			roundTrip(t, db, func(p *partner.Partner) { p.ID, p.Class = 11, partner.Strict }, (*Tx).SavePartner,
				func(tx *Tx, p partner.Partner) (partner.Partner, error) {
					byKey, err := tx.Partner(p.ID)
					byClient, err2 := tx.PartnerByClient(p.ClientID)
					if !reflect.DeepEqual(byKey, byClient) {
						t.Errorf("by key %v, by client %v", byKey, byClient)
					}
					return byKey, errors.Join(err, err2)
				})
		})
		t.Run("account", func(t *testing.T) {
			roundTrip(t, db, func(a *customer.Account) { a.ID = 12; a.Epoch = 1 }, (*Tx).SaveAccount,
				func(tx *Tx, a customer.Account) (customer.Account, error) { return tx.Account(a.ID) })
		})
		t.Run("profile", func(t *testing.T) {
			roundTrip(t, db, func(p *customer.Profile) { p.ID, p.Account = 13, owner }, (*Tx).SaveProfile,
				func(tx *Tx, p customer.Profile) (customer.Profile, error) { return tx.Profile(p.ID) })
		})
		t.Run("representative", func(t *testing.T) {
			roundTrip(t, db, func(r *customer.Representative) { r.ID, r.Account = 20, owner }, (*Tx).SaveRepresentative,
				func(tx *Tx, r customer.Representative) (customer.Representative, error) {
					return tx.Representative(r.ID)
				})
		})
		t.Run("one-time token", func(t *testing.T) {
			roundTrip(t, db, func(a *customer.Approval) { a.ID, a.Account = 22, owner }, (*Tx).SaveApproval,
				func(tx *Tx, a customer.Approval) (customer.Approval, error) { return tx.ApprovalByDigest(a.Digest) })
		})
		t.Run("KYC review", func(t *testing.T) {
			roundTrip(t, db, func(r *customer.KYCReview) { r.ID, r.Account = 21, owner }, (*Tx).SaveKYCReview,
				func(tx *Tx, r customer.KYCReview) (customer.KYCReview, error) {
					list, err := tx.KYCReviews(r.Profile)
					if len(list) != 1 {
						t.Errorf("%d reviews", len(list))
						return customer.KYCReview{}, err
					}
					return list[0], err
				})
		})
		t.Run("session", func(t *testing.T) {
			roundTrip(t, db, func(s *customer.Session) { s.ID = 14; s.Level = customer.OneStep }, (*Tx).SaveSession,
				func(tx *Tx, s customer.Session) (customer.Session, error) { return tx.Session(s.ID) })
		})
		t.Run("known device", func(t *testing.T) {
			roundTrip(t, db, func(d *customer.Device) { d.ID, d.Account = 22, owner }, (*Tx).SaveDevice,
				func(tx *Tx, d customer.Device) (customer.Device, error) { return tx.DeviceByDigest(d.Digest) })
		})
		t.Run("grant", func(t *testing.T) {
			roundTrip(t, db, func(g *grant.Grant) { g.ID = 15 }, (*Tx).SaveGrant,
				func(tx *Tx, g grant.Grant) (grant.Grant, error) { return tx.Grant(g.ID) })
		})
		t.Run("authorization code", func(t *testing.T) {
			roundTrip(t, db, func(c *grant.Code) { c.ID = 16 }, (*Tx).SaveCode,
				func(tx *Tx, c grant.Code) (grant.Code, error) { return tx.Code(c.ID) })
		})
		t.Run("token", func(t *testing.T) {
			roundTrip(t, db, func(k *grant.Token) { k.ID = 17 }, (*Tx).SaveToken,
				func(tx *Tx, k grant.Token) (grant.Token, error) { return tx.Token(k.ID) })
		})
		t.Run("claim code", func(t *testing.T) {
			roundTrip(t, db, func(c *claim.Code) { c.ID, c.Account = 18, owner }, (*Tx).SaveClaimCode,
				func(tx *Tx, c claim.Code) (claim.Code, error) {
					byKey, err := tx.ClaimCode(c.ID)
					byDigest, err2 := tx.ClaimCodeByDigest(c.Digest)
					if !reflect.DeepEqual(byKey, byDigest) {
						t.Errorf("by key %v, by digest %v", byKey, byDigest)
					}
					return byKey, errors.Join(err, err2)
				})
		})
		t.Run("objection", func(t *testing.T) {
			roundTrip(t, db, func(o *claim.Objection) { o.ID, o.Account = 23, owner }, (*Tx).SaveObjection,
				func(tx *Tx, o claim.Objection) (claim.Objection, error) { return tx.ObjectionByDigest(o.Digest) })
		})
		t.Run("journey", func(t *testing.T) {
			roundTrip(t, db, func(j *claim.Journey) { j.ID, j.Account = 19, owner }, (*Tx).SaveJourney,
				func(tx *Tx, j claim.Journey) (claim.Journey, error) { return tx.Journey(j.Text) })
		})
	})
}

// The rows of the ways back in and of changes of the ways in are kept as the others.
func TestEveryFieldOfTheWaysInIsKept(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		withAccount(t, db, owner, "owner@example.org")
		t.Run("recovery", func(t *testing.T) {
			roundTrip(t, db, func(r *customer.Recovery) { r.ID, r.Account, r.Session = 24, owner, 77 }, (*Tx).SaveRecovery,
				func(tx *Tx, r customer.Recovery) (customer.Recovery, error) { return tx.RecoveryOf(r.Session) })
		})
		t.Run("reset", func(t *testing.T) {
			withAccount(t, db, owner+1, "second@example.org")
			roundTrip(t, db, func(q *customer.Reset) {
				if q.ID, q.Account = 25, owner; q.AskedAt.IsZero() {
					q.Account++ // an account has one row
				}
			}, (*Tx).SaveReset,
				func(tx *Tx, q customer.Reset) (customer.Reset, error) {
					byAccount, err := tx.Reset(q.Account)
					if q.Link != nil {
						byLink, err2 := tx.ResetByLink(q.Link)
						if !reflect.DeepEqual(byAccount, byLink) {
							t.Errorf("by account %v, by link %v", byAccount, byLink)
						}
						err = errors.Join(err, err2)
					}
					return byAccount, err
				})
		})
		t.Run("pending change", func(t *testing.T) {
			roundTrip(t, db, func(c *customer.PendingChange) { c.ID, c.Account = 24, owner }, (*Tx).SavePendingChange,
				func(tx *Tx, c customer.PendingChange) (customer.PendingChange, error) {
					return tx.PendingChange(c.Session, c.Kind)
				})
		})
	})
}

func TestEveryFieldOfWhatHasNoVersionIsKept(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		withAccount(t, db, owner, "owner@example.org")
		t.Run("file", func(t *testing.T) {
			f := filled[customer.File](t)
			f.ID, f.Account = 22, owner
			must(t, db.write(t.Context(), func(tx *Tx) error { return saveFile(tx, f) }))
			must(t, db.read(t.Context(), func(tx *Tx) error {
				got, err := tx.File(f.ID)
				if d := differences(f, got); err != nil || d != "" {
					t.Errorf("%v\n%s", err, d)
				}
				list, err := tx.Files(f.Account, f.Profile)
				f.Content = nil
				if err != nil || len(list) != 1 || differences(f, list[0]) != "" {
					t.Errorf("list: %v %v", list, err)
				}
				if other, err := tx.Files(f.Account, f.Profile+1); err != nil || len(other) != 0 {
					t.Errorf("another profile's list: %v %v", other, err)
				}
				if other, err := tx.Files(f.Account+1, f.Profile); err != nil || len(other) != 0 {
					t.Errorf("another account's list: %v %v", other, err)
				}
				return nil
			}))
		})
		t.Run("reply", func(t *testing.T) {
			r := filled[customer.Reply](t)
			r.Account = owner
			must(t, db.write(t.Context(), func(tx *Tx) error { return tx.SaveReply(r) }))
			must(t, db.read(t.Context(), func(tx *Tx) error {
				key := customer.Reply{Partner: r.Partner, Account: r.Account, Endpoint: r.Endpoint, Key: r.Key}
				got, found, err := tx.Reply(key, r.At)
				if d := differences(r, got); err != nil || !found || d != "" {
					t.Errorf("%t %v\n%s", found, err, d)
				}
				return nil
			}))
		})
		t.Run("mail", func(t *testing.T) {
			m := filled[customer.Mail](t)
			m.Nobody = false // it has no row of its own to be read
			must(t, db.write(t.Context(), func(tx *Tx) error { return tx.QueueMail(m) }))
			m.Attempts = 1 // the store counts
			got, err := Mails{db}.NextMails(t.Context(), m.At, time.Minute, 5)
			must(t, err)
			if len(got) != 1 || differences(m, got[0]) != "" {
				t.Errorf("read %v", got)
			}
		})
		t.Run("tries", func(t *testing.T) {
			key, tries := limit.NewKey(limit.KindPassword, "a"), filled[limit.Tries](t)
			for version := range int64(2) { // insert, then update
				tries.Version = version
				must(t, db.write(t.Context(), func(tx *Tx) error { return tx.SaveTries(key, tries) }))
				tries.Version++
				must(t, db.read(t.Context(), func(tx *Tx) error {
					got, err := tx.Tries(key)
					if d := differences(tries, got); err != nil || d != "" {
						t.Errorf("%v\n%s", err, d)
					}
					return nil
				}))
				tries.Count, tries.Total = tries.Count+1, tries.Total+1
			}
		})
		t.Run("audit", func(t *testing.T) {
			e := filled[audit.Event](t)
			e.Action, e.Outcome, e.Reason, e.Actor.Kind = audit.CodeRefused, audit.Denied, "expired", audit.ActorPartner
			e.Detail = map[string]string{"count": "3"}
			must(t, db.change(t.Context(), func(tx *Tx) (audit.Event, error) { return e, nil }))
			got, err := Audit{db}.TailEvents(t.Context(), audit.Filter{Limit: 1})
			must(t, err)
			if len(got) != 1 || got[0].Number == 0 || differences(e, got[0].Event) != "" {
				t.Errorf("read %v\n%s", got, differences(e, got[0].Event))
			}
		})
		t.Run("event to a partner", func(t *testing.T) {
			e := filled[partner.Event](t)
			must(t, db.write(t.Context(), func(tx *Tx) error { return tx.QueueEvent(e) }))
			var got partner.Event
			must(t, db.read(t.Context(), func(tx *Tx) error {
				return tx.get("SELECT "+eventColumns+" FROM partner_event", nil, eventFields(&got)...)
			}))
			e.Sequence = 1 // the store counts
			if d := differences(e, got); d != "" {
				t.Error(d)
			}
		})
	})
}

// TestWhatIsNotThere: each look-up has its noun's own error, so that a missing row is never taken for trouble or success.
func TestWhatIsNotThere(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		must(t, db.read(t.Context(), func(tx *Tx) error {
			for name, c := range map[string]struct {
				look func() error
				want error
			}{
				"partner":            {func() error { _, err := tx.Partner(1); return err }, partner.ErrUnknown},
				"partner by client":  {func() error { _, err := tx.PartnerByClient("x"); return err }, partner.ErrUnknown},
				"partner asking":     {func() error { _, _, err := tx.PartnerAsking("x", limit.NewKey(limit.KindClient, "x")); return err }, partner.ErrUnknown},
				"account":            {func() error { _, err := tx.Account(1); return err }, customer.ErrNoAccount},
				"pending account":    {func() error { _, err := tx.PendingAccount(1, "x@example.org"); return err }, customer.ErrNoAccount},
				"claimed account":    {func() error { _, err := tx.ClaimedAccount("x@example.org"); return err }, customer.ErrNoAccount},
				"profile":            {func() error { _, err := tx.Profile(1); return err }, customer.ErrNoProfile},
				"KYC review":         {func() error { _, err := tx.KYCReview("x"); return err }, customer.ErrNoReview},
				"KYC review by link": {func() error { _, err := tx.KYCReviewByLink([]byte("x")); return err }, customer.ErrNoReview},
				"session":            {func() error { _, err := tx.Session(1); return err }, customer.ErrNoSession},
				"grant":              {func() error { _, err := tx.Grant(1); return err }, grant.ErrNoGrant},
				"active grant":       {func() error { _, err := tx.ActiveGrant(1, 1, 1); return err }, grant.ErrNoGrant},
				"authorization code": {func() error { _, err := tx.Code(1); return err }, grant.ErrInvalidGrant},
				"token":              {func() error { _, err := tx.Token(1); return err }, grant.ErrInvalidToken},
				"claim code":         {func() error { _, err := tx.ClaimCode(1); return err }, claim.ErrCodeUnknown},
				"claim code digest":  {func() error { _, err := tx.ClaimCodeByDigest([]byte("x")); return err }, claim.ErrCodeUnknown},
				"journey":            {func() error { _, err := tx.Journey("x"); return err }, claim.ErrNoJourney},
			} {
				if err := c.look(); !errors.Is(err, c.want) {
					t.Errorf("%s: %v, want %v", name, err, c.want)
				}
			}
			return tx.failed
		}))
	})
}

// TestANounsVerbThroughItsStore goes the whole way once for each adapter.
func TestANounsVerbThroughItsStore(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		p := partner.Partner{ID: 1, ClientID: "acme", Class: partner.Classic}
		must(t, Partners{db}.Change(t.Context(), func(tx partner.Tx) (audit.Event, error) { return happened(0), tx.SavePartner(&p) }))
		must(t, Partners{db}.View(t.Context(), func(tx partner.Tx) error { _, err := tx.Partner(1); return err }))
		s := customer.Session{ID: 2, Secret: []byte("x"), SeenAt: time.UnixMilli(1000).UTC()}
		si := SignIns{For[customer.SignInTx]{db}}
		must(t, si.Change(t.Context(), func(tx customer.SignInTx) (audit.Event, error) { return happened(0), tx.SaveSession(&s) }))
		for _, ms := range []int64{5000, 3000} { // a late one does not go back
			must(t, si.SeeSession(context.Background(), 2, s.Secret, time.UnixMilli(ms)))
		}
		must(t, si.View(t.Context(), func(tx customer.SignInTx) error {
			got, err := tx.Session(2)
			if got.SeenAt.UnixMilli() != 5000 || got.Version != 1 {
				t.Errorf("seen at %v, version %d", got.SeenAt, got.Version)
			}
			return err
		}))
	})
}

// TestDepths: a transaction of tokens sees of an account what lies in plain columns, and the address by which it was found; and what was not
// opened cannot be saved over what is there.
func TestDepths(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		ctx := t.Context()
		a := withAccount(t, db, owner, "owner@example.org")
		a.Credentials.PasswordHash, a.Language = "digest", "en"
		must(t, db.write(ctx, func(tx *Tx) error { return tx.SaveAccount(&a) }))
		err := Tokens{DB: db}.Change(ctx, func(tx grant.TokenTx) (audit.Event, error) {
			got, err := tx.Account(owner)
			found, err2 := tx.PendingAccount(5, "owner@example.org")
			if got.Epoch != 1 || got.State != customer.Pending || got.Email != "" || found.Email != "owner@example.org" || found.Credentials.PasswordHash != "" {
				t.Errorf("%+v and by its address %+v", got, found)
			}
			return audit.Event{}, errors.Join(err, err2, tx.SaveAccount(&got))
		})
		if !errors.Is(err, errShut) {
			t.Errorf("saving what was not opened: %v", err)
		}
		must(t, Customers{DB: db}.View(ctx, func(tx customer.Tx) error {
			got, err := tx.Account(owner)
			if got.Email != a.Email || got.Language != "en" || got.Credentials.PasswordHash != "" {
				t.Errorf("to a partner: %+v", got)
			}
			return err
		}))
		must(t, db.read(ctx, func(tx *Tx) error {
			got, err := tx.Account(owner)
			if got.Email != a.Email || got.Credentials.PasswordHash != "digest" {
				t.Errorf("afterwards: %+v", got)
			}
			return err
		}))
	})
}

// TestBehind: what decides of a family is as account and grant have it, and what is not there is nothing.
func TestBehind(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		a := withAccount(t, db, owner, "owner@example.org")
		g := filled[grant.Grant](t)
		g.ID, g.Account, g.Version = 44, owner, 0
		must(t, db.write(t.Context(), func(tx *Tx) error { return tx.SaveGrant(&g) }))
		for name, c := range map[string]struct {
			token   grant.Token
			account customer.AccountID
			grant   grant.ID
		}{
			"both":       {grant.Token{Account: owner, Grant: 44}, owner, 44},
			"no grant":   {grant.Token{Account: owner, Grant: 45}, owner, 0},
			"none given": {grant.Token{Account: owner}, owner, 0},
			"no account": {grant.Token{Account: owner + 1, Grant: 44}, 0, 0},
			"neither":    {grant.Token{}, 0, 0},
		} {
			c.token.ID, c.token.Access = 70, []byte("a")
			code := grant.Code{ID: 71, Account: c.token.Account, Grant: c.token.Grant, Digest: []byte("d")}
			look := func(tx *Tx, how string) error {
				gotA, gotG, err := tx.Behind(c.token)
				name := name + ", " + how
				if gotA.ID != c.account || gotG.ID != c.grant {
					t.Errorf("%s: account %d, grant %d", name, gotA.ID, gotG.ID)
				}
				if gotA.ID != 0 && (gotA.Creator != a.Creator || gotA.State != a.State || gotA.Hold != a.Hold || gotA.Epoch != a.Epoch) {
					t.Errorf("%s: account %+v", name, gotA)
				}
				whole := g
				whole.Wording, whole.Language, whole.GivenAt, whole.EndedAt, whole.WarnedAt, whole.Version = "", "", time.Time{}, time.Time{}, time.Time{}, 0
				if d := differences(whole, gotG); gotG.ID != 0 && d != "" {
					t.Errorf("%s: %s", name, d)
				}
				if met := tx.met[owner].row; gotA.ID != 0 && met != a.Version {
					t.Errorf("%s: version %d was met, it is %d", name, met, a.Version)
				}
				return err
			}
			must(t, db.read(t.Context(), func(tx *Tx) error { return look(tx, "asked") }))
			undo := errors.New("undo")
			if err := db.write(t.Context(), func(tx *Tx) error {
				token := c.token
				return errors.Join(tx.SaveToken(&token), tx.SaveCode(&code), tx.flush(), look(tx, "asked later"), undo)
			}); !errors.Is(err, undo) {
				t.Error(err)
			}
			must(t, db.write(t.Context(), func(tx *Tx) error {
				token, code := c.token, code
				return errors.Join(tx.SaveToken(&token), tx.SaveCode(&code))
			}))
			for how, read := range map[string]func(*Tx) error{
				"with the token": func(tx *Tx) error { _, err := tx.Token(70); return err },
				"with the code":  func(tx *Tx) error { _, err := tx.Code(71); return err },
			} {
				must(t, db.write(t.Context(), func(tx *Tx) error {
					tx.foresees = true
					err := read(tx)
					if tx.foreseen == nil || len(tx.met) != 0 {
						t.Errorf("%s, %s: nothing was read along, or what nobody has seen was met", name, how)
					}
					return errors.Join(err, look(tx, how))
				}))
			}
			must(t, db.write(t.Context(), func(tx *Tx) error {
				_, err := tx.exec("DELETE FROM token WHERE id = 70")
				_, err2 := tx.exec("DELETE FROM authorization_code WHERE id = 71")
				return errors.Join(err, err2)
			}))
		}
	})
}

// TestBehindIsNotOfBefore: what was read along is not told of another family, nor once this transaction has written.
func TestBehindIsNotOfBefore(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		withAccount(t, db, owner, "owner@example.org")
		withAccount(t, db, owner+1, "other@example.org")
		g, other := grant.Grant{ID: 44, Account: owner, State: grant.Active}, grant.Grant{ID: 45, Account: owner, State: grant.Active}
		k := grant.Token{ID: 70, Account: owner, Grant: 44, Access: []byte("a")}
		must(t, db.write(t.Context(), func(tx *Tx) error { return errors.Join(tx.SaveGrant(&g), tx.SaveGrant(&other), tx.SaveToken(&k)) }))
		must(t, db.write(t.Context(), func(tx *Tx) error {
			tx.foresees = true
			_, err := tx.Token(70)
			must(t, err)
			for _, c := range []grant.Token{{Account: owner, Grant: 45}, {Account: owner + 1, Grant: 44}, {Account: owner}} {
				a, g, err := tx.Behind(c)
				if must(t, err); a.ID != c.Account || g.ID != c.Grant {
					t.Errorf("asked for %d and %d: account %d, grant %d", c.Account, c.Grant, a.ID, g.ID)
				}
			}
			return nil
		}))
		must(t, db.write(t.Context(), func(tx *Tx) error {
			tx.foresees = true
			_, err := tx.Token(70)
			must(t, err)
			g.State = grant.Stopped
			must(t, tx.SaveGrant(&g))
			_, now, err := tx.Behind(k)
			if must(t, err); now.State != grant.Stopped {
				t.Errorf("after a write the grant is %s", now.State)
			}
			return nil
		}))
	})
}
