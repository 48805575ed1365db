package demo_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/demo"
)

func TestCheckWalksEverything(t *testing.T) {
	w := newWorld(t)
	lines, err := w.check()
	if err != nil || !strings.Contains(lines, " 0 failed") {
		t.Fatalf("%v\n%s", err, lines)
	}
	for _, step := range []string{"page 1", "page 2", "page 3", "C1 ", "C2 ", "C3 ", "C4 ", "C5 ", "C7 ", "C8 ", "C9 ", "C10 ", "page 5", "page 7 watches the token die", "R1 and R2",
		"meets E1", "meets E2", "meets E4", "meets E5", "meets E6", "meets E9"} {
		if !strings.Contains(lines, step) {
			t.Errorf("nothing was said of %q:\n%s", step, lines)
		}
	}
	// A second customer in the same sandbox, whose clock has moved by now.
	if lines, err := w.check(); err != nil {
		t.Errorf("again: %v\n%s", err, lines)
	}
}

// A break that does not meet its page is a failure, and the others are still tried.
func TestCheckFails(t *testing.T) {
	lines, err := newWorld(t, "wages").check()
	if !errors.Is(err, demo.ErrCheck) || !strings.Contains(lines, "FAIL  breaks   Another partner's code") || !strings.Contains(lines, " 1 failed") {
		t.Errorf("%v\n%s", err, lines)
	}
}

// What others build upon ends the walk.
func TestCheckStopsWhereNothingCanFollow(t *testing.T) {
	lines, err := newWorld(t, "demo").check()
	if !errors.Is(err, demo.ErrCheck) || !strings.HasPrefix(lines, "FAIL  partner  page 1") || !strings.Contains(lines, "1 steps, 1 failed") {
		t.Errorf("%v\n%s", err, lines)
	}
}

func TestPagesLeadBackToTheFirstUnfinished(t *testing.T) {
	p := newWorld(t).person()
	for _, path := range []string{"/details", "/go"} {
		if status, to, _ := p.get(path); status != 303 || to != "/" {
			t.Errorf("%s before page 1: status %d to %q", path, status, to)
		}
		if status, to, _ := p.post(path, nil); status != 303 || to != "/" {
			t.Errorf("POST %s before page 1: status %d to %q", path, status, to)
		}
	}
	for path, want := range map[string]string{"/": "demo1", "/back": "demo4", "/return": "demo5", "/inbox": "demo6", "/stop": "demo7", "/break": "demo8", "/again?reason=expired&state=s": "demo-again", "/style.css": ":root"} {
		if status, _, body := p.get(path); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: status %d, %q missing", path, status, want)
		}
	}
}

func TestSignUpShowsEachRefusalWithItsCall(t *testing.T) {
	w := newWorld(t)
	p := w.person()
	if status, _, body := p.post("/", url.Values{"email": {"nobody"}}); status != 422 || !strings.Contains(body, `role="alert"`) || !strings.Contains(body, "422 Unprocessable Entity") || !strings.Contains(body, `value="nobody"`) {
		t.Errorf("an address that is none: status %d\n%s", status, body)
	}
	p.signUp("mira.kade@example.org")
	_, _, body := p.get("/")
	for _, want := range []string{"is open for <bdi>mira.kade@example.org</bdi>", "POST /2026Q3/oauth/token HTTP/1.1", "grant_type=registration_code", "curl -i", "-u &#39;demo:demo-secret&#39;"} {
		if !strings.Contains(body, want) {
			t.Errorf("page 1 does not show %q", want)
		}
	}
	other := w.person()
	if status, _, body := other.post("/", url.Values{"email": {"MIRA.kade@example.org"}}); status != 422 || !strings.Contains(body, "NOT_UNIQUE") || !strings.Contains(body, "has an account already") {
		t.Errorf("a second sign-up: status %d", status)
	}
	if _, _, body := other.get("/"); strings.Contains(body, "is open for") {
		t.Error("another person's browser sees the account")
	}
	if status, to, _ := p.post("/forget", nil); status != 303 || to != "/" {
		t.Errorf("forgetting: status %d to %q", status, to)
	}
	if _, _, body := p.get("/"); strings.Contains(body, "is open for") {
		t.Error("the app remembers what it was told to forget")
	}
}

