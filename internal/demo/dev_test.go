package demo

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func devServer(t *testing.T, letters func(context.Context, int) ([]Letter, error)) (*httptest.Server, *Clock) {
	t.Helper()
	var moves atomic.Int64
	clock := newClock(t, "")
	a, err := NewAuthenticator("", clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	d := &Dev{Clock: clock, Authenticator: a, Letters: letters, DemoURL: "http://127.0.0.1:8090", Log: slog.New(slog.DiscardHandler),
		Moved: func() { moves.Add(1) }}
	h, err := d.Handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		server.Close()
		if (clock.Offset() > 0) != (moves.Load() > 0) {
			t.Errorf("offset %s, but %d moves were told of", clock.Offset(), moves.Load())
		}
	})
	return server, clock
}

func twoLetters(context.Context, int) ([]Letter, error) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	return []Letter{
		{ID: 2, Kind: "M2", At: at, To: "mira.kade@example.org", Subject: "Second <b>", Text: "text & more", HTML: "<p style=\"color:red\">html</p>"},
		{ID: 1, Kind: "M1", At: at, To: "other@example.org", Subject: "First", Text: "t", HTML: "h"},
	}, nil
}

func visitor(t *testing.T, address string) *walker {
	t.Helper()
	w := newWalker(http.DefaultTransport)
	if err := w.open(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	return w
}

func askJSON(t *testing.T, method, address, body string, into any) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if kind := answer.Header.Get("Content-Type"); kind != "application/json;charset=UTF-8" {
		t.Errorf("%s %s: %q", method, address, kind)
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		t.Errorf("%s %s: %v", method, address, err)
	}
	return answer.StatusCode
}

func TestDevPagesSayThatThisIsASandbox(t *testing.T) {
	server, _ := devServer(t, twoLetters)
	for _, path := range []string{"/dev", "/dev/", "/dev/mail", "/dev/authenticator", "/dev/clock"} {
		w := visitor(t, server.URL+path)
		if w.page.status != 200 || !strings.Contains(w.page.body, `class="banner"`) {
			t.Errorf("%s: status %d, banner missing", path, w.page.status)
		}
		if policy := w.page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", path, policy)
		}
	}
	if w := visitor(t, server.URL+"/dev/style.css"); w.page.header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("style: %v", w.page.header)
	}
	if w := visitor(t, server.URL+"/dev/nothing"); w.page.status != 404 {
		t.Errorf("status %d", w.page.status)
	}
}

func TestDevMail(t *testing.T) {
	server, _ := devServer(t, twoLetters)
	var list []Letter
	if status := askJSON(t, "GET", server.URL+"/dev/mail.json", "", &list); status != 200 || len(list) != 2 || list[0].ID != 2 || list[0].HTML == "" {
		t.Errorf("status %d, %+v", status, list)
	}
	if askJSON(t, "GET", server.URL+"/dev/mail.json?to=OTHER@example.org", "", &list); len(list) != 1 || list[0].ID != 1 {
		t.Errorf("filtered %+v", list)
	}
	if askJSON(t, "GET", server.URL+"/dev/mail.json?to=nobody@example.org", "", &list); list == nil || len(list) != 0 {
		t.Errorf("nobody's mails are %+v, want an empty list", list)
	}
	page := visitor(t, server.URL+"/dev/mail").page
	if !strings.Contains(page.body, "Second &lt;b&gt;") || !strings.Contains(page.body, "text &amp; more") {
		t.Errorf("page:\n%s", page.body)
	}
	html := visitor(t, page.linkTo("/dev/mail/2")).page
	if html.body != `<p style="color:red">html</p>` || !strings.Contains(html.header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("HTML form %q under %q", html.body, html.header.Get("Content-Security-Policy"))
	}
	for _, id := range []string{"3", "x"} {
		if w := visitor(t, server.URL+"/dev/mail/"+id); w.page.status != 404 {
			t.Errorf("mail %s: status %d", id, w.page.status)
		}
	}
}

func TestDevMailTrouble(t *testing.T) {
	server, _ := devServer(t, func(context.Context, int) ([]Letter, error) { return nil, errors.New("database is unavailable") })
	var said map[string]string
	if status := askJSON(t, "GET", server.URL+"/dev/mail.json", "", &said); status != 503 || said["error"] == "" {
		t.Errorf("status %d, %v", status, said)
	}
}

