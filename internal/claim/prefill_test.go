package claim_test

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// profileOf is a profile as it is stored, with who represents it.
func (w *world) profileOf(id customer.ProfileID) (p customer.Profile, r customer.Representative) {
	w.t.Helper()
	w.view(func(tx claim.Tx) (err error) {
		if p, err = tx.Profile(id); err == nil && p.Representative != 0 {
			r, err = tx.Representative(p.Representative)
		}
		return err
	})
	return p, r
}

// after is the partner's caller of a grant, as it has one after the claim.
func (o *onboarding) after(id customer.ProfileID) customer.Caller {
	return customer.Caller{Partner: o.partner.ID, Account: o.account, Epoch: o.w.account(o.account).Epoch, Profile: id}
}

// directors adds a director as the partner does.
func (o *onboarding) directors(c customer.Caller, id customer.ProfileID, first string) {
	o.w.t.Helper()
	_, err := o.w.customers.SaveDirectors(o.w.t.Context(), c, id, []customer.Director{{FirstName: first, LastName: "Kade"}}, false)
	must(o.w.t, err)
}

// TestConfirmRefusesWhatWasNotShown: whatever changes after the page was made, by whomever, its confirmation is refused, and
// the next one takes what stands there then.
func TestConfirmRefusesWhatWasNotShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	business := o.runs()
	b := o.opened().to(claim.StepAllow)
	w.advance(time.Second)
	o.directors(o.after(business), business, "Jonas") // nobody gave any, so that the partner still may; the review asks again
	b.stands(claim.StepReview, claim.NotOver)
	p, r := w.profileOf(business)
	for what, change := range map[string]func(){
		"the partner adds a director": func() { o.directors(o.after(business), business, "Ida") },
		"the partner gives an evidence": func() {
			_, err := w.customers.GiveEvidences(t.Context(), o.after(business), business, customer.Evidences{Values: map[customer.Field]string{customer.MonthlyVolume: "0_1200"}})
			must(t, err)
		},
		"the partner uploads a file": func() {
			must(t, w.customers.Upload(t.Context(), o.after(business), business, "ID_PROOF", []customer.File{{Name: "a.pdf", Media: "application/pdf", Content: []byte("%PDF-")}}))
		},
		"another tab corrects the business": func() {
			must(t, w.claims.Correct(t.Context(), b.post(), claim.Correction{Profile: business, Values: map[customer.Field]string{customer.City: "Edinburgh"}}))
		},
		"another tab corrects who acts for it": func() {
			must(t, w.claims.Correct(t.Context(), b.post(), claim.Correction{Representative: r.ID, Values: map[customer.Field]string{customer.City: "Edinburgh"}}))
		},
	} {
		state, err := b.state()
		must(t, err)
		w.advance(time.Second)
		change()
		wants(t, what, w.claims.Confirm(t.Context(), b.post(), state.Edition()), customer.ErrVersion)
	}
	state, err := b.state() // the last one: afterwards the list is the customer's
	must(t, err)
	gone := customer.Item{List: customer.Directors, ID: itoa(p.Details.Lists.Directors[0].ID), Remove: true}
	must(t, w.claims.Correct(t.Context(), b.post(), claim.Correction{Profile: business, Item: gone}))
	wants(t, "another tab takes a director away", w.claims.Confirm(t.Context(), b.post(), state.Edition()), customer.ErrVersion)
	if p, _ := w.profileOf(business); p.Confirmed() {
		t.Error("something that was not shown is confirmed")
	}
	must(t, b.confirm())
	b.stands(claim.StepAllow, claim.NotOver)

	// From here on all of it is settled: the partner can only propose (design 10.11).
	before, acts := w.profileOf(business)
	w.advance(time.Second)
	o.directors(o.after(business), business, "Eve")
	_, err = w.customers.UpdateRepresentative(t.Context(), o.after(business), business, customer.Substitution{Values: map[customer.Field]string{customer.City: "Perth"}})
	must(t, err)
	_, err = w.customers.GiveEvidences(t.Context(), o.after(business), business, customer.Evidences{Values: map[customer.Field]string{customer.MonthlyVolume: "12000001_+"}})
	must(t, err)
	_, err = w.customers.UpdateBusiness(t.Context(), o.after(business), business, customer.Business{Values: map[customer.Field]string{customer.BusinessName: "Other Ltd"}})
	must(t, err)
	now, acting := w.profileOf(business)
	if now.Edition != before.Edition || !now.Confirmed() || now.Value(customer.BusinessName) != "Kade Joinery Ltd" || acting.Value(customer.City) != acts.Value(customer.City) ||
		len(now.Details.Lists.Directors) != len(before.Details.Lists.Directors) {
		t.Errorf("the partner changed what was confirmed: %+v, %+v", now.Details.Values, now.Details.Lists)
	}
	if len(now.Details.Proposals) != 2 || len(now.Details.ProposedLists) != 1 || len(acting.Details.Proposals) != 1 {
		t.Errorf("proposals %v, %v, %v", now.Details.Proposals, now.Details.ProposedLists, acting.Details.Proposals)
	}
	b.stands(claim.StepAllow, claim.NotOver)
}

