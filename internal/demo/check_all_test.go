package demo_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/demo"
)

// Issue line: a person and a business, all that can be uploaded, from the first call to verified.
func TestCheckAllWalksPersonAndBusinessToVerified(t *testing.T) {
	w := newWorld(t)
	lines, err := w.walk(http.DefaultTransport.(*http.Transport).Clone(), true)
	if err != nil || !strings.Contains(lines, " 0 failed") {
		t.Fatalf("%v\n%s", err, lines)
	}
	for _, step := range []string{
		"person   the client's own token opens the account", "person   each call takes its own kind of token",
		"person   a personal profile is created once", "person   the address form", "person   an identity document",
		"person   the older extensions", "person   evidences are given", "person   a file is kept once", "person   the update window",
		"person   a protected call", "person   a review asks for nothing that was given", "person   a profile's own subscription",
		"claim    C8 shows what was said, and who said it", "claim    the customer opens the file, and nobody else does",
		"claim    C9 corrects what the account is for", "claim    C9 corrects a director", "access   the partner reads what the customer corrected",
		"verify   the partner reads what the customer corrected", "access   a refresh ends the access token before it", "access   a detail that the customer confirmed",
		"verify   its link leads to the page", "verify   what is asked for is submitted", "verify   the inbox is told",
		"hooks    the claim and the grant", "hooks    a test of it comes",
		"other    the customer goes there without a claim code, and gives no access", "other    and the next time lets it read, and no more",
		"other    what the first partner does stays its own", "business a business names its representative", "business the representative is read", "business directors are added",
		"business owners are added", "business evidences are given", "business a file is kept once",
		"verify   the token reaches the chosen profile alone", "verify   what was verified is locked",
		"verify   a code that is used twice", "verify   the customer passes by, chooses, and gives it again",
		"checks   the partner's button leads to the page of a review", "checks   and that one back", "checks   a simulated verification ends it",
		"pages    a review that waits for nothing leads nowhere", "pages    page 2 sends a business with its people and papers", "pages    C8 asks for it wherever it is missing", "pages    C10 offers the person and the business",
	} {
		if !strings.Contains(lines, "ok    "+step) {
			t.Errorf("nothing was said of %q:\n%s", step, lines)
		}
	}
	for part, times := range map[string]int{"C7 hands the account over": 4, "a simulation verifies it": 2, "what was held before is dead": 2} {
		if got := strings.Count(lines, part); got != times {
			t.Errorf("%q came %d times, want %d", part, got, times)
		}
	}
	// What it leaves behind in the sandbox is in nobody's way.
	if lines, err := w.check(); err != nil {
		t.Errorf("after it: %v\n%s", err, lines)
	}
}

// Without it none of that is walked.
func TestCheckAloneEndsWithTheBreaks(t *testing.T) {
	lines, err := newWorld(t, "demo").check()
	if err == nil || strings.Contains(lines, "business") {
		t.Errorf("%v\n%s", err, lines)
	}
}

// liar is a transport that gives another answer to some requests than the server did.
type liar struct {
	http.RoundTripper
	// to are the requests that it lies to, "METHOD path"; from is what it replaces in the answer, by into.
	to         *regexp.Regexp
	from, into string
	// status replaces the answer's, unless it is 0; skips is how many requests it first lets pass.
	status, skips int
}

func (l *liar) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := l.RoundTripper.RoundTrip(r)
	if err != nil || !l.to.MatchString(r.Method+" "+r.URL.Path) {
		return answer, err
	}
	if l.skips > 0 {
		l.skips--
		return answer, nil
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	_ = answer.Body.Close()
	body = bytes.ReplaceAll(body, []byte(l.from), []byte(l.into))
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	if l.status != 0 {
		answer.StatusCode = l.status
	}
	return answer, nil
}

// A check that cannot fail is worth nothing: servers that do one thing wrong are found out, at the step that it is about, and
// nothing after that is tried.
func TestCheckAllFindsOutServersThatLie(t *testing.T) {
	for name, x := range map[string]struct {
		lie  liar
		step string
		// says is what was expected or what came.
		says string
		slow bool
	}{
		"a taken address is free": {liar{to: regexp.MustCompile(`^POST /2026Q3/users/exists$`), from: `true`, into: `false`},
			"person   the address is taken now", "existence is false, want true", false},
		"refusals without fields": {liar{to: regexp.MustCompile(`^PUT .*/personal-profile$`), from: `"path":"nationality"`, into: `"path":"nationality"}],"more":[{"x":1`},
			"person   what is wrong is named", "want two fields", true},
		"lying files are kept": {liar{to: regexp.MustCompile(`^POST .*/upload-document$`), skips: 2, status: 204},
			"person   a file is kept once", "want status 415", true},
		"dead tokens live on": {liar{to: regexp.MustCompile(`^POST .*/update-window$`), skips: 2, status: 200},
			"claim    what was held before is dead", "it succeeded", true},
		"never verified": {liar{to: regexp.MustCompile(`/bank-transfer$`), from: `"verified"`, into: `"not_verified"`},
			"verify   a simulation verifies it", "state is not_verified, want verified", true},
		"every profile is reached": {liar{to: regexp.MustCompile(`^GET /2026Q3/profiles$`), skips: 2, from: `[{`, into: `[{"type":"PERSONAL","id":1},{`},
			"verify   the token reaches the chosen profile alone", "profiles is 2, want 1", true},
	} {
		t.Run(name, func(t *testing.T) {
			if x.slow && os.Getenv("LATCHKEY_FULL") == "" {
				t.Skip("LATCHKEY_FULL=1 walks on to where this server lies")
			}
			x.lie.RoundTripper = http.DefaultTransport
			lines, err := newWorld(t).walk(&x.lie, true)
			all := strings.Split(strings.TrimSpace(lines), "\n")
			if !errors.Is(err, demo.ErrCheck) || len(all) < 2 {
				t.Fatalf("%v\n%s", err, lines)
			}
			last := all[len(all)-2]
			if !strings.HasPrefix(last, "FAIL  "+x.step) || !strings.Contains(last, x.says) {
				t.Errorf("ended with %q, want %q with %q", last, x.step, x.says)
			}
		})
	}
}
