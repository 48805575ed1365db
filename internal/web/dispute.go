package web

import (
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// wrong is the page where a locked row is disputed.
func (v *visit) wrong(key string) string { return v.base() + "/review/" + key + "/wrong" }

// showDispute is "Tell {Partner} this is wrong" (C8). A row that is not locked has no such page: it can be changed.
func showDispute(v *visit, s claim.State) error {
	p, found := v.part(s)
	if !found || len(p.locked) == 0 {
		return errMissing
	}
	return v.disputePage(s, p, http.StatusOK, "", nil)
}

func (v *visit) disputePage(s claim.State, p reviewPart, status int, note string, problems []Problem) error {
	f := v.reviewFrame(s)
	f.Back, f.Problems, f.FormToken = v.at(claim.StepReview), problems, v.token("wrong/"+p.row.Key)
	return v.show(status, &DisputePage{Frame: f, Row: p.row, Note: note})
}

// postDispute sends the note and returns to its row.
func postDispute(v *visit) error {
	key := v.r.PathValue("section")
	if err := v.posted("wrong/" + key); err != nil {
		return v.next(err, claim.StepReview, nil)
	}
	state, next, err := v.state()
	if err != nil {
		return v.ended(state, err)
	}
	if next != claim.StepReview {
		return v.moved(next)
	}
	return v.saveDispute(state, func(p reviewPart, note string) error {
		return v.Claims.Dispute(v.context(), v.post(), p.profile, p.locked, note)
	},
		func(err error) error { return v.next(err, claim.StepReview, nil) })
}

// saveDispute sends the note of a page, of a journey or of the customer's own pages.
func (v *visit) saveDispute(state claim.State, send func(p reviewPart, note string) error, otherwise func(error) error) error {
	key := v.r.PathValue("section")
	p, found := v.part(state)
	if !found || len(p.locked) == 0 {
		return v.see(v.at(claim.StepReview))
	}
	err := send(p, v.r.PostForm.Get("note"))
	switch {
	case err == nil:
		return v.see(v.at(claim.StepReview) + "?notice=disputed#row-" + key)
	case errors.Is(err, customer.ErrNoteEmpty):
		return v.disputePage(state, p, http.StatusUnprocessableEntity, "", []Problem{Wrong("note", "dispute.note.empty")})
	case errors.Is(err, customer.ErrNoteLong):
		return v.disputePage(state, p, http.StatusUnprocessableEntity, v.r.PostForm.Get("note"), []Problem{Wrong("note", "dispute.note.long")})
	case errors.Is(err, customer.ErrNotLocked): // unlocked since: it can be changed
		return v.see(v.at(claim.StepReview))
	}
	return otherwise(err)
}
