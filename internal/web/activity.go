package web

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/partner"
)

const (
	// activityRows are those of one page.
	activityRows = 50
	// activityMonths is how far back it goes.
	activityMonths = 12
)

// happenings are the events that a customer is shown, with the id of their sentence. What is a partner's or the
// server's own business is not in it, such as refreshed tokens.
func happenings() map[audit.Action]string {
	return map[audit.Action]string{
		audit.SigninSucceeded: "activity.signin", audit.SigninRefused: "activity.signin.refused", audit.SignoutDone: "activity.signout",
		audit.SessionEnded: "activity.session.ended", audit.SessionsEnded: "activity.session.others", audit.ProofRefused: "activity.proof.refused",
		audit.JourneyClaimed: "activity.claimed", audit.AccountCreated: "activity.created", audit.AccountHeld: "activity.held", audit.AccountReleased: "activity.released",
		audit.AccountClosing: "activity.closing", audit.AccountKept: "activity.kept",
		audit.PasswordChanged: "activity.password", audit.EmailChanged: "activity.email", audit.PasskeyAdded: "activity.passkey.added", audit.PasskeyRemoved: "activity.passkey.removed",
		audit.AppAdded: "activity.app.added", audit.AppRemoved: "activity.app.removed", audit.CodesReplaced: "activity.codes", audit.RecoveryUsed: "activity.recovery",
		audit.RecoveryAsked: "activity.forgot", audit.ResetAsked: "activity.reset.asked", audit.ResetCancelled: "activity.reset.cancelled", audit.ResetFinished: "activity.reset.finished", audit.ResetStopped: "activity.reset.stopped",
		audit.ConsentAllowed: "activity.allowed", audit.ConsentDeclined: "activity.declined", audit.GrantUsed: "activity.used", audit.GrantStopped: "activity.stopped", audit.GrantEnded: "activity.ended",
		audit.ProfileCreated: "activity.profile.created", audit.ProfileChanged: "activity.profile.changed", audit.ProfileProposed: "activity.proposed", audit.ProposalDecided: "activity.decided",
		audit.ProfileConfirmed: "activity.confirmed", audit.ProfileDisputed: "activity.disputed", audit.ProfileVerified: "activity.verified", audit.ProfileUnverified: "activity.unverified",
		audit.FileUploaded: "activity.file", audit.ContactChanged: "activity.contact",
	}
}

// showActivity lists what happened, a page at a time.
func showActivity(v *visit) error {
	v.renew()
	o, found, err := v.owner()
	if err != nil || !found {
		return err
	}
	before, _ := strconv.ParseInt(v.r.URL.Query().Get("before"), 10, 64)
	filter := audit.Filter{Account: int64(o.Account), Before: max(before, 0), Since: v.Now().AddDate(0, -activityMonths, 0), Limit: activityRows + 1}
	for action := range happenings() {
		filter.Actions = append(filter.Actions, action)
	}
	slices.Sort(filter.Actions)
	entries, err := v.Events.Tail(v.context(), filter)
	if err != nil {
		return err
	}
	page := &ActivityPage{Frame: Frame{Back: "/account"}}
	if len(entries) > activityRows {
		entries = entries[:activityRows]
		page.Earlier = "/activity?before=" + strconv.FormatInt(entries[activityRows-1].Number, 10)
	}
	names := map[int64]string{}
	for _, e := range entries {
		row, err := v.activityRow(e, names)
		if err != nil {
			return err
		}
		page.Rows = append(page.Rows, row)
	}
	return v.show(http.StatusOK, page)
}

// activityRow is an event as its customer reads it. Where a partner did what the customer may do too, the sentence says who it was;
// the network is shown of people only: a partner's is the same for all.
func (v *visit) activityRow(e audit.Entry, names map[int64]string) (ActivityRow, error) {
	row := ActivityRow{What: happenings()[e.Action], At: e.At, Refused: e.Outcome == audit.Denied}
	if e.Actor.Kind == audit.ActorPartner && v.Pages.language("").has(row.What+".partner") {
		row.What += ".partner"
	}
	if e.Actor.Kind == audit.ActorCustomer || e.Actor.Kind == audit.ActorBrowser {
		row.Network = e.Network
	}
	if e.Partner == 0 {
		return row, nil
	}
	if _, known := names[e.Partner]; !known {
		p, err := v.Partners.Partner(v.context(), partner.ID(e.Partner))
		if err != nil {
			return row, err
		}
		names[e.Partner] = p.Name
	}
	row.Partner = names[e.Partner]
	return row, nil
}
