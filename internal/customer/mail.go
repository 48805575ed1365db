package customer

import (
	"time"
)

// MailKind is which mail (journey section 7).
type MailKind string

// The mails of this release.
const (
	// MailClaimed (M1): the account is yours.
	MailClaimed MailKind = "M1"
	// MailCode (M2): the code that proves the mailbox.
	MailCode MailKind = "M2"
	// MailChanged (M4): how one gets into the account was changed; Change says what.
	MailChanged MailKind = "M4"
	// MailDevice (M3): a whole sign-in from a browser that was not known.
	MailDevice MailKind = "M3"
	// MailRecoveryCode (M5): a recovery code was used; Left says how many are left.
	MailRecoveryCode MailKind = "M5"
	// MailRecovery is the mailed code of R4, a letter of its own like M2.
	MailRecovery MailKind = "M2-recovery"
	// MailResetAsked (M8): somebody asked to get in without password and second step; Link cancels it until Until.
	MailResetAsked MailKind = "M8"
	// MailResetEnded says that such a request is over and changed nothing.
	MailResetEnded MailKind = "M8-over"
	// MailAccess (M6): access given to a partner.
	MailAccess MailKind = "M6"
	// MailClose: the customer asked to close the account, which happens at Until; zero where it has happened.
	MailClose MailKind = "M9"
	// MailAccessEnds (M7): access stopped, ended or about to end; End says which.
	MailAccessEnds MailKind = "M7"
)

// A Mail is queued in the transaction of the change that it speaks of, sealed, and rendered when it is delivered. It holds
// no text from API fields but the registered partner name, so that nobody can write mails through us (design 10.4).
type Mail struct {
	ID      int64     `json:"id"`
	Account AccountID `json:"account"`
	Kind    MailKind  `json:"kind"`
	To      string    `json:"to"`
	// Language is a page language such as "en".
	Language string `json:"language"`
	// Partner is the registered partner name.
	Partner string `json:"partner"`
	// Code is the six digits of M2, or the twelve of R4.
	Code string `json:"code,omitempty"`
	// Change says what M4 is about.
	Change SignInChange `json:"change,omitempty"`
	// Left is how many recovery codes are left.
	Left int `json:"left,omitempty"`
	// Link is the text of M8's link, and of the link of M1, "This wasn't me", which works until Until.
	Link string `json:"link,omitempty"`
	// Scopes and Until describe the access of M6, of which Until is zero when it has no end.
	Scopes []string  `json:"scopes,omitempty"`
	Until  time.Time `json:"until"`
	// End says what M7 is about.
	End AccessEnd `json:"end,omitempty"`
	At  time.Time `json:"at"`
	// Nobody marks a mail that is not to go out: it is written as one that was sent.
	Nobody bool `json:"-"`
	// Attempts counts the deliveries begun, this one included; the store sets it when it hands the mail out.
	Attempts int `json:"-"`
}

// A SignInChange is what M4 tells of.
type SignInChange string

// What may have changed.
const (
	// SignInPasskeyAdded: the owner, or whoever sat at their browser, added a passkey.
	SignInPasskeyAdded SignInChange = "passkey_added"
	// The rest tell of what the owner, or whoever sat at their browser, changed on the pages of /security.
	SignInPasskeyRemoved  SignInChange = "passkey_removed"
	SignInAppAdded        SignInChange = "app_added"
	SignInAppReplaced     SignInChange = "app_replaced"
	SignInAppRemoved      SignInChange = "app_removed"
	SignInCodesReplaced   SignInChange = "codes_replaced"
	SignInPasswordChanged SignInChange = "password_changed"
	// SignInEmailChanged goes to the old address and to the new one.
	SignInEmailChanged  SignInChange = "email_changed"
	SignedOutEverywhere SignInChange = "signed_out"
	// SignInPasswordReset: a forgotten password was replaced, after the second step.
	SignInPasswordReset SignInChange = "password_reset"
	// SignInRebuilt: password, second step and recovery codes were replaced after the wait of a reset.
	SignInRebuilt SignInChange = "rebuilt"
	// SignInHeld: somebody who read M1 said that it was not them who set the account up, and nobody can sign in.
	SignInHeld SignInChange = "held"
	// SignInReported: the partner that opened the account reported that the wrong person set it up, and nobody can sign in.
	SignInReported SignInChange = "reported"
)

// AccessEnd is what M7 tells of a partner's access.
type AccessEnd string

// What may have become of an access.
const (
	// AccessStopped: the customer stopped it.
	AccessStopped AccessEnd = "stopped"
	// AccessEnding: it ends by itself at Until, which is near.
	AccessEnding AccessEnd = "ending"
	// AccessEnded: it ended by itself.
	AccessEnded AccessEnd = "ended"
)

// MailTx queues mails within a transaction.
type MailTx interface {
	QueueMail(Mail) error
}
