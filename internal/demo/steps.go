package demo

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// signUp is page 1: the account.
func (s *site) signUp(w http.ResponseWriter, r *http.Request) {
	state := s.sessions.of(w, r).view()
	if state.Email == "" {
		state.Email = newAddress()
	}
	s.write(w, r, http.StatusOK, pageSignUp, appView{ID: "demo1", Step: 1, Title: "Open an account", Session: state, Calls: state.SignUpCalls})
}

// newAddress is an address nobody has, so that a newcomer need not invent one.
func newAddress() string {
	return "mira." + strings.ToLower(strings.NewReplacer("_", "x", "-", "y").Replace(secret.Text(4))) + "@example.org"
}

func (s *site) doSignUp(w http.ResponseWriter, r *http.Request) {
	session := s.sessions.of(w, r)
	email := strings.TrimSpace(r.PostFormValue("email"))
	rec := s.record()
	opened, err := open(r.Context(), s.client(rec), email)
	opened.SignUpCalls = rec.list()
	if err != nil {
		s.write(w, r, http.StatusUnprocessableEntity, pageSignUp, appView{ID: "demo1", Step: 1, Title: "Open an account",
			Session: sessionState{Email: email}, Calls: rec.list(), Problem: problemText(err)})
		return
	}
	session.change(func(state *sessionState) { *state = opened })
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// open is the first two calls: create the user, then obtain a token for it.
func open(ctx context.Context, c *latchkey.Client, email string) (sessionState, error) {
	state := sessionState{Email: email, Code: latchkey.NewRegistrationCode()}
	user, err := c.CreateUser(ctx, latchkey.NewUser{Email: email, RegistrationCode: state.Code})
	if err != nil {
		return state, err
	}
	state.UserID = user.ID
	state.Token, err = c.RegistrationGrant(ctx, email, state.Code)
	return state, err
}

// goPage is page 3: mint a code at the click, and go.
func (s *site) goPage(w http.ResponseWriter, r *http.Request) {
	state := s.sessions.of(w, r).view()
	if state.UserID == 0 {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	s.write(w, r, http.StatusOK, pageGo, appView{ID: "demo3", Step: 3, Title: "Hand it over", Session: state, Calls: state.GoCalls, Address: state.Address})
}

func (s *site) doGo(w http.ResponseWriter, r *http.Request) {
	session := s.sessions.of(w, r)
	state := session.view()
	if state.UserID == 0 {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	rec := s.record()
	client := s.client(rec)
	code, err := client.Account(state.Token).MintClaimCode(r.Context(), state.Code)
	if err != nil {
		s.write(w, r, http.StatusConflict, pageGo, appView{ID: "demo3", Step: 3, Title: "Hand it over", Session: state,
			Calls: rec.list(), Problem: problemText(err)})
		return
	}
	address := s.authorize(session, client, code)
	session.change(func(state *sessionState) { state.ClaimCode, state.GoCalls = code, rec.list() })
	if r.PostFormValue("look") != "" {
		http.Redirect(w, r, "/go", http.StatusSeeOther)
		return
	}
	http.Redirect(w, r, address, http.StatusSeeOther)
}

// authorize draws state and verifier for a new authorize request, remembers them, and returns its address.
func (s *site) authorize(session *session, c *latchkey.Client, code latchkey.Secret) string {
	state, verifier := latchkey.NewState(), latchkey.NewVerifier()
	address := c.AuthorizeURL(latchkey.AuthorizeRequest{RedirectURI: s.redirectURI(), State: state, ClaimCode: code, Challenge: latchkey.Challenge(verifier)})
	session.change(func(known *sessionState) {
		known.State, known.Verifier, known.Expects, known.Address = state, verifier, true, address
	})
	return address
}

// callback is where the customer comes back to. The code is exchanged here and now, and the address is cleaned by the
// redirect that follows: a code in a history is a code that somebody may try.
func (s *site) callback(w http.ResponseWriter, r *http.Request) {
	if q := r.URL.Query(); q.Has("status") && !q.Has("state") && !q.Has("code") { // from the page of a review, with nothing to believe in it
		http.Redirect(w, r, "/checks?status="+url.QueryEscape(q.Get("status")), http.StatusSeeOther)
		return
	}
	session := s.sessions.of(w, r)
	state := session.view()
	outcome := s.take(r, state)
	session.change(func(known *sessionState) {
		known.Returned = &outcome
		if outcome.StateMatched {
			known.Expects = false
		}
		if outcome.Connected() {
			known.Claimed, known.Access = outcome.Email, outcome.access
		}
	})
	http.Redirect(w, r, "/back", http.StatusSeeOther)
}

// take checks a return and turns it into access.
func (s *site) take(r *http.Request, state sessionState) returned {
	if !state.Expects {
		return s.unused(r, returned{Problem: "Nobody was expected back in this browser, so the return is not used. The sign-in may be somebody else's."})
	}
	back, err := latchkey.ParseReturn(r.URL.String(), state.State)
	if err != nil {
		return s.unused(r, refusedReturn(err))
	}
	rec := s.record()
	client := s.client(rec)
	out := returned{StateMatched: true, Profile: back.ProfileID}
	fail := func(err error) returned {
		out.Problem, out.Calls = problemText(err), rec.list()
		return out
	}
	token, err := client.Exchange(r.Context(), latchkey.Exchange{Code: back.Code, RedirectURI: s.redirectURI(), Verifier: state.Verifier})
	if err != nil {
		return fail(err)
	}
	account := client.Account(token)
	me, err := account.Me(r.Context())
	if err != nil {
		return fail(err)
	}
	// profileId came through the browser; only the API's answer makes it true.
	profile, err := account.Profile(r.Context(), back.ProfileID)
	if err != nil {
		return fail(err)
	}
	out.Name, out.Email, out.Born, out.Calls, out.access = profile.FullName, me.Email, profile.DateOfBirth, rec.list(), token
	if profile.Business != nil {
		out.Name, out.Number = profile.Business.BusinessName, string(profile.Business.RegistrationNumber)
	}
	return out
}

// unused adds what a return carried that this browser did not ask for: the page shows it, for a developer who sent the
// browser here by hand.
func (s *site) unused(r *http.Request, out returned) returned {
	if out.StateMatched {
		return out
	}
	q := r.URL.Query()
	for _, name := range []string{"code", "state", "profileId", "iss", "error", "error_description"} {
		if value := q.Get(name); value != "" {
			out.Received = append(out.Received, parameter{name, value})
		}
	}
	if code := q.Get("code"); code != "" {
		form := url.Values{"grant_type": {"authorization_code"}, "client_id": {s.ID}, "code": {code}, "redirect_uri": {s.redirectURI()}}
		out.Curl = "curl -i " + quoted(s.API+"/oauth/token") + " \\\n  -u " + quoted(s.ID+":"+s.Secret) + " \\\n  -d " + quoted(form.Encode())
	}
	return out
}

// back is page 4: what came of the return.
func (s *site) back(w http.ResponseWriter, r *http.Request) {
	state := s.sessions.of(w, r).view()
	v := appView{ID: "demo4", Step: 4, Title: "Nobody has come back yet", Session: state}
	if state.Returned != nil {
		v.Calls, v.Problem, v.Title = state.Returned.Calls, state.Returned.Problem, "Back without access"
		if state.Returned.Connected() {
			v.Title = "Connected"
		}
	}
	s.write(w, r, http.StatusOK, pageBack, v)
}

// returnPage is page 5: the same address without a code.
func (s *site) returnPage(w http.ResponseWriter, r *http.Request) {
	s.write(w, r, http.StatusOK, pageReturn, appView{ID: "demo5", Step: 5, Title: "Come back without a code", Session: s.sessions.of(w, r).view()})
}

func (s *site) doReturn(w http.ResponseWriter, r *http.Request) {
	address := s.authorize(s.sessions.of(w, r), s.client(s.record()), "")
	http.Redirect(w, r, address, http.StatusSeeOther)
}

// again is the registered restart address: a customer whose link did not work gets a new one here.
func (s *site) again(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.write(w, r, http.StatusOK, pageAgain, appView{ID: "demo-again", Step: 3, Title: "You need a new link", Session: s.sessions.of(w, r).view(),
		Reason: q.Get("reason"), State: q.Get("state")})
}

// forget ends the app's session, to begin with another customer.
func (s *site) forget(w http.ResponseWriter, r *http.Request) {
	s.sessions.of(w, r).change(func(state *sessionState) { *state = sessionState{} })
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
