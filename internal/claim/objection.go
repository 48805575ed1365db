package claim

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// ObjectionLife is how long the link of mail M1 can be used (design 10.10).
const ObjectionLife = 7 * 24 * time.Hour

// ErrNoObjection: no such link, or it has run out, or it was used. All look the same.
var ErrNoObjection = errors.New("link to object is of no use")

// ObjectionID identifies an objection's row.
type ObjectionID int64

// An Objection is the link "This wasn't me" of mail M1: whoever reads the mailbox may once, within ObjectionLife of the
// commit, have the account put on hold (design 10.10). It belongs to the account and not to an epoch: who took the account
// over could otherwise raise the epoch, by changing the address or the factors, and so silence the mailbox's owner.
type Objection struct {
	ID      ObjectionID
	Account customer.AccountID
	// Digest is the SHA-256 of the link's text, which is random and in the mail alone.
	Digest            []byte
	ExpiresAt, UsedAt time.Time
	// ReportedAt is when the partner reported the wrong person (see Report), which has the same time.
	ReportedAt time.Time
	Version    int64
}

// ObjectionTx reads and writes objections within a transaction. What is not there is ErrNoObjection.
type ObjectionTx interface {
	ObjectionByDigest(digest []byte) (Objection, error)
	// ObjectionOf is that of the account.
	ObjectionOf(customer.AccountID) (Objection, error)
	// SaveObjection inserts when Version is 0 and otherwise updates that version alone; it raises Version.
	SaveObjection(*Objection) error
}

// objectable makes the link for an account that is being claimed, and returns its text.
func (cs Claims) objectable(tx ObjectionTx, a customer.AccountID, now time.Time) (string, error) {
	text := secret.NewTokenSecret()
	return text, tx.SaveObjection(&Objection{ID: ObjectionID(cs.IDs.Next()), Account: a, Digest: secret.Hash(text), ExpiresAt: now.Add(ObjectionLife)})
}

// open reports whether the link can be used at now.
func (o Objection) open(a customer.Account, now time.Time) bool {
	return o.UsedAt.IsZero() && now.Before(o.ExpiresAt) && a.Owned()
}

// Objectable looks at a link of M1 and changes nothing: mail scanners and previews open links too. It returns the partner
// that opened the account, and nothing of the account itself. Errors: ErrNoObjection.
func (cs Claims) Objectable(ctx context.Context, text string) (partner.Partner, error) {
	var p partner.Partner
	err := cs.Store.View(ctx, func(tx Tx) error {
		o, a, err := objected(tx, text)
		if err != nil {
			return err
		}
		if !o.open(a, cs.Now()) {
			return ErrNoObjection
		}
		p, err = tx.Partner(a.Creator)
		return err
	})
	return p, err
}

func objected(tx Tx, text string) (Objection, customer.Account, error) {
	o, err := tx.ObjectionByDigest(secret.Hash(text))
	if err != nil {
		return Objection{}, customer.Account{}, err
	}
	a, err := tx.Account(o.Account)
	return o, a, err
}

// ObjectByLink is the button behind the link of M1: the account is put on hold (design 10.10). In one transaction its epochs
// rise, so that sessions, tokens and authorization codes are dead for good and not only until a release; every access ends;
// its creator hears of the objection and every partner of the access that ended; the address on file gets a notice; and the
// creator cannot open another account for it for BlockLife. It never goes back to the partner. Using the link again while
// that hold stands changes nothing, and is no error: it is a double click. Errors: ErrNoObjection.
func (cs Claims) ObjectByLink(ctx context.Context, text string, origin customer.Origin) error {
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		o, a, err := objected(tx, text)
		if err != nil {
			return audit.Event{}, err
		}
		j := Journey{Partner: a.Creator, Account: a.ID}
		e := cs.browserEvent(now, audit.AccountHeld, j, origin)
		e.Reason = customer.HoldObjected
		switch {
		case !o.UsedAt.IsZero() && a.Hold == customer.HoldObjected:
			return audit.Event{}, nil
		case !o.UsedAt.IsZero():
			return origin.Refusal(denied(e, audit.ObjectionRefused, "used")), ErrNoObjection
		case !now.Before(o.ExpiresAt):
			return origin.Refusal(denied(e, audit.ObjectionRefused, "expired")), ErrNoObjection
		case !a.Owned():
			return origin.Refusal(denied(e, audit.ObjectionRefused, "not_owned")), ErrNoObjection
		}
		o.UsedAt = now
		if err := tx.SaveObjection(&o); err != nil {
			return audit.Event{}, err
		}
		return e, cs.freeze(tx, j, a, objectedTo, now)
	})
}

// A frost is why a claimed account is put on hold: the reason of the hold, what the notice to the address says, and what the
// partner is told.
type frost struct {
	hold   string
	notice customer.SignInChange
	told   string
}

// The two who may object to an account that was claimed (design 10.10).
var (
	objectedTo = frost{customer.HoldObjected, customer.SignInHeld, "not_me"}
	reported   = frost{customer.HoldReported, customer.SignInReported, "reported"}
)

// freeze puts a claimed account on hold and ends what opens it.
func (cs Claims) freeze(tx Tx, j Journey, a customer.Account, why frost, now time.Time) error {
	grants, err := tx.GrantsOf(a.ID)
	if err != nil {
		return err
	}
	for _, g := range grants {
		g.State, g.EndedAt = grant.Ended, now
		if err := errors.Join(tx.SaveGrant(&g), cs.tellGrant(tx, now, g)); err != nil {
			return err
		}
	}
	a.Stop(why.hold, now)
	a.Epoch++
	a.SessionEpoch++
	if err := tx.SaveAccount(&a); err != nil {
		return err
	}
	p, err := tx.Partner(a.Creator)
	if err != nil {
		return err
	}
	return errors.Join(tx.BlockAddress(a.Creator, a.Email, now.Add(BlockLife)),
		tx.QueueMail(customer.Mail{ID: cs.IDs.Next(), Account: a.ID, Kind: customer.MailChanged, To: a.Email, Language: "en", Partner: p.Name,
			Change: why.notice, At: now}),
		cs.tell(tx, now, j, partner.EventClaims, "objected", why.told))
}
