package store

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
)

var sessionTable = newTable("session", "id", "account_id", "secret", "previous", "previous_until", "epoch", "session_epoch", "level",
	"more_time", "created_at", "seen_at", "signed_in_at", "proved_at", "ended_at", "browser", "version")

func sessionFields(s *customer.Session) []any {
	return []any{&s.ID, &s.Account, &s.Secret, &s.Previous, moment{&s.PreviousUntil}, &s.Epoch, &s.SessionEpoch, &s.Level,
		&s.MoreTime, moment{&s.CreatedAt}, moment{&s.SeenAt}, moment{&s.SignedInAt}, moment{&s.ProvedAt}, moment{&s.EndedAt}, &s.Browser, &s.Version}
}

// Session reads a browser session, or answers customer.ErrNoSession.
func (tx *Tx) Session(id customer.SessionID) (customer.Session, error) {
	var s customer.Session
	err := tx.get(sessionTable.find, []any{id}, sessionFields(&s)...)
	if errors.Is(err, errNoRow) {
		err = customer.ErrNoSession
	}
	if err != nil {
		return customer.Session{}, err
	}
	return s, nil
}

// SaveSession inserts or updates a browser session.
func (tx *Tx) SaveSession(s *customer.Session) error {
	return tx.save(sessionTable, &s.Version, sessionFields(s))
}

// SeeSession notes that a session was used under its current secret, which is no change of state and has no event. The
// row's version stays, so that it disturbs no change under way.
func (s SignIns) SeeSession(ctx context.Context, id customer.SessionID, digest []byte, now time.Time) error {
	return s.DB.write(ctx, func(tx *Tx) error {
		return tx.put(`UPDATE session SET seen_at = CASE WHEN seen_at < $2 THEN $2 ELSE seen_at END, previous = NULL, previous_until = 0
			WHERE id = $1 AND secret = $3`, id, millis(now), digest)
	})
}
