package server

import (
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/store"
)

// A probe is what an enumerating partner does about one address, and every answer, in order.
type probe struct {
	*firm
	who  *person
	seen []string
}

const aPhone = "+441315550142"

// probe is a copy of the firm for another customer.
func (f *firm) probe(email, phone string) *probe {
	p := &probe{firm: &firm{s: f.s, id: f.id, secret: f.secret, ids: map[string]string{aPhone: phone}}, who: f.s.person(email)}
	p.email, p.code = email, "registration code of "+email+strings.Repeat("-", 32)
	return p
}

// saw keeps an answer without what differs between any two accounts: numbers, ids, addresses, secrets.
func (p *probe) saw(what string, status int, text string) {
	text = strings.NewReplacer(p.email, "(address)", strings.ToUpper(p.email), "(ADDRESS)", p.email[:2]+"*", "(masked)", strings.ToUpper(p.email[:2])+"*", "(MASKED)",
		p.ids[aPhone], "(phone)").Replace(text)
	p.seen = append(p.seen, fmt.Sprintf("%s: %d %s", what, status, varies.ReplaceAllString(text, "#")))
}

// varies are ids of rows, UUIDs, and random secrets.
var varies = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|lk[acr]_[\w-]+|whsec_[\w/+=]+|[0-9]{13,16}|eyJ[\w.-]+|[\w-]{40,}`)

// does asks and keeps the answer.
func (p *probe) does(method, path, bearer, body string) string {
	p.s.Helper()
	status, text := p.s.call(method, path, bearer, "application/json", body)
	p.saw(method+" "+varies.ReplaceAllString(path, "#"), status, text)
	return text
}

// creates signs the address up, asks whether it exists before and after, and gets a token.
func (p *probe) creates() {
	p.s.Helper()
	app, exists := p.app(), `{"email":"`+p.email+`"}`
	p.does("POST", "/v1/users/exists", app, exists)
	p.account = number(p.does("POST", "/v1/user/signup/registration_code", app, `{"email":"`+p.email+`","registrationCode":"`+p.code+`"}`))
	p.does("POST", "/v1/user/signup/registration_code", app, `{"email":"`+strings.ToUpper(p.email)+`","registrationCode":"another `+p.code+`"}`)
	p.does("POST", "/v1/users/exists", app, exists)
	p.saw("registration code", p.registers(), "")
	p.profile = number(p.does("POST", "/v2/profiles/personal-profile", p.bearers[len(p.bearers)-1],
		strings.NewReplacer(victim, p.email, aPhone, p.ids[aPhone]).Replace(aPerson)))
	p.ids["4410027"], p.ids["70010001"] = fmt.Sprint(p.account), fmt.Sprint(p.profile)
}

// tries everything with everything that it holds.
func (p *probe) tries(all []operation) {
	p.s.Helper()
	for _, b := range p.rages(all, []string{p.bearers[len(p.bearers)-1], p.app()}, !full()) {
		p.saw(b.method+" "+b.path, b.status, b.answer)
	}
}

// told are the events to the firm about the account, as they would be delivered now.
func (p *probe) told(account int64) (list []string) {
	p.s.Helper()
	db, err := sql.Open("sqlite", "file:"+p.s.path+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		p.s.Fatal(err)
	}
	defer db.Close()
	for _, line := range column(p.s, db, fmt.Sprintf(`SELECT e.type||' '||e.state||' '||e.reason||' '||e.fields||' '||e.data||' at '||e.occurred_at||' as '||e.sequence
		FROM partner_event e JOIN partner p ON p.id=e.partner_id WHERE p.client_id='%s' AND e.account_id=%d ORDER BY e.id`, p.id, account)) {
		list = append(list, varies.ReplaceAllStringFunc(line, func(id string) string {
			if strings.HasPrefix(id, "17") && len(id) == 13 {
				return id // a moment
			}
			return "#"
		}))
	}
	return list
}

// same fails where the two saw anything that differs.
func same(t *testing.T, when string, a, b *probe) {
	t.Helper()
	if len(a.seen) != len(b.seen) {
		t.Errorf("%s: %d answers and %d", when, len(a.seen), len(b.seen))
	}
	for i := range min(len(a.seen), len(b.seen)) {
		if a.seen[i] != b.seen[i] {
			t.Errorf("%s: the partner can tell them apart\nexisting %s\nnew      %s", when, a.seen[i], b.seen[i])
		}
	}
	if x, y := a.told(a.account), b.told(b.account); !slices.Equal(x, y) || len(x) == 0 && when == "the mailbox is proved" {
		t.Errorf("%s: the partner is told\nexisting %s\nnew      %s", when, strings.Join(x, "\n         "), strings.Join(y, "\n         "))
	}
}

// A partner that may not learn of existing accounts tries out addresses, one that has an account and one that has none, with all
// of the API, at every stage, and reads what it is told and when. Nothing differs, byte for byte but for ids and secrets, until
// the person with the account proves the mailbox and allows it (design 4.9, 10.6; requirement 33).
func TestEnumeratingPartner(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	all, yes := s.operations(), true
	honest := s.partner(partner.Registration{ClientID: "honest"}).opens(victim)
	mira := s.person(victim).open(honest.link()).walk("c11")
	firm := s.partner(partner.Registration{ClientID: "prober", HideExisting: &yes})
	known, fresh := firm.probe(victim, "+441315550143"), firm.probe("nora.kade@example.org", "+441315550144")
	both := func(do func(*probe)) {
		do(known)
		do(fresh)
	}
	both((*probe).creates)
	both(func(p *probe) { p.tries(all) })
	same(t, "before the customer comes", known, fresh)

	both(func(p *probe) { p.who.open(p.link()).walk("c2").press("code", s.digits(p.email)) })
	known.who.sees("e10")
	fresh.who.sees("c3")
	if full() {
		both(func(p *probe) { p.tries(all) })
	}
	both(func(p *probe) {
		p.does("GET", "/v1/me", p.bearers[0], "")
		p.does("POST", "/v1/user/claim-account", p.bearers[0], `{"registrationCode":"`+p.code+`"}`)
		p.does("POST", "/v1/users/exists", p.app(), `{"email":"`+p.email+`"}`)
	})
	same(t, "the mailbox is proved", known, fresh)

	// The owner of the account signs in, looks at what is asked, and declines; the other one leaves.
	known.who.key, known.who.step = mira.key, mira.step
	left := known.who.follow("way.signin").walk("c10").decide("deny").back()
	fresh.who.open(fresh.who.at.Path[:strings.LastIndex(fresh.who.at.Path, "/")] + "/leave").press()
	if other := fresh.who.back(); left.Encode() != other.Encode() {
		t.Errorf("who declines comes back with %s, who leaves with %s", left.Encode(), other.Encode())
	}
	for _, wait := range []time.Duration{24 * time.Hour, customer.PendingLife} {
		s.advance(wait + time.Minute)
		if _, err := s.claims.Tidy(t.Context(), store.Tidy{DB: s.database}); err != nil {
			t.Fatal(err)
		}
		both(func(p *probe) { p.does("GET", "/v1/me", p.bearers[0], "") })
		same(t, fmt.Sprintf("%v later", wait), known, fresh)
	}
	for _, event := range known.told(honest.account) {
		if kind, state, _ := strings.Cut(event, " "); kind != string(partner.EventClaims) || !strings.HasPrefix(state, "abandoned") {
			t.Errorf("the partner would be told of the account that was there: %s", event)
		}
	}
	both((*probe).creates)
	same(t, "another copy", known, fresh)
}

// A browser that is signed in as somebody else does not give away, to a partner that hides existing accounts, that it is.
func TestSignedInTellsNothing(t *testing.T) {
	t.Parallel()
	s, yes := newStand(t), true
	honest := s.partner(partner.Registration{ClientID: "honest"}).opens(victim)
	mira := s.person(victim).open(honest.link()).walk("c11")
	firm := s.partner(partner.Registration{ClientID: "prober", HideExisting: &yes}).opens("nora.kade@example.org")
	for name, p := range map[string]*person{"signed in": mira, "a stranger": s.person("nobody@example.org")} {
		if p.open(firm.authorize("") + "&prompt=none"); !strings.Contains(p.header.Get("Location"), "error=login_required&") {
			t.Errorf("%s: %d %s", name, p.status, p.header.Get("Location"))
		}
	}
	mira.open(firm.link()).sees("e9")
	if !strings.Contains(mira.body, "left") || strings.Contains(mira.body, "signed_in_as_other") {
		t.Errorf("the way back says why:\n%s", mira.body)
	}
}

// With the two hundredth answer of a day that reveals accounts the operator hears of it, in the log and in the audit, once.
func TestEnumerationIsTold(t *testing.T) {
	t.Parallel()
	o, l := options(t)
	s := newStandWith(t, o)
	firm := s.partner(partner.Registration{ClientID: "prober"})
	app := firm.app()
	for i := range customer.RevealAlarm + 3 {
		if n := len(l.lines(t, "a partner had many answers that reveal accounts today")); n != 0 && i < customer.RevealAlarm {
			t.Fatalf("the alarm is raised after %d answers", i)
		}
		s.call("POST", "/v1/users/exists", app, "application/json", fmt.Sprintf(`{"email":"mira.%d@example.org"}`, i))
	}
	lines := l.lines(t, "a partner had many answers that reveal accounts today")
	if len(lines) != 1 || lines[0]["partner"] != "prober" {
		t.Errorf("the log says %v", lines)
	}
	events, err := s.Events().Tail(t.Context(), audit.Filter{Action: audit.AccountRevealed, Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	alarms := 0
	for _, e := range events {
		if e.Event.Detail["alarm"] != "" {
			alarms++
		}
	}
	if alarms != 1 || len(events) < customer.RevealAlarm {
		t.Errorf("%d alarms in %d events", alarms, len(events))
	}
}