// TestCorrectReachesOnlyOwn: another customer's profiles, people and files are as unknown as none, and nothing of theirs
// changes (I10).
func TestCorrectReachesOnlyOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, other := w.onboard(w.acme, "mira.kade@example.org"), w.onboard(w.acme, "jonas.kade@example.org")
	mine, theirs := o.runs(), other.runs()
	other.directors(other.caller, theirs, "Ida")
	must(t, w.customers.Upload(t.Context(), other.caller, theirs, "ID_PROOF", []customer.File{{Name: "a.pdf", Media: "application/pdf", Content: []byte("%PDF-")}}))
	b := o.opened().to(claim.StepReview)
	before, acts := w.profileOf(theirs)
	events := len(w.events(audit.Filter{}))
	stolen := map[customer.Field]string{customer.BusinessName: "Stolen", customer.FirstName: "Stolen", customer.LastName: "Stolen"}
	director := itoa(before.Details.Lists.Directors[0].ID)
	for what, c := range map[string]struct {
		claim.Correction
		want error
	}{
		"a profile":        {claim.Correction{Profile: theirs, Values: stolen}, customer.ErrNoProfile},
		"no profile":       {claim.Correction{Profile: -1, Values: stolen}, customer.ErrNoProfile},
		"a representative": {claim.Correction{Representative: acts.ID, Values: stolen}, customer.ErrNoRepresentative},
		"both":             {claim.Correction{Profile: mine, Representative: acts.ID, Values: stolen}, customer.ErrNoRepresentative},
		"a list":           {claim.Correction{Profile: theirs, Item: customer.Item{List: customer.Directors}, Values: stolen}, customer.ErrNoProfile},
		"a director":       {claim.Correction{Profile: mine, Item: customer.Item{List: customer.Directors, ID: director}, Values: stolen}, customer.ErrNoItem},
		"removing one":     {claim.Correction{Profile: mine, Item: customer.Item{List: customer.Directors, ID: director, Remove: true}}, customer.ErrNoItem},
		"no list":          {claim.Correction{Profile: mine, Item: customer.Item{List: "nothing"}, Values: stolen}, customer.ErrNoItem},
	} {
		wants(t, what, w.claims.Correct(t.Context(), b.post(), c.Correction), c.want)
	}
	var files []customer.File
	w.view(func(tx claim.Tx) (err error) { files, err = tx.Files(other.account, theirs); return err })
	for what, id := range map[string]customer.FileID{"theirs": files[0].ID, "none": 1, "negative": -1} {
		_, err := w.claims.File(t.Context(), b.post(), id)
		wants(t, what, err, customer.ErrNoFile)
	}
	if now, acting := w.profileOf(theirs); now.Version != before.Version || acting.Version != acts.Version || len(w.events(audit.Filter{})) != events {
		t.Error("something of theirs changed, or a refused correction left an event")
	}
	stranger := o.browser()
	stranger.text = b.text
	_, err := w.claims.File(t.Context(), stranger.post(), files[0].ID)
	wants(t, "a browser that is not signed in", err, claim.ErrNotNow)
}

