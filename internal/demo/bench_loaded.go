package demo

import (
	"context"
	"sync/atomic"
)

// Loaded are the customers of a database that was filled to be measured at its size. Calls that need a customer are then each of another one of them,
// spread evenly over all in an order of no meaning, so that their rows are found in the database and not in what was used a moment ago.
type Loaded struct {
	// Customers is how many there are with live tokens of the Classic partner of the Bench.
	Customers int64
	// Customer is the n-th of them, from 0.
	Customer func(n int64) (LoadedCustomer, error)

	next atomic.Int64
}

// A LoadedCustomer is one of them: the address, and the texts of the tokens.
type LoadedCustomer struct{ Email, Access, Refresh string }

// loadedStride leads from one customer to the next: a prime, so that all come by before one comes again.
const loadedStride = 2_654_435_761

// one is another customer each time. A refresh ends the access token, so those who are refreshed are others than those whose access tokens are shown.
func (l *Loaded) one(refreshed bool) (LoadedCustomer, error) {
	pairs := max(l.Customers/2, 1)
	n := 2 * (l.next.Add(1) % pairs * (loadedStride % pairs) % pairs)
	if !refreshed && l.Customers > 1 {
		n++
	}
	return l.Customer(n)
}

// ofLoaded are the operations that are done to loaded customers where there are such.
func (b *Bench) ofLoaded(op operation) operation {
	if b.Loaded == nil {
		return op
	}
	proof := basic(b.Classic)
	switch op.name {
	case opRefresh:
		op.prepare = loaded(true, func(w *wire, c LoadedCustomer) ([]byte, string) {
			return w.request("POST", "/oauth/token", "grant_type=refresh_token&refresh_token="+c.Refresh, formType, proof), hasAccess
		})
	case opIntrospect:
		op.prepare = loaded(false, func(w *wire, c LoadedCustomer) ([]byte, string) {
			return w.request("POST", "/oauth/introspect", "token="+c.Access, formType, proof), isActive
		})
	case opResource:
		op.prepare = loaded(false, func(w *wire, c LoadedCustomer) ([]byte, string) {
			return w.request("GET", "/v1/me", "", "Authorization: Bearer "+c.Access), `"email":"` + c.Email
		})
	default:
		return op
	}
	op.owned = false
	return op
}

// loaded makes workers that send the request of another customer each time.
func loaded(refreshed bool, request func(*wire, LoadedCustomer) (text []byte, has string)) func(context.Context, *Bench, int, int) ([]benchWorker, error) {
	return func(_ context.Context, b *Bench, connections, _ int) ([]benchWorker, error) {
		return b.each(b.Server.URL, connections, func(_ int, w *wire) (func(context.Context) error, error) {
			return func(ctx context.Context) error {
				c, err := b.Loaded.one(refreshed)
				if err != nil {
					return err
				}
				text, has := request(w, c)
				if err := w.do(ctx, text); err != nil {
					return err
				}
				return w.says(has)
			}, nil
		})
	}
}
