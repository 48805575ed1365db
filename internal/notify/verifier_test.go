package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

// An office is the operator's own system: a true server that answers as the test says.
type office struct {
	*httptest.Server
	t    *testing.T
	key  secret.WebhookKey
	now  func() time.Time
	seen []question
	// answer writes the answer to a question; body is its own.
	answer func(o *office, w http.ResponseWriter, r *http.Request, q question, body []byte)
}

func newOffice(t *testing.T, now func() time.Time) *office {
	t.Helper()
	o := &office{t: t, key: sharedKey(t, 'k'), now: now}
	o.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var q question
		if err != nil || json.Unmarshal(body, &q) != nil {
			t.Errorf("question %q: %v", body, err)
		}
		seconds, _ := strconv.ParseInt(r.Header.Get("Webhook-Timestamp"), 10, 64)
		if !o.key.Verifies(r.Header.Get("Webhook-Id"), time.Unix(seconds, 0), body, r.Header.Get("Webhook-Signature")) || q.Question != r.Header.Get("Webhook-Id") {
			t.Error("question is not signed")
		}
		o.seen = append(o.seen, q)
		o.answer(o, w, r, q, body)
	}))
	o.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(o.Close)
	return o
}

func sharedKey(t *testing.T, fill byte) secret.WebhookKey {
	t.Helper()
	key, err := secret.ParseWebhookKey("whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(fill), 32))))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// say answers by the rules.
func (o *office) say(w http.ResponseWriter, q question, decision string) {
	o.sign(w, q.Question, o.now(), o.key, verdict{q.Question, q.Profile, q.Edition, decision})
}

func (o *office) sign(w http.ResponseWriter, id string, at time.Time, key secret.WebhookKey, what any) {
	body, err := json.Marshal(what)
	if err != nil {
		o.t.Error(err)
	}
	w.Header().Set("Webhook-Id", id)
	w.Header().Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	w.Header().Set("Webhook-Signature", "v1,bm90aGluZw== "+key.Sign(id, at, body))
	_, _ = w.Write(body)
}

// A desk is a true store with one claimed account whose profile its customer confirmed.
type desk struct {
	t         *testing.T
	now       time.Time
	db        *store.DB
	customers customer.Customers
	account   customer.Account
	profile   customer.ProfileID
	office    *office
	verifier  *Verifier
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, now: time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)}
	clock := func() time.Time { return d.now }
	db, keys := newDatabase(t, clock)
	d.db = db
	d.customers = customer.Customers{Store: store.Customers{DB: d.db}, Keys: keys, IDs: secret.NewIDs(clock), Now: clock}
	d.account = customer.Account{ID: 7, Creator: 1, State: customer.Claimed, Epoch: 2, Email: "mira.kade@example.org", CreatedAt: d.now}
	d.change(func(tx customer.Tx) error {
		p := customer.NewProfile(d.customers.IDs, d.account.ID, customer.KindPersonal, d.now)
		p, _ = p.With(map[customer.Field]string{customer.FirstName: "Mira"}, customer.ByPartner, d.now)
		p, d.profile = p.Confirm(d.now), p.ID
		return errors.Join(tx.SaveAccount(&d.account), tx.SaveProfile(&p))
	})
	d.office = newOffice(t, clock)
	roots := x509.NewCertPool()
	roots.AddCert(d.office.Certificate())
	d.verifier = newVerifier(d.customers, d.office.URL, d.office.key, partner.Receivers{Networks: partner.Loopbacks()},
		&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, clock, slog.New(slog.DiscardHandler))
	return d
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) change(fn func(customer.Tx) error) {
	d.t.Helper()
	d.must(d.customers.Store.Change(context.Background(), func(tx customer.Tx) (audit.Event, error) {
		return audit.Event{At: d.now, Action: audit.ProfileChanged, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorServer}}, fn(tx)
	}))
}

func (d *desk) round() customer.Profile {
	d.t.Helper()
	d.must(d.verifier.Round(d.t.Context()))
	_, list, err := d.customers.Look(d.t.Context(), int64(d.profile))
	d.must(err)
	return list[0]
}

