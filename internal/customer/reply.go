package customer

import (
	"errors"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// ErrReplyDiffers: the same idempotency key came with another body (contract OC-20).
var ErrReplyDiffers = errors.New("idempotency key was used with another request")

// ReplyLife is how long a stored reply answers a retry (OC-20: at least 24 h).
const ReplyLife = 24 * time.Hour

// A Reply is what a request with an idempotency key led to, kept so that a retry gets the same bytes. It is scoped by
// partner, endpoint and account (design 4.14) and sealed under the account's key, so it dies with the account.
type Reply struct {
	ID       int64
	Partner  partner.ID
	Account  AccountID
	Endpoint string
	// Key is the client's idempotency key; the store keeps a digest.
	Key string
	// Request is the SHA-256 of the request's body.
	Request []byte
	// Body is the answer, stored sealed.
	Body []byte
	At   time.Time
}

// ReplyTx reads and writes stored replies within a transaction.
type ReplyTx interface {
	// Reply finds the reply with the same partner, account, endpoint and key that is younger than ReplyLife at now.
	Reply(key Reply, now time.Time) (Reply, bool, error)
	SaveReply(Reply) error
}

// An Idempotency is what makes a write safe to send again (design 4.14): Key empty means that none was sent.
type Idempotency struct {
	// Endpoint is what the key counts for.
	Endpoint string
	Key      string
	// Request is a digest of what was asked for, Older what it is under digest keys that were in use before.
	Request []byte
	Older   [][]byte
	// Render writes the answer that is kept, of the Entry or of what says gave it. nil is not kept: another try does the work.
	Render func(any) []byte
	// Replayed: the write was made before, nothing was changed, and Answer is what was answered then.
	Replayed bool
	Answer   []byte

	result any
}

// says sets what the answer is rendered of, where that is not the profile. A nil Idempotency has no use for it.
func (i *Idempotency) says(result any) {
	if i != nil {
		i.result = result
	}
}

func (i *Idempotency) replayed() bool { return i != nil && i.Replayed }

// replay finds what the key led to before. It comes after the caller was admitted: a key is no credential (design 4.14).
// Errors: ErrReplyDiffers.
func (cs Customers) replay(tx ReplyTx, c Caller, idem *Idempotency, now time.Time) error {
	if idem == nil || idem.Key == "" {
		return nil
	}
	idem.Replayed, idem.Answer, idem.result = false, nil, nil // a change may run twice
	stored, found, err := tx.Reply(Reply{Partner: c.Partner, Account: c.Account, Endpoint: idem.Endpoint, Key: idem.Key}, now)
	if err != nil || !found {
		return err
	}
	same := func(request []byte) bool { return secret.Equal(stored.Request, request) }
	if !same(idem.Request) && !slices.ContainsFunc(idem.Older, same) {
		return ErrReplyDiffers
	}
	idem.Replayed, idem.Answer = true, stored.Body
	return nil
}

// keep stores the answer with the change that it speaks of, and reports whether there was a key to keep it under.
func (cs Customers) keep(tx ReplyTx, c Caller, idem *Idempotency, e Entry, now time.Time) (bool, error) {
	if idem == nil || idem.Key == "" {
		return false, nil
	}
	if idem.result == nil {
		idem.result = e
	}
	body := idem.Render(idem.result)
	if body == nil {
		return false, nil
	}
	return true, tx.SaveReply(Reply{ID: cs.IDs.Next(), Partner: c.Partner, Account: c.Account, Endpoint: idem.Endpoint, Key: idem.Key,
		Request: idem.Request, Body: body, At: now})
}
