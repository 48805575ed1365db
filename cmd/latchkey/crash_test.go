package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A promise is one customer in a partner's ledger, with what the server answered with success. What is zero was not
// answered: it may have happened or not.
type promise struct {
	client, email, registration string
	id, profile                 int64
	token, contact, claimCode   string
}

// A ledger is what the partners of a test were told, from many calls at once.
type ledger struct {
	t        *testing.T
	url      string
	client   http.Client
	mu       sync.Mutex // guards what follows
	promises []*promise
	answers  int
	// enough is closed when target answers have come; the server is killed then, in the middle of other calls.
	target int
	enough chan struct{}
}

// note counts an answer after writing it down.
func (l *ledger) note(write func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	write()
	if l.answers++; l.answers == l.target {
		close(l.enough)
	}
}

// call sends a request and decodes its answer; ok is false when no whole answer came, as from a server that was killed. An
// answer that is no success is told with its status.
func (l *ledger) call(method, path, authorization string, body, into any) (status int, ok bool) {
	content, kind := []byte(nil), "application/json"
	switch b := body.(type) {
	case url.Values:
		content, kind = []byte(b.Encode()), "application/x-www-form-urlencoded"
	case nil:
	default:
		content, _ = json.Marshal(b)
	}
	r, err := http.NewRequestWithContext(l.t.Context(), method, l.url+path, bytes.NewReader(content))
	if err != nil {
		l.t.Error(err)
		return 0, false
	}
	r.Header.Set("Authorization", authorization)
	r.Header.Set("Content-Type", kind)
	answer, err := l.client.Do(r)
	if err != nil {
		return 0, false
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, false
	}
	if into != nil && answer.StatusCode == http.StatusOK && json.Unmarshal(text, into) != nil {
		l.t.Errorf("%s %s: %s", method, path, text)
	}
	return answer.StatusCode, true
}

// succeeds is a call with a token of which only success is expected, unless the server is killed.
func (l *ledger) succeeds(method, path, token string, body, into any) bool {
	status, ok := l.call(method, path, "Bearer "+token, body, into)
	if ok && status != http.StatusOK {
		l.t.Errorf("%s %s: %d", method, path, status)
	}
	return ok && status == http.StatusOK
}

func basic(client string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(client+":secret-of-the-ledger"))
}

// token asks for a token; "" when no success was answered.
func (l *ledger) token(client string, form url.Values) string {
	var tokens struct {
		Access string `json:"access_token"`
	}
	form.Set("client_id", client)
	if status, ok := l.call(http.MethodPost, "/oauth/token", basic(client), form, &tokens); !ok || status != http.StatusOK {
		return ""
	}
	return tokens.Access
}

// customer opens one account, prefills it and mints, and writes each answer down; false ends the worker.
func (l *ledger) customer(e *promise) bool {
	application := l.token(e.client, url.Values{"grant_type": {"client_credentials"}})
	var user struct{ ID int64 }
	if application == "" || !l.succeeds(http.MethodPost, "/v1/user/signup/registration_code", application,
		map[string]string{"email": e.email, "registrationCode": e.registration}, &user) {
		return false
	}
	l.note(func() { e.id = user.ID })
	token := l.registered(e)
	if token == "" {
		return false
	}
	l.note(func() { e.token = token })
	var profile struct{ ID int64 }
	if !l.succeeds(http.MethodPost, "/v2/profiles/personal-profile", token, map[string]any{"firstName": "Mira", "lastName": "Kade",
		"dateOfBirth": "1988-11-30", "address": map[string]string{"addressFirstLine": "7 Harbour Row", "city": "Leith", "countryIso3Code": "gbr", "postCode": "EH6 6AB"},
		"contactDetails": map[string]string{"email": e.email, "phoneNumber": "+441315550142"}}, &profile) {
		return false
	}
	l.note(func() { e.profile = profile.ID })
	contact := "contact." + e.email
	if !l.succeeds(http.MethodPut, fmt.Sprintf("/v1/users/%d/contact-email", e.id), token, map[string]string{"email": contact}, nil) {
		return false
	}
	l.note(func() { e.contact = contact })
	var minted struct{ ClaimAccountCode string }
	if !l.succeeds(http.MethodPost, "/v1/user/claim-account", token, map[string]string{"registrationCode": e.registration}, &minted) {
		return false
	}
	l.note(func() { e.claimCode = minted.ClaimAccountCode })
	return true
}

func (l *ledger) registered(e *promise) string {
	return l.token(e.client, url.Values{"grant_type": {"registration_code"}, "email": {e.email}, "registration_code": {e.registration}})
}

