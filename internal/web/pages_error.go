package web

import (
	"net/http"
	"strconv"
	"time"
)

// Trouble is a case of journey.md section 6 that is answered with a page.
type Trouble string

// The cases. Each has its own page id (the value), title and text.
const (
	// TroubleExpired is E1: the claim code was opened after its time.
	TroubleExpired Trouble = "e1"
	// TroubleUsed is E2: the claim code was already used, the account is not set up.
	TroubleUsed Trouble = "e2"
	// TroubleClaimed is E2 for an account that is set up: sign in instead.
	TroubleClaimed Trouble = "e2.claimed"
	// TroubleOver is E3: the session or the ticket is over.
	TroubleOver Trouble = "e3"
	// TroubleUnknown is E4: unknown, malformed or foreign code, one answer for all.
	TroubleUnknown Trouble = "e4"
	// TroubleCookie is E6: the browser did not keep the cookie.
	TroubleCookie Trouble = "e6"
	// TroubleStale is E7: a form from another site or of another time.
	TroubleStale Trouble = "e7"
	// TroubleTries is E8: too many wrong tries.
	TroubleTries Trouble = "e8"
	// TroubleExisting is E10: the proven address already has an account. It is
	// shown only after the mailbox was proven.
	TroubleExisting Trouble = "e10"
	// TroubleRequest is a wrong parameter in a request of a known client, where
	// the class of the partner shows a page instead of redirecting (contract 7.3).
	TroubleRequest Trouble = "request"
	// TroubleInside is E11: our own fault.
	TroubleInside Trouble = "e11"
	// TroubleBusy is E12: not now (503).
	TroubleBusy Trouble = "e12"
	// TroubleMissing is E13: no such page.
	TroubleMissing Trouble = "e13"
	// TroubleHeld is E14: the account is on hold.
	TroubleHeld Trouble = "e14"
)

var troubleStatus = map[Trouble]int{
	TroubleExpired: http.StatusGone, TroubleUsed: http.StatusGone, TroubleClaimed: http.StatusGone,
	TroubleOver:    http.StatusGone,
	TroubleUnknown: http.StatusNotFound, TroubleCookie: http.StatusBadRequest,
	TroubleExisting: http.StatusConflict, TroubleRequest: http.StatusBadRequest, TroubleStale: http.StatusForbidden, TroubleTries: http.StatusTooManyRequests,
	TroubleInside: http.StatusInternalServerError, TroubleBusy: http.StatusServiceUnavailable,
	TroubleMissing: http.StatusNotFound, TroubleHeld: http.StatusForbidden,
}

// ErrorPage is any case that needs no more than: what happened, what is kept,
// one way on, and a reference.
type ErrorPage struct {
	Frame
	Trouble Trouble
	// Kept says what is kept (message id kept.{Kept}); empty says nothing. E1, E2
	// and E4 say it in their own text.
	Kept Kept
	// Way is the one way on; without a label there is none.
	Way Way
	// Wait is how long to wait (E8 and E12), said in words and sent as
	// Retry-After, rounded up.
	Wait time.Duration
}

func (p *ErrorPage) face() face {
	return face{id: string(p.Trouble), file: "error", heading: Say(string(p.Trouble) + ".title")}
}

// Status is the HTTP status that belongs to the case.
func (p *ErrorPage) Status() int {
	if status, ok := troubleStatus[p.Trouble]; ok {
		return status
	}
	return http.StatusInternalServerError
}

func (p *ErrorPage) header(h http.Header) {
	if p.Wait > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((p.Wait+time.Second-1)/time.Second), 10))
	}
}

// UnknownRequestPage is E5: it answers a request whose client
// or redirect address is not registered (400). It never links out, since
// anything in such a request may be an attacker's.
type UnknownRequestPage struct {
	Frame
	// Given and Registered are shown side by side in the sandbox only; the first
	// difference is marked. Leave both empty elsewhere.
	Given      string
	Registered []string
}

func (*UnknownRequestPage) face() face {
	return face{id: "e5", file: "unknown-request", heading: Say("e5.title")}
}

// OtherCustomerPage is E9 (409): signed in as someone else when a code is
// opened. "Sign out and set up the new account" posts to Action; "Stay signed
// in and go back" leads to Stay.
type OtherCustomerPage struct {
	Frame
	Email string
	Stay  Way
}

func (p *OtherCustomerPage) face() face {
	return face{id: "e9", file: "other-customer", heading: Say("e9.title", "email", p.Email)}
}

// HelpPage is /help.
type HelpPage struct{ Frame }

func (*HelpPage) face() face { return face{id: "help", file: "help", heading: Say("help.title")} }

// PrivacyPage is /privacy.
type PrivacyPage struct{ Frame }

func (*PrivacyPage) face() face {
	return face{id: "privacy", file: "privacy", heading: Say("privacy.title")}
}

// AccessibilityPage is /accessibility.
type AccessibilityPage struct{ Frame }

func (*AccessibilityPage) face() face {
	return face{id: "accessibility", file: "accessibility", heading: Say("accessibility.title")}
}