func TestDetailsCanBeLeftOut(t *testing.T) {
	p := newWorld(t).person()
	p.signUp("mira.kade@example.org")
	if status, _, body := p.post("/details", url.Values{"first_name": {"Mira"}, "born": {"yesterday"}}); status != 422 || !strings.Contains(body, `role="alert"`) || !strings.Contains(body, `value="yesterday"`) {
		t.Errorf("nonsense: status %d", status)
	}
	if status, to, _ := p.post("/details", url.Values{"leave": {"everything"}}); status != 303 || to != "/details" {
		t.Errorf("nothing at all: status %d to %q", status, to)
	}
	if _, _, body := p.get("/details"); !strings.Contains(body, "Nothing was sent") {
		t.Error("page 2 does not say that nothing was sent")
	}
	if status, to, _ := p.post("/go", url.Values{"look": {"first"}}); status != 303 || to != "/go" {
		t.Errorf("looking first: status %d to %q", status, to)
	}
	_, _, body := p.get("/go")
	for _, want := range []string{"claimAccountCode", "claim_account_code=", "Go there"} {
		if !strings.Contains(body, want) {
			t.Errorf("page 3 does not show %q", want)
		}
	}
}

// Each return without access is refused, says why, and leaves no code in the address.
func TestCallbackRefusals(t *testing.T) {
	p := newWorld(t).person()
	p.signUp("mira.kade@example.org")
	state := func() string {
		t.Helper()
		_, to, _ := p.post("/return", nil)
		u, err := url.Parse(to)
		p.must(err)
		return u.Query().Get("state")
	}
	for name, c := range map[string]struct{ query, says string }{
		"another state":     {"code=x&profileId=1&state=other", "not the one that was sent"},
		"no state":          {"code=x&profileId=1", "not the one that was sent"},
		"declined":          {"error=access_denied&error_description=declined&state=STATE", "without giving access"},
		"server in trouble": {"error=temporarily_unavailable&state=STATE", "temporarily_unavailable"},
		"no profile":        {"code=x&state=STATE", "cannot be read"},
		"a forged code":     {"code=x&profileId=1&state=STATE", "no longer good"},
	} {
		query := strings.Replace(c.query, "STATE", url.QueryEscape(state()), 1)
		if status, to, _ := p.get("/callback?" + query); status != 303 || to != "/back" {
			t.Errorf("%s: status %d to %q", name, status, to)
		}
		if _, _, body := p.get("/back"); !strings.Contains(body, c.says) || !strings.Contains(body, "Back without access") {
			t.Errorf("%s: page 4 does not say %q", name, c.says)
		}
	}
	stranger := p.world.person()
	stranger.get("/callback?code=a%26b&profileId=1&state=" + state())
	_, _, body := stranger.get("/back")
	for _, want := range []string{"Nobody was expected back", "<dt>code</dt><dd><code>a&amp;b</code></dd>", "code=a%26b&amp;grant_type=authorization_code"} {
		if !strings.Contains(body, want) {
			t.Errorf("a return in a browser that expects none: page 4 does not say %q", want)
		}
	}
}

func TestBreaksThatNeedMore(t *testing.T) {
	p := newWorld(t).person()
	for _, name := range []string{"used", "existing"} {
		if status, to, _ := p.post("/break/"+name, nil); status != 303 || to != "/break" {
			t.Errorf("%s: status %d to %q", name, status, to)
		}
		if _, _, body := p.get("/break"); !strings.Contains(body, "<code data-found>Claim the account of pages 1 to 4 first") {
			t.Errorf("%s: page 8 does not say what is missing", name)
		}
	}
	if status, _, _ := p.post("/break/nonsense", nil); status != 404 {
		t.Errorf("an unknown break: status %d", status)
	}
}

// The app's own pages keep to the rules that it preaches.
func TestAppHeaders(t *testing.T) {
	w := newWorld(t)
	answer, err := w.person().client.Get(w.app + "/")
	w.must(err)
	answer.Body.Close()
	policy := answer.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "form-action 'self' "+w.web) {
		t.Errorf("policy %q", policy)
	}
	cookie := answer.Header.Get("Set-Cookie")
	if !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") {
		t.Errorf("cookie %q", cookie)
	}
}

