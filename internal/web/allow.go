package web

import (
	"net/http"
	"slices"

	"github.com/latchkey-id/latchkey/internal/claim"
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
		answer := claim.Answer{Allow: decision == "allow", Language: "en"}
		for _, name := range v.r.PostForm["scope"] {
			answer.Optional = append(answer.Optional, partner.Scope(name))
		}
		err = v.Claims.Decide(v.context(), v.post(), answer)
	}
	return v.next(err, claim.StepAllow, func(v *visit, s claim.State, problems []Problem) error {
		return v.allowPage(s, http.StatusUnprocessableEntity, problems)
	})
}
