package web

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// showAccess lists who can use the account, and who could.
func showAccess(v *visit) error {
	v.renew()
	o, found, err := v.owner()
	if err != nil || !found {
		return err
	}
	cards, err := v.Grants.Cards(v.context(), o)
	if err != nil {
		return v.noOwner(err)
	}
	page := &AccessPage{Frame: Frame{Back: "/account"}}
	if v.r.URL.Query().Get("notice") == "stopped" {
		page.Notices = append(page.Notices, Say("access.stopped"))
	}
	for _, c := range cards {
		if c.Stands(v.Now()) {
			page.Active = append(page.Active, accessCard(c))
		} else {
			page.Over = append(page.Over, accessCard(c))
		}
	}
	return v.show(http.StatusOK, page)
}

// accessCard is an access in the words of C10.
func accessCard(c grant.Card) AccessCard {
	made := AccessCard{Key: strconv.FormatInt(int64(c.ID), 10), Partner: c.Partner.Name, Since: c.GivenAt, Used: c.UsedOn, Until: c.Until,
		Over: c.EndedAt, Stopped: c.State == grant.Stopped}
	made.Waits = c.State == grant.Suspended
	if made.Over.IsZero() {
		made.Over = c.Until // it ended by itself, a moment ago
	}
	if c.Profile.ID != 0 {
		made.Profile = AllowProfile{Name: c.Profile.Name(), Business: c.Profile.Kind == customer.KindBusiness,
			Number: c.Profile.Value(customer.RegistrationNumber)}
	}
	for _, s := range partner.AllScopes() {
		if slices.Contains(c.Scopes, s) {
			made.Scopes = append(made.Scopes, AllowScope{Name: string(s), Acts: s.Acts()})
		}
	}
	return made
}

// accessNamed is the id that the address names, -1 for what is no id: there is no such access.
func (v *visit) accessNamed() grant.ID {
	id, err := strconv.ParseInt(v.r.PathValue("grant"), 10, 64)
	if err != nil || id <= 0 {
		return -1
	}
	return grant.ID(id)
}

// stopToken is of one access: the form of one must not stop another.
func stopToken(id grant.ID) string { return "access/" + strconv.FormatInt(int64(id), 10) }

// showStop asks before it is stopped; one that is over already is among the others.
func showStop(v *visit) error {
	v.renew()
	o, found, err := v.owner()
	if err != nil || !found {
		return err
	}
	c, err := v.Grants.Card(v.context(), o, v.accessNamed())
	if err != nil {
		return v.noAccess(err)
	}
	if !c.Stoppable(v.Now()) {
		return v.see("/access")
	}
	return v.show(http.StatusOK, &StopPage{Card: accessCard(c), Frame: Frame{Back: "/access", FormToken: v.token(stopToken(c.ID))}})
}

// postStop stops it. The second of two clicks finds it stopped, and leads to the same page.
func postStop(v *visit) error {
	id := v.accessNamed()
	if err := v.posted(stopToken(id)); err != nil {
		return err
	}
	o, found, err := v.owner()
	if err != nil || !found {
		return err
	}
	if err := v.Grants.Stop(v.context(), o, id); err != nil {
		return v.noAccess(err)
	}
	return v.see("/access?notice=stopped")
}

// noAccess answers for an access that is not there: somebody else's is as unknown as one that does not exist.
func (v *visit) noAccess(err error) error {
	if errors.Is(err, grant.ErrNoGrant) {
		return errMissing
	}
	return v.noOwner(err)
}
