package store

import (
	"context"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// For is the store as one noun sees it: the same transactions, with the methods that the noun asked for. T is the noun's
// own Tx interface; *Tx satisfies them all.
type For[T any] struct{ DB *DB }

// View runs fn in a read transaction: all it reads is of one moment.
func (s For[T]) View(ctx context.Context, fn func(T) error) error {
	return s.DB.read(ctx, func(tx *Tx) error { return fn(any(tx).(T)) })
}

// Change runs fn in a write transaction under the rule of events (see the package comment).
func (s For[T]) Change(ctx context.Context, fn func(T) (audit.Event, error)) error {
	return s.DB.change(ctx, func(tx *Tx) (audit.Event, error) { return fn(any(tx).(T)) })
}

// The store of each noun.
type (
	// Partners is for partner.Partners.
	Partners struct{ DB *DB }
	// Subscriptions is for partner.Subscriptions.
	Subscriptions = For[partner.SubscriptionTx]
	// Deliveries is for partner.Deliveries.
	Deliveries = For[partner.DeliveryTx]
	// Customers is for customer.Customers.
	Customers struct{ DB *DB }
	// SignIns is for customer.SignIns.
	SignIns struct{ For[customer.SignInTx] }
	// Recoveries is for customer.Recoveries.
	Recoveries = For[customer.RecoverTx]
	// Tokens is for grant.Tokens.
	Tokens struct{ DB *DB }
	// Grants is for grant.Grants.
	Grants = For[grant.OwnerTx]
	// Claims is for claim.Claims.
	Claims = For[claim.Tx]
)

// View runs fn, which asks one question: Standing, that every request with a token asks, is one statement, and is sent without a
// transaction around it.
func (s Tokens) View(ctx context.Context, fn func(grant.TokenTx) error) error {
	return s.DB.readAs(ctx, reading{loose: true}, func(tx *Tx) error { return fn(tx) })
}

// Change runs fn in a write transaction under the rule of events. Whether a token stands is in the plain columns of its account; opening the
// others would be a tenth of what an exchange costs.
func (s Tokens) Change(ctx context.Context, fn func(grant.TokenTx) (audit.Event, error)) error {
	return s.DB.change(ctx, func(tx *Tx) (audit.Event, error) {
		tx.depth, tx.foresees = openNothing, true
		return fn(tx)
	})
}

// View runs fn, whose statements each see a moment of their own: every request of a client begins here, and asks for the client and then for
// the count of its wrong secrets, which are no worse of two moments.
func (s Partners) View(ctx context.Context, fn func(partner.Tx) error) error {
	return s.DB.readAs(ctx, reading{loose: true}, func(tx *Tx) error { return fn(tx) })
}

// Change is that of For.
func (s Partners) Change(ctx context.Context, fn func(partner.Tx) (audit.Event, error)) error {
	return For[partner.Tx](s).Change(ctx, fn)
}

// View runs fn in a read transaction in which accounts have no credentials: what partners are told never rests on them, and opening
// them for each request would cost more than the rest of it.
func (s Customers) View(ctx context.Context, fn func(customer.Tx) error) error {
	return s.DB.readAs(ctx, reading{depth: openContact}, func(tx *Tx) error { return fn(tx) })
}

// Change is that of For.
func (s Customers) Change(ctx context.Context, fn func(customer.Tx) (audit.Event, error)) error {
	return For[customer.Tx](s).Change(ctx, fn)
}

// What the nouns ask for is there.
var (
	_ partner.Store             = Partners{}
	_ partner.Tx                = (*Tx)(nil)
	_ partner.SubscriptionStore = Subscriptions{}
	_ partner.SubscriptionTx    = (*Tx)(nil)
	_ partner.DeliveryStore     = Deliveries{}
	_ partner.DeliveryTx        = (*Tx)(nil)
	_ customer.Store            = Customers{}
	_ customer.Tx               = (*Tx)(nil)
	_ customer.SignInStore      = SignIns{}
	_ customer.SignInTx         = (*Tx)(nil)
	_ customer.RecoveryStore    = Recoveries{}
	_ customer.RecoverTx        = (*Tx)(nil)
	_ grant.TokenStore          = Tokens{}
	_ grant.TokenTx             = (*Tx)(nil)
	_ grant.OwnerStore          = Grants{}
	_ grant.OwnerTx             = (*Tx)(nil)
	_ claim.Store               = Claims{}
	_ claim.Tx                  = (*Tx)(nil)
	_ audit.Store               = Audit{}
	_ audit.ChainStore          = Audit{}
)
