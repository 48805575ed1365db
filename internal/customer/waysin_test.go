package customer

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// TestFreshOnTheMillisecond: five minutes, and only at two factors.
func TestFreshOnTheMillisecond(t *testing.T) {
	for _, e := range edges {
		s := Session{Level: TwoSteps, ProvedAt: today}
		if got := s.Fresh(today.Add(FreshLife + e.after)); got != e.alive {
			t.Errorf("%v after: fresh %t", e.after, got)
		}
	}
	for _, level := range []Level{Anonymous, OneStep} {
		if (Session{Level: level, ProvedAt: today}).Fresh(today) {
			t.Errorf("level %d is fresh", level)
		}
	}
	if (Session{Level: TwoSteps}).Fresh(today) {
		t.Error("a session that proved nothing is fresh")
	}
}

// TestReplaceLeavesNoGrace: the secret before is worth nothing in that moment, and the next one does not follow from it for
// whoever has only that.
func TestReplaceLeavesNoGrace(t *testing.T) {
	keys := testKeys(t)
	s, key := NewSession(testIDs(), today)
	next := s.Replace(keys, key, today)
	if known, _ := s.Knows(key, today); known {
		t.Error("the secret before is known")
	}
	if known, previous := s.Knows(next, today); !known || previous || next.Secret == key.Secret || next.ID != key.ID {
		t.Error("the new secret is not")
	}
}

// TestPendingChangesStand takes away one condition at a time: whatever ends a session's rights ends what it began.
func TestPendingChangesStand(t *testing.T) {
	begun := func() (PendingChange, Session, Account) {
		return PendingChange{ID: 1, Account: 7, Session: 3, Kind: ChangeEmail, Epoch: 2, SessionEpoch: 5, ExpiresAt: today.Add(ChangeLife)},
			Session{ID: 3}, Account{ID: 7, Epoch: 2, SessionEpoch: 5}
	}
	if c, s, a := begun(); !c.stands(s, a, today) {
		t.Fatal("does not stand")
	}
	for name, change := range map[string]func(*PendingChange, *Session, *Account){
		"no row":                 func(c *PendingChange, _ *Session, _ *Account) { c.ID = 0 },
		"another account":        func(_ *PendingChange, _ *Session, a *Account) { a.ID = 8 },
		"another session":        func(_ *PendingChange, s *Session, _ *Account) { s.ID = 4 },
		"a risen epoch":          func(_ *PendingChange, _ *Session, a *Account) { a.Epoch++ },
		"a risen session epoch":  func(_ *PendingChange, _ *Session, a *Account) { a.SessionEpoch++ },
		"a lower epoch":          func(_ *PendingChange, _ *Session, a *Account) { a.Epoch-- },
		"over":                   func(c *PendingChange, _ *Session, _ *Account) { c.ExpiresAt = today },
		"a clock that went back": func(c *PendingChange, _ *Session, _ *Account) { c.ExpiresAt = time.Time{} },
	} {
		c, s, a := begun()
		change(&c, &s, &a)
		if c.stands(s, a, today) {
			t.Errorf("%s: stands", name)
		}
	}
	for _, e := range edges {
		c, s, a := begun()
		if got := c.stands(s, a, today.Add(ChangeLife+e.after)); got != e.alive {
			t.Errorf("%v after: stands %t", e.after, got)
		}
	}
}

// ownerRows are one session and one account, as FreshOwner reads them.
type ownerRows struct {
	OwnerTx
	session Session
	account Account
	trouble error
}

func (r ownerRows) Session(id SessionID) (Session, error) {
	if id != r.session.ID {
		return Session{}, ErrNoSession
	}
	return r.session, nil
}

func (r ownerRows) Account(id AccountID) (Account, error) {
	if r.trouble != nil {
		return Account{}, r.trouble
	}
	if id != r.account.ID {
		return Account{}, ErrNoAccount
	}
	return r.account, nil
}

// TestFreshOwner: only the current key of a session at two factors, of an account that is its owner's, under both epochs, with a
// proof of the last five minutes; and trouble with the database is none of the refusals (I11).
func TestFreshOwner(t *testing.T) {
	s, key := NewSession(testIDs(), today)
	s.Account, s.Level, s.Epoch, s.SessionEpoch, s.ProvedAt = 7, TwoSteps, 2, 5, today
	gone := errors.New("gone")
	good := ownerRows{session: s, account: Account{ID: 7, State: Claimed, Epoch: 2, SessionEpoch: 5}}
	if _, a, err := FreshOwner(good, key, today); err != nil || a.ID != 7 {
		t.Fatalf("%+v, %v", a, err)
	}
	for name, c := range map[string]struct {
		change func(r *ownerRows, key *SessionKey)
		want   error
	}{
		"unknown session":  {func(_ *ownerRows, key *SessionKey) { key.ID++ }, ErrNoSession},
		"forged secret":    {func(_ *ownerRows, key *SessionKey) { key.Secret += "x" }, ErrNoSession},
		"previous secret":  {func(r *ownerRows, key *SessionKey) { r.session.Renew(testKeys(t), *key, today) }, ErrNoSession},
		"signed in nobody": {func(r *ownerRows, _ *SessionKey) { r.session.Account = 0 }, ErrNoSession},
		"no account":       {func(r *ownerRows, _ *SessionKey) { r.account.ID = 8 }, ErrNoSession},
		"half signed in":   {func(r *ownerRows, _ *SessionKey) { r.session.Level = OneStep }, ErrNoSession},
		"signed out":       {func(r *ownerRows, _ *SessionKey) { r.session.EndedAt = today }, ErrNoSession},
		"session epoch":    {func(r *ownerRows, _ *SessionKey) { r.account.SessionEpoch++ }, ErrNoSession},
		"epoch":            {func(r *ownerRows, _ *SessionKey) { r.account.Epoch++ }, ErrNoSession},
		"on hold":          {func(r *ownerRows, _ *SessionKey) { r.account.Hold = HoldOperator }, ErrNoSession},
		"closed":           {func(r *ownerRows, _ *SessionKey) { r.account.State = Closed }, ErrNoSession},
		"stale":            {func(r *ownerRows, _ *SessionKey) { r.session.ProvedAt = today.Add(-FreshLife) }, ErrNotFresh},
		"trouble":          {func(r *ownerRows, _ *SessionKey) { r.trouble = gone }, gone},
	} {
		rows, shown := good, key
		c.change(&rows, &shown)
		if s, a, err := FreshOwner(rows, shown, today); !errors.Is(err, c.want) || s.ID != 0 || a.ID != 0 {
			t.Errorf("%s: %v, session %d, account %d", name, err, s.ID, a.ID)
		}
	}
}

// TestPersonalWords: what who knows the person would try first, over all profiles, and nothing empty, which every password has.
func TestPersonalWords(t *testing.T) {
	p := Profile{Details: Details{Values: map[Field]string{FirstName: "Mira", LastName: "Kade", DateOfBirth: "1988-11-30"}}}
	words := personalWords(Account{Email: "mira@example.org"}, []Profile{p, {}}, "Latchkey")
	for _, want := range []string{"Mira", "Kade", "1988-11-30", "mira@example.org", "Latchkey"} {
		if !slices.Contains(words, want) {
			t.Errorf("%q is not among %v", want, words)
		}
	}
	if slices.Contains(words, "") {
		t.Error("the empty word is among them")
	}
	if err := (PasswordPolicy{}).Check("Mira-Kade-1988", words...); !errors.Is(err, ErrPasswordPersonal) {
		t.Errorf("a password of the names: %v", err)
	}
}
