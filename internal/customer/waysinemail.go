package customer

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// What may be wrong with another address.
var (
	// ErrSameAddress: it is the one that the account has.
	ErrSameAddress = errors.New("address is the account's already")
	// ErrAddressHasAccount: somebody proved a mailbox whose address another account signs in with. Nothing is merged.
	ErrAddressHasAccount = errors.New("address signs in to another account")
	// ErrAddressCodeLate: the mailed code was right and has run out.
	ErrAddressCodeLate = errors.New("code has run out")
)

// AddressCodeLife is how long a mailed code works (journey section 1).
const AddressCodeLife = 15 * time.Minute

// addressKeys count, by account, the codes that were mailed to new addresses and the wrong ones that were typed.
func addressKeys(a AccountID) (mails, tries limit.Key) {
	subject := strconv.FormatInt(int64(a), 10)
	return limit.NewKey(limit.KindAddressMail, subject), limit.NewKey(limit.KindAddressCode, subject)
}

// addressDigest is what is kept of a mailed code: bound to the account, the browser and the address, under a key outside the
// database.
func (ws WaysIn) addressDigest(version int, c PendingChange, address, code string) []byte {
	digest, err := ws.Keys.DigestWith(version, secret.PurposeMailedCode, "address", strconv.FormatInt(int64(c.Account), 10),
		strconv.FormatInt(int64(c.Session), 10), FoldEmail(address), code)
	if err != nil {
		return nil
	}
	return digest
}

// StartEmail mails a code to the address that the owner wants to sign in with. Whether it has an account is not asked: the
// answer would tell anybody with an account of their own who else has one. A newer code takes the place of the one before. It has
// twelve digits, as that of R4: tries are counted by account, and who has several would guess six for some stranger's address, until one
// of them signs in with it and partners take its owner for the stranger.
// Errors: ErrNoSession, ErrNotFresh, ErrNotAnAddress, ErrSameAddress, limit.Exceeded.
func (ws WaysIn) StartEmail(ctx context.Context, in OwnerPost, typed string) error {
	address, wrong := CheckEmail(typed)
	if wrong != nil {
		return wrong
	}
	_, err := ws.by(ctx, in, audit.EmailStarted, func(t *turn) error {
		if SameEmail(address, t.account.Email) {
			return ErrSameAddress
		}
		before, err := pending(t, t.session, t.account, ChangeEmail, t.now)
		if err != nil && !errors.Is(err, ErrNoChange) {
			return err
		}
		if err == nil && SameEmail(before.Begun.Address, address) && t.now.Sub(before.Begun.SentAt) < addressAgainAfter {
			return errAgain // a second mail would make the first one's code worthless while the person types it
		}
		mails, _ := addressKeys(t.account.ID)
		if err := limit.Spend(t, mails, t.now); errors.Is(err, limit.ErrExceeded) {
			return t.refuse("too_many_mails", err)
		} else if err != nil {
			return err
		}
		code, version := secret.SixDigits()+secret.SixDigits(), ws.Keys.DigestVersion()
		c := PendingChange{Account: t.account.ID, Session: t.session.ID}
		m := Mail{ID: ws.IDs.Next(), Account: t.account.ID, Kind: MailCode, To: address, Language: "en", Code: code, At: t.now}
		return errors.Join(t.QueueMail(m), ws.begin(t, ChangeEmail, Begun{Address: address, Version: version, SentAt: t.now,
			LateAt: t.now.Add(AddressCodeLife), Digest: ws.addressDigest(version, c, address, code)}))
	})
	if errors.Is(err, errAgain) {
		return nil
	}
	return err
}

// addressAgainAfter tells a new code that is asked for from a double click.
const addressAgainAfter = 5 * time.Second

// ProveEmail makes the address the one that the owner signs in with, once they have typed the code that was mailed to it. The
// epoch rises with it (design 3): every other session, every partner's token, every recovery and every change under way is
// dead. What the customer allowed stands, and partners get new tokens when the customer next comes from them. The old address
// and the new one are told. Only here, after the mailbox was proved, is it said that an address has an account. Errors:
// ErrNoSession, ErrNotFresh, ErrNoChange, ErrCodeEmpty, ErrMailedCodeFormat, ErrCodeWrong, ErrAddressCodeLate, ErrAddressHasAccount,
// limit.Exceeded.
func (ws WaysIn) ProveEmail(ctx context.Context, in OwnerPost, typed string) (SessionKey, error) {
	code, err := CleanTwelveDigits(typed)
	if err != nil {
		return SessionKey{}, err
	}
	key, err := ws.by(ctx, in, audit.EmailChanged, func(t *turn) error {
		c, err := pending(t, t.session, t.account, ChangeEmail, t.now)
		if err != nil {
			return err
		}
		if err := ws.rightCode(t, c, code); err != nil {
			return err
		}
		if err := t.DropPendingChange(c.ID); err != nil {
			return err
		}
		switch _, err := t.ClaimedAccount(c.Begun.Address); {
		case err == nil:
			return t.refuse("address_taken", ErrAddressHasAccount)
		case !errors.Is(err, ErrNoAccount):
			return err
		}
		t.change, t.told = SignInEmailChanged, []string{t.account.Email, c.Begun.Address}
		t.account.Email, t.account.ContactEmail = c.Begun.Address, ""
		t.account.Epoch++
		return errors.Join(t.endOthers(), t.save())
	})
	if errors.Is(err, ErrAddressTaken) { // the index was faster than the question
		err = ErrAddressHasAccount
	}
	return key, err
}

// rightCode spends a try and compares the code.
func (ws WaysIn) rightCode(t *turn, c PendingChange, code string) error {
	_, tries := addressKeys(t.account.ID)
	if err := limit.Spend(t, tries, t.now); errors.Is(err, limit.ErrExceeded) {
		return t.refuse("too_many_tries", err)
	} else if err != nil {
		return err
	}
	if !secret.Equal(c.Begun.Digest, ws.addressDigest(c.Begun.Version, c, c.Begun.Address, code)) {
		return t.refuse("wrong_code", ErrCodeWrong)
	}
	if !t.now.Before(c.Begun.LateAt) {
		return t.refuse("late_code", ErrAddressCodeLate)
	}
	return limit.Forgive(t, tries, t.now)
}
