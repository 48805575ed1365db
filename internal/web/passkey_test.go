package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// atPasskey is a browser at C6 of a prefilled account.
func (w *world) atPasskey(address string) (opened, *browser) {
	w.t.Helper()
	o := w.open(w.partner, address)
	w.prefill(o)
	b := w.browser().claim(o, "s").walk("c4", address)
	return o, b.post("method", "passkey").expect(http.StatusOK, "c6")
}

// ownedByPasskey is an account whose owner has a passkey and no app, at C8.
func (w *world) ownedByPasskey(address string) (opened, *browser, *device) {
	w.t.Helper()
	o, b := w.atPasskey(address)
	d := newDevice(w.t)
	b.withPasskey(d).post("saved", "yes").expect(http.StatusOK, "c8")
	return o, b, d
}

// passkeys are those of an account.
func (w *world) passkeys(o opened) []customer.Passkey {
	w.t.Helper()
	return w.account(o.account.ID).Credentials.Passkeys
}

// A claim with a passkey in place of an app: it lies on the journey until the commit copies it to the account, and then it
// signs in by itself, both steps at once, and leads back to the partner.
func TestPasskeyClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.atPasskey(email)
	d := newDevice(t)
	a := d.read(b.passkeyForm().options)
	if a.RP.ID != "localhost" || a.User.Name != email || len(a.Exclude) != 0 || strings.Contains(a.User.ID, email) {
		t.Errorf("the page asks for %+v", a)
	}
	if again := b.tab().get(b.at).passkeyForm().options; again != b.passkeyForm().options {
		t.Error("a reload asks for another passkey")
	}
	b.withPasskey(d)
	if j := b.journey(); len(w.passkeys(o)) != 0 || len(j.Provisional.Passkeys) != 1 || j.Challenge != "" || !w.account(o.account.ID).ClaimedAt.IsZero() {
		t.Error("before the commit the account has a passkey, or the journey has none (I3)")
	}
	epoch := w.account(o.account.ID).Epoch
	b.post("saved", "yes").expect(http.StatusOK, "c8")
	mine := w.passkeys(o)
	if len(mine) != 1 || string(mine[0].Credential) != string(d.id) || !mine[0].BackupEligible || !mine[0].BackedUp || !mine[0].AddedAt.Equal(w.clock.Now()) ||
		len(b.journey().Provisional.Passkeys) != 0 || w.account(o.account.ID).Epoch != epoch+1 || len(w.account(o.account.ID).Credentials.Apps) != 0 {
		t.Errorf("after the commit the account has %+v", mine)
	}
	b.walk("c11", email)

	w.clock.advance(time.Hour)
	d.count = 1
	other := w.browser().get(authorize(w.partner, "", "s2")).expect(http.StatusOK, "r1").usesPasskey(d).expect(http.StatusOK, "c11")
	if other.leaves().Query().Get("state") != "s2" {
		t.Error("the visit lost its state")
	}
	if mine = w.passkeys(o); mine[0].SignCount != 1 || !mine[0].LastUsedAt.Equal(w.clock.Now()) || mine[0].ID == 0 {
		t.Errorf("after its use the account has %+v", mine)
	}
	other.get("/account").expect(http.StatusOK, "home")
}

// C6: what the script says in place of a passkey has a sentence each, none of them a failure, and changes nothing; another
// way can be chosen, and chosen again.
func TestPasskeyOutcomes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.atPasskey(email)
	before, stored := w.stored(o.account.ID), b.journey()
	for outcome, message := range map[string]string{"cancelled": "c6.cancelled", "exists": "c6.exists", "unsupported": "c6.unsupported", "script_off": "c6.script"} {
		b.answers(outcome, "").expect(http.StatusOK, "c6")
		if !b.has(message) || len(b.summary()) != 0 {
			t.Errorf("%s: the page says %q", outcome, b.says())
		}
	}
	if now := b.journey(); w.stored(o.account.ID) != before || now.Challenge != stored.Challenge || now.Version != stored.Version {
		t.Error("no passkey was made and something changed")
	}
	for _, outcome := range []string{"ok", "", "yes"} {
		b.answers(outcome, "").expect(http.StatusUnprocessableEntity, "c6")
		if got := b.summary(); len(got) != 1 || got[0] != "c6.refused" {
			t.Errorf("%q without an answer: %v", outcome, got)
		}
	}
	b.get(b.link("c6.another")).expect(http.StatusOK, "c4").post("method", "app").expect(http.StatusOK, "c5")
	b.tab().get(b.base()+"/second-step/passkey").expect(http.StatusOK, "c5")
	b.get(b.link("c6.another")).expect(http.StatusOK, "c4").post("method", "passkey").expect(http.StatusOK, "c6")
	b.tab().get(b.base()+"/second-step/app").expect(http.StatusOK, "c6")
	b.withPasskey(newDevice(t))
	if j := b.journey(); len(j.AppSecret) != 0 || len(j.Provisional.Apps) != 0 {
		t.Error("the app that was not added is kept")
	}
	b.get(b.base()+"/second-step?another=1").expect(http.StatusOK, "done")
}

