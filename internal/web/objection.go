package web

import (
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/claim"
)

// showObjection is the page behind "This wasn't me" in mail M1 (design 10.10). Looking at it changes nothing: mail scanners and
// previews look too. It shows nothing of the account but who opened it: whoever has the link can read it.
func showObjection(v *visit) error {
	p, err := v.Claims.Objectable(v.context(), v.r.PathValue("link"))
	if err != nil {
		return v.noObjection(err)
	}
	return v.show(http.StatusOK, &ObjectionPage{Frame: Frame{Partner: Partner{Name: p.Name}}, State: ObjectionOpen})
}

// noObjection is one answer for links that are unknown, used or have run out: which it is is nobody's business but the owner's,
// and the owner needs the same help with each.
func (v *visit) noObjection(err error) error {
	if !errors.Is(err, claim.ErrNoObjection) {
		return err
	}
	return v.show(http.StatusNotFound, &ObjectionPage{State: ObjectionOver})
}

// postObjection puts the account on hold. The text of the link proves the form: nobody can post it who could not open the
// page. The page after it has no secret in its address.
func postObjection(v *visit) error {
	if err := v.parse(); err != nil {
		return err
	}
	o, refused := v.share("link")
	if err := v.Claims.ObjectByLink(v.context(), v.r.PathValue("link"), o); err != nil {
		refused()
		return v.noObjection(err)
	}
	return v.see("/objected")
}