// A signed answer decides, once; nothing is asked again.
func TestVerifierDecides(t *testing.T) {
	for decision, verified := range map[string]bool{"verified": true, "not_verified": false} {
		d := newDesk(t)
		d.office.answer = func(o *office, w http.ResponseWriter, _ *http.Request, q question, _ []byte) { o.say(w, q, decision) }
		p := d.round()
		if p.Verified() != verified || p.Verification.By != customer.BySystem || !p.Verification.AskAt.IsZero() {
			t.Errorf("%s: %+v", decision, p.Verification)
		}
		d.now = d.now.Add(30 * 24 * time.Hour)
		d.round()
		if n := len(d.office.seen); n != 1 {
			t.Fatalf("asked %d times", n)
		}
		if q := d.office.seen[0]; q.Account != 7 || q.Profile != int64(d.profile) || q.Kind != "personal" || q.Try != 1 || q.Values["first_name"] != "Mira" || q.Edition != p.Edition {
			t.Errorf("asked %+v", q)
		}
	}
}

// Whatever is not a signed answer to this question decides nothing, and the question is asked again.
func TestVerifierTakesNothingElse(t *testing.T) {
	reject := map[string]func(o *office, w http.ResponseWriter, r *http.Request, q question, body []byte){
		"no signature": func(_ *office, w http.ResponseWriter, _ *http.Request, q question, _ []byte) {
			fmt.Fprintf(w, `{"question_id":%q,"profile_id":%d,"edition":%d,"decision":"verified"}`, q.Question, q.Profile, q.Edition)
		},
		"another key": func(o *office, w http.ResponseWriter, _ *http.Request, q question, _ []byte) {
			o.sign(w, q.Question, o.now(), sharedKey(t, 'x'), verdict{q.Question, q.Profile, q.Edition, "verified"})
		},
		"another question": func(o *office, w http.ResponseWriter, _ *http.Request, q question, _ []byte) {
			o.sign(w, "another", o.now(), o.key, verdict{"another", q.Profile, q.Edition, "verified"})
		},
		"another question inside": func(o *office, w http.ResponseWriter, _ *http.Request, q question, _ []byte) {
			o.sign(w, q.Question, o.now(), o.key, verdict{"another", q.Profile, q.Edition, "verified"})
		},
		"another profile": func(o *office, w http.ResponseWriter, _ *http.Request, q question, _ []byte) {
			o.sign(w, q.Question, o.now(), o.key, verdict{q.Question, q.Profile + 1, q.Edition, "verified"})
		},
		"another edition": func(o *office, w http.ResponseWriter, _ *http.Request, q question, _ []byte) {
			o.sign(w, q.Question, o.now(), o.key, verdict{q.Question, q.Profile, q.Edition + 1, "verified"})
		},
		"an old answer": func(o *office, w http.ResponseWriter, _ *http.Request, q question, _ []byte) {
			o.sign(w, q.Question, o.now().Add(-6*time.Minute), o.key, verdict{q.Question, q.Profile, q.Edition, "verified"})
		},
		"our own request": func(_ *office, w http.ResponseWriter, r *http.Request, _ question, body []byte) {
			for _, name := range []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"} {
				w.Header().Set(name, r.Header.Get(name))
			}
			_, _ = w.Write(body)
		},
		"an unknown word": func(o *office, w http.ResponseWriter, _ *http.Request, q question, _ []byte) { o.say(w, q, "VERIFIED") },
		"a list": func(o *office, w http.ResponseWriter, _ *http.Request, q question, _ []byte) {
			o.sign(w, q.Question, o.now(), o.key, []verdict{{q.Question, q.Profile, q.Edition, "verified"}})
		},
		"another status": func(o *office, w http.ResponseWriter, _ *http.Request, q question, _ []byte) {
			w.WriteHeader(http.StatusAccepted)
			o.say(w, q, "verified")
		},
		"a redirect": func(_ *office, w http.ResponseWriter, r *http.Request, _ question, _ []byte) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
		"too long": func(o *office, w http.ResponseWriter, _ *http.Request, q question, _ []byte) {
			o.sign(w, q.Question, o.now(), o.key, map[string]any{"question_id": q.Question, "profile_id": q.Profile, "edition": q.Edition, "decision": "verified",
				"more": strings.Repeat("x", verifierAnswer)})
		},
		"a broken answer": func(_ *office, w http.ResponseWriter, _ *http.Request, _ question, _ []byte) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"decision":"verified"`))
		},
	}
	for name, answer := range reject {
		d := newDesk(t)
		d.office.answer = answer
		p := d.round()
		if p.Verified() || p.Verification.By != "" || p.Verification.Asked != 1 || !p.Verification.AskAt.Equal(d.now.Add(time.Minute)) {
			t.Errorf("%s: %+v", name, p.Verification)
		}
		if n := len(d.office.seen); n != 1 {
			t.Errorf("%s: asked %d times", name, n)
		}
	}
}

// The schedule, "pending", Retry-After, and the end of it.
func TestVerifierAsksAgain(t *testing.T) {
	d := newDesk(t)
	wish := ""
	d.office.answer = func(o *office, w http.ResponseWriter, _ *http.Request, q question, _ []byte) {
		w.Header().Set("Retry-After", wish)
		if wish == "30" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		o.say(w, q, "pending")
	}
	for i, step := range []struct {
		wish string
		wait time.Duration
	}{{"", time.Minute}, {"", 2 * time.Minute}, {"7200", 2 * time.Hour}, {"30", 30 * time.Second}, {"9999999", 24 * time.Hour}} {
		wish = step.wish
		p := d.round()
		if p.Verification.Asked != i+1 || !p.Verification.AskAt.Equal(d.now.Add(step.wait)) {
			t.Fatalf("try %d: %+v", i+1, p.Verification)
		}
		d.now = p.Verification.AskAt.Add(-time.Millisecond)
		if d.round(); len(d.office.seen) != i+1 {
			t.Fatalf("asked before it was due")
		}
		d.now = d.now.Add(time.Millisecond)
	}
	wish = ""
	var p customer.Profile
	for range 40 {
		p = d.round()
		d.now = d.now.Add(25 * time.Hour)
	}
	if n := len(d.office.seen); n != partner.MostTries || !p.Verification.AskAt.IsZero() || p.Verified() {
		t.Errorf("asked %d times, %+v", n, p.Verification)
	}
	seen := map[string]bool{}
	for _, q := range d.office.seen {
		seen[q.Question] = true
	}
	if len(seen) != partner.MostTries {
		t.Errorf("%d different questions", len(seen))
	}
}

// An answer about what the profile was before counts no more.
func TestVerifierAndAChangeMeanwhile(t *testing.T) {
	d := newDesk(t)
	d.office.answer = func(o *office, w http.ResponseWriter, _ *http.Request, q question, _ []byte) {
		d.change(func(tx customer.Tx) error {
			p, err := tx.Profile(d.profile)
			p, _ = p.With(map[customer.Field]string{customer.FirstName: "Ada"}, customer.ByCustomer, d.now)
			return errors.Join(err, tx.SaveProfile(&p))
		})
		o.say(w, q, "verified")
	}
	if p := d.round(); p.Verified() {
		t.Error("verified as it was never shown to anybody")
	}
	d.now = d.now.Add(time.Hour)
	if d.round(); len(d.office.seen) != 1 {
		t.Error("asked about what nobody confirmed")
	}
	d.change(func(tx customer.Tx) error {
		p, err := tx.Profile(d.profile)
		p = p.Confirm(d.now)
		return errors.Join(err, tx.SaveProfile(&p))
	})
	d.office.answer = func(o *office, w http.ResponseWriter, _ *http.Request, q question, _ []byte) { o.say(w, q, "verified") }
	if p := d.round(); !p.Verified() || d.office.seen[1].Values["first_name"] != "Ada" {
		t.Errorf("%+v", p.Verification)
	}
}

// No private address unless the operator names its network, and no untrusted certificate.
func TestVerifierDialsOnlyWhatItMay(t *testing.T) {
	d := newDesk(t)
	d.office.answer = func(o *office, w http.ResponseWriter, _ *http.Request, q question, _ []byte) { o.say(w, q, "verified") }
	roots := x509.NewCertPool()
	roots.AddCert(d.office.Certificate())
	for name, v := range map[string]*Verifier{
		"private": newVerifier(d.customers, d.office.URL, d.office.key, partner.Receivers{}, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, d.verifier.now, d.verifier.log),
		"another network": newVerifier(d.customers, d.office.URL, d.office.key, partner.Receivers{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
			&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, d.verifier.now, d.verifier.log),
		"untrusted": NewVerifier(d.customers, d.office.URL, d.office.key, partner.Receivers{Networks: partner.Loopbacks()}, d.verifier.now, d.verifier.log),
	} {
		d.verifier = v
		if p := d.round(); p.Verified() || len(d.office.seen) != 0 || p.Verification.Asked == 0 {
			t.Errorf("%s: asked %d times, %+v", name, len(d.office.seen), p.Verification)
		}
		d.now = d.now.Add(time.Hour)
	}
}
