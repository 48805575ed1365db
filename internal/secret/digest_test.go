package secret

import (
	"encoding/hex"
	"errors"
	"regexp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestHashIsSHA256(t *testing.T) {
	// FIPS 180-4 example: "abc".
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if got := hex.EncodeToString(Hash("abc")); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEqual(t *testing.T) {
	for _, test := range []struct {
		name string
		a, b []byte
		want bool
	}{
		{"same", []byte{1, 2, 3}, []byte{1, 2, 3}, true},
		{"last differs", []byte{1, 2, 3}, []byte{1, 2, 4}, false},
		{"first differs", []byte{1, 2, 3}, []byte{0, 2, 3}, false},
		{"shorter", []byte{1, 2, 3}, []byte{1, 2}, false},
		{"longer", []byte{1, 2, 3}, []byte{1, 2, 3, 0}, false},
		{"both unset", nil, nil, false},
		{"both empty", []byte{}, []byte{}, false},
		{"one unset", nil, []byte{1}, false},
	} {
		if got := Equal(test.a, test.b); got != test.want {
			t.Errorf("%s: got %t", test.name, got)
		}
	}
}

// Digests lie in the database for years: their keys, labels and form must never change.
func TestDigestsStayWhatTheyWere(t *testing.T) {
	k := keysOf(t, 1)
	want := map[Purpose]string{
		PurposeRegistration:      "5a0714421f85421e21c9330ac1ea222e6e240e9a9abe559091465273fd583bf4",
		PurposeEmail:             "d49d20ed343f29f9d4ab1a5636ac43f94fa1dc375803de02786b2ffbf9258f92",
		PurposeMailedCode:        "54ab2dd520032f2053e16d414b2ad2a8698f1581fdf72174a26804aecbcbf074",
		PurposeRecovery:          "25444fa4ca500e95db4b0e67358cc9d81099315ad824ac7fb1e883d33808b697",
		PurposeClaimCode:         "4d376673731deb126cf69b7e888507a6eecbd2d9d728b1dfc338b0a4d2cbd1a7",
		PurposeStep:              "362584312402a0a7fba1ca81401c2af5430c0483c82025feb7318519c847f192",
		PurposeJourney:           "55ecdc39314703b6107e88e31bf3f2a57a052739ae7da9081231112b6a65f57e",
		PurposeToken:             "87abf206dfebd8956613eceb11c449682dd8af21bbae019ba237be951afd1331",
		PurposeAuthorizationCode: "a88001c47c8c2231e4aeabae738f92b8b6c2592f455be2fdf5d0ccab23f68de0",
		PurposeLimit:             "0d1cde1c8813f8308f0c1872850149afbb734e9239b25312985427f9745386da",
		PurposeNetwork:           "ba11fe5f0493b562513faef2034279145ab1e42aaa433a4ee9e8709256c51b4d",
		PurposeSession:           "600df4b020fa6e002b11776a274d16273ece64c41f6bf78ee630441025e4c070",
		PurposeMaster:            "685649110b46002d0cf781e35ed7fece9417dcbfeb4777124d1ebdc781fa1792",
		PurposeReply:             "c4dbeb75cb16d9df19637ae871278448a695fc08352a3c87240e09964bfba29c",
		PurposePhone:             "ae85476ee51db97417fd7aced61ab4e30b97c0267636f16b9c2f38c2e1b79358",
		PurposePasskey:           "92ad3c171eb82311b8519a5217bac43c66e6179c2461c32925cc82e0d4d00c6d",
		PurposeAudit:             "8034166efc189e41b97f017eac5f20818f5f23f533bbc0323ff7c7f7630fb3ee",
		PurposeDevice:            "54f52c24d4216108d80d7a2a2f63402e2dc88fc3d6dca64e92ae9b4941e031c2",
		PurposeWebhook:           "fa0b74553dab42b0b00c07ad5c854588092cbf1df0095a3a1ce5b4194f5f7089",
	}
	for p := range purposeCount {
		if got := hex.EncodeToString(k.Digest(p, "mira.kade@example.org", "")); got != want[p] {
			t.Errorf("%s: got %s, want %s", p.label(), got, want[p])
		}
	}
	const derived = "u7sXnwpz15K2LSzCbz562WPAOLCRrPwES0rjsnJ-e78"
	if got := k.Derive(PurposeToken, "secret", "3"); got != derived {
		t.Errorf("derived %s, want %s", got, derived)
	}
}

func TestEveryPurposeHasALabel(t *testing.T) {
	for p := range purposeCount {
		if p.label() == "" {
			t.Errorf("purpose %d has no label", p)
		}
	}
}

// No two lists of parts give the same digest, however the text is cut.
func TestPartsCannotBeShifted(t *testing.T) {
	k := keysOf(t, 1)
	parts := rapid.SliceOfN(rapid.StringOfN(rapid.SampledFrom([]rune{'a', 'b', 0, 1, 2}), 0, 4, -1), 0, 4)
	rapid.Check(t, func(t *rapid.T) {
		a, b := parts.Draw(t, "a"), parts.Draw(t, "b")
		if got, want := Equal(k.Digest(PurposeStep, a...), k.Digest(PurposeStep, b...)), slices.Equal(a, b); got != want {
			t.Fatalf("%q and %q: digests equal is %t", a, b, got)
		}
	})
	for _, pair := range [][2][]string{
		{{"ab", "c"}, {"a", "bc"}},
		{{"a"}, {"a", ""}},
		{{}, {""}},
		{{"a", "b"}, {"b", "a"}},
	} {
		if Equal(k.Digest(PurposeStep, pair[0]...), k.Digest(PurposeStep, pair[1]...)) {
			t.Errorf("%q and %q have the same digest", pair[0], pair[1])
		}
	}
}

func TestDigestWithOlderVersion(t *testing.T) {
	old, both := keysOf(t, 1), keysOf(t, 1, 2)
	before := old.Digest(PurposeRegistration, "code")
	if Equal(before, both.Digest(PurposeRegistration, "code")) {
		t.Error("the digest did not change with the key")
	}
	got, err := both.DigestWith(1, PurposeRegistration, "code")
	if err != nil || !Equal(got, before) {
		t.Errorf("digest with version 1: %x, %v", got, err)
	}
	if _, err := both.DigestWith(3, PurposeRegistration, "code"); !errors.Is(err, ErrKeyVersion) {
		t.Errorf("digest with a version that is not loaded: %v", err)
	}
}

func TestDerive(t *testing.T) {
	old, both := keysOf(t, 1), keysOf(t, 1, 2)
	before := old.Derive(PurposeToken, "presented", "1")
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(before) {
		t.Errorf("derived %q", before)
	}
	if before != old.Derive(PurposeToken, "presented", "1") {
		t.Error("derived twice, got two secrets")
	}
	if before == old.Derive(PurposeToken, "presented", "2") || before == old.Derive(PurposeAuthorizationCode, "presented", "1") {
		t.Error("another generation or purpose gives the same secret")
	}
	if got, err := both.DeriveWith(1, PurposeToken, "presented", "1"); err != nil || got != before {
		t.Errorf("derived with version 1: %s, %v", got, err)
	}
	if both.Derive(PurposeToken, "presented", "1") == before {
		t.Error("the secret did not change with the key")
	}
	if _, err := both.DeriveWith(9, PurposeToken, "presented", "1"); !errors.Is(err, ErrKeyVersion) {
		t.Errorf("derived with a version that is not loaded: %v", err)
	}
	if _, ok := ParseToken(Token{Prefix: PrefixAccess, Account: 1, Number: 2, Secret: before}.String()); !ok {
		t.Error("a derived secret is no secret of a token")
	}
}

// A digest in the database is never a secret in use: the same parts give unrelated values.
func TestDerivedSecretIsNoStoredDigest(t *testing.T) {
	k := keysOf(t, 1)
	for p := range purposeCount {
		derived, err := decode64(k.Derive(p, "x"))
		if err != nil || Equal(derived, k.Digest(p, "x")) {
			t.Errorf("%s: the derived secret is the digest (%v)", p.label(), err)
		}
	}
}
