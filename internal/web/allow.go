package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// showAllow is C10.
func showAllow(v *visit, s claim.State) error { return v.allowPage(s, http.StatusOK, nil) }

func (v *visit) allowPage(s claim.State, status int, problems []Problem) error {
	f := v.frame(s, claim.StepAllow)
	f.Problems = problems
	page := &AllowPage{Frame: f, Email: s.Account.Email, Host: s.Journey.Request.Host(), Purpose: s.Partner.Purpose}
	if life := s.Partner.Class.GrantLife; life > 0 {
		page.Until = v.Now().Add(life)
	}
	asked, later := s.Asks(v.Now())
	page.Later = later
	page.Profiles, page.Profile = choices(s, v.Now()), v.r.PostForm.Get("profile")
	ticked := v.r.PostForm["scope"]
	for _, scope := range partner.AllScopes() {
		if !slices.Contains(asked, scope) {
			continue
		}
		page.Scopes = append(page.Scopes, AllowScope{Name: string(scope), Acts: scope.Acts(), Optional: !s.Partner.Requires(scope),
			Ticked: slices.Contains(ticked, string(scope))})
	}
	return v.show(status, page)
}

// postAllow is the decision: one of two buttons of equal weight; a form without either is the page again.
func postAllow(v *visit) error {
	err := v.posted(string(claim.StepAllow))
	decision := v.r.PostForm.Get("decision")
	if err == nil && decision != "allow" && decision != "deny" {
		return v.see(v.at(claim.StepAllow))
	}
	if err == nil {
		answer := claim.Answer{Allow: decision == "allow", Asked: scopesIn(v.r.PostForm.Get("asked")), Profile: chosenProfile(v.r), Language: "en"}
		for _, name := range v.r.PostForm["scope"] {
			answer.Optional = append(answer.Optional, partner.Scope(name))
		}
		err = v.Claims.Decide(v.context(), v.post(), answer)
	}
	return v.next(err, claim.StepAllow, func(v *visit, s claim.State, problems []Problem) error {
		return v.allowPage(s, http.StatusUnprocessableEntity, problems)
	})
}

// scopesIn are the words of the form's field that says what the page asked about.
func scopesIn(text string) (scopes []partner.Scope) {
	for name := range strings.FieldsSeq(text) {
		scopes = append(scopes, partner.Scope(name))
	}
	return scopes
}

// choices are the profiles that the person may share, under their names. Kind and number tell apart two of one name.
func choices(s claim.State, now time.Time) []AllowProfile {
	var list []AllowProfile
	for _, p := range s.Profiles {
		list = append(list, AllowProfile{ID: strconv.FormatInt(int64(p.ID), 10), Name: p.Name(),
			Business: p.Kind == customer.KindBusiness, Number: p.Value(customer.RegistrationNumber), Used: s.Uses(p, now)})
	}
	return list
}

// chosenProfile is the profile that a form names: 0 for none, and what is no number is a profile that nobody has.
func chosenProfile(r *http.Request) customer.ProfileID {
	text := r.PostForm.Get("profile")
	if text == "" {
		return 0
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return -1
	}
	return customer.ProfileID(id)
}
