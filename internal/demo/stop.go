package demo

import (
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey"
)

// stopView is what page 7 found out about the access that the customer gave.
type stopView struct {
	// Alive: the access token was taken. Else Access and Refresh are how it and its refresh token were refused.
	Alive           bool
	Access, Refresh string
}

// stopPage is page 7: the customer stops the access on the server's own page, and the token dies.
func (s *site) stopPage(w http.ResponseWriter, r *http.Request) {
	s.write(w, r, http.StatusOK, pageStop, appView{ID: "demo7", Step: 7, Title: "Stop the access", Session: s.sessions.of(w, r).view()})
}

// doStop tries the token: it works until the customer stops the access, and then neither it nor its refresh token does.
func (s *site) doStop(w http.ResponseWriter, r *http.Request) {
	state := s.sessions.of(w, r).view()
	if !state.Returned.Connected() {
		http.Redirect(w, r, "/stop", http.StatusSeeOther)
		return
	}
	rec := s.record()
	client := s.client(rec)
	v := appView{ID: "demo7", Step: 7, Title: "Stop the access", Session: state, Tried: &stopView{}}
	_, err := client.Account(state.Access).Me(r.Context())
	switch {
	case err == nil:
		v.Tried.Alive = true
	case errors.Is(err, latchkey.ErrUnauthorized):
		v.Tried.Access = "invalid_token"
		if _, err = client.Refresh(r.Context(), state.Access.RefreshToken); errors.Is(err, latchkey.ErrInvalidGrant) {
			v.Tried.Refresh = "invalid_grant"
		}
	default:
		v.Problem = problemText(err)
	}
	v.Calls = rec.list()
	s.write(w, r, http.StatusOK, pageStop, v)
}