// compare asks the server, after it was killed and started again, for everything that it had answered with success.
func (l *ledger) compare(e *promise) {
	if e.id == 0 {
		return // asked and not answered
	}
	if e.token != "" {
		if status, ok := l.call(http.MethodGet, "/v1/me", "Bearer "+e.token, nil, nil); !ok || status != http.StatusOK {
			l.t.Errorf("%s: the answered token is lost: %d", e.email, status)
		}
	}
	token := l.registered(e)
	var me struct {
		ID      int64
		Email   string
		Details *struct{ FirstName string }
	}
	if status, ok := l.call(http.MethodGet, "/v1/me", "Bearer "+token, nil, &me); !ok || status != http.StatusOK || me.ID != e.id || me.Email != e.email {
		l.t.Errorf("%s: the answered account %d is lost: %d, %+v", e.email, e.id, status, me)
		return
	}
	if e.profile != 0 {
		var profile struct{ ID int64 }
		if status, ok := l.call(http.MethodGet, fmt.Sprintf("/v2/profiles/%d", e.profile), "Bearer "+token, nil, &profile); !ok || status != http.StatusOK || profile.ID != e.profile {
			l.t.Errorf("%s: the answered profile %d is lost: %d", e.email, e.profile, status)
		}
	}
	if e.contact != "" {
		var contact struct{ Email string }
		if status, ok := l.call(http.MethodGet, fmt.Sprintf("/v1/users/%d/contact-email", e.id), "Bearer "+token, nil, &contact); !ok || contact.Email != e.contact {
			l.t.Errorf("%s: the answered contact address is lost: %d, %q", e.email, status, contact.Email)
		}
	}
	if e.claimCode != "" {
		query := url.Values{"client_id": {e.client}, "redirect_uri": {ledgerCallback}, "claim_account_code": {e.claimCode}}
		if status, ok := l.call(http.MethodGet, "/oauth/authorize?"+query.Encode(), "", nil, nil); !ok || status != http.StatusSeeOther {
			l.t.Errorf("%s: the answered claim code does not open: %d", e.email, status)
		}
	}
}

const (
	ledgerCallback = "https://app.acme.example/wise/cb"
	ledgerPartners = 8
)

// ledgerSeed are the entries of a seed file for the partners with a ledger, which ask for more in a second than is documented.
func ledgerSeed() string {
	var b strings.Builder
	for n := range ledgerPartners {
		fmt.Fprintf(&b, "  - id: ledger-%d\n    secret: secret-of-the-ledger\n    name: Ledger %d\n    redirect: [%s]\n    per_second: 1000\n    per_minute: 60000\n", n, n, ledgerCallback)
	}
	return b.String()
}

// TestPartnersLedgersSurviveKills lets eight partners open, prefill and mint at once, kills the server with SIGKILL in the
// middle of it, starts it again, and compares every answer with what is there (I7): nothing that was answered is lost.
func TestPartnersLedgersSurviveKills(t *testing.T) {
	fullRun(t)
	dir := t.TempDir()
	seedFile := write(t, dir, "seed.yaml", "partners:\n"+ledgerSeed())
	var ports [2]string
	for i := range ports {
		var err error
		if ports[i], err = freePort(); err != nil {
			t.Fatal(err)
		}
	}
	m := &mortal{t: t, args: []string{"dev", "--addr", "localhost:" + ports[0], "--demo-addr", "127.0.0.1:" + ports[1],
		"--data", filepath.Join(dir, "data"), "--seed", seedFile}}
	m.start()
	t.Cleanup(m.kill)
	l := &ledger{t: t, url: "http://localhost:" + ports[0]}
	l.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for round := range 5 {
		begun := len(l.promises)
		l.work(m, round)
		m.start()
		for _, e := range l.promises[begun:] {
			l.compare(e)
		}
	}
	m.chainHolds()
	answered := 0
	for _, e := range l.promises { // the oldest survived every kill
		l.compare(e)
		if e.id != 0 && e.token != "" {
			answered++
		}
	}
	t.Logf("%d customers begun, %d with tokens, %d answers compared, %d kills", len(l.promises), answered, l.answers, m.kills)
	if answered < 20 || m.kills < 5 {
		t.Error("too few answers to say anything")
	}
}

// work lets the partners work until enough was answered, and kills the server then.
func (l *ledger) work(m *mortal, round int) {
	l.enough, l.target = make(chan struct{}), l.answers+60+20*round
	var workers sync.WaitGroup
	for n := range ledgerPartners {
		workers.Go(func() {
			for i := 0; ; i++ {
				client := fmt.Sprintf("ledger-%d", n)
				e := &promise{client: client, email: fmt.Sprintf("mira%d.%d@%s.example.org", round, i, client),
					registration: fmt.Sprintf("registration code %d of round %d of %s", i, round, client)}
				l.mu.Lock()
				l.promises = append(l.promises, e)
				l.mu.Unlock()
				if !l.customer(e) {
					return
				}
			}
		})
	}
	ended := make(chan struct{})
	go func() { workers.Wait(); close(ended) }()
	select {
	case <-l.enough:
	case <-ended:
		l.t.Error("the partners ended before the server was killed")
	}
	m.kill()
	<-ended
}
