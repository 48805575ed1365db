package web

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// ownState reads what the customer's own pages show, or has answered with the way to sign in: then there is nobody.
func (v *visit) ownState() (claim.State, customer.SignedIn, bool, error) {
	o, found, err := v.owner()
	if err != nil || !found {
		return claim.State{}, o, false, err
	}
	s, err := v.Claims.Own(v.context(), o)
	if err != nil {
		return claim.State{}, o, false, v.noOwner(err)
	}
	return s, o, true, nil
}

// reviewFrame is the frame of a page of C8 or C9, of a journey or of the customer's own.
func (v *visit) reviewFrame(s claim.State) Frame {
	if v.text != "" {
		return v.frame(s, claim.StepReview)
	}
	f := Frame{Own: true, Partner: Partner{Name: s.Partner.Name}, Base: v.base(), Reference: v.reference}
	if v.r.Method == http.MethodGet && v.r.URL.Query().Get("notice") == "disputed" {
		f.Notices = append(f.Notices, Say("dispute.sent"))
	}
	return f
}

// showDetails is everything that is in the account, with who gave it and when.
func showDetails(v *visit) error {
	v.renew()
	s, o, found, err := v.ownState()
	if err != nil || !found {
		return err
	}
	proposed, err := v.proposed(o)
	if err != nil {
		return v.noOwner(err)
	}
	f := v.reviewFrame(s)
	f.Back, f.Action, f.FormToken = "/account", "/details/download", v.token("details/download")
	return v.show(http.StatusOK, &DetailsPage{Frame: f, Sections: grouped(v.parts(s)), Proposed: len(proposed)})
}

// ownReview is a page of C9 about the customer's own details, outside a journey.
func ownReview(show func(*visit, claim.State) error) page {
	return func(v *visit) error {
		v.renew()
		s, _, found, err := v.ownState()
		if err != nil || !found {
			return err
		}
		return show(v, s)
	}
}

// postOwnSection saves one page of C9 and returns to its row.
func postOwnSection(v *visit) error {
	key := v.r.PathValue("section")
	if !isSection(key) {
		return errMissing
	}
	if err := v.posted("review/" + key); err != nil {
		return err
	}
	s, o, found, err := v.ownState()
	if err != nil || !found {
		return err
	}
	return v.saveSection(s, func(c claim.Correction) error { return v.Claims.CorrectOwn(v.context(), o, c) }, v.noOwner)
}

// postOwnDispute sends a note about what was checked.
func postOwnDispute(v *visit) error {
	if err := v.posted("wrong/" + v.r.PathValue("section")); err != nil {
		return err
	}
	s, o, found, err := v.ownState()
	if err != nil || !found {
		return err
	}
	return v.saveDispute(s, func(p reviewPart, note string) error {
		return v.Claims.DisputeOwn(v.context(), o, p.profile, p.locked, note)
	}, v.noOwner)
}

// showOwnFile answers with a file about one of the customer's profiles.
func showOwnFile(v *visit) error {
	v.renew()
	o, found, err := v.owner()
	if err != nil || !found {
		return err
	}
	id, err := strconv.ParseInt(v.r.PathValue("file"), 10, 64)
	if err != nil {
		return errMissing
	}
	done, err := v.looks()
	if err != nil {
		return err
	}
	defer done()
	f, err := v.Claims.OwnFile(v.context(), o, customer.FileID(id))
	switch {
	case errors.Is(err, customer.ErrNoFile):
		return errMissing
	case err != nil:
		return v.noOwner(err)
	}
	return v.sendFile(f)
}

// postDetailsDownload answers with all of it as a file. It is a POST, so that no page elsewhere can make a browser fetch it and no
// history holds it.
func postDetailsDownload(v *visit) error {
	if err := v.posted("details/download"); err != nil {
		return err
	}
	o, found, err := v.owner()
	if err != nil || !found {
		return err
	}
	text, err := v.Claims.Export(v.context(), o, v.WebURL)
	if err != nil {
		return v.noOwner(err)
	}
	v.saveJar()
	h := v.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Disposition", `attachment; filename="account-`+strconv.FormatInt(int64(o.Account), 10)+`.json"`)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	if _, err := v.w.Write(text); err != nil {
		v.Log.DebugContext(v.context(), "sending an export", "error", err)
	}
	return nil
}
