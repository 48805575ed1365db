package demo

import (
	"context"
	"net/http"
	"strings"

	"github.com/latchkey-id/latchkey"
)

// details is page 2: what the partner knows, of a person or of a business.
func (s *site) details(w http.ResponseWriter, r *http.Request) {
	state := s.sessions.of(w, r).view()
	if state.UserID == 0 {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	v := appView{ID: "demo2", Step: 2, Title: detailsTitle, Session: state, Calls: state.DetailsCalls, Person: person(state.Email)}
	if r.URL.Query().Get("kind") == kindBusiness {
		suggested := business(state.Email)
		v.Business = &suggested
	}
	s.write(w, r, http.StatusOK, pageDetails, v)
}

const detailsTitle = "Say what you know"

// option is one of a select.
type option struct{ Value, Name string }

// CompanyTypes are those that page 2 offers.
func (appView) CompanyTypes() []option {
	return []option{{"LIMITED", "Limited company"}, {"PARTNERSHIP", "Partnership"}, {"SOLE_TRADER", "Sole trader"}, {"TRUST", "Trust"}}
}

// Industries are those that page 2 offers.
func (appView) Industries() []option {
	return []option{{"SOFTWARE_DEVELOPMENT_PUBLISHING", "Software development"}, {"IT_CONSULTANCY_TECHNICAL_SUPPORT_SERVICES", "Technical support"}}
}

// doDetails sends what the form says. A profile that was made stays made when a later call is refused: the page shows both.
func (s *site) doDetails(w http.ResponseWriter, r *http.Request) {
	session := s.sessions.of(w, r)
	state := session.view()
	if state.UserID == 0 {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	if r.PostFormValue("leave") == "everything" {
		session.change(func(state *sessionState) { state.Skipped = true })
		http.Redirect(w, r, "/details", http.StatusSeeOther)
		return
	}
	kind := kindPerson
	if r.PostFormValue("kind") == kindBusiness {
		kind = kindBusiness
	}
	rec := s.record()
	id, err := say(r, s.client(rec).Account(state.Token), kind)
	session.change(func(known *sessionState) {
		if id != 0 {
			known.ProfileID, known.Kind, known.Skipped, known.DetailsCalls = id, kind, false, rec.list()
		}
		state = *known
	})
	if err != nil {
		v := appView{ID: "demo2", Step: 2, Title: detailsTitle, Session: state, Calls: rec.list(), Problem: problemText(err), Person: personal(r)}
		if kind == kindBusiness {
			sent := trading(r)
			v.Business = &sent
		}
		s.write(w, r, http.StatusUnprocessableEntity, pageDetails, v)
		return
	}
	http.Redirect(w, r, "/details", http.StatusSeeOther)
}

// say makes the profile and what goes with it; the id is 0 when there is none.
func say(r *http.Request, a *latchkey.Account, kind string) (latchkey.ProfileID, error) {
	ctx := r.Context()
	id, err := sayProfile(ctx, r, a, kind)
	if err == nil && kind == kindBusiness && r.PostFormValue("own") != "" {
		_, err = a.CreatePersonalProfile(ctx, personal(r), latchkey.NewKey())
	}
	if err == nil && r.PostFormValue("more") != "" {
		err = tellMore(ctx, a, kind, id)
	}
	return id, err
}

func sayProfile(ctx context.Context, r *http.Request, a *latchkey.Account, kind string) (latchkey.ProfileID, error) {
	if kind == kindBusiness {
		made, err := a.CreateBusinessProfile(ctx, trading(r), latchkey.NewKey())
		return made.ID, err
	}
	made, err := a.CreatePersonalProfile(ctx, personal(r), latchkey.NewKey())
	return made.ID, err
}

// typed is what the form says in a field.
func typed(r *http.Request, name string) string { return strings.TrimSpace(r.PostFormValue(name)) }

// personal reads the form of a person; leave names what is left for the customer to fill in.
func personal(r *http.Request) latchkey.PersonalProfile {
	p := latchkey.PersonalProfile{
		FirstName: typed(r, "first_name"), LastName: typed(r, "last_name"), DateOfBirth: latchkey.Date(typed(r, "born")),
		Address: &latchkey.PersonalAddress{AddressFirstLine: typed(r, "street"), City: typed(r, "city"),
			CountryIso3Code: strings.ToLower(typed(r, "country")), PostCode: typed(r, "postcode")},
		ContactDetails: &latchkey.ContactDetails{Email: typed(r, "email"), PhoneNumber: typed(r, "phone")},
	}
	if typed(r, "leave") == "postcode" {
		p.Address.PostCode = ""
	}
	return p
}

// trading reads the form of a business, whose representative lives where the business is.
func trading(r *http.Request) latchkey.Business {
	p := personal(r)
	return latchkey.Business{
		BusinessName: typed(r, "business_name"), RegistrationNumber: typed(r, "number"), CompanyType: typed(r, "type"), CompanyRole: "DIRECTOR",
		BusinessFreeFormDescription: typed(r, "description"), Webpage: typed(r, "webpage"), IndustryCategories: []string{typed(r, "category")},
		Address: &latchkey.BusinessAddress{AddressFirstLine: p.Address.AddressFirstLine, City: p.Address.City, CountryIso3Code: p.Address.CountryIso3Code,
			PostCode: p.Address.PostCode},
		BusinessRepresentative: &latchkey.BusinessRepresentative{FirstName: p.FirstName, LastName: p.LastName, DateOfBirth: p.DateOfBirth,
			Address: p.Address, ContactDetails: p.ContactDetails},
	}
}
