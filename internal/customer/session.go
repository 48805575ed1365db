package customer

import (
	"errors"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// SessionID identifies a browser session's row; the cookie holds it beside the secret.
type SessionID int64

// ErrNoSession: no such browser session, or it is over.
var ErrNoSession = errors.New("browser session is over")

// Level is how far a session has proved the customer.
type Level int

// Levels rise; each rise changes the session's secret (ASVS 7.2.4, session fixation).
const (
	// Anonymous: a browser that does a journey but is signed in as nobody.
	Anonymous Level = iota
	// OneStep: the password matched; nothing opens yet but the second step.
	OneStep
	// TwoSteps: password and second step, what every page of an account needs (I4).
	TwoSteps
)

// The clocks of a session (journey section 1).
const (
	IdleLife      = 30 * time.Minute
	TotalLife     = 12 * time.Hour
	TotalLifeMore = 24 * time.Hour
	// SignInLife is how long a session may stay between password and second step.
	SignInLife = 15 * time.Minute
	// PreviousLife is how long a rotated secret still repeats a spent step's answer (design 10.23).
	PreviousLife = 60 * time.Second
)

// A Session is one browser. It is known by a secret in the browser's cookie, of which only digests are stored.
type Session struct {
	ID SessionID
	// Secret is the SHA-256 of the current secret; Previous the one before, good until PreviousUntil.
	Secret, Previous []byte
	PreviousUntil    time.Time
	// Account is who is signed in, under which epochs; 0 for nobody.
	Account             AccountID
	Epoch, SessionEpoch int64
	Level               Level
	// MoreTime lifts the idle limit and doubles the total (WCAG 2.2.1).
	MoreTime  bool
	CreatedAt time.Time
	// SeenAt is the last request, to the minute.
	SeenAt time.Time
	// SignedInAt is when the level became TwoSteps; ProvedAt the last password or second step.
	SignedInAt, ProvedAt time.Time
	EndedAt              time.Time
	// Browser is what the session runs in, in two words of a closed list ("firefox linux"), so that its owner can tell it from others;
	// empty where nobody said.
	Browser string
	Version int64
}

// Alive reports whether the session may be used at now: not ended, inside its idle and its total limit.
func (s Session) Alive(now time.Time) bool {
	if s.ID == 0 || !s.EndedAt.IsZero() {
		return false
	}
	if s.MoreTime {
		return now.Before(s.CreatedAt.Add(TotalLifeMore))
	}
	return now.Before(s.SeenAt.Add(IdleLife)) && now.Before(s.CreatedAt.Add(TotalLife))
}

// SignedIn reports whether the session belongs to the owner of the account, at two factors, under its current epochs.
// Comparing epochs here is what ends every session at a commit, a recovery or a password change (I2).
func (s Session) SignedIn(a Account, now time.Time) bool {
	return s.Alive(now) && s.Level == TwoSteps && s.Account == a.ID && a.ID != 0 && a.Owned() &&
		s.Epoch == a.Epoch && s.SessionEpoch == a.SessionEpoch
}

// Halfway reports whether the session has proved the account's password lately, and not the second step.
func (s Session) Halfway(a Account, now time.Time) bool {
	return s.Alive(now) && s.Level == OneStep && now.Before(s.ProvedAt.Add(SignInLife)) && s.Account == a.ID && a.Owned() &&
		s.Epoch == a.Epoch && s.SessionEpoch == a.SessionEpoch
}

// Rotate puts a new secret in place of the old one, which stays good for PreviousLife to repeat a spent step.
func (s *Session) Rotate(digest []byte, now time.Time) {
	s.Previous, s.PreviousUntil = s.Secret, now.Add(PreviousLife)
	s.Secret = digest
}

// SessionTx reads and writes browser sessions within a transaction. What is not there is ErrNoSession.
type SessionTx interface {
	Session(SessionID) (Session, error)
	// SaveSession inserts when Version is 0 and otherwise updates that version alone; it raises Version.
	SaveSession(*Session) error
	DeviceTx
}

// A SessionKey is what a browser's cookie says: which session, and the secret that proves it.
type SessionKey struct {
	ID     SessionID `json:"id"`
	Secret string    `json:"secret"`
}

// NewSession is a session for a browser that had none, with the key for its cookie.
func NewSession(ids *secret.IDs, now time.Time) (Session, SessionKey) {
	key := SessionKey{ID: SessionID(ids.Next()), Secret: secret.NewTokenSecret()}
	return Session{ID: key.ID, Secret: secret.Hash(key.Secret), CreatedAt: now, SeenAt: now}, key
}

// Successor is the key that follows a key when the session's secret changes. It is computed, not drawn: when a double
// click makes the browser drop the first answer, the second one, shown the old secret, repeats it (design 10.23).
func (key SessionKey) Successor(keys *secret.Keys) SessionKey {
	return SessionKey{ID: key.ID, Secret: keys.Derive(secret.PurposeSession, strconv.FormatInt(int64(key.ID), 10), key.Secret)}
}

// Renew gives the session a new secret, at each rise of privilege, and returns the key for the cookie. key is the one
// that the browser showed and that Knows found to be current.
func (s *Session) Renew(keys *secret.Keys, key SessionKey, now time.Time) SessionKey {
	next := key.Successor(keys)
	s.Rotate(secret.Hash(next.Secret), now)
	return next
}

// Knows reports whether the key is the session's, and whether it is only the previous one, which may repeat a spent
// step's answer and nothing else (design 10.23).
func (s Session) Knows(key SessionKey, now time.Time) (known, previous bool) {
	digest := secret.Hash(key.Secret)
	if secret.Equal(s.Secret, digest) {
		return true, false
	}
	if len(s.Previous) > 0 && secret.Equal(s.Previous, digest) && now.Before(s.PreviousUntil) {
		return true, true
	}
	return false, false
}
