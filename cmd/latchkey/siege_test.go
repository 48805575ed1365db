package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// A siege is the partners of a ledger at work while something happens to the server. They insist: what was not answered with
// success they ask again, word for word, until it is. What a server that cannot answer may say is 503 with Retry-After, or
// nothing where it has died; anything else is wrong (I7, I11).
type siege struct {
	*ledger
	ending  atomic.Bool
	workers sync.WaitGroup
	// applications are the clients' own tokens that were answered, by client.
	applications map[string][]string
	// unavailable counts answers 503, silent requests without an answer of a node's.
	unavailable, silent atomic.Int64
}

// clientWaits is how long a client waits for an answer: longer than a request may take on the server, so that one which comes
// too late is found.
const clientWaits = 25 * time.Second

// besiege starts the work on a server and returns when a first part of it was answered.
func besiege(t *testing.T, address string) *siege {
	t.Helper()
	s := &siege{ledger: &ledger{t: t, url: address}, applications: map[string][]string{}}
	s.client = http.Client{Timeout: clientWaits, Transport: &http.Transport{MaxIdleConnsPerHost: ledgerPartners * applicationsAtOnce},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for n := range ledgerPartners {
		s.workers.Go(func() {
			for i := 0; !s.ending.Load() && !t.Failed(); i++ {
				client := fmt.Sprintf("ledger-%d", n)
				e := &promise{client: client, email: fmt.Sprintf("mira%d@%s.example.org", i, client), registration: fmt.Sprintf("registration code %d of the siege of %s", i, client)}
				s.mu.Lock()
				s.promises = append(s.promises, e)
				s.mu.Unlock()
				s.customer(e)
			}
		})
	}
	t.Cleanup(func() { s.ending.Store(true); s.workers.Wait(); s.client.CloseIdleConnections() })
	s.goesOn("before anything has happened")
	return s
}

// goesOn waits until the partners have got a good many answers more, without anybody's help.
func (s *siege) goesOn(when string) {
	s.t.Helper()
	count := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.answers
	}
	before := count()
	until(s.t, 90*time.Second, "partners are answered "+when, func() bool { return count() >= before+150 || s.t.Failed() })
}

// suffers waits until the outage is felt.
func (s *siege) suffers() {
	s.t.Helper()
	before := s.unavailable.Load()
	until(s.t, 90*time.Second, "partners are told 503", func() bool { return s.unavailable.Load() >= before+ledgerPartners || s.t.Failed() })
}

// customer opens one account, prefills it and mints, and writes each answer down.
func (s *siege) customer(e *promise) {
	application := s.obtainSeveral(e.client)
	var user, profile struct{ ID int64 }
	s.insist("POST", "/v1/user/signup/registration_code", "Bearer "+application, map[string]string{"email": e.email, "registrationCode": e.registration},
		&user, "Idempotency-Key", secret.UUID())
	s.note(func() { e.id = user.ID })
	token := s.obtain(e.client, url.Values{"grant_type": {"registration_code"}, "email": {e.email}, "registration_code": {e.registration}})
	s.note(func() { e.token = token })
	s.insist("POST", "/v2/profiles/personal-profile", "Bearer "+token, map[string]any{"firstName": "Mira", "lastName": "Kade",
		"dateOfBirth": "1988-11-30", "address": map[string]string{"addressFirstLine": "7 Harbour Row", "city": "Leith", "countryIso3Code": "gbr", "postCode": "EH6 6AB"},
		"contactDetails": map[string]string{"email": e.email, "phoneNumber": "+441315550142"}}, &profile, "Idempotency-Key", secret.UUID())
	s.note(func() { e.profile = profile.ID })
	contact := "contact." + e.email
	s.insist("PUT", fmt.Sprintf("/v1/users/%d/contact-email", e.id), "Bearer "+token, map[string]string{"email": contact}, nil)
	s.note(func() { e.contact = contact })
	var minted struct{ ClaimAccountCode string }
	s.insist("POST", "/v1/user/claim-account", "Bearer "+token, map[string]string{"registrationCode": e.registration}, &minted)
	s.note(func() { e.claimCode = minted.ClaimAccountCode })
}

// obtain insists on a token.
func (s *siege) obtain(client string, form url.Values) string {
	var tokens struct {
		Access string `json:"access_token"`
	}
	form.Set("client_id", client)
	s.insist("POST", "/oauth/token", basic(client), form, &tokens)
	return tokens.Access
}

// applicationsAtOnce is how many tokens of its own a client asks for at once, so that some of them are committed together.
const applicationsAtOnce = 6

// obtainSeveral insists on several tokens of the client's own at once and returns one of them.
func (s *siege) obtainSeveral(client string) (one string) {
	var all sync.WaitGroup
	for range applicationsAtOnce {
		all.Go(func() {
			token := s.obtain(client, url.Values{"grant_type": {"client_credentials"}})
			s.note(func() { s.applications[client], one = append(s.applications[client], token), token })
		})
	}
	all.Wait()
	return one
}

// insist asks until success is answered. headers come in pairs.
func (s *siege) insist(method, path, authorization string, body, into any, headers ...string) {
	content, kind := []byte(nil), "application/json"
	if form, is := body.(url.Values); is {
		content, kind = []byte(form.Encode()), "application/x-www-form-urlencoded"
	} else {
		content, _ = json.Marshal(body)
	}
	for !s.t.Failed() {
		r, err := http.NewRequest(method, s.url+path, bytes.NewReader(content))
		if err != nil {
			s.t.Error(err)
			return
		}
		r.Header.Set("Authorization", authorization)
		r.Header.Set("Content-Type", kind)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		if s.answered(r, into) {
			return
		}
		<-time.After(100 * time.Millisecond)
	}
}

