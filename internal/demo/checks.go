package demo

import (
	"context"
	"net/http"
	"slices"

	"github.com/latchkey-id/latchkey"
)

// checksView is what the page of checks shows of the profile that the customer gave access to.
type checksView struct {
	// Status is verified or not_verified; empty before anybody gave access.
	Status  string
	Reviews []latchkey.KYCReview
	// Outcome is how the customer left the page of a review: success, failed or closed; empty before.
	Outcome string
}

// checks is the page on which the partner has its customer checked.
func (s *site) checks(w http.ResponseWriter, r *http.Request) {
	outcome := r.URL.Query().Get("status")
	if !slices.Contains(outcomes(), outcome) {
		outcome = ""
	}
	s.writeChecks(w, r, s.sessions.of(w, r), s.record(), http.StatusOK, outcome, nil)
}

// outcomes are those that a review's page leads back with (contract 11.5).
func outcomes() []string { return []string{"success", "failed", "closed"} }

// writeChecks reads how the profile stands and shows it; failure is what an attempt before it came to.
func (s *site) writeChecks(w http.ResponseWriter, r *http.Request, session *session, rec *recorder, status int, outcome string, failure error) {
	state := session.view()
	v := appView{ID: "demo-checks", Step: 9, Title: "Have the customer checked", Session: state, Checks: &checksView{Outcome: outcome}}
	if state.Returned.Connected() {
		err := s.standing(r.Context(), state, rec, v.Checks)
		if failure == nil {
			failure = err
		}
	}
	if failure != nil {
		v.Problem, status = problemText(failure), http.StatusUnprocessableEntity
	}
	v.Calls = rec.list()
	s.write(w, r, status, pageChecks, v)
}

func (s *site) standing(ctx context.Context, state sessionState, rec *recorder, v *checksView) error {
	account := s.client(rec).Account(state.Access)
	status, err := account.VerificationStatus(ctx, state.Returned.Profile, "GBP")
	if err != nil {
		return err
	}
	for _, route := range status.Routes {
		v.Status = route.CurrentStatus
	}
	v.Reviews, err = account.KYCReviews(ctx, state.Returned.Profile, 1)
	return err
}

// doReview asks for a review, or for the one that is open, and sends the customer to its page. A review that waits for nothing
// has no link: the page says how it stands.
func (s *site) doReview(w http.ResponseWriter, r *http.Request) {
	session := s.sessions.of(w, r)
	state := session.view()
	if !state.Returned.Connected() {
		http.Redirect(w, r, "/checks", http.StatusSeeOther)
		return
	}
	rec := s.record()
	link, err := s.reviewLink(r.Context(), state, rec)
	switch {
	case err != nil:
		s.writeChecks(w, r, session, rec, http.StatusUnprocessableEntity, "", err)
	case link == "":
		http.Redirect(w, r, "/checks", http.StatusSeeOther)
	default:
		http.Redirect(w, r, link, http.StatusSeeOther)
	}
}

func (s *site) reviewLink(ctx context.Context, state sessionState, rec *recorder) (string, error) {
	account, profile := s.client(rec).Account(state.Access), state.Returned.Profile
	open, err := account.KYCReviews(ctx, profile, 1)
	if err != nil {
		return "", err
	}
	if len(open) == 0 {
		made, err := account.CreateKYCReview(ctx, profile, latchkey.NewKYCReview{Type: "CARD"})
		if err != nil {
			return "", err
		}
		open = append(open, made)
	}
	linked, err := account.LinkKYCReview(ctx, profile, open[0].ID, s.redirectURI())
	if err != nil || linked.Link == nil {
		return "", err
	}
	return linked.Link.Value, nil
}

// doVerify verifies the profile, which only a sandbox lets a partner do.
func (s *site) doVerify(w http.ResponseWriter, r *http.Request) {
	session := s.sessions.of(w, r)
	state := session.view()
	if !state.Returned.Connected() {
		http.Redirect(w, r, "/checks", http.StatusSeeOther)
		return
	}
	rec := s.record()
	err := s.client(rec).Account(state.Access).SimulateVerification(r.Context(), state.Returned.Profile)
	s.writeChecks(w, r, session, rec, http.StatusOK, "", err)
}
