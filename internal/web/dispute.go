package web

import (
	"errors"
	"net/http"
	"slices"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// lockedIn lists the fields of a row that were checked and are locked; none where the row lacks something that only the
// customer can add.
func lockedIn(p customer.Profile, key string) []customer.Field {
	var locked []customer.Field
	for _, part := range reviewParts() {
		if part.key != key {
			continue
		}
		for _, f := range part.fields {
			if p.Needs(f) && p.Value(f) == "" {
				return nil
			}
			if p.Locked(f) {
				locked = append(locked, f)
			}
		}
	}
	return locked
}

// wrong is the page where a locked row is disputed.
func (v *visit) wrong(key string) string { return v.base() + "/review/" + key + "/wrong" }

// showDispute is "Tell {Partner} this is wrong" (C8). A row that is not locked has no such page: it can be changed.
func showDispute(v *visit, s claim.State) error {
	key := v.r.PathValue("section")
	if len(lockedIn(s.Profile, key)) == 0 {
		return errMissing
	}
	return v.disputePage(s, key, http.StatusOK, "", nil)
}

func (v *visit) disputePage(s claim.State, key string, status int, note string, problems []Problem) error {
	f := v.frame(s, claim.StepReview)
	f.Back, f.Problems, f.FormToken = v.at(claim.StepReview), problems, v.token("wrong/"+key)
	parts := reviewParts()
	part := parts[slices.IndexFunc(parts, func(part reviewPart) bool { return part.key == key })]
	return v.show(status, &DisputePage{Frame: f, Row: reviewRow(s.Profile, part, s.Account.Email), Note: note})
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
	locked := lockedIn(state.Profile, key)
	if len(locked) == 0 {
		return v.see(v.at(claim.StepReview))
	}
	err = v.Claims.Dispute(v.context(), v.post(), locked, v.r.PostForm.Get("note"))
	switch {
	case err == nil:
		return v.see(v.at(claim.StepReview) + "?notice=disputed#row-" + key)
	case errors.Is(err, customer.ErrNoteEmpty):
		return v.disputePage(state, key, http.StatusUnprocessableEntity, "", []Problem{Wrong("note", "dispute.note.empty")})
	case errors.Is(err, customer.ErrNoteLong):
		return v.disputePage(state, key, http.StatusUnprocessableEntity, v.r.PostForm.Get("note"), []Problem{Wrong("note", "dispute.note.long")})
	case errors.Is(err, customer.ErrNotLocked): // unlocked since: it can be changed
		return v.see(v.at(claim.StepReview))
	}
	return v.next(err, claim.StepReview, nil)
}
