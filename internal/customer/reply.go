package customer

import (
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/partner"
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
