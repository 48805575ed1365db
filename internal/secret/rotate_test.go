package secret

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

// A key is added beside the one in use, taken into use later, and what the old one made still reads.
func TestKeysAreAddedAndTakenIntoUse(t *testing.T) {
	t.Parallel()
	k := keysOf(t, 1)
	old := k.Seal(Place{Table: "mail"}, []byte("letter"))
	if err := k.Add(map[int][]byte{1: master(1), 2: master(2), 3: master(3)}); err != nil {
		t.Fatal(err)
	}
	if k.DigestVersion() != 1 || SealedVersion(k.Seal(Place{}, nil)) != 1 || !slices.Equal(k.DigestVersions(), []int{1, 3, 2}) || !slices.Equal(k.Versions(), []int{1, 2, 3}) {
		t.Errorf("added keys are in use: %v", k.DigestVersions())
	}
	if err := k.Use(2); err != nil || k.DigestVersion() != 2 || !slices.Equal(k.DigestVersions(), []int{2, 3, 1}) {
		t.Errorf("%v, %v", k.DigestVersions(), err)
	}
	if plain, err := k.Open(Place{Table: "mail"}, old); err != nil || string(plain) != "letter" {
		t.Errorf("what the old key sealed: %q, %v", plain, err)
	}
	if err := k.Use(9); !errors.Is(err, ErrKeyVersion) || k.DigestVersion() != 2 {
		t.Errorf("a version that is not there: %v", err)
	}
	for name, masters := range map[string]map[int][]byte{"another key of a version": {2: master(7), 4: master(4)}, "no key": {4: master(4)[:5]}, "no version": {0: master(4)}} {
		if err := k.Add(masters); !errors.Is(err, ErrMaster) || len(k.Versions()) != 3 {
			t.Errorf("%s: %v, %v", name, err, k.Versions())
		}
	}
}

