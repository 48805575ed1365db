package api

import (
	"errors"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/store"
)

// granted is a caller whom the customer gave access to one profile; the pages do not offer a business yet, so it is made here.
func (w *world) granted(p person, id string) customer.Caller {
	return customer.Caller{Partner: w.partner(p.client).ID, Account: customer.AccountID(p.id), Epoch: 2, Profile: customer.ProfileID(number(w.t, id))}
}

// Design 10.11 and 10.13 for businesses: after the claim a partner's word on details, representative and lists is a proposal,
// and the answer shows what holds.
func TestBusinessProposals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	w.profile(p)
	id := w.business(p)
	holder := idOf(t, w.json("POST", v2Business, p.bearer, strings.Replace(kadeV2, "SC700123", "SC700124", 1)).body)
	w.claimed(p, "", nil)
	cs, ctx := w.door.Customers, t.Context()

	c := w.granted(p, id)
	e, err := cs.UpdateBusiness(ctx, c, c.Profile, customer.Business{Values: map[customer.Field]string{customer.BusinessName: "Thief Ltd"}, Operational: []customer.Place{{Country: "GB"}}})
	must(t, err)
	if d := e.Profile.Details; e.Profile.Name() != "Kade Joinery Ltd" || len(d.Proposals) != 1 || d.Proposals[0].Value != "Thief Ltd" || len(d.ProposedLists) != 1 || len(d.Lists.OperationalAddresses) != 1 {
		t.Errorf("business %+v", d)
	}
	e, err = cs.UpdateRepresentative(ctx, c, c.Profile, customer.Substitution{Transfer: true, Values: map[customer.Field]string{customer.FirstName: "Eve"}})
	must(t, err)
	r := e.Representative
	if r.Value(customer.FirstName) != "Jonas" || len(r.Details.Proposals) != 1 || !r.TransferAt.Equal(noon) {
		t.Errorf("representative %+v", r)
	}
	// Nobody said who the directors are, so that the partner's word is taken; what the customer confirmed is not overwritten.
	e, err = cs.SaveDirectors(ctx, c, c.Profile, []customer.Director{{FirstName: "Ada"}}, false)
	must(t, err)
	if d := e.Profile.Details; len(d.Lists.Directors) != 1 || d.Lists.Directors[0].Source != customer.ByPartner {
		t.Errorf("directors %+v", d.Lists)
	}
	confirmed := e.Profile.Confirm(noon)
	w.save(t, confirmed)
	e, err = cs.SaveDirectors(ctx, c, c.Profile, []customer.Director{{FirstName: "Eve"}}, false)
	must(t, err)
	if d := e.Profile.Details; len(d.Lists.Directors) != 1 || len(d.ProposedLists) != 2 || len(d.ProposedLists[1].Lists.Directors) != 2 {
		t.Errorf("directors %+v, proposed %+v", d.Lists.Directors, d.ProposedLists)
	}

	// The customer's own person is not changed through a business.
	c = w.granted(p, holder)
	e, err = cs.UpdateRepresentative(ctx, c, c.Profile, customer.Substitution{Values: map[customer.Field]string{customer.FirstName: "Eve", customer.LastName: "Kade"}})
	must(t, err)
	if r := e.Representative; r.Value(customer.FirstName) != "Mira" || len(r.Details.Proposals) != 1 || r.Details.Proposals[0].Field != customer.FirstName {
		t.Errorf("representative %+v", r)
	}
	list, err := cs.Profiles(ctx, customer.Caller{Partner: c.Partner, Account: c.Account, Epoch: 2})
	must(t, err)
	for _, e := range list {
		if e.Profile.Kind == customer.KindPersonal && (e.Profile.Value(customer.FirstName) != "Mira" || len(e.Profile.Details.Proposals) != 0) {
			t.Errorf("personal %+v", e.Profile.Details)
		}
	}
	if _, _, err := cs.CreateBusiness(ctx, c, customer.Business{Values: map[customer.Field]string{customer.BusinessName: "Eve Ltd"}}, customer.Idempotency{}); !errors.Is(err, customer.ErrNotGranted) {
		t.Errorf("a further business: %v", err)
	}
	// I10: the grant for one business does not reach the other, nor the person.
	if _, err := cs.UpdateBusiness(ctx, c, customer.ProfileID(number(t, id)), customer.Business{}); !errors.Is(err, customer.ErrNoProfile) {
		t.Errorf("another business: %v", err)
	}
	me, err := cs.Me(ctx, c)
	if err != nil || me.Personal != nil {
		t.Errorf("me %+v %v", me, err)
	}
}

// save writes a profile as it is, as the customer's pages would.
func (w *world) save(t *testing.T, p customer.Profile) {
	t.Helper()
	must(t, store.Customers{DB: w.db}.Change(t.Context(), func(tx customer.Tx) (audit.Event, error) {
		return audit.Event{At: noon, Action: audit.ProfileConfirmed, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorCustomer, ID: int64(p.Account)}, Account: int64(p.Account)}, tx.SaveProfile(&p)
	}))
}

// An upload after the claim adds, and takes nothing away.
func TestUploadAfterTheClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, id := w.owned(acme, "mira.kade@example.org")
	c := w.granted(p, decimal(id))
	must(t, w.door.Customers.Upload(t.Context(), c, c.Profile, "ID_PROOF", []customer.File{{Name: "a.pdf", Media: "application/pdf", Content: []byte(pdf)}}))
	list, err := w.door.Customers.Files(t.Context(), c, c.Profile)
	if err != nil || len(list) != 1 || list[0].Content != nil || list[0].Partner != c.Partner {
		t.Errorf("%+v %v", list, err)
	}
	if _, err := w.door.Customers.Files(t.Context(), c, 1); !errors.Is(err, customer.ErrNoProfile) {
		t.Errorf("another profile's files: %v", err)
	}
}