// The page is whole without script: it says so, and the app is chosen from it.
func TestPasskeyPageWithoutScript(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	b := w.browser().claim(o, "s").walk("c4", email)
	card := find(b.doc, func(n *html.Node) bool { return has(n, "data-passkey-choice") })
	if card == nil || !has(card, "hidden") {
		t.Error("C4 shows a choice that needs script")
	}
	b.post("method", "passkey").expect(http.StatusOK, "c6").post().expect(http.StatusOK, "c6")
	if !b.has("c6.script") {
		t.Errorf("the page says %q", b.says())
	}
	b.get(b.link("c6.another")).walk("c8", email)
	r1 := w.browser().get("/signin")
	if form := find(r1.doc, func(n *html.Node) bool { return has(n, "data-passkey") }); form == nil || !has(form, "hidden") {
		t.Error("R1 shows a form that needs script")
	}
}

// What an authenticator, a browser or a thief may say at C6, and why it is refused. Each refusal spends the challenge: the
// same answer made honest later is of no use.
func TestPasskeyThatIsNotMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, lie := range map[string]func(*device){
		"user verification is missing": func(d *device) { d.flags &^= userVerified },
		"nobody was there":             func(d *device) { d.flags &^= userPresent },
		"another origin":               func(d *device) { d.origin = "https://latchkey.example.net" },
		"another port":                 func(d *device) { d.origin = "http://localhost:8081" },
		"another party":                func(d *device) { d.party = "example.net" },
		"a sign-in":                    func(d *device) { d.ceremony = "webauthn.get" },
		"another challenge":            func(d *device) { d.challenge = secret.NewPasskeyChallenge() },
	} {
		o, b := w.atPasskey(strings.ReplaceAll(name, " ", "-") + "@example.org")
		d, asked := newDevice(t), b.passkeyForm().options
		lie(d)
		before := w.stored(o.account.ID)
		b.answers("ok", d.create(asked)).expect(http.StatusUnprocessableEntity, "c6")
		if got := b.summary(); len(got) != 1 || got[0] != "c6.refused" {
			t.Errorf("%s: %v", name, got)
		}
		honest := newDevice(t)
		b.answers("ok", honest.create(asked)).expect(http.StatusUnprocessableEntity, "c6")
		if len(b.journey().Provisional.Passkeys) != 0 || w.stored(o.account.ID) != before {
			t.Errorf("%s: a passkey was taken", name)
		}
		b.withPasskey(honest)
	}
}

// The challenge of one journey is nothing in another, of the same account or not; and it is over with the silence.
func TestPasskeyChallengeOfAnotherJourney(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, one := w.atPasskey(email)
	o, two := w.atPasskey("second@example.org")
	d := newDevice(t)
	answer := d.create(one.passkeyForm().options)
	two.answers("ok", answer).expect(http.StatusUnprocessableEntity, "c6")
	if len(two.journey().Provisional.Passkeys) != 0 {
		t.Error("another journey's answer was taken")
	}
	form := two.passkeyForm()
	one.send(one.passkeyForm().action, url.Values{"step_token": {form.token}, "outcome": {"ok"}, "answer": {answer}}).expect(http.StatusForbidden, "e7")
	one.get(one.base()).answers("ok", answer).expect(http.StatusOK, "c7")

	late := d.create(form.options)
	w.clock.advance(claim.SilenceLife)
	two.answers("ok", late).expect(http.StatusOK, "c3.again").post("password", goodPassword).expect(http.StatusOK, "c6")
	two.answers("ok", late).expect(http.StatusUnprocessableEntity, "c6")
	if len(w.passkeys(o)) != 0 || len(two.journey().Provisional.Passkeys) != 0 {
		t.Error("an answer from before the silence was taken")
	}
	two.withPasskey(newDevice(t))
}