// TestFilesAreOfTheReview: a file can be read at C8, not before the commit and not after the confirmation.
func TestFilesAreOfTheReview(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	must(t, w.customers.Upload(t.Context(), o.caller, o.profile, "ID_PROOF", []customer.File{{Name: "a.pdf", Media: "application/pdf", Content: []byte("%PDF-1.7")}}))
	var files []customer.File
	w.view(func(tx claim.Tx) (err error) { files, err = tx.Files(o.account, o.profile); return err })
	b := o.opened().to(claim.StepRecoveryCodes)
	read := func() error {
		f, err := w.claims.File(t.Context(), b.post(), files[0].ID)
		if err == nil && (string(f.Content) != "%PDF-1.7" || f.Name != "a.pdf") {
			t.Errorf("read %q, %q", f.Name, f.Content)
		}
		return err
	}
	wants(t, "before the commit", read(), claim.ErrNotNow)
	state, err := b.state()
	if must(t, err); len(state.Files) != 0 {
		t.Error("the files are known before the commit")
	}
	b.to(claim.StepReview)
	wants(t, "at the review", read(), nil)
	must(t, b.confirm())
	wants(t, "after it", read(), claim.ErrNotNow)
}

// TestSharedRepresentative: who acts for two businesses is corrected for both, both must be confirmed again, and one who holds
// the account is corrected as the person they are.
func TestSharedRepresentative(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	first := o.runs()
	_, r := w.profileOf(first)
	in := joinery
	in.Person, in.Representative = nil, r.ID
	in.Values = with(joinery.Values, customer.RegistrationNumber, "SC700124")
	p, _, err := w.customers.CreateBusiness(t.Context(), o.caller, in, plain(""))
	must(t, err)
	in.Representative, in.Values = 0, with(joinery.Values, customer.RegistrationNumber, "SC700125")
	held, _, err := w.customers.CreateBusiness(t.Context(), o.caller, in, plain(""))
	must(t, err)
	b := o.opened().to(claim.StepAllow)
	w.advance(time.Second)
	must(t, w.claims.Correct(t.Context(), b.post(), claim.Correction{Representative: r.ID, Values: map[customer.Field]string{customer.City: "Edinburgh"}}))
	b.stands(claim.StepReview, claim.NotOver)
	one, acts := w.profileOf(first)
	two, _ := w.profileOf(p.ID)
	mine, holder := w.profileOf(held.ID)
	if one.Confirmed() || two.Confirmed() || !mine.Confirmed() || acts.Details.Provenance[customer.City].Source != customer.ByCustomer {
		t.Errorf("confirmed: %t, %t and %t", one.Confirmed(), two.Confirmed(), mine.Confirmed())
	}
	if h := acts.Details.History; len(h) != 1 || h[0].Old != "Leith" {
		t.Errorf("history %+v", h)
	}
	wants(t, "correcting a holder", w.claims.Correct(t.Context(), b.post(), claim.Correction{Representative: holder.ID, Values: map[customer.Field]string{customer.City: "Perth"}}),
		customer.ErrNoRepresentative)
	must(t, w.claims.Correct(t.Context(), b.post(), claim.Correction{Representative: r.ID, Values: map[customer.Field]string{customer.City: "Edinburgh"}}))
	must(t, b.confirm())
	b.stands(claim.StepAllow, claim.NotOver)
	e := w.events(audit.Filter{Account: int64(o.account)})[0]
	if e.Action != audit.ProfileConfirmed || e.Detail["profiles"] != "4" {
		t.Errorf("the confirmation is %+v", e)
	}
}

// TestIncompleteBusinessWaits: I4 asks for everything: without the date of birth of who acts for a business there is no way to
// C10, nor with an edit that empties it.
func TestIncompleteBusinessWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	in := joinery
	in.Person = with(joinery.Person, customer.DateOfBirth, "")
	p, _, err := w.customers.CreateBusiness(t.Context(), o.caller, in, plain(""))
	must(t, err)
	b := o.opened().to(claim.StepReview)
	wants(t, "confirming without it", b.confirm(), claim.ErrIncomplete)
	wants(t, "deciding without it", b.decide(true), claim.ErrNotNow)
	_, r := w.profileOf(p.ID)
	birth := func(day string) {
		must(t, w.claims.Correct(t.Context(), b.post(), claim.Correction{Representative: r.ID, Values: map[customer.Field]string{customer.DateOfBirth: day}}))
	}
	birth("1961-05-04")
	must(t, b.confirm())
	b.stands(claim.StepAllow, claim.NotOver)
	birth("")
	b.stands(claim.StepReview, claim.NotOver)
	wants(t, "confirming without it again", b.confirm(), claim.ErrIncomplete)
}

