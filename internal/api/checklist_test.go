package api

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// drawn is what a server draws for itself: ids, UUIDs, secrets.
var drawn = regexp.MustCompile(`\b\d{10,}\b|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32}\b|whsec_[^"]+|https://id\.example\.org/check/[^"]*`)

// sameAs says what an answer is but for what the server draws and for the path that was asked.
func sameAs(path string, got reply) string {
	path, _, _ = strings.Cut(path, "?")
	body := strings.ReplaceAll(got.body, `"`+path+`"`, `"PATH"`)
	return fmt.Sprintf("%d %s %s %s", got.status, got.header.Get("Content-Type"), got.header.Get("Allow"), drawn.ReplaceAllString(body, "#"))
}

// Checklist 16 and 20, contract 1.2: two servers are asked the same in the same order, one by legacy paths, the other by those of a
// later label with a slash behind. But for what the contract names they answer alike, byte for byte.
func TestFamiliesAnswerAlike(t *testing.T) {
	t.Parallel()
	legacy, later := newBench(t), newBench(t)
	later.door.Signing, later.door.Receipts = legacy.door.Signing, legacy.door.Receipts
	industries, link := regexp.MustCompile(`"industryCategories":\[[^]]*\],`), regexp.MustCompile(`"link":null,|,"attributes":\{[^}]*\}`)
	documented := map[string]*regexp.Regexp{"GET /v2/profiles": industries, "POST /v1/profiles/{profile}/kyc-reviews": link,
		"GET /v1/profiles/{profile}/kyc-reviews": link, "GET /v2/profiles/{profile}/kyc-reviews/{review}": link,
		"PATCH /v1/profiles/{profile}/kyc-reviews/{review}": link}
	all, asked := trials(), 0
	for _, rt := range legacy.door.routes() {
		if rt.legacy == "" || rt.calendar == "" || rt.by == byClient {
			continue
		}
		asked++
		name := rt.method + " " + rt.legacy
		one, two := legacy.good(rt, rt.legacy, all[name], legacy.own), later.good(rt, calendar+rt.calendar, all[name], later.own)
		path, query, _ := strings.Cut(two.path, "?")
		two.path = strings.Replace(path, "/2026Q3/", "/2027Q2/", 1) + "/?" + query
		want, got := sameAs(one.path, legacy.do(one)), sameAs(two.path, later.do(two))
		if differs := documented[name]; differs != nil {
			if want == got {
				t.Errorf("%s: alike, though the contract says what differs: %s", name, want)
			}
			want, got = differs.ReplaceAllString(want, ""), differs.ReplaceAllString(got, "")
		}
		if want != got {
			t.Errorf("%s\n  legacy %s\n  later  %s", name, want, got)
		}
	}
	if asked < 40 {
		t.Errorf("%d routes are in both families", asked)
	}
}

// Checklist 20: what stands behind a slash at the end is a query, and one slash more is another path.
func TestSlashes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	want := w.json("GET", "/v1/me", p.bearer, "").body
	for _, path := range []string{"/v1/me/", "/v1/me?", "/v1/me/?", "/v1/me/?x=1", "/2026Q3/me/?x=/"} {
		w.json("GET", path, p.bearer, "").want(t, 200, want)
	}
	for _, path := range []string{"/v1/me//", "/v1/me/%2f", "/v1/me/.", "//v1/me/", "/v1//me/"} {
		got := w.json("GET", path, p.bearer, "")
		got.want(t, 404, notFound)
		if got.header.Get("Location") != "" {
			t.Errorf("%s is led to %s", path, got.header.Get("Location"))
		}
	}
}

// Checklist 15, contract 3.1: every limit of the API is met; each says who limits and how long to wait, as an integer of seconds,
// with a JSON object; and who waits that long is served, while what was limited was not done.
func TestEveryLimitSaysHowLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.simulating()
	for id, r := range map[string]partner.Registration{"second": {PerSecond: 3, PerMinute: 1000}, "minute": {PerSecond: 1000, PerMinute: 5}, "tokens": {PerSecond: 10, PerMinute: 1000}} {
		r.ClientID, r.Secret, r.Name, r.RedirectURIs = id, id+"-s3cr3t", "Partner "+id, []string{callee}
		_, err := w.door.Partners.Seed(t.Context(), r)
		must(t, err)
	}
	p := w.open(acme, "mira.kade@example.org")
	second, minute := w.app("second"), w.app("minute")
	exists := func(bearer string) reply {
		return w.json("POST", "/v1/users/exists", bearer, `{"email":"a@example.org"}`)
	}
	w.json("POST", "/v1/application/users/"+decimal(p.id)+"/phone-numbers", w.app(acme), `{"phoneNumber":"+447700900321"}`)
	w.advance(time.Minute) // nothing of the preparation counts
	ott := w.ask("POST", "/v1/simulation/protected", "", "Authorization", p.bearer).header.Get("x-2fa-approval")
	approve := func(way, body string) reply {
		return w.ask("POST", "/v1/one-time-token/sms/"+way, body, "Authorization", p.bearer, "One-Time-Token", ott, "Content-Type", "application/json")
	}
	approve("trigger", "{}").want(t, 200, `{"obfuscatedPhoneNo":"*********0321"}`)
	guesses := 0
	for _, x := range []struct {
		name   string
		ask    func() reply
		served int // the status of what is not limited
		free   int // how many are served at least
	}{
		{"requests a second", func() reply { return exists(second) }, 200, 3},
		{"requests a minute", func() reply { return exists(minute) }, 200, 5},
		{"tokens a second", func() reply { return w.form("tokens", "grant_type", "client_credentials") }, 200, 2},
		{"claim codes", func() reply {
			return w.json("POST", "/v1/user/claim-account", p.bearer, `{"registrationCode":"`+code+`"}`)
		}, 200, 5},
		{"wrong secrets", func() reply {
			guesses++
			return w.ask("POST", "/oauth/token", "grant_type=client_credentials", "Content-Type", encoded, "X-Test-From", "203.0.113.9",
				"Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(acme+":wrong-"+strconv.Itoa(guesses))))
		}, 401, 5},
		{"wrong registration codes", func() reply {
			return w.form(acme, "grant_type", "registration_code", "client_id", acme, "email", p.email, "registration_code", strings.Repeat("x", 40))
		}, 401, 5},
		{"wrong one-time codes", func() reply { return approve("verify", `{"otpCode":"000000"}`) }, 400, 5},
	} {
		t.Run(x.name, func(t *testing.T) {
			got, n := x.ask(), 0
			for ; got.status == x.served && n < 100; n++ {
				got = x.ask()
			}
			got.want(t, 429, tooMany)
			seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
			if err != nil || seconds < 1 || got.header.Get("X-Rate-Limited-By") != "latchkey-api" || got.header.Get("Content-Type") != "application/json" || n < x.free {
				t.Errorf("after %d: %v", n, got.header)
			}
			w.advance(time.Duration(seconds) * time.Second)
			if got := x.ask(); got.status == 429 {
				t.Errorf("after %d seconds, as was asked: %d", seconds, got.status)
			}
		})
	}
}
