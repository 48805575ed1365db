package api

import "testing"

// Contract 7.8: the terms are for everybody, and name nobody.
func TestTerms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const page = "<p>The terms are at <a href=\"https://id.example.org/privacy\">https://id.example.org/privacy</a>.</p>\n"
	for _, client := range []string{acme, "default", "nobody", "%3Cscript%3E"} {
		got := w.ask("GET", "/v1/terms/"+client, "")
		got.want(t, 200, page)
		if got.header.Get("Content-Type") != "text/html;charset=UTF-8" || got.header.Get("Content-Security-Policy") == "" {
			t.Errorf("headers %v", got.header)
		}
	}
	if got := w.ask("POST", "/v1/terms/"+acme, ""); got.status != 405 {
		t.Errorf("POST: %d", got.status)
	}
}