// TestReviewIsResumed: what was corrected stays over a crash, another browser and another day; the review goes on where it was.
func TestReviewIsResumed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	business := o.runs()
	b := o.opened().to(claim.StepReview)
	must(t, w.claims.Correct(t.Context(), b.post(), claim.Correction{Profile: business, Item: customer.Item{List: customer.Directors},
		Values: map[customer.Field]string{customer.FirstName: "Ida", customer.LastName: "Voss"}}))
	w.advance(26 * time.Hour)
	other := o.browser()
	other.app = b.app
	must(t, other.signIn())
	must(t, other.visit(w.request(w.acme)))
	other.stands(claim.StepReview, claim.NotOver)
	state, err := other.state()
	must(t, err)
	if d := state.Profiles[1].Details.Lists.Directors; len(d) != 1 || d[0].FirstName != "Ida" || d[0].Source != customer.ByCustomer || len(state.Representatives) != 1 {
		t.Errorf("directors %+v, %d representatives", d, len(state.Representatives))
	}
	must(t, other.confirm())
	other.stands(claim.StepAllow, claim.NotOver)
}

// TestLockedPeople: what verification locked, no page of C9 changes: lists, a representative's name, a business's fields.
func TestLockedPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	business := o.runs()
	o.directors(o.caller, business, "Ida")
	_, err := w.customers.Decide(t.Context(), customer.Decision{Account: o.account, Verified: true, By: customer.ByOperator})
	must(t, err)
	b := o.opened().to(claim.StepReview)
	p, r := w.profileOf(business)
	name := map[customer.Field]string{customer.FirstName: "Ina", customer.LastName: "Voss"}
	for what, c := range map[string]claim.Correction{
		"a director":       {Profile: business, Item: customer.Item{List: customer.Directors, ID: itoa(p.Details.Lists.Directors[0].ID)}, Values: name},
		"another director": {Profile: business, Item: customer.Item{List: customer.Directors}, Values: name},
		"no director":      {Profile: business, Item: customer.Item{List: customer.Directors, ID: itoa(p.Details.Lists.Directors[0].ID), Remove: true}},
		"who acts":         {Representative: r.ID, Values: name},
		"the name":         {Profile: business, Values: map[customer.Field]string{customer.BusinessName: "Other Ltd"}},
	} {
		wants(t, what, w.claims.Correct(t.Context(), b.post(), c), customer.ErrLocked)
	}
	// Nobody gave owners, so nobody checked them; and where the person lives was not checked.
	must(t, w.claims.Correct(t.Context(), b.post(), claim.Correction{Profile: business, Item: customer.Item{List: customer.Owners}, Values: map[customer.Field]string{customer.OwnerName: "Ida"}}))
	must(t, w.claims.Correct(t.Context(), b.post(), claim.Correction{Representative: r.ID, Values: map[customer.Field]string{customer.Phone: "+4930901820"}}))
	wants(t, "a note about a list", w.claims.Dispute(t.Context(), b.post(), business, []customer.Field{customer.Directors}, "He left."), nil)
	wants(t, "a note about another's", w.claims.Dispute(t.Context(), b.post(), 1, []customer.Field{customer.Directors}, "He left."), customer.ErrNoProfile)
	must(t, b.confirm())
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// with is a copy of values with one of them replaced.
func with(values map[customer.Field]string, f customer.Field, value string) map[customer.Field]string {
	values = maps.Clone(values)
	values[f] = value
	return values
}