// A form that was shown before a rotation is still the form that was shown; one that was made up is not.
func TestDerivedUnderAnyKey(t *testing.T) {
	t.Parallel()
	k := keysOf(t, 1)
	before := k.Derive(PurposeStep, "session", "step")
	if err := errors.Join(k.Add(map[int][]byte{2: master(2)}), k.Use(2)); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{before: true, k.Derive(PurposeStep, "session", "step"): true, k.Derive(PurposeStep, "session", "other"): false,
		k.Derive(PurposeToken, "session", "step"): false, "": false, keysOf(t, 3).Derive(PurposeStep, "session", "step"): false} {
		if got := k.Derived(text, PurposeStep, "session", "step"); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// What is carried of a key checks what it made and opens nothing that lies in the database.
func TestCarriedKeys(t *testing.T) {
	t.Parallel()
	both := keysOf(t, 1, 2)
	if err := both.Use(1); err != nil {
		t.Fatal(err)
	}
	code, derived := both.Digest(PurposeRecovery, "code"), both.Derive(PurposeToken, "token")
	hook, err := both.WebhookKey(1, "subscription")
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := both.NewAccountKey(7)
	if err != nil {
		t.Fatal(err)
	}
	cookie, mail, jid := both.SealCookie("lk", []byte("jar")), both.Seal(Place{Table: "mail"}, []byte("letter")), both.NewJourneyText(5)
	if err := both.Use(2); err != nil {
		t.Fatal(err)
	}
	carried, err := both.Carry(1)
	if err != nil || SealedVersion(carried) != 2 || bytes.Contains(carried, master(1)) {
		t.Fatalf("%x, %v", carried, err)
	}
	alone := keysOf(t, 2)
	if err := alone.Take(1, carried); err != nil {
		t.Fatal(err)
	}
	if have, err := alone.DigestWith(1, PurposeRecovery, "code"); err != nil || !Equal(have, code) {
		t.Errorf("a recovery code: %v", err)
	}
	if have, err := alone.DeriveWith(1, PurposeToken, "token"); err != nil || have != derived {
		t.Errorf("a token: %v", err)
	}
	if have, err := alone.WebhookKey(1, "subscription"); err != nil || have.Text() != hook.Text() {
		t.Errorf("a webhook key: %v", err)
	}
	if plain, err := alone.OpenCookie("lk", cookie); err != nil || string(plain) != "jar" {
		t.Errorf("a cookie: %q, %v", plain, err)
	}
	if partner, ok := alone.JourneyPartner(jid); !ok || partner != 5 {
		t.Error("a journey's id")
	}
	if _, err := alone.Chain().Mark(1, []byte("event")); err != nil {
		t.Errorf("a mark: %v", err)
	}
	if _, err := alone.Box(7, wrapped); !errors.Is(err, ErrKeyVersion) {
		t.Errorf("an account's key: %v", err)
	}
	if _, err := alone.Open(Place{Table: "mail"}, mail); !errors.Is(err, ErrKeyVersion) {
		t.Errorf("a mail: %v", err)
	}
	if err := alone.Use(1); !errors.Is(err, ErrKeyVersion) || !slices.Equal(alone.Versions(), []int{2}) || !slices.Equal(alone.DigestVersions(), []int{2, 1}) {
		t.Errorf("a carried key is used: %v, %v", err, alone.Versions())
	}
	// It is carried on by the key after, and whole again when the operator brings it back.
	if err := errors.Join(alone.Add(map[int][]byte{3: master(3)}), alone.Use(3)); err != nil {
		t.Fatal(err)
	}
	further, err := alone.Carry(1)
	last := keysOf(t, 3)
	if err = errors.Join(err, last.Take(1, further)); err != nil {
		t.Fatal(err)
	}
	if have, err := last.DigestWith(1, PurposeRecovery, "code"); err != nil || !Equal(have, code) {
		t.Errorf("a recovery code two rotations later: %v", err)
	}
	if err := last.Add(map[int][]byte{1: master(9)}); !errors.Is(err, ErrMaster) {
		t.Errorf("another key in the place of a carried one: %v", err)
	}
	if err := last.Add(map[int][]byte{1: master(1)}); err != nil || !slices.Equal(last.Versions(), []int{1, 3}) {
		t.Errorf("the key itself: %v", err)
	}
	if _, err := last.Box(7, wrapped); err != nil {
		t.Errorf("an account's key, with the key itself: %v", err)
	}
}

func TestCarriedKeysAreBoundToTheirVersion(t *testing.T) {
	t.Parallel()
	k := keysOf(t, 1, 2)
	carried, err := k.Carry(1)
	if err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func() error{
		"another version": func() error { return keysOf(t, 2).Take(4, carried) },
		"no key of it":    func() error { return keysOf(t, 3).Take(1, carried) },
		"another key":     func() error { return otherKeys(t).Take(1, carried) },
		"changed": func() error {
			return keysOf(t, 2).Take(1, append([]byte{carried[0], carried[1], carried[2], carried[3] ^ 1}, carried[4:]...))
		},
		"nothing": func() error { return keysOf(t, 2).Take(1, nil) },
	} {
		if err := try(); !errors.Is(err, ErrSeal) && !errors.Is(err, ErrKeyVersion) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := k.Carry(9); !errors.Is(err, ErrKeyVersion) {
		t.Errorf("a version that is not there: %v", err)
	}
}

func otherKeys(t *testing.T) *Keys {
	t.Helper()
	k, err := NewKeys(map[int][]byte{2: master(77)})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Whoever seals while keys are added and change is never without one.
func TestKeysChangeUnderUse(t *testing.T) {
	t.Parallel()
	k := keysOf(t, 1)
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for range 50 {
				wrapped, err := k.NewAccountKey(1)
				if err == nil {
					_, err = k.Box(1, wrapped)
				}
				challenge := k.PasskeyChallenge(time.UnixMilli(1), "bound")
				if _, late := k.CheckPasskeyChallenge(challenge, time.UnixMilli(1), "bound"); err != nil || late != nil {
					t.Error(err, late)
				}
			}
		})
		all.Go(func() {
			version := n + 2
			if err := errors.Join(k.Add(map[int][]byte{version: master(byte(version))}), k.Use(version)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(k.Versions()) != 5 {
		t.Errorf("an added key is lost: %v", k.Versions())
	}
}
