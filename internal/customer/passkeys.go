package customer

import (
	"context"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// What may be wrong with a passkey that is added.
var (
	// ErrPasskeyKnown: the account has this passkey already.
	ErrPasskeyKnown = errors.New("passkey is known already")
	// ErrPasskeysFull: the account has MaxPasskeys of them.
	ErrPasskeysFull = errors.New("account has as many passkeys as it may")
	// ErrPasskeyName: the name is longer than MaxPasskeyName, or has characters that nobody types.
	ErrPasskeyName = errors.New("name of the passkey is too long")
)

// MaxPasskeyName is the longest name of a passkey, in code points.
const MaxPasskeyName = 50

// PasskeyCreation are the options with which a signed-in customer's browser makes another passkey.
func (si SignIns) PasskeyCreation(a Account, bound ...string) string {
	return si.Passkeys.CreationOptions(si.PasskeyChallenge(bound...), secret.PasskeyUser{Handle: PasskeyHandle(a.ID), Name: a.Email},
		a.Credentials.PasskeyCredentials())
}

// cleanName trims a passkey's name; empty is none.
func cleanName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if utf8.RuneCountInString(name) > MaxPasskeyName || strings.ContainsFunc(name, unicode.IsControl) {
		return "", ErrPasskeyName
	}
	return name, nil
}

// AddPasskey adds a passkey to the account of a freshly signed-in session, at the same level as the others: the session has
// passed two steps, the passkey is made with user verification. The owner is told by mail (requirement 81). It ends nothing:
// whoever had access keeps it, and no factor was taken away. Errors: ErrNoSession, ErrNotFresh, ErrPasskeyName, ErrPasskey,
// ErrPasskeyLate, ErrPasskeySpent, ErrPasskeyKnown, ErrPasskeysFull.
func (si SignIns) AddPasskey(ctx context.Context, in PasskeyPost, name string) error {
	now := si.Now()
	name, wrong := cleanName(name)
	return si.Store.Change(ctx, func(tx SignInTx) (audit.Event, error) {
		_, a, err := FreshOwner(tx, in.Session, now)
		if err == nil {
			err = wrong
		}
		if err != nil {
			return audit.Event{}, err
		}
		e := in.Origin.event(now, audit.PasskeyAdded, a.ID)
		e.Actor = audit.Actor{Kind: audit.ActorCustomer, ID: int64(a.ID)}
		made, err := si.made(tx, a.ID, in)
		var fault secret.PasskeyFault
		switch {
		case errors.As(err, &fault) && fault.Reason == "late":
			return denied(e, audit.PasskeyRefused, "passkey_late"), ErrPasskeyLate
		case errors.As(err, &fault):
			return denied(e, audit.PasskeyRefused, "passkey_"+fault.Reason), ErrPasskey
		case err != nil:
			return audit.Event{}, err
		}
		if _, known := a.Credentials.Passkey(made.ID); known {
			return denied(e, audit.PasskeyRefused, "known"), ErrPasskeyKnown
		}
		if len(a.Credentials.Passkeys) >= MaxPasskeys {
			return denied(e, audit.PasskeyRefused, "too_many"), ErrPasskeysFull
		}
		k := NewPasskey(si.IDs, made, now)
		k.Name = name
		a.Credentials.Passkeys = append(append([]Passkey(nil), a.Credentials.Passkeys...), k)
		if err := tx.SaveAccount(&a); err != nil {
			return audit.Event{}, err
		}
		return e, tx.QueueMail(Mail{ID: si.IDs.Next(), Account: a.ID, Kind: MailChanged, To: a.Email, Language: "en", Change: SignInPasskeyAdded, At: now})
	})
}

// made checks the answer to a challenge of the page, once.
func (si SignIns) made(tx PasskeyTx, a AccountID, in PasskeyPost) (secret.PasskeyCredential, error) {
	challenge, err := secret.ReadNewPasskey(in.Answer)
	if err != nil {
		return secret.PasskeyCredential{}, err
	}
	until, err := si.Keys.CheckPasskeyChallenge(challenge, si.Now(), in.Bound...)
	if err != nil {
		return secret.PasskeyCredential{}, err
	}
	made, err := si.Passkeys.Register(challenge, in.Answer)
	if err != nil {
		return secret.PasskeyCredential{}, err
	}
	fresh, err := tx.SpendChallenge(a, secret.Hash(challenge), until)
	if err == nil && !fresh {
		err = ErrPasskeySpent
	}
	return made, err
}
