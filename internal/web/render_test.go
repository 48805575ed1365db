package web

import (
	"reflect"
	"testing"
)

// Every page is rendered in every state, with its own status and id; a page
// that has no sample fails here.
func TestEveryPageInEveryState(t *testing.T) {
	t.Parallel()
	p := testPages(t)
	rendered := map[string]bool{}
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			if _, err := p.render(s.page); err != nil {
				t.Fatal(err)
			}
			w := write(t, p, s)
			if w.Code != s.status {
				t.Errorf("status %d, want %d", w.Code, s.status)
			}
			if got := w.Header().Get("Content-Type"); got != "text/html; charset=utf-8" {
				t.Errorf("Content-Type %q", got)
			}
			if e, ok := s.page.(*ErrorPage); ok && e.Status() != s.status {
				t.Errorf("Status() %d, want %d", e.Status(), s.status)
			}
		})
		rendered[reflect.TypeOf(s.page).Elem().Name()] = true
	}
	for _, page := range everyPage() {
		if name := reflect.TypeOf(page).Elem().Name(); !rendered[name] {
			t.Errorf("%s has no sample", name)
		}
	}
}
