package demo_test

import (
	"net/url"
	"strings"
	"testing"
)

// Nobody gave access yet: page 7 says so and tries nothing.
func TestStopBeforeAccess(t *testing.T) {
	p := newWorld(t).person()
	if status, to, _ := p.post("/stop", url.Values{}); status != 303 || to != "/stop" {
		t.Errorf("trying: status %d to %q", status, to)
	}
	if status, _, body := p.get("/stop"); status != 200 || !strings.Contains(body, "Hand an account over first") || strings.Contains(body, "data-token") ||
		!strings.Contains(body, `aria-current="page">7 Stop the access`) {
		t.Errorf("status %d\n%s", status, body)
	}
}
