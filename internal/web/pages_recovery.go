package web

import "time"

// RecoveryCodePage is R3: a recovery code in place of the second step. Field: recovery_code.
type RecoveryCodePage struct {
	Frame
	// Other is the path back to the other second steps; Lost that of what to do without codes.
	Other, Lost string
}

func (*RecoveryCodePage) face() face {
	return face{id: "r3", file: "recovery-code", heading: Say("r3.title")}
}

// RecoveredPage follows a sign-in with a recovery code: how many are left, and a new second step.
type RecoveredPage struct {
	Frame
	// Left is how many unused codes there are.
	Left int
	// Secure is the path where a new second step is set up; Next leads to what the sign-in was for.
	Secure, Next string
}

func (*RecoveredPage) face() face {
	return face{id: "r3.done", file: "recovered", heading: Say("r3.done.title")}
}

// ForgotPage is R4. Field: email.
type ForgotPage struct {
	Frame
	Email string
}

func (*ForgotPage) face() face { return face{id: "r4", file: "forgot", heading: Say("r4.title")} }

// ForgotCodePage asks for the code that R4 mailed, and says the same whether a mail went out or not. Field: code. "Send a new
// code" posts the form token to Send.
type ForgotCodePage struct {
	Frame
	Send string
}

func (*ForgotCodePage) face() face {
	return face{id: "r4.code", file: "forgot-code", heading: Say("r4.code.title")}
}

// LostPage is what somebody can do who proved the mailbox and has lost the second step and the recovery codes. Its button asks
// for the reset, or, when the wait is over, begins to set up everything anew; while it waits there is none.
type LostPage struct {
	Frame
	// Ready is when the wait is over, zero where nothing was asked for; Over says that it is over.
	Ready time.Time
	Over  bool
	// Hours is how long a reset waits.
	Hours int
	// Other is the path back to the second steps.
	Other string
}

// Waits reports whether a reset was asked for whose wait is not over.
func (p *LostPage) Waits() bool { return !p.Ready.IsZero() && !p.Over }

func (p *LostPage) face() face {
	state := "lost"
	switch {
	case p.Over:
		state = "lost.ready"
	case p.Waits():
		state = "lost.waits"
	}
	return face{id: state, file: "lost", heading: Say(state + ".title")}
}

// ResetState is what the page to cancel a reset has to say.
type ResetState string

// The states; each is a page id with its own title.
const (
	// ResetOpen: it can be cancelled; a button posts.
	ResetOpen ResetState = "reset"
	// ResetMade: it is cancelled.
	ResetMade ResetState = "reset.made"
	// ResetOver: there is nothing to cancel (any more).
	ResetOver ResetState = "reset.over"
)

// ResetPage is what the link of mail M8 and the notice on signed-in pages lead to.
type ResetPage struct {
	Frame
	State ResetState
	// Ready is when the wait is over.
	Ready time.Time
}

func (p *ResetPage) face() face {
	return face{id: string(p.State), file: "reset", heading: Say(string(p.State) + ".title")}
}
