package demo_test

import (
	"net/url"
	"strings"
	"testing"
)

// Nobody gave access yet: the page says so, and its buttons ask nothing of the server.
func TestChecksBeforeAccess(t *testing.T) {
	p := newWorld(t).person()
	for _, path := range []string{"/checks", "/checks?status=closed"} {
		if status, _, body := p.get(path); status != 200 || !strings.Contains(body, "Hand an account over first") || strings.Contains(body, "data-status") {
			t.Errorf("%s: status %d\n%s", path, status, body)
		}
	}
	for _, path := range []string{"/checks/review", "/checks/verify"} {
		if status, to, _ := p.post(path, url.Values{}); status != 303 || to != "/checks" {
			t.Errorf("%s: status %d to %q", path, status, to)
		}
	}
}

// What leads back from the page of a review is no sign-in: it goes to the page of checks, and a stranger's word is not repeated.
func TestReviewLeadsBackToChecks(t *testing.T) {
	p := newWorld(t).person()
	for query, want := range map[string]string{"status=closed": "/checks?status=closed", "status=%3Cb%3E": "/checks?status=%3Cb%3E",
		"status=closed&state=x": "/back", "status=closed&code=x": "/back"} {
		if status, to, _ := p.get("/callback?" + query); status != 303 || to != want {
			t.Errorf("%s: status %d to %q, want %q", query, status, to, want)
		}
	}
	if _, _, body := p.get("/checks?status=%3Cb%3E"); strings.Contains(body, "data-outcome") {
		t.Errorf("an outcome that is none is shown:\n%s", body)
	}
}
