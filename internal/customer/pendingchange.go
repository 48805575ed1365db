package customer

import (
	"errors"
	"time"
)

// ErrNoChange: nothing of the kind was begun in this browser, or it is over.
var ErrNoChange = errors.New("no such change was begun")

// ChangeKind is what an owner has begun to change of how they get in.
type ChangeKind string

// The kinds. One browser has at most one of each under way.
const (
	// ChangeApp: an authenticator app that has yet to show a code.
	ChangeApp ChangeKind = "app"
	// ChangeCodes: recovery codes that are shown and not yet saved.
	ChangeCodes ChangeKind = "codes"
	// ChangeEmail: an address whose mailbox is not proved.
	ChangeEmail ChangeKind = "email"
)

// ChangeLife is how long a change may be finished. Each step of it needs a fresh proof besides.
const ChangeLife = 30 * time.Minute

// A PendingChange is a change that an owner began and has not finished. It belongs to one browser's session and to the epochs
// that it began under: whatever raises one of them (a changed password or address, a factor that was removed, "sign out
// everywhere", a recovery, a hold) ends it, so that who was in before cannot finish it afterwards (unexpired e-mail change).
type PendingChange struct {
	ID                  int64
	Account             AccountID
	Session             SessionID
	Kind                ChangeKind
	Epoch, SessionEpoch int64
	// Begun is what it is about. It is sealed in the database.
	Begun     Begun
	ExpiresAt time.Time
	Version   int64
}

// Begun is what a pending change holds; each kind uses its own.
type Begun struct {
	// AppSecret is the new app's; Replaces is the app whose place it takes, 0 for none.
	AppSecret []byte `json:"app_secret,omitempty"`
	Replaces  int64  `json:"replaces,omitempty"`
	// Texts are the new recovery codes, Codes what is kept of them.
	Texts []string       `json:"texts,omitempty"`
	Codes []RecoveryCode `json:"codes,omitempty"`
	// Address is the new one; Digest, Version, SentAt and LateAt are of the code that was mailed to it.
	Address string    `json:"address,omitempty"`
	Digest  []byte    `json:"digest,omitempty"`
	Version int       `json:"version,omitempty"`
	SentAt  time.Time `json:"sent_at"`
	LateAt  time.Time `json:"late_at"`
}

// stands reports whether the change can still be finished by the session, under the account as it is.
func (c PendingChange) stands(s Session, a Account, now time.Time) bool {
	return c.ID != 0 && c.Account == a.ID && c.Session == s.ID && c.Epoch == a.Epoch && c.SessionEpoch == a.SessionEpoch && now.Before(c.ExpiresAt)
}

// ChangeTx reads and writes pending changes within a transaction. What is not there is ErrNoChange.
type ChangeTx interface {
	// PendingChange finds the session's of a kind.
	PendingChange(SessionID, ChangeKind) (PendingChange, error)
	// SavePendingChange inserts when Version is 0 and otherwise updates that version alone; it raises Version.
	SavePendingChange(*PendingChange) error
	DropPendingChange(id int64) error
}

// pending reads the session's change of a kind, when it stands. Otherwise it is ErrNoChange, with the row that can be used anew.
func pending(tx ChangeTx, s Session, a Account, kind ChangeKind, now time.Time) (PendingChange, error) {
	c, err := tx.PendingChange(s.ID, kind)
	if err == nil && !c.stands(s, a, now) {
		err = ErrNoChange
	}
	return c, err
}
