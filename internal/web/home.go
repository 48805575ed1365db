package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
)

// fewCodes is how few recovery codes are too few: with less the customer is asked to make new ones.
const fewCodes = 4

// showHome is the customer's own first page.
func showHome(v *visit) error {
	v.renew()
	s, o, found, err := v.ownState()
	if err != nil || !found {
		return err
	}
	cards, err := v.Grants.Cards(v.context(), o)
	if err != nil {
		return v.noOwner(err)
	}
	page := &HomePage{Email: s.Account.Email, Name: s.Profile.Name(), LastSignIn: s.Account.PreviousSignInAt, CodesLeft: codesLeft(s.Account.Credentials),
		Frame: Frame{Action: "/signout", FormToken: v.token("signout")}}
	if v.r.URL.Query().Get("notice") == "kept" {
		page.Notices = append(page.Notices, Say("close.kept"))
	}
	said := map[string]bool{}
	for _, c := range cards {
		if c.Stands(v.Now()) && !said[c.Partner.Name] {
			said[c.Partner.Name] = true
			page.Partners = append(page.Partners, c.Partner.Name)
		}
	}
	return v.homePage(page, s.Account, o, cards)
}

// homePage names at most one thing to do, the most urgent.
func (v *visit) homePage(page *HomePage, a customer.Account, o customer.SignedIn, cards []grant.Card) error {
	proposed, err := v.proposed(o)
	if err != nil {
		return v.noOwner(err)
	}
	ending := endsSoon(cards, v.Now())
	switch {
	case !a.CloseAt.IsZero():
		page.Do, page.At = DoKeep, a.CloseAt
	case len(proposed) > 0:
		page.Do, page.Count = DoDecide, len(proposed)
	case page.CodesLeft < fewCodes:
		page.Do, page.Count = DoCodes, page.CodesLeft
	case len(a.Credentials.Apps)+len(a.Credentials.Passkeys) < 2:
		page.Do = DoSecond
	case ending.ID != 0:
		page.Do, page.Ends, page.At = DoAccess, ending.Partner.Name, ending.Until
	}
	return v.show(http.StatusOK, page)
}

// endsSoon is the access that ends first, of those of which the customer is warned.
func endsSoon(cards []grant.Card, now time.Time) (first grant.Card) {
	for _, c := range cards {
		if c.Stands(now) && !c.Until.IsZero() && !now.Before(c.Until.Add(-grant.WarnedBefore)) && (first.ID == 0 || c.Until.Before(first.Until)) {
			first = c
		}
	}
	return first
}

func postSignOut(v *visit) error {
	if err := v.posted("signout"); errors.Is(err, errStale) && v.jar.Session.ID == 0 {
		return v.see("/signin?notice=out") // the second of two clicks
	} else if err != nil {
		return err
	}
	if err := v.SignIns.SignOut(v.context(), v.jar.Session, v.origin()); err != nil {
		return err
	}
	v.jar = jar{changed: true}
	return v.see("/signin?notice=out")
}