// TestConfirmRacesThePartner: the confirmation and a partner who gives what nobody gave, at once: whichever comes first, what the
// page did not show is not confirmed, and the journey asks again.
func TestConfirmRacesThePartner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	business := o.runs()
	b := o.opened().to(claim.StepAllow)
	refused := 0
	for i, f := range append(customer.EvidenceFields(customer.KindBusiness), customer.Directors) {
		w.advance(time.Second)
		must(t, w.claims.Correct(t.Context(), b.post(), claim.Correction{Profile: business, Values: map[customer.Field]string{customer.City: "Leith" + itoa(int64(i))}}))
		state, err := b.state()
		must(t, err)
		w.advance(time.Second)
		errs := together(func() error { return w.claims.Confirm(t.Context(), b.post(), state.Edition()) }, func() error {
			if f == customer.Directors {
				_, err := w.customers.SaveDirectors(t.Context(), o.after(business), business, []customer.Director{{FirstName: "Eve"}}, false)
				return err
			}
			value := map[customer.Field]string{customer.UseCaseCountries: "GB", customer.BusinessUseCase: "OTHER", customer.SourceOfFunding: "OTHER", customer.MonthlyVolume: "0_1200"}[f]
			_, err := w.customers.GiveEvidences(t.Context(), o.after(business), business, customer.Evidences{Values: map[customer.Field]string{f: value}})
			return err
		})
		must(t, errs[1])
		if errs[0] != nil {
			wants(t, "the confirmation", errs[0], customer.ErrVersion)
			refused++
		}
		if p, _ := w.profileOf(business); p.Confirmed() || !p.Details.Provenance[f].ConfirmedAt.IsZero() {
			t.Errorf("%s: what no page showed is confirmed (%v)", f, errs[0])
		}
		b.stands(claim.StepReview, claim.NotOver)
		must(t, b.confirm())
		b.stands(claim.StepAllow, claim.NotOver)
	}
	t.Logf("%d of 5 confirmations came second", refused)
}

// again runs each change twice, the first time for nothing, as a database does that asks for another try.
type again struct{ customer.Store }

func (s again) Change(ctx context.Context, fn func(customer.Tx) (audit.Event, error)) error {
	once := errors.New("another try")
	err := s.Store.Change(ctx, func(tx customer.Tx) (audit.Event, error) {
		_, _ = fn(tx)
		return audit.Event{}, once
	})
	if !errors.Is(err, once) {
		return err
	}
	return s.Store.Change(ctx, fn)
}

// TestPeopleAreBoundedAndAddedOnce: a list that is appended to holds each person once, however often the database tries; and
// all businesses of an account have no more people than their owner can read on one page.
func TestPeopleAreBoundedAndAddedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.customers.Store = again{w.customers.Store}
	o := w.onboard(w.acme, "mira.kade@example.org")
	directors, owners := make([]customer.Director, 199), make([]customer.Owner, 200)
	add := func(id customer.ProfileID) error {
		_, one := w.customers.SaveDirectors(t.Context(), o.caller, id, directors, true)
		_, two := w.customers.SaveDirectors(t.Context(), o.caller, id, directors[:1], false)
		_, three := w.customers.SaveOwners(t.Context(), o.caller, id, owners[:100], true)
		_, four := w.customers.SaveOwners(t.Context(), o.caller, id, owners[:100], false)
		return errors.Join(one, two, three, four)
	}
	var ids []customer.ProfileID
	for i := range 3 {
		in := joinery
		in.Values = with(joinery.Values, customer.RegistrationNumber, itoa(int64(i)))
		p, _, err := w.customers.CreateBusiness(t.Context(), o.caller, in, plain(itoa(int64(i))))
		must(t, err)
		ids = append(ids, p.ID)
	}
	must(t, add(ids[0]))
	must(t, add(ids[1]))
	for _, id := range ids[:2] {
		if p, _ := w.profileOf(id); len(p.Details.Lists.Directors) != 200 || len(p.Details.Lists.Owners) != 200 {
			t.Errorf("%d directors and %d owners", len(p.Details.Lists.Directors), len(p.Details.Lists.Owners))
		}
	}
	wants(t, "one of a business too many", second(w.customers.SaveDirectors(t.Context(), o.caller, ids[0], directors[:1], false)), customer.ErrTooMany)
	_, err := w.customers.SaveOwners(t.Context(), o.caller, ids[2], owners, true)
	must(t, err)
	wants(t, "one of all too many", second(w.customers.SaveDirectors(t.Context(), o.caller, ids[2], directors[:1], false)), customer.ErrTooMany)
	if p, _ := w.profileOf(ids[2]); len(p.Details.Lists.Directors) != 0 {
		t.Error("what was refused is stored")
	}
	_, err = w.customers.SaveOwners(t.Context(), o.caller, ids[2], owners[:199], true)
	must(t, err)
	must(t, second(w.customers.SaveDirectors(t.Context(), o.caller, ids[2], directors[:1], false)))
}
