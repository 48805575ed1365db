package customer

import (
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/secret"
)

func testKeys(t testing.TB) *secret.Keys {
	t.Helper()
	keys, err := secret.NewKeys(map[int][]byte{1: []byte("customer tests have a key of 32b")})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// edges are one millisecond before a moment, the moment and one after it, with whether the thing still lives then.
var edges = []struct {
	after time.Duration
	alive bool
}{{-time.Millisecond, true}, {0, false}, {time.Millisecond, false}}

func TestSessionsEndOnTheMillisecond(t *testing.T) {
	for _, e := range edges {
		idle := Session{ID: 1, CreatedAt: today, SeenAt: today}
		if got := idle.Alive(today.Add(IdleLife + e.after)); got != e.alive {
			t.Errorf("idle, %v after: alive %t", e.after, got)
		}
		used := Session{ID: 1, CreatedAt: today, SeenAt: today.Add(TotalLife - time.Minute)}
		if got := used.Alive(today.Add(TotalLife + e.after)); got != e.alive {
			t.Errorf("in use, %v after: alive %t", e.after, got)
		}
		more := Session{ID: 1, CreatedAt: today, SeenAt: today, MoreTime: true}
		if got := more.Alive(today.Add(TotalLifeMore + e.after)); got != e.alive {
			t.Errorf("with more time, %v after: alive %t", e.after, got)
		}
	}
	if (Session{CreatedAt: today, SeenAt: today}).Alive(today) {
		t.Error("a session that does not exist is alive")
	}
	if (Session{ID: 1, CreatedAt: today, SeenAt: today, EndedAt: today}).Alive(today) {
		t.Error("an ended session is alive")
	}
}

// TestSignedIn takes away one condition at a time (I2, I4).
func TestSignedIn(t *testing.T) {
	account := func() Account { return Account{ID: 7, State: Claimed, Epoch: 2, SessionEpoch: 5} }
	session := func() Session {
		return Session{ID: 1, CreatedAt: today, SeenAt: today, Account: 7, Level: TwoSteps, Epoch: 2, SessionEpoch: 5}
	}
	if !session().SignedIn(account(), today) {
		t.Fatal("not signed in")
	}
	for name, change := range map[string]func(*Session, *Account){
		"one step":                     func(s *Session, _ *Account) { s.Level = OneStep },
		"no step":                      func(s *Session, _ *Account) { s.Level = Anonymous },
		"another account":              func(s *Session, _ *Account) { s.Account = 8 },
		"nobody":                       func(s *Session, a *Account) { s.Account, a.ID = 0, 0 },
		"before the commit":            func(_ *Session, a *Account) { a.Epoch++ },
		"from a later epoch":           func(_ *Session, a *Account) { a.Epoch-- },
		"before a new password":        func(_ *Session, a *Account) { a.SessionEpoch++ },
		"account pending":              func(_ *Session, a *Account) { a.State = Pending },
		"account closed":               func(_ *Session, a *Account) { a.State = Closed },
		"account on hold":              func(_ *Session, a *Account) { a.Hold = HoldObjected },
		"account held for mailed code": func(_ *Session, a *Account) { a.Hold = HoldEmailTries },
		"session ended":                func(s *Session, _ *Account) { s.EndedAt = today },
		"session idle":                 func(s *Session, _ *Account) { s.SeenAt = today.Add(-IdleLife) },
		"no session":                   func(s *Session, _ *Account) { s.ID = 0 },
	} {
		s, a := session(), account()
		change(&s, &a)
		if s.SignedIn(a, today) {
			t.Errorf("%s: signed in", name)
		}
	}
}

// TestTheOldSecretLivesAMinute and no longer; and what follows a secret is computed, so a double click gets it twice.
func TestTheOldSecretLivesAMinute(t *testing.T) {
	keys := testKeys(t)
	s, first := NewSession(secret.NewIDs(func() time.Time { return today }), today)
	if known, previous := s.Knows(first, today); !known || previous || !s.Alive(today) {
		t.Fatalf("a new session: %t %t", known, previous)
	}
	for _, wrong := range []SessionKey{{}, {ID: first.ID}, {ID: first.ID, Secret: first.Secret + "x"}, {ID: first.ID, Secret: first.Secret[1:]}, first.Successor(keys)} {
		if known, _ := s.Knows(wrong, today); known {
			t.Errorf("%v is known", wrong)
		}
	}
	second := s.Renew(keys, first, today)
	if second != first.Successor(keys) || second == first || second.ID != first.ID {
		t.Errorf("renewed to %v, the successor is %v", second, first.Successor(keys))
	}
	if known, previous := s.Knows(second, today); !known || previous {
		t.Errorf("the new secret: %t %t", known, previous)
	}
	for _, e := range edges {
		known, previous := s.Knows(first, today.Add(PreviousLife+e.after))
		if known != e.alive || previous != e.alive {
			t.Errorf("the old secret %v after its minute: known %t, previous %t", e.after, known, previous)
		}
	}
	third := s.Renew(keys, second, today)
	if known, _ := s.Knows(first, today); known {
		t.Error("two renewals later the first secret still works")
	}
	if known, previous := s.Knows(second, today); !known || !previous {
		t.Error("the one before is not known as such")
	}
	if known, previous := s.Knows(third, today); !known || previous {
		t.Error("the newest is not current")
	}
	if (Session{}).Secret != nil {
		t.Fatal()
	}
	if known, _ := (Session{}).Knows(SessionKey{}, today); known {
		t.Error("nothing knows nothing")
	}
}

func TestSuccessorsDiffer(t *testing.T) {
	keys := testKeys(t)
	a := SessionKey{ID: 1, Secret: "secret"}
	for _, other := range []SessionKey{{ID: 2, Secret: "secret"}, {ID: 1, Secret: "secret2"}, {ID: 1}, {ID: 1, Secret: a.Successor(keys).Secret}} {
		if other.Successor(keys).Secret == a.Successor(keys).Secret {
			t.Errorf("%v and %v have one successor", a, other)
		}
	}
}