func TestDevClock(t *testing.T) {
	server, clock := devServer(t, twoLetters)
	var said map[string]string
	if status := askJSON(t, "POST", server.URL+"/dev/clock.json", `{"advance":"5m1s"}`, &said); status != 200 || said["offset"] != "5m1s" || said["now"] != "2026-11-22T09:35:01.123Z" {
		t.Errorf("status %d, %v", status, said)
	}
	if askJSON(t, "POST", server.URL+"/dev/clock.json", `{"advance":"2d"}`, &said); clock.Offset() != 48*time.Hour+301*time.Second {
		t.Errorf("offset %s", clock.Offset())
	}
	for body, status := range map[string]int{`{"advance":"-1s"}`: 422, `{"advance":"soon"}`: 422, `{}`: 422, `nonsense`: 400, ``: 400, `{"advance":"-1d"}`: 422, `{"advance":"99999d"}`: 422} {
		if have := askJSON(t, "POST", server.URL+"/dev/clock.json", body, &said); have != status {
			t.Errorf("%s: status %d, want %d", body, have, status)
		}
	}
	before := clock.Offset()
	w := visitor(t, server.URL+"/dev/clock")
	if err := w.submit(t.Context(), "", map[string]string{"advance": "31s"}); err != nil || w.page.status != 200 || clock.Offset() != before+31*time.Second {
		t.Errorf("status %d, offset %s: %v", w.page.status, clock.Offset(), err)
	}
	if askJSON(t, "GET", server.URL+"/dev/clock.json", "", &said); said["offset"] != clock.Offset().String() {
		t.Errorf("%v", said)
	}
}

func TestDevClockKeepsWhatWasTyped(t *testing.T) {
	server, clock := devServer(t, twoLetters)
	w := visitor(t, server.URL+"/dev/clock")
	if err := w.send(t.Context(), "POST", server.URL+"/dev/clock", url.Values{"advance": {"soon <b>"}}); err != nil {
		t.Fatal(err)
	}
	if w.page.status != 422 || clock.Offset() != 0 || !strings.Contains(w.page.body, `value="soon &lt;b&gt;"`) || !strings.Contains(w.page.body, `role="alert"`) {
		t.Errorf("status %d:\n%s", w.page.status, w.page.body)
	}
}

// A page of another site in the developer's browser must not move the clock or fill the app.
func TestDevRefusesOtherSites(t *testing.T) {
	server, clock := devServer(t, twoLetters)
	for _, path := range []string{"/dev/clock", "/dev/clock.json", "/dev/authenticator", "/dev/authenticator.json"} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+path, strings.NewReader("advance=5m"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://elsewhere.example")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != 403 {
			t.Errorf("%s: status %d", path, answer.StatusCode)
		}
	}
	if clock.Offset() != 0 {
		t.Error("another site moved the clock")
	}
}

func TestDevAuthenticator(t *testing.T) {
	server, clock := devServer(t, twoLetters)
	w := visitor(t, server.URL+"/dev/authenticator")
	if err := w.submit(t.Context(), "", map[string]string{"key": "not a key"}); err != nil {
		t.Fatal(err)
	}
	if w.page.status != 422 || !strings.Contains(w.page.body, "Paste the key") || !strings.Contains(w.page.body, "not a key</textarea>") {
		t.Errorf("status %d:\n%s", w.page.status, w.page.body)
	}
	if err := w.submit(t.Context(), "", map[string]string{"key": rfcKey, "name": "Mira"}); err != nil {
		t.Fatal(err)
	}
	shown := w.page.values("data-code")
	var list []AppCode
	askJSON(t, "GET", server.URL+"/dev/authenticator.json", "", &list)
	if w.page.status != 200 || len(shown) != 1 || len(list) != 1 || list[0].Code != shown[0] || list[0].Name != "Mira" {
		t.Fatalf("status %d, shown %q, list %+v", w.page.status, shown, list)
	}
	// The button moves the sandbox to the next code and comes back here.
	if err := w.submit(t.Context(), "", map[string]string{"back": "authenticator"}); err != nil {
		t.Fatal(err)
	}
	if next := w.page.values("data-code"); clock.Offset() != 30*time.Second || len(next) != 1 || next[0] != list[0].Next {
		t.Errorf("offset %s, shown %q, want %q", clock.Offset(), next, list[0].Next)
	}
	var one AppCode
	if status := askJSON(t, "POST", server.URL+"/dev/authenticator.json", `{"key":"NBSW Y3DP EB3W 64TM MQQQ"}`, &one); status != 200 || len(one.Code) != 6 || one.Name != "Account 2" {
		t.Errorf("status %d, %+v", status, one)
	}
	var said map[string]string
	for body, want := range map[string]int{`{"key":"x"}`: 422, `x`: 400} {
		if status := askJSON(t, "POST", server.URL+"/dev/authenticator.json", body, &said); status != want {
			t.Errorf("%s: status %d, want %d", body, status, want)
		}
	}
}
