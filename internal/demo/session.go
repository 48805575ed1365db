package demo

import (
	"net/http"
	"sync"
	"time"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// sessionCookie names the app's cookie. Cookies know no ports, so the name is the app's own.
const sessionCookie = "harbour"

// mostSessions bounds the app's memory; the oldest goes first.
const mostSessions = 500

// sessionState is what the app knows of one browser: a value, so that pages see one moment of it.
type sessionState struct {
	// Email and Code are what the account was opened with; UserID is the account, 0 before.
	Email  string
	Code   latchkey.Secret
	UserID latchkey.UserID
	// Token is the registration-code token, good until the customer takes the account over.
	Token latchkey.Token
	// ProfileID is the profile that was filled in; 0 when nothing was. Kind is what it is of; empty is a person.
	ProfileID latchkey.ProfileID
	Kind      string
	// Skipped is true when the customer is left to type everything.
	Skipped bool
	// ClaimCode is the newest one minted, State and Verifier those of the newest authorize request.
	ClaimCode latchkey.Secret
	State     string
	Verifier  latchkey.Secret
	// Expects is true while a return is expected; Address is where the browser was sent.
	Expects bool
	Address string
	// Access is the token of what the customer allowed last.
	Access latchkey.Token
	// Claimed is the address of the customer who came back with access, empty before.
	Claimed string
	// Returned is what came of the last return.
	Returned *returned
	// SignUpCalls and the others are the calls of each page, as they were made.
	SignUpCalls, DetailsCalls, GoCalls, InboxCalls []Call
	// Result is what the last break found out.
	Result *breakResult
}

// returned is the outcome of a customer's return.
type returned struct {
	// Problem is why there is no access, empty when there is.
	Problem, Reason string
	StateMatched    bool
	Profile         latchkey.ProfileID
	Name, Email     string
	// Born is a person's, Number a business's.
	Born   latchkey.Date
	Number string
	Calls  []Call
	// access is the token that the code was exchanged for.
	access latchkey.Token
	// Received is what an unexpected return carried, Curl the command that exchanges its code by hand.
	Received []parameter
	Curl     string
}

// parameter is one of an address.
type parameter struct{ Name, Value string }

// Connected reports whether the customer gave access.
func (r *returned) Connected() bool { return r != nil && r.Problem == "" }

// session is one browser's state under a lock: two clicks at once must not mix.
type session struct {
	mu    sync.Mutex
	state sessionState
}

// sessions holds all of them.
type sessions struct {
	mu    sync.Mutex
	byKey map[string]*session
	order []string
}

// of finds the browser's session or begins one and sets its cookie.
func (all *sessions) of(w http.ResponseWriter, r *http.Request) *session {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.byKey == nil {
		all.byKey = map[string]*session{}
	}
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		if found := all.byKey[cookie.Value]; found != nil {
			return found
		}
	}
	if len(all.order) >= mostSessions {
		delete(all.byKey, all.order[0])
		all.order = all.order[1:]
	}
	key, made := secret.Text(24), &session{}
	all.byKey[key], all.order = made, append(all.order, key)
	// Lax, not Strict: the customer comes back from another site, and the session must come along.
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: key, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		MaxAge: int((12 * time.Hour).Seconds())})
	return made
}

// view copies the state.
func (s *session) view() sessionState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// change applies fn to the state.
func (s *session) change(fn func(*sessionState)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(&s.state)
}