// A double click at C6 leads to C7 twice, with one passkey and the same recovery codes.
func TestPasskeyTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.atPasskey(email)
	form := b.passkeyForm()
	body := url.Values{"step_token": {form.token}, "outcome": {"ok"}, "answer": {newDevice(t).create(form.options)}}
	first := w.once(http.MethodPost, form.action, b.cookie(), body)
	codes := b.journey().RecoveryTexts
	second := w.once(http.MethodPost, form.action, b.cookie(), body)
	if want := b.base() + "/recovery-codes"; first.status != http.StatusSeeOther || first.location != want || second.location != want {
		t.Errorf("%d to %q, then %d to %q", first.status, first.location, second.status, second.location)
	}
	if j := b.journey(); len(j.Provisional.Passkeys) != 1 || strings.Join(j.RecoveryTexts, " ") != strings.Join(codes, " ") {
		t.Error("the second click changed something")
	}
	b.get(b.base()).expect(http.StatusOK, "c7").walk("c11", email)
}

// A journey that ends before the commit leaves no passkey: the next holder of a code begins without one (I3).
func TestPasskeyIsNotInherited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.atPasskey(email)
	d := newDevice(t)
	b.withPasskey(d)
	w.clock.advance(customer.IdleLife)
	next := w.browser().claim(o, "s").walk("c4", email)
	if len(next.journey().Provisional.Passkeys) != 0 {
		t.Error("the passkey was inherited by the next journey")
	}
	next.walk("c8", email)
	if len(w.passkeys(o)) != 0 {
		t.Error("the passkey of an abandoned journey was committed")
	}
	w.browser().get("/signin").usesPasskey(d).expect(http.StatusUnprocessableEntity, "r1")
}

// Trouble with the database at every use of it that a passkey's form makes, before the use and after it: E12, and never a
// passkey that was refused or a success that was none (I11). Asked again, with a passkey used again, the person goes on.
func TestPasskeyTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, owner, d := w.ownedByPasskey("owner@example.org")
	for page, open := range map[string]func(n string) *browser{
		"c6": func(n string) *browser {
			_, b := w.atPasskey("person" + n + "@example.org")
			return b
		},
		"r1": func(string) *browser { return w.browser().get("/signin") },
		"r2": func(string) *browser {
			return owner.elsewhere().get("/signin").post("email", "owner@example.org", "password", goodPassword).expect(http.StatusOK, "r2")
		},
	} {
		uses := 0
		for _, after := range []bool{false, true} {
			for n, met := 1, true; met; n++ {
				b := open(fmt.Sprintf("%d%t", n, after))
				form := b.passkeyForm()
				phone := d
				if page == "c6" {
					phone = newDevice(t)
				}
				answer := func(options string) string {
					if page == "c6" {
						return phone.create(options)
					}
					return phone.use(options)
				}
				w.faults.fail(n, after)
				e := w.once(http.MethodPost, form.action, b.cookie(), url.Values{"step_token": {form.token}, "outcome": {"ok"}, "answer": {answer(form.options)}})
				if met = w.faults.heal(); met {
					uses++
					w.checkTrouble(fmt.Sprintf("%s, use %d, after %v", page, n, after), e)
				}
				if e.cookie != "" {
					b.keep(e.cookie)
				}
				if b.id == "c6" {
					b.at = b.base() // wherever the journey is now
				}
				if b.get(b.at); b.id == page {
					b.answers("ok", answer(b.passkeyForm().options))
				}
				if want := map[string]string{"c6": "c7", "r1": "home", "r2": "home"}[page]; b.id != want {
					t.Errorf("%s, use %d, after %v: goes on at %q with %d", page, n, after, b.id, b.status)
				}
			}
		}
		if uses < 4 {
			t.Errorf("%s: met trouble %d times", page, uses)
		}
	}
}

// Where browsers have no passkeys, no page speaks of them and none is taken.
func TestNoPasskeysOnAnAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.door.Claims.Passkeys, w.door.SignIns.Passkeys = secret.PasskeyParty{}, secret.PasskeyParty{}
	b := w.browser().claim(w.open(w.partner, email), "s").walk("c4", email)
	if strings.Contains(b.body, "passkey") {
		t.Error("C4 speaks of passkeys")
	}
	b.post("method", "passkey").expect(http.StatusUnprocessableEntity, "c4").post("method", "app").expect(http.StatusOK, "c5")
	if strings.Contains(b.body, "passkey") || strings.Contains(w.browser().get("/signin").body, "passkey") {
		t.Error("C5 or R1 speaks of passkeys")
	}
}
