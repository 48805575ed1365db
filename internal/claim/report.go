package claim

import (
	"context"
	"errors"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// ErrNotReportable: the account has no owner who could be the wrong one, or has had them for longer than ObjectionLife, or
// was reported before.
var ErrNotReportable = errors.New("account cannot be reported any more")

// Report is the word of the partner that opened the account, within ObjectionLife of the commit, that the wrong person took it
// over (design 10.10): a mailbox that was somebody else's, an insider with the customer's mail. It holds the account as the
// mailbox's own objection does, for an operator to look into; the account and its data never go back to the partner, or every
// partner could take its customers' accounts away by a word. One report an account: after an operator's release the partner
// has had its say. While its hold stands a repeated report changes nothing and is no error. The link of M1 is left alone: a
// partner must not use up what belongs to the mailbox. Errors: customer.ErrNoAccount for accounts that it did not open,
// ErrNotReportable.
func (cs Claims) Report(ctx context.Context, by partner.Partner, account customer.AccountID, origin customer.Origin) error {
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		a, err := tx.Account(account)
		if err == nil && a.Creator != by.ID {
			err = customer.ErrNoAccount
		}
		if err != nil {
			return audit.Event{}, err
		}
		o, err := tx.ObjectionOf(account)
		if errors.Is(err, ErrNoObjection) {
			return audit.Event{}, ErrNotReportable
		}
		if err != nil {
			return audit.Event{}, err
		}
		j := Journey{Partner: by.ID, Account: account}
		e := cs.browserEvent(now, audit.AccountHeld, j, origin)
		e.Actor, e.Reason = audit.Actor{Kind: audit.ActorPartner, ID: int64(by.ID)}, customer.HoldReported
		switch {
		case !o.ReportedAt.IsZero() && a.Hold == customer.HoldReported:
			return audit.Event{}, nil
		case !o.ReportedAt.IsZero():
			return denied(e, audit.ReportRefused, "used"), ErrNotReportable
		case !now.Before(o.ExpiresAt):
			return denied(e, audit.ReportRefused, "expired"), ErrNotReportable
		case !a.Owned():
			return denied(e, audit.ReportRefused, "not_owned"), ErrNotReportable
		}
		o.ReportedAt = now
		if err := tx.SaveObjection(&o); err != nil {
			return audit.Event{}, err
		}
		return e, cs.freeze(tx, j, a, reported, now)
	})
}
