package store

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
)

// sighted are accounts with all kinds of profiles: none, a business alone, a business before the person, odd texts, two persons.
func sighted(t *testing.T, db *DB) (callers []customer.Caller) {
	t.Helper()
	odd := map[customer.Field]string{}
	for i, text := range oddTexts {
		odd[customer.Field(fmt.Sprint("field_", i))] = text
	}
	plain := map[customer.Field]string{customer.FirstName: "Zoë", customer.City: "Łódź"}
	now := time.UnixMilli(1_800_000_000_000).UTC()
	whole := filled[customer.Details](t)
	pending := customer.Account{Creator: 5, State: customer.Pending, Epoch: 1}
	for i, profiles := range [][]customer.Profile{
		nil,
		{{Kind: customer.KindBusiness, Details: customer.Details{Values: plain}}},
		{{Kind: customer.KindBusiness}, {Kind: customer.KindPersonal, AddressID: 9, Details: customer.Details{Values: plain, SettledAt: now}}},
		{{Kind: customer.KindPersonal, Details: customer.Details{Values: odd}}, {Kind: customer.KindPersonal, Details: whole}},
		{{Kind: customer.KindPersonal, Details: customer.Details{Proposals: []customer.Proposal{{Field: "values", Value: "x", At: now}}}}},
	} {
		a := pending
		a.ID, a.Email = customer.AccountID(100+i), fmt.Sprintf("mira&%d@example.org", i)
		if i > 1 {
			a.State, a.Epoch, a.Email, a.ContactEmail, a.Language = customer.Claimed, 2, fmt.Sprintf("zoë%d@example.org", i), "k@example.org", "DE"
			a.Hold = []string{"", customer.HoldReported}[i%2]
		}
		callers = append(callers, customer.Caller{Account: a.ID}, customer.Caller{Account: a.ID, Profile: 99})
		must(t, db.write(t.Context(), func(tx *Tx) error {
			if err := tx.SaveAccount(&a); err != nil {
				return err
			}
			for k, p := range profiles {
				p.ID, p.Account, p.Version = customer.ProfileID(1+10*i+k), a.ID, 0
				callers = append(callers, customer.Caller{Account: a.ID, Profile: p.ID}, customer.Caller{Account: 100, Profile: p.ID})
				if err := tx.SaveProfile(&p); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	return callers
}

func sight(t *testing.T, db *DB, c customer.Caller) (s customer.Sight, err error) {
	t.Helper()
	err = Customers{db}.Look(t.Context(), func(tx customer.Tx) (err error) {
		s, err = tx.Sight(c)
		return err
	})
	return s, err
}

// TestSightIsTheAccountAndItsProfile: one statement says what is read of the account and its profiles apart, and of no other account's (I10).
func TestSightIsTheAccountAndItsProfile(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		persons := 0
		for _, c := range sighted(t, db) {
			got, err := sight(t, db, c)
			must(t, err)
			var want customer.Sight
			must(t, db.read(t.Context(), func(tx *Tx) error {
				a, err := tx.Account(c.Account)
				must(t, err)
				want.Account = customer.Account{ID: a.ID, Creator: a.Creator, State: a.State, Hold: a.Hold, Epoch: a.Epoch, Email: a.Email,
					ContactEmail: a.ContactEmail, Language: a.Language}
				profiles, err := tx.Profiles(a.ID)
				for _, p := range profiles {
					if p.Kind != customer.KindBusiness && (c.Profile == 0 || c.Profile == p.ID) {
						persons++
						want.Personal = &customer.Profile{ID: p.ID, Account: p.Account, Kind: p.Kind, AddressID: p.AddressID,
							Details: customer.Details{Values: p.Details.Values}}
						break
					}
				}
				return err
			}))
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%+v\n got %+v, %+v\nwant %+v, %+v", c, got, got.Personal, want, want.Personal)
			}
		}
		if persons < 7 {
			t.Errorf("%d persons were seen", persons)
		}
		if _, err := sight(t, db, customer.Caller{Account: 99}); !errors.Is(err, customer.ErrNoAccount) {
			t.Errorf("an account that is not there: %v", err)
		}
	})
}

// TestSightTellsWhetherAccessStands: an access that has ended, that is not there, or that another customer gave stands behind nobody.
func TestSightTellsWhetherAccessStands(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		for _, id := range []customer.AccountID{1, 2} {
			withAccount(t, db, id, fmt.Sprintf("%d@example.org", id))
		}
		states := []grant.State{grant.Active, grant.Stopped, grant.Ended, grant.Suspended}
		for i, state := range states {
			g := grant.Grant{ID: grant.ID(11 + i), Account: 1, Partner: 5, State: state}
			must(t, db.write(t.Context(), func(tx *Tx) error { return tx.SaveGrant(&g) }))
		}
		for id := range int64(20) {
			for _, account := range []customer.AccountID{1, 2} {
				s, err := sight(t, db, customer.Caller{Account: account, Grant: id})
				if want := account == 1 && id == 11; err != nil || s.Stands != want {
					t.Errorf("account %d, access %d: %t, %v", account, id, s.Stands, err)
				}
				must(t, db.read(t.Context(), func(tx *Tx) error {
					stands, err := tx.AccessStands(account, id)
					if stands != s.Stands {
						t.Errorf("account %d, access %d: asked alone %t", account, id, stands)
					}
					return err
				}))
			}
		}
	})
}

// TestSightOfWhatWasMovedOrErased: a sealed value that lies where it does not belong is trouble and never shown (I11); of an erased account
// nothing personal is left.
func TestSightOfWhatWasMovedOrErased(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		callers := sighted(t, db)
		last := callers[len(callers)-1].Profile
		for _, c := range []struct{ name, do string }{
			{"another account's addresses", "UPDATE account SET contact = (SELECT contact FROM account WHERE id = 103) WHERE id = 102"},
			{"another account's key", "UPDATE account SET wrapped_key = (SELECT wrapped_key FROM account WHERE id = 103) WHERE id = 101"},
			{"details of the same account", "UPDATE profile SET details = (SELECT details FROM profile WHERE id = 32) WHERE id = 31"},
		} {
			must(t, db.write(t.Context(), func(tx *Tx) error {
				n, err := tx.exec(c.do)
				if n != 1 {
					t.Errorf("%s: %d rows", c.name, n)
				}
				return err
			}))
		}
		for account := customer.AccountID(101); account <= 103; account++ {
			s, err := sight(t, db, customer.Caller{Account: account})
			if !errors.Is(err, ErrUnavailable) {
				t.Errorf("account %d, tampered with: %v, %+v", account, err, s)
			}
		}
		must(t, db.write(t.Context(), func(tx *Tx) error { return tx.EraseAccount(104) }))
		s, err := sight(t, db, customer.Caller{Account: 104, Profile: last})
		if err != nil || s.Account.ID != 104 || s.Account.Email != "" || s.Account.ContactEmail != "" || s.Personal != nil {
			t.Errorf("erased: %+v, %v", s, err)
		}
	})
}
