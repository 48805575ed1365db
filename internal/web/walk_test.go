package web_test

import (
	"context"
	"encoding/base32"
	"testing"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// appCode is the code that an authenticator app shows now.
func (w *world) appCode(key string) string {
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(key)
	if err != nil {
		w.t.Fatal(err)
	}
	return secret.AppCode(raw, w.clock.Now())
}

// secureAccount walks C1 to C7 and returns the app's key.
func (b *browser) secureAccount(address string) string {
	b.w.t.Helper()
	b.expect(200, "c1").post("email", address)
	b.expect(200, "c2").post("code", b.w.mailed(address))
	b.expect(200, "c3").post("new_password", goodPassword)
	b.expect(200, "c4").post("method", "app")
	key := b.expect(200, "c5").appKey()
	b.post("code", b.w.appCode(key))
	b.expect(200, "c7").post("saved", "yes")
	return key
}

// The claim from the partner's link to the exchange, on prefilled details (journey C1 to C11).
func TestWholeClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	b := w.browser().get(authorize(w.partner, w.mint(o), "t-5512"))
	b.secureAccount(email)
	b.expect(200, "c8").post()
	b.expect(200, "c10").post("decision", "allow")
	back := b.leaves()
	if got := back.Scheme + "://" + back.Host + back.Path; got != "https://app.acme.example/callback" {
		t.Fatalf("leads to %s", got)
	}
	if back.Query().Get("state") != "t-5512" || back.Query().Get("from") != "us" || back.Query().Get("profileId") == "" {
		t.Fatalf("leads to %s", back)
	}
	issue, err := w.tokens.Exchange(context.Background(), w.partner, grant.Exchange{Code: back.Query().Get("code"), RedirectURI: callback}, customer.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.tokens.Access(context.Background(), issue.Access); err != nil {
		t.Fatal(err)
	}
	if _, err := w.tokens.Access(context.Background(), o.issue.Access); err == nil {
		t.Fatal("the registration token lives on after the commit")
	}
	if b.get(b.at).expect(200, "c11"); b.header.Get("Link") != "" {
		t.Fatal("page C11 gives a code after it was redeemed")
	}
}
