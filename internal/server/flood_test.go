package server

import (
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// A flood of sign-ins on a true server: as many hashes run as there are turns, a few wait, and everybody else is told at once to
// come again, for which nothing is written. The token endpoint and the API go on meanwhile, all of it; and who waited gets in.
func TestFloodOfSignIns(t *testing.T) {
	t.Parallel()
	o, _ := options(t)
	o.hashing = secret.NewPasswords(1, 1)
	s := newStandWith(t, o)
	firm := s.partner(partner.Registration{ClientID: "honest"}).opens(victim)
	mira := s.person(victim).open(firm.link()).walk("c11")
	grant, _ := firm.token("grant_type", "authorization_code", "code", mira.back().Get("code"), "redirect_uri", callback)

	// Each has a page with a form before the flood begins: reading pages is no part of it.
	waits, flood := s.person(victim).open("/signin"), make([]*person, 40)
	for i := range flood {
		flood[i] = s.person([]string{victim, "nobody@example.org"}[i%2]).open("/signin")
	}
	done, err := o.hashing.Turn(t.Context()) // the one hash that runs takes as long as the flood
	if err != nil {
		t.Fatal(err)
	}
	var waiting sync.WaitGroup
	waiting.Go(func() { waits.press("email", victim, "password", password) })
	for !o.hashing.Full() {
		runtime.Gosched()
	}
	before := s.events(t)
	var all sync.WaitGroup
	for _, p := range flood {
		all.Go(func() {
			to, form := p.form("email", p.email, "password", "not the password")
			p.ask(http.MethodPost, to, form, "same-origin")
		})
	}
	all.Wait()
	for _, p := range flood {
		if p.status != http.StatusServiceUnavailable || p.id != "e12" || p.header.Get("Retry-After") == "" {
			t.Errorf("%s: page %q with %d, Retry-After %q", p.email, p.id, p.status, p.header.Get("Retry-After"))
		}
	}
	if now := s.events(t); now != before {
		t.Errorf("the flood wrote %d events", now-before)
	}
	refresh := firm.refreshes[len(firm.refreshes)-1]
	for range 10 {
		firm.app()
		if _, status := firm.token("grant_type", "refresh_token", "refresh_token", refresh); status != http.StatusOK {
			t.Errorf("a refresh: %d", status)
		}
	}
	if status, text := s.call("GET", "/v1/me", firm.bearers[len(firm.bearers)-1], "", ""); status != http.StatusOK || !strings.Contains(text, firm.ids["4410027"]) || grant == "" {
		t.Errorf("the API: %d %s", status, text)
	}
	done()
	waiting.Wait()
	waits.sees("r2")
}

// events is how many there are in the audit.
func (s *stand) events(t *testing.T) int {
	t.Helper()
	list, err := s.Events().Tail(t.Context(), audit.Filter{Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