// Page 2 sends what is known of a business, with its people, evidences and a paper, word for word.
func TestDetailsOfABusiness(t *testing.T) {
	p := newWorld(t).person()
	p.signUp("mira.kade@example.org")
	_, _, body := p.get("/details?kind=business")
	for _, want := range []string{`value="Kade Joinery Ltd"`, `value="SC700123"`, `name="kind" value="business"`, `href="/details?kind=business" aria-current="page"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the form has no %q", want)
		}
	}
	if _, _, person := p.get("/details"); strings.Contains(person, "Joinery") || !strings.Contains(person, `href="/details?kind=person" aria-current="page"`) {
		t.Error("without a choice the form is not that of a person")
	}
	form := url.Values{"kind": {"business"}, "business_name": {"Kade Joinery Ltd"}, "number": {"SC700123"}, "type": {"LIMITED"}, "category": {"SOFTWARE_DEVELOPMENT_PUBLISHING"},
		"street": {"7 Harbour Row"}, "city": {"Leith"}, "postcode": {"EH6 6AB"}, "country": {"GBR"}, "first_name": {"Mira"}, "last_name": {"Kade"}, "born": {"1988-11-30"},
		"email": {"mira.kade@example.org"}, "phone": {"+441315550142"}, "more": {"yes"}, "own": {"yes"}}
	wrong := url.Values{}
	for name, value := range form {
		wrong[name] = value
	}
	wrong.Set("number", "")
	wrong.Set("business_name", "Elsewhere Ltd")
	wrong.Set("type", "TRUST")
	if status, _, body := p.post("/details", wrong); status != 422 || !strings.Contains(body, `role="alert"`) || !strings.Contains(body, "registrationNumber") || !strings.Contains(body, `name="kind" value="business"`) ||
		!strings.Contains(body, `value="Elsewhere Ltd"`) || !strings.Contains(body, `value="TRUST" selected`) {
		t.Errorf("without a number: status %d\n%s", status, body)
	}
	if status, to, body := p.post("/details", form); status != 303 || to != "/details" {
		t.Fatalf("status %d to %q\n%s", status, to, body)
	}
	_, _, body = p.get("/details")
	for _, want := range []string{"is filled in", "/profiles/business-profile", "/profiles/personal-profile", "/directors", "/ubos", "/upload-evidences", "letter-of-authority.png (", "-F &#39;files=@letter-of-authority.png&#39;"} {
		if !strings.Contains(body, want) {
			t.Errorf("page 2 does not show %q", want)
		}
	}
}

// What was made stays made when a later call is refused: the page says both.
func TestDetailsThatAreRefusedHalfWay(t *testing.T) {
	p := newWorld(t).person()
	p.signUp("mira.kade@example.org")
	form := url.Values{"kind": {"business"}, "business_name": {"Kade Joinery Ltd"}, "number": {"SC700123"}, "type": {"LIMITED"}, "category": {"SOFTWARE_DEVELOPMENT_PUBLISHING"},
		"street": {"7 Harbour Row"}, "city": {"Leith"}, "postcode": {"EH6 6AB"}, "country": {"gbr"}, "first_name": {"Mira"}, "last_name": {"Kade"}, "born": {"1988-11-30"},
		"email": {"mira.kade@example.org"}, "phone": {"+441315550142"}}
	if status, _, body := p.post("/details", form); status != 303 {
		t.Fatalf("status %d\n%s", status, body)
	}
	// A second browser window sends the same business again.
	if status, _, body := p.post("/details", form); status != 422 || !strings.Contains(body, "is filled in") || !strings.Contains(body, "NOT_UNIQUE") {
		t.Errorf("again: status %d\n%s", status, body)
	}
}

// A person too can be known better than by a profile.
func TestDetailsOfAPersonWithPapers(t *testing.T) {
	p := newWorld(t).person()
	p.signUp("mira.kade@example.org")
	if status, to, body := p.post("/details", url.Values{"first_name": {"Mira"}, "last_name": {"Kade"}, "born": {"1988-11-30"}, "email": {"mira.kade@example.org"}, "phone": {"+441315550142"},
		"street": {"7 Harbour Row"}, "city": {"Leith"}, "postcode": {"EH6 6AB"}, "country": {"gbr"}, "more": {"yes"}}); status != 303 || to != "/details" {
		t.Fatalf("status %d to %q\n%s", status, to, body)
	}
	_, _, body := p.get("/details")
	for _, want := range []string{"/verification-documents", "P7001234", "/upload-evidences", "passport.png ("} {
		if !strings.Contains(body, want) {
			t.Errorf("page 2 does not show %q", want)
		}
	}
}
