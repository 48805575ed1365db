package secret

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func boxOf(t testing.TB, k *Keys, account int64) *Box {
	t.Helper()
	wrapped, err := k.NewAccountKey(account)
	if err != nil {
		t.Fatal(err)
	}
	box, err := k.Box(account, wrapped)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

// sealer is what a box and the server's keys have in common.
type sealer interface {
	Seal(at Place, plain []byte) []byte
	Open(at Place, sealed []byte) ([]byte, error)
}

func sealers(t testing.TB) map[string]sealer {
	k := keysOf(t, 1)
	return map[string]sealer{"box": boxOf(t, k, 41), "server": k}
}

func TestSealedValueOpensWhereItLies(t *testing.T) {
	for name, s := range sealers(t) {
		rapid.Check(t, func(t *rapid.T) {
			at := Place{rapid.String().Draw(t, "table"), rapid.String().Draw(t, "column"), rapid.Int64().Draw(t, "row")}
			plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
			got, err := s.Open(at, s.Seal(at, plain))
			if err != nil || got == nil || !bytes.Equal(got, plain) {
				t.Fatalf("%s: got %x, %v; want %x", name, got, err, plain)
			}
		})
	}
}

// An attacker who can write to the database moves a ciphertext to where it would be believed.
func TestSealedValueDoesNotMove(t *testing.T) {
	at := Place{"profile", "birth_date", 7}
	for name, s := range sealers(t) {
		sealed := s.Seal(at, []byte("1990-01-02"))
		for _, elsewhere := range []Place{
			{"profile", "birth_date", 8},
			{"profile", "birth_date", -7},
			{"profile", "given_name", 7},
			{"account", "birth_date", 7},
			{"profileb", "irth_date", 7},
			{"profil", "ebirth_date", 7},
			{"", "profilebirth_date", 7},
			{},
		} {
			if got, err := s.Open(elsewhere, sealed); !errors.Is(err, ErrSeal) || got != nil {
				t.Errorf("%s: opened at %v: %q, %v", name, elsewhere, got, err)
			}
		}
	}
}

func TestSealedValueDoesNotMoveBetweenAccountsOrKinds(t *testing.T) {
	k := keysOf(t, 1)
	at := Place{"factor", "secret", 7}
	wrapped, _ := k.NewAccountKey(1)
	box, err := k.Box(1, wrapped)
	if err != nil {
		t.Fatal(err)
	}
	// Even under the same account key, the account is bound.
	twin := &Box{account: 2, gcm: box.gcm}
	if _, err := twin.Open(at, box.Seal(at, []byte("x"))); !errors.Is(err, ErrSeal) {
		t.Errorf("opened for another account: %v", err)
	}
	if _, err := boxOf(t, k, 1).Open(at, box.Seal(at, []byte("x"))); !errors.Is(err, ErrSeal) {
		t.Errorf("opened under another key of the same account: %v", err)
	}
	if _, err := k.Box(2, wrapped); !errors.Is(err, ErrSeal) {
		t.Errorf("account 2 took over the key of account 1: %v", err)
	}
	if _, err := k.Open(at, box.Seal(at, []byte("x"))); !errors.Is(err, ErrSeal) {
		t.Errorf("the server opened a box's value: %v", err)
	}
	if _, err := box.Open(at, k.Seal(at, []byte("x"))); !errors.Is(err, ErrSeal) {
		t.Errorf("a box opened the server's value: %v", err)
	}
	if _, err := k.Box(0, k.Seal(Place{}, make([]byte, 32))); !errors.Is(err, ErrSeal) {
		t.Errorf("a sealed value passed for a wrapped key: %v", err)
	}
	if _, err := k.OpenCookie("lk", base64url(k.Seal(Place{Table: "lk"}, []byte("x")))); !errors.Is(err, ErrCookie) {
		t.Errorf("a sealed value passed for a cookie: %v", err)
	}
	if _, err := k.Box(1, k.current().wraps.seal(accountBound(1), []byte("short"))); !errors.Is(err, ErrSeal) {
		t.Errorf("a wrapped key of 5 bytes was taken: %v", err)
	}
}

func TestChangedSealDoesNotOpen(t *testing.T) {
	at := Place{"mail", "body", 1}
	for name, s := range sealers(t) {
		sealed := s.Seal(at, []byte("hello"))
		for i := range sealed {
			for bit := range 8 {
				changed := bytes.Clone(sealed)
				changed[i] ^= 1 << bit
				if got, err := s.Open(at, changed); err == nil {
					t.Errorf("%s: opened with bit %d of byte %d changed: %q", name, bit, i, got)
				}
			}
		}
		for n := range sealed {
			if _, err := s.Open(at, sealed[:n]); !errors.Is(err, ErrSeal) {
				t.Errorf("%s: cut to %d bytes: %v", name, n, err)
			}
		}
		if _, err := s.Open(at, append(bytes.Clone(sealed), 0)); !errors.Is(err, ErrSeal) {
			t.Errorf("%s: opened with a byte too many: %v", name, err)
		}
		if _, err := s.Open(at, nil); !errors.Is(err, ErrSeal) {
			t.Errorf("%s: opened nothing: %v", name, err)
		}
	}
}

func TestEqualTextsLookDifferentSealed(t *testing.T) {
	at := Place{"mail", "body", 1}
	for name, s := range sealers(t) {
		seen := map[string]bool{}
		for range 100 {
			sealed := s.Seal(at, []byte("same"))
			if seen[string(sealed[3:])] {
				t.Fatalf("%s: sealed twice alike", name)
			}
			seen[string(sealed[3:])] = true
		}
	}
}

func TestOldVersionsStayReadable(t *testing.T) {
	at := Place{"mail", "body", 1}
	old, both, late := keysOf(t, 1), keysOf(t, 1, 2), keysOf(t, 2)
	sealed := old.Seal(at, []byte("old"))
	if got, err := both.Open(at, sealed); err != nil || string(got) != "old" {
		t.Errorf("after the rotation: %q, %v", got, err)
	}
	if _, err := late.Open(at, sealed); !errors.Is(err, ErrKeyVersion) {
		t.Errorf("without the old key: %v, want ErrKeyVersion, so that nobody is told the value is wrong", err)
	}
	if _, err := old.Open(at, both.Seal(at, []byte("new"))); !errors.Is(err, ErrKeyVersion) {
		t.Errorf("new values use the newest key: %v", err)
	}
	wrapped, _ := old.NewAccountKey(5)
	if _, err := late.Box(5, wrapped); !errors.Is(err, ErrKeyVersion) {
		t.Errorf("account key without the old master: %v", err)
	}
}

// The server's own form is read by later releases: a value sealed by this one is kept here.
func TestSealedFormStaysWhatItWas(t *testing.T) {
	const value = "0200013fb3c94e5b7dd23ad423e69ddb2dbee1878a9c85cd66e0d93828c3a1abb5596d8c73bc9ae5e1fc572dfb240fbe8f4b6a"
	const wrapped = "0200011e1e63c981d16bc58c7468f179b58dcf0805cfd9d723f914f1c1e0dddea9a8326dcb56b13ea825595bd41c7d2244e898190f858d2c34ac177e66626fe3d9de93d97d76c28baad07846327ba8"
	const boxed = "01a2dfb55aee6f59aa8fabe5eaaf2132d0c968d188bb2f3935f9b4bac6b6d4f411"
	k := keysOf(t, 1)
	if got, err := k.Open(Place{"mail", "body", 9}, unhex(t, value)); err != nil || string(got) != "kept" {
		t.Errorf("server value: %q, %v", got, err)
	}
	box, err := k.Box(41, unhex(t, wrapped))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := box.Open(Place{"profile", "name", 9}, unhex(t, boxed)); err != nil || string(got) != "kept" {
		t.Errorf("boxed value: %q, %v", got, err)
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRewrap(t *testing.T) {
	at := Place{"profile", "name", 1}
	old, both, late := keysOf(t, 1), keysOf(t, 1, 2), keysOf(t, 2)
	wrapped, _ := old.NewAccountKey(5)
	box, _ := old.Box(5, wrapped)
	sealed := box.Seal(at, []byte("Mira"))

	if same, changed, err := old.Rewrap(5, wrapped); err != nil || changed || !bytes.Equal(same, wrapped) {
		t.Errorf("rewrapped under the same key: changed %t, %v", changed, err)
	}
	rewrapped, changed, err := both.Rewrap(5, wrapped)
	if err != nil || !changed {
		t.Fatalf("rewrapping: changed %t, %v", changed, err)
	}
	box, err = late.Box(5, rewrapped)
	if err != nil {
		t.Fatalf("after the old key is gone: %v", err)
	}
	if got, err := box.Open(at, sealed); err != nil || string(got) != "Mira" {
		t.Errorf("what was sealed before: %q, %v", got, err)
	}
	if _, _, err := both.Rewrap(6, wrapped); !errors.Is(err, ErrSeal) {
		t.Errorf("rewrapped for another account: %v", err)
	}
	if _, _, err := late.Rewrap(5, wrapped); !errors.Is(err, ErrKeyVersion) {
		t.Errorf("rewrapped without the old key: %v", err)
	}
	if _, _, err := both.Rewrap(5, nil); !errors.Is(err, ErrSeal) {
		t.Errorf("rewrapped an erased key: %v", err)
	}
}

// Sealing more values than one AES-GCM key may seal is safe only because no two values share a key.
func TestEachServerValueHasAKeyOfItsOwn(t *testing.T) {
	w := keysOf(t, 1).current().values
	a, b := w.seal(nil, []byte("same")), w.seal(nil, []byte("same"))
	size := wideHeader + saltSize
	if bytes.Equal(a[:size], b[:size]) {
		t.Fatal("two values share a salt")
	}
	// The nonce and ciphertext of one under the salt of the other: another key, so it does not open.
	if _, err := w.open(nil, append(bytes.Clone(a[:size]), b[size:]...)); !errors.Is(err, ErrSeal) {
		t.Errorf("opened under another value's salt: %v", err)
	}
}