// answered asks once and reports success. What is neither success nor an honest refusal to answer fails the test.
func (s *siege) answered(r *http.Request, into any) bool {
	began := time.Now()
	answer, err := s.client.Do(r)
	if err != nil {
		s.silent.Add(1)
		if took := time.Since(began); took >= clientWaits {
			s.t.Errorf("%s %s: no answer in %s", r.Method, r.URL.Path, took)
		}
		return false
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	switch {
	case err != nil, answer.StatusCode == http.StatusBadGateway: // the node died with the answer, or is not there
		s.silent.Add(1)
	case answer.StatusCode == http.StatusOK:
		if into != nil && json.Unmarshal(text, into) != nil {
			s.t.Errorf("%s %s: %s", r.Method, r.URL.Path, text)
		}
		return true
	case answer.StatusCode == http.StatusServiceUnavailable && answer.Header.Get("Retry-After") != "":
		s.unavailable.Add(1)
	case answer.StatusCode == http.StatusTooManyRequests:
	default:
		s.t.Errorf("%s %s: %d %v %s", r.Method, r.URL.Path, answer.StatusCode, answer.Header, text)
	}
	return false
}

// lift ends the work and compares what the partners were told with what there is: nothing is lost, and nothing is there twice.
// Without a cluster it is in the file of the only node.
func (s *siege) lift(ns *nodes, c *cluster) {
	s.t.Helper()
	s.ending.Store(true)
	s.workers.Wait()
	if s.t.Failed() {
		return
	}
	for _, e := range s.promises {
		s.compare(e)
	}
	applications := 0
	for client, tokens := range s.applications {
		for _, token := range tokens {
			var live struct{ Active bool }
			if s.insist("POST", "/oauth/introspect", basic(client), url.Values{"token": {token}}, &live); !live.Active {
				s.t.Errorf("%s: an answered token of its own is lost", client)
			}
		}
		applications += len(tokens)
	}
	kept := ns.count(c, "SELECT count(*) FROM token WHERE account_id = 0")
	if events := ns.count(c, "SELECT count(*) FROM audit_event WHERE action = 'token.issued' AND account_id = 0"); kept != events || kept < applications {
		s.t.Errorf("%d tokens of clients' own and %d events of them, after %d were answered", kept, events, applications)
	}
	if c != nil && ns.count(c, "SELECT count(DISTINCT xmin::text) FROM token WHERE account_id = 0") == kept {
		s.t.Errorf("of %d tokens no two were committed together", kept)
	}
	want := len(s.promises)
	for what, query := range map[string]string{
		"accounts":                   "SELECT count(*) FROM account",
		"events of new accounts":     "SELECT count(*) FROM audit_event WHERE action = 'account.created'",
		"profiles":                   "SELECT count(*) FROM profile",
		"accounts with a profile":    "SELECT count(DISTINCT account_id) FROM profile",
		"events of new profiles":     "SELECT count(*) FROM audit_event WHERE action = 'profile.created'",
		"accounts with a live code":  "SELECT count(DISTINCT account_id) FROM claim_code WHERE ended_at = 0",
		"live codes":                 "SELECT count(*) FROM claim_code WHERE ended_at = 0",
		"accounts with one address":  "SELECT count(DISTINCT email_digest) FROM account",
		"events of changed contacts": "SELECT count(DISTINCT account_id) FROM audit_event WHERE action = 'contact.changed'",
	} {
		if have := ns.count(c, query); have != want {
			s.t.Errorf("%d %s after %d customers", have, what, want)
		}
	}
	if codes, events := ns.count(c, "SELECT count(*) FROM claim_code"), ns.count(c, "SELECT count(*) FROM audit_event WHERE action = 'code.minted'"); codes != events {
		s.t.Errorf("%d claim codes and %d events of them", codes, events)
	}
	ns.chainHolds(c)
	s.t.Logf("%d customers, %d tokens of clients' own, %d answers, %d times 503, %d without an answer", want, kept, s.answers, s.unavailable.Load(), s.silent.Load())
}

// chainHolds waits until the audit is linked and verifies it (I8).
func (ns *nodes) chainHolds(c *cluster) {
	ns.t.Helper()
	args := []string{"audit", "verify", "--json", "--master-key-file", filepath.Join(ns.dir, "master.key"), "--data", filepath.Join(ns.dir, "node0")}
	if c != nil {
		args = append(args, "--database", c.dsn())
	}
	var v verified
	until(ns.t, 30*time.Second, "every event is in the chain", func() bool {
		out, errOut := command(ns.t, exitDone, args...)
		if err := json.Unmarshal([]byte(out), &v); err != nil || v.Unkeyed != 0 || v.Unmarked != 0 {
			ns.t.Fatalf("the audit: %s%s", out, errOut)
		}
		return v.Waiting == 0 && v.Checked > 0
	})
}

// count asks the cluster, or the file of the only node, for one number.
func (ns *nodes) count(c *cluster, query string) (n int) {
	ns.t.Helper()
	if c != nil {
		return c.count(query)
	}
	file, err := sql.Open("sqlite", filepath.Join(ns.dir, "node0", "latchkey.db"))
	if err != nil {
		ns.t.Fatal(err)
	}
	defer file.Close()
	if err := file.QueryRow(query).Scan(&n); err != nil {
		ns.t.Fatalf("%s: %v", query, err)
	}
	return n
}
