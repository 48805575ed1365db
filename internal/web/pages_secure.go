package web

import "time"

// StartPage is C1: who asked, what will happen, and the address the person
// gave the partner. It shows no personal data but what was just typed.
// Fields: email, more_time.
type StartPage struct {
	Frame
	Email    string
	MoreTime bool
}

func (*StartPage) face() face { return face{id: "c1", file: "start", heading: Say("c1.title")} }

// NotMePage explains what "This isn't me" does; its one button posts.
type NotMePage struct {
	Frame
	// Proven is true after C2, when the account is put on hold instead.
	Proven bool
}

func (*NotMePage) face() face { return face{id: "notme", file: "notme", heading: Say("notme.title")} }

// EmailPage is C2: the mailed code. Field: code. "Send a new code" posts the
// form token to {Base}/email/send.
type EmailPage struct{ Frame }

func (*EmailPage) face() face { return face{id: "c2", file: "email", heading: Say("c2.title")} }

// UnreachablePage is what "I can't use this address" leads to: only the partner
// can correct the address. Its one button posts.
type UnreachablePage struct{ Frame }

func (*UnreachablePage) face() face {
	return face{id: "unreachable", file: "unreachable", heading: Say("unreachable.title")}
}

// BirthDatePage asks for the date of birth that the partner gave, where the operator wants that (design.md 10.9). Fields:
// birth_day, birth_month, birth_year, kept as typed and never filled in: what is compared is not shown.
type BirthDatePage struct {
	Frame
	Day, Month, Year string
}

func (*BirthDatePage) face() face {
	return face{id: "birthdate", file: "birthdate", heading: Say("birthdate.title")}
}

// PasswordPage is C3. Field: new_password (email is shown, never read back).
type PasswordPage struct {
	Frame
	Email string
}

func (*PasswordPage) face() face { return face{id: "c3", file: "password", heading: Say("c3.title")} }

// PasswordAgainPage asks for the password just set, after 15 minutes of silence between C4 and C7 (design.md 10.7).
// Field: password.
type PasswordAgainPage struct {
	Frame
	Email string
}

func (*PasswordAgainPage) face() face {
	return face{id: "c3.again", file: "password-again", heading: Say("c3.again.title")}
}

// SecondStepPage is C4. Field: method, of which "app" is preselected, so that
// the page works as it is without script.
type SecondStepPage struct {
	Frame
	// Passkeys offers them; the choice is shown by script, which they need.
	Passkeys bool
}

func (*SecondStepPage) face() face {
	return face{id: "c4", file: "second-step", heading: Say("c4.title")}
}

// AppPage is C5: the picture, the link and the key of an authenticator app.
// Field: code.
type AppPage struct {
	Frame
	// Address is the otpauth: address that the picture and the link carry. It
	// holds the secret; it appears on this page and nowhere else.
	Address string
	// Key is the same secret in base32, without spaces.
	Key string
	// Another offers to choose another second step.
	Another bool
}

func (*AppPage) face() face { return face{id: "c5", file: "app", heading: Say("c5.title")} }

// RecoveryCodesPage is C7. Field: saved. "Download" posts the form token to
// {Base}/recovery-codes/download, which answers Pages.RecoveryCodesText.
type RecoveryCodesPage struct {
	Frame
	// Codes are shown as they are: XXXX-XXXX-XXXX-XXXX.
	Codes []string
	// Email and Date are printed with the codes.
	Email string
	Date  time.Time
	Saved bool
}

func (*RecoveryCodesPage) face() face {
	return face{id: "c7", file: "recovery-codes", heading: Say("c7.title")}
}

// DonePage is shown for a step that is finished, so that the back button never
// leads to a form that would be refused.
type DonePage struct {
	Frame
	// Next is the path of the current step.
	Next string
}

func (*DonePage) face() face { return face{id: "done", file: "done", heading: Say("done.title")} }

// Kept says what stays when a person leaves; it is the tail of a message id
// ("kept.none").
type Kept string

// What is kept, by how far the person came (journey.md section 4, Resuming).
const (
	// KeptNothing: before the mailbox proof nothing was stored.
	KeptNothing Kept = "none"
	// KeptPartner: nothing is lost of what the person gave the partner.
	KeptPartner Kept = "partner"
	// KeptUnfinished: before the commit; the password must be chosen again.
	KeptUnfinished Kept = "unfinished"
	// KeptAccount: after the commit the account and every answer stay.
	KeptAccount Kept = "account"
)

// LeavePage is what "Leave and go back to {Partner}" leads to: first what is
// kept, then one button that posts.
type LeavePage struct {
	Frame
	Kept Kept
	// Stay is the path of the step the person was on.
	Stay string
}

func (*LeavePage) face() face { return face{id: "leave", file: "leave", heading: Say("leave.title")} }
