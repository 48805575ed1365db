package web

import "time"

// SignInPage is R1. Fields: email, password, more_time.
type SignInPage struct {
	Frame
	Email    string
	MoreTime bool
	// Forgot and Lost are the paths of "Forgot your password?" and "Lost your
	// phone or passkey?"; an empty one is not shown.
	Forgot, Lost string
	// Passkey offers to sign in with one, by a button and in the address field;
	// nil where there are none.
	Passkey *PasskeyAsk
}

func (*SignInPage) face() face { return face{id: "r1", file: "signin", heading: Say("r1.title")} }

// SecondStepSignInPage is R2. Field: code.
type SecondStepSignInPage struct {
	Frame
	// Passkey offers one of the account's; nil where it has none.
	Passkey *PasskeyAsk
	// NoApp leaves out the code: the account has no app.
	NoApp bool
	// Another is the path of "Use another way"; empty means not shown.
	Another string
	// Recovers is set where the step follows a forgotten password's mailed code (R4).
	Recovers bool
}

func (p *SecondStepSignInPage) face() face {
	heading := "r2.title"
	switch {
	case p.NoApp:
		heading = "r2.passkey.title"
	case p.Passkey != nil:
		heading = "r2.both.title"
	}
	id := "r2"
	if p.Recovers {
		id = "r4.step"
	}
	return face{id: id, file: "signin-second-step", heading: Say(heading)}
}

// ContinuePage is R5: a session from before this request. "Continue" posts to
// Action; "Use a different account" posts the form token to Different.
type ContinuePage struct {
	Frame
	Email     string
	Different string
}

func (*ContinuePage) face() face { return face{id: "r5", file: "continue", heading: Say("r5.title")} }

// What the customer's first page asks for, at most one of them: message ids home.do.{Do}.
const (
	DoKeep   = "keep"   // the account is about to be closed
	DoDecide = "decide" // partners propose changes
	DoCodes  = "codes"  // few recovery codes are left
	DoSecond = "second" // there is one second step only
	DoAccess = "access" // an access is about to end by itself
)

// HomePage is the customer's own first page. "Sign out" posts to Action.
type HomePage struct {
	Frame
	Name, Email string
	// LastSignIn is the one before this; zero is not shown.
	LastSignIn time.Time
	// CodesLeft is how many recovery codes are unused.
	CodesLeft int
	// Do is what there is to do, empty for nothing; Count, At and Ends (a partner's name) are what its sentence speaks of.
	Do    string
	Count int
	At    time.Time
	Ends  string
	// Partners are the names of those who may use the account.
	Partners []string
}

// DoPath is where it is done.
func (p *HomePage) DoPath() string {
	return map[string]string{DoKeep: "/close/keep", DoDecide: "/details/proposals", DoCodes: "/security/recovery-codes", DoSecond: "/security", DoAccess: "/access"}[p.Do]
}

func (*HomePage) face() face { return face{id: "home", file: "home", heading: Say("home.title")} }

// ConfirmPage is R6: the fresh proof before a change of how one gets in. The
// address is shown and never read back. Fields: password, code.
type ConfirmPage struct {
	Frame
	Email string
	// Passkey offers one of the account's, in place of both; nil where it has none.
	Passkey *PasskeyAsk
	// NoApp leaves the fields out: the account has no app, so a passkey it is.
	NoApp bool
	// Another leads to a whole sign-in, and from there back to the same page.
	Another string
}

func (*ConfirmPage) face() face { return face{id: "r6", file: "confirm", heading: Say("r6.title")} }
