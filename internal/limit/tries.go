// Package limit says how often something may be tried.
//
// Guess limits (passwords, mailed codes, second steps) are exact: each is a row in the database, read, decided and
// written in one transaction by pure functions, so that two nodes or a thousand requests at once get no try more than
// one patient person would. They slow down and never lock out for good (I12): a stranger who types wrong passwords must
// not be able to take away an account. Where a count has a lifetime (mailed codes of a pending account), somebody who is
// not the guesser can lift it.
//
// Volume limits (requests of a client a second) protect the machine, not a secret. They are kept in the memory of each
// node, see Buckets.
package limit

import (
	"strconv"
	"strings"
	"time"
)

// Kind says what is being tried. Each kind has one Rule.
type Kind string

// The kinds of tries. The comment says what the subject of the key is.
const (
	// KindPassword counts wrong passwords: account and network.
	KindPassword Kind = "password"
	// KindSecondStep counts wrong codes of an authenticator app: account and network.
	KindSecondStep Kind = "second-step"
	// KindRecoveryCode counts wrong recovery codes: account and network.
	KindRecoveryCode Kind = "recovery-code"
	// KindRecoveryStep counts wrong second steps after a forgotten password's mailed code: account, over all networks. Who reads the
	// mailbox has no password to guess beside them, so they end: a hundred until a right one, in whatever time (RTS Article 4(3)(b)).
	// Passkeys, recovery codes and the reset do not ask it.
	KindRecoveryStep Kind = "recovery-step"
	// KindRecoveryMail counts mails with the code of a forgotten password: address and network, or known device. KindRecoveryMails counts them
	// over all networks: address. The address counts whether it has an account or not.
	KindRecoveryMail  Kind = "recovery-mail"
	KindRecoveryMails Kind = "recovery-mails"
	// KindReset counts resets asked for: account.
	KindReset Kind = "reset"
	// KindAccount counts wrong passwords and second steps of an account over all networks: account. Passkeys, known
	// devices and recovery do not ask it (design 10.25), or strangers on many networks could shut the owner out.
	KindAccount Kind = "account"
	// KindDevice counts wrong passwords and second steps of a known device: device. It asks none of the three above, and none
	// of them asks it.
	KindDevice Kind = "device"
	// KindMail counts mails with a code that a journey sent: journey.
	KindMail Kind = "mail"
	// KindMailboxMail counts mails with a code to an address over all journeys of all accounts that a partner opened with it: partner and
	// address. It keeps whoever has links and the address from filling the mailbox, and is wide enough not to keep the owner out.
	KindMailboxMail Kind = "mailbox-mail"
	// KindAddressMail counts mails with a code to an address that an owner wants to sign in with: account.
	KindAddressMail Kind = "address-mail"
	// KindAddressCode counts wrong codes of these mails: account.
	KindAddressCode Kind = "address-code"
	// KindMailedCode counts wrong mailed codes: account, over all its journeys (design 10.4).
	KindMailedCode Kind = "mailed-code"
	// KindMailboxCode counts them over all accounts that a partner opened with an address: partner and address. The count of one account
	// is of no use against who has as many accounts as they like.
	KindMailboxCode Kind = "mailbox-code"
	// KindAddress counts addresses typed on C1 that were not the partner's: journey. KindCodeAddress counts them over all journeys that a
	// claim code began, of which there may be any number: code.
	KindAddress     Kind = "address"
	KindCodeAddress Kind = "code-address"
	// KindBirthDate counts wrong dates of birth of a pending account, over all its journeys (design 10.9): account.
	KindBirthDate Kind = "birth-date"
	// KindMint counts claim codes minted: account (contract OC-42).
	KindMint Kind = "mint"
	// KindRegistration counts wrong registration codes: client and account.
	KindRegistration Kind = "registration"
	// KindClient counts different wrong client secrets: client and network.
	KindClient Kind = "client"
	// KindClientSecret remembers a wrong client secret, so that one which is sent again and again counts once: client, network
	// and digest.
	KindClientSecret Kind = "client-secret"
	// KindExists counts answers that reveal whether an address has an account: client (design 10.6).
	KindExists Kind = "exists"
)

// Rule is the rule of a kind, the numbers of journey.md section 1 and design.md section 10. An unknown kind gets the
// strictest of the guess rules.
func (k Kind) Rule() Rule {
	switch k {
	case KindAccount:
		return PerWindow(100, 24*time.Hour)
	case KindDevice, KindRecoveryStep:
		rule := Guesses()
		rule.Lifetime = 100
		return rule
	case KindReset:
		return PerWindow(5, 7*24*time.Hour)
	case KindMail, KindAddressMail, KindRecoveryMail:
		return PerWindow(4, time.Hour)
	case KindAddressCode:
		return PerWindow(5, time.Hour)
	case KindMailboxMail, KindRecoveryMails:
		return PerWindow(12, time.Hour)
	case KindMailedCode:
		rule := PerWindow(5, time.Hour)
		rule.Lifetime = 20
		return rule
	case KindMailboxCode:
		return PerWindow(20, 24*time.Hour)
	case KindAddress, KindBirthDate:
		return Rule{Lifetime: 5}
	case KindCodeAddress:
		return Rule{Lifetime: 20}
	case KindClient:
		return PerWindow(10, time.Minute)
	case KindClientSecret:
		return PerWindow(1, 24*time.Hour)
	case KindMint:
		return PerWindow(5, time.Minute)
	case KindExists:
		return PerWindow(1000, 24*time.Hour)
	}
	return Guesses()
}

// Key names one count. The store keeps it as a keyed digest, since subjects contain addresses of people and networks.
type Key struct {
	Kind    Kind
	Subject string
}

// NewKey names the count of a kind for a subject of one or more parts. Each part is preceded by its length, so that no
// choice of text in one part reaches the count of another subject.
func NewKey(kind Kind, parts ...string) Key {
	var b strings.Builder
	for _, part := range parts {
		b.WriteString(strconv.Itoa(len(part)))
		b.WriteByte(':')
		b.WriteString(part)
	}
	return Key{Kind: kind, Subject: b.String()}
}

// Tries is what is stored about one key. The zero value is a key that was never tried.
type Tries struct {
	// Count is the number of tries that count towards the next wait.
	Count int
	// FirstAt and LastAt are the moments of the first and the last of them.
	FirstAt, LastAt time.Time
	// Until is when the next try is allowed; zero when at once.
	Until time.Time
	// Total is the number of tries ever, which Passed does not lower.
	Total int
	// Version is the row's, for the store's conditional update; 0 where there is no row yet. Rules leave it alone.
	Version int64
}

// Tx is what a noun's transaction needs to count tries; nouns embed it in their own Tx. The order that keeps an
// attacker from trying in parallel: in one transaction read the tries, ask Allowed, and save Failed before the secret is
// compared; after a right one, save Passed in the transaction that acts on it. A try is thus spent before its answer is
// known.
type Tx interface {
	// Tries reads the tries of a key; the zero value when there are none. The key need not exist.
	Tries(key Key) (Tries, error)
	// SaveTries writes them, and fails when the row's version is not that of tries any more.
	SaveTries(key Key, tries Tries) error
}
