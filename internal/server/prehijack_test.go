package server

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// The attacks of "Pre-hijacked accounts" (Sudhodanan and Paverd, USENIX Security 2022) and ours beside them, each played through
// the public addresses alone by a partner that is dishonest from the first day, or by somebody who came by a link. What they hold
// after it is compared with what the database has: every table that knows the account, whatever a release adds.

const (
	victim   = "mira.kade@example.org"
	attacker = "eve@evil.example"
)

// full reports whether the long variants are asked for.
func full() bool { return os.Getenv("LATCHKEY_FULL") != "" }

// severed tries everything that the firm ever got for its account, at every operation of the API, and fails where any of it is
// taken or changes what the database has of the account.
func (f *firm) severed(when string, all []operation) {
	f.s.Helper()
	before := f.s.rows(f.account)
	app, tried := f.app(), f.bearers
	if !full() {
		tried = slices.Compact([]string{tried[0], tried[len(tried)-1]})
	}
	blows := f.rages(all, append([]string{app}, tried...), !full())
	for _, b := range blows {
		own := b.bearer == app && (b.of("applicationToken") || b.status == http.StatusForbidden || b.status == http.StatusNotFound)
		gone := strings.Contains(b.path, "/simulation/") && b.status == http.StatusNotFound
		if !own && !gone && b.status != http.StatusUnauthorized {
			f.s.Errorf("%s: %s %s with a token of before: %d %s", when, b.method, b.path, b.status, b.answer)
		}
		if b.status == http.StatusOK && b.path == "/v1/application/users/{user}/phone-numbers" {
			f.s.Errorf("%s: a phone is taken: %s", when, b.answer)
		}
	}
	if len(blows) < 80 {
		f.s.Errorf("only %d requests were tried", len(blows))
	}
	kept, held := len(f.bearers), len(f.refreshes)
	if status := f.registers(); status != http.StatusUnauthorized && strings.Contains(f.bearers[kept], fmt.Sprintf("_%d_", f.account)) {
		f.s.Errorf("%s: the registration code answers %d", when, status) // for another account it may: a copy that was opened just now
	}
	f.bearers, f.refreshes = f.bearers[:kept], f.refreshes[:held]
	for _, refresh := range f.refreshes {
		if _, status := f.token("grant_type", "refresh_token", "refresh_token", refresh); status != http.StatusUnauthorized {
			f.s.Errorf("%s: a refresh token answers %d", when, status)
		}
	}
	f.s.unchanged(when, f.account, before)
}

// knows reports whether the texts of any answer have one of the words.
func knows(blows []blow, words ...string) string {
	for _, b := range blows {
		for _, word := range words {
			if strings.Contains(b.answer, word) {
				return b.method + " " + b.path + " tells " + word + ": " + b.answer
			}
		}
	}
	return ""
}

// Classic-federated merge: the attacker's account has the victim's address. Here a partner that may not learn of existing accounts
// opens a copy under the address of an account that exists, reads, writes and hands over what it can. The copy shows it nothing of
// the account; who proves the mailbox meets their own account, into which nothing of the copy comes, and the partner has what the
// person allows it there, once they do, and nothing before.
func TestPrehijackMerge(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	all := s.operations()
	honest, yes := s.partner(partner.Registration{ClientID: "honest"}).opens(victim), true
	mira := s.person(victim).open(honest.link()).walk("c11")
	grant, _ := honest.token("grant_type", "authorization_code", "code", mira.back().Get("code"), "redirect_uri", callback)

	evil := s.partner(partner.Registration{ClientID: "evil", HideExisting: &yes}).opens(victim)
	was := s.rows(honest.account)
	evil.do("PUT", "/v2/profiles/"+evil.ids["70010001"]+"/personal-profile", `{"firstName":"Trojan","address":{"city":"Trojanville"}}`)
	if told := knows(evil.rages(all, []string{evil.bearers[0], evil.app()}, !full()), honest.ids["4410027"], honest.ids["70010001"]); told != "" {
		t.Error(told)
	}
	s.unchanged("a copy was opened and used", honest.account, was)

	// The victim is lured: in the browser in which she is signed in, and in another one.
	s.advance(time.Minute)
	lured := evil.link()
	mira.open(lured).sees("e9")
	mira.elsewhere().open(lured).walk("c2").press("code", s.digits(victim)).sees("e10")
	s.unchanged("the mailbox of the copy was proved", honest.account, was, "session")
	copied := s.rows(evil.account)["account"]
	mira.follow("way.signin").walk("c10")
	if strings.Contains(mira.body, "Trojan") {
		t.Error("consent shows what the copy says")
	}
	if code := mira.decide("deny").back().Get("code"); code != "" || s.rows(evil.account)["account"] != copied {
		t.Error("declining dropped the copy or gave a code")
	}
	s.unchanged("declined", honest.account, was, "account", "session", "known_device", "journey", "receipt")

	// She lets the partner in after all: it gets her account as it is, and its copy is gone.
	s.advance(time.Minute)
	mira.elsewhere().open(evil.link()).walk("c2").press("code", s.digits(victim)).sees("e10").follow("way.signin").walk("c11")
	of := mira.back()
	s.unchanged("allowed", honest.account, was, "account", "session", "known_device", "journey", "access_grant", "authorization_code", "receipt")
	if of.Get("profileId") != honest.ids["70010001"] {
		t.Errorf("the partner is given profile %s", of.Get("profileId"))
	}
	evil.severed("the copy was dropped", all)
	if status, text := s.call("GET", "/v1/me", grant, "", ""); status != http.StatusOK || strings.Contains(text, "Trojan") {
		t.Errorf("the honest partner reads %d %s", status, text)
	}
}

// hands walks a victim through the claim of the firm's account, while the firm tries everything before each form that she sends
// and, with atOnce, beside it as well.
func (f *firm) hands(all []operation, atOnce bool) *person {
	f.s.Helper()
	v := f.s.person(f.email)
	var beside sync.WaitGroup
	v.pressing = func(page string) {
		beside.Wait()
		if page == "c1" || page > "c7" && len(page) == 2 || page == "c10" {
			return // a newer code would end the ticket; and from C8 on there is nothing left to try with
		}
		f.rages(all, f.bearers[len(f.bearers)-1:], true)
		if atOnce {
			beside.Go(func() { f.rages(all, f.bearers[len(f.bearers)-1:], true) })
		}
	}
	defer beside.Wait()
	return v.open(f.link()).walk("c11")
}

// Unexpired session: the attacker stays in. Here the partner has tokens of each kind, refreshed and not, claim codes, links of
// reviews, one-time tokens, a browser of its own that opened the link and started a journey, kept answers and subscriptions.
// The commit ends all of it.
func TestPrehijackUnexpiredSession(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	all := s.operations()
	evil := s.partner(partner.Registration{ClientID: "evil"}).opens(victim)
	evil.registers()
	evil.token("grant_type", "refresh_token", "refresh_token", evil.refreshes[1])
	evil.rages(all, []string{evil.bearers[len(evil.bearers)-1], evil.app()}, !full())
	s.advance(time.Minute)
	// A browser of the attacker's that opened a code, and one that started, for it knows the address.
	opened, started := s.person(victim).open(evil.link()).sees("c1"), s.person(victim)
	s.advance(time.Minute)
	started.open(evil.link()).walk("c2")
	_, form := opened.form("email", victim)
	_, digits := started.form("code", "000000")
	s.advance(time.Minute)
	mira := s.person(victim).open(evil.link()).walk("c8")
	evil.severed("the account is Mira's", all)
	was := s.rows(evil.account)
	if opened.ask(http.MethodPost, opened.at, form, "same-origin"); opened.status < 400 {
		t.Errorf("a link that was opened before leads to page %q", opened.id)
	}
	digits.Set("code", s.digits(victim)) // were it known
	if started.ask(http.MethodPost, started.at, digits, "same-origin"); started.status < 400 {
		t.Errorf("a journey that was started before leads to page %q", started.id)
	}
	for _, page := range []string{"", "/start", "/email", "/password", "/second-step", "/recovery-codes", "/review", "/allow", "/return"} {
		for _, theirs := range []*person{opened, started} {
			journey, _, _ := strings.Cut(strings.TrimPrefix(theirs.at.Path, "/j/"), "/")
			theirs.open("/j/" + journey + page)
			if theirs.status < 400 && theirs.id != "r1" && (theirs == started || theirs.id != "c1") || told(theirs.body, "Kade") {
				t.Errorf("a browser of before sees page %q at %s", theirs.id, page)
			}
		}
	}
	for _, path := range []string{"/account", "/details", "/security/passkeys", "/account/receipts"} {
		if started.open(path); started.id != "r1" {
			t.Errorf("a browser of before sees page %q at %s", started.id, path)
		}
	}
	s.unchanged("browsers of before went on", evil.account, was, "journey")
	code := mira.walk("c11").back().Get("code")
	evil.severed("she allowed the partner, and the code is not redeemed", all)
	if bearer, status := evil.token("grant_type", "authorization_code", "code", code, "redirect_uri", callback); bearer == "" {
		t.Errorf("what she allowed answers %d", status)
	}
}

// Trojan identifier: the attacker adds another way in. Here the partner says a contact address of its own, phones, people and
// texts at every address that it has. None of it gets anybody in, nothing is mailed to it, and what the customer has in the end is
// the one address that she proved, her password, her app and her codes.
func TestPrehijackTrojanIdentifier(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	all := s.operations()
	evil := s.partner(partner.Registration{ClientID: "evil", Required: partner.AllScopes()}).opens(victim)
	evil.email = attacker // which stands wherever the description's examples have an address
	evil.rages(all, []string{evil.bearers[0], evil.app()}, !full())
	evil.email = victim
	if status, text := evil.do("PUT", "/v1/users/"+evil.ids["4410027"]+"/contact-email", `{"email":"`+victim+`"}`); status != http.StatusOK {
		t.Fatal(status, text)
	}
	s.advance(time.Minute)
	mira := s.person(victim).open(evil.link()).walk("c11")
	code := mira.back().Get("code")
	if mails := s.mailed(attacker); len(mails) != 0 {
		t.Errorf("mailed to the attacker: %s", mails)
	}
	eve := s.person(attacker)
	for _, words := range [][]string{{attacker, password}, {attacker, evil.code}, {victim, evil.code}, {"+441315550142", password}} {
		if eve.elsewhere().open("/signin").press("email", words[0], "password", words[1]); eve.id != "r1" {
			t.Errorf("%s gets to page %q", words[0], eve.id)
		}
	}
	if mira.open("/security/passkeys"); strings.Contains(mira.body, "remove") {
		t.Errorf("there is a passkey: %s", mira.body)
	}
	rows := s.rows(evil.account)
	for _, table := range []string{"passkey", "phone_number", "one_time_token", "subscription"} {
		for _, row := range strings.Split(rows[table], "\n") {
			if row != "" && !strings.Contains(row, "epoch=31 ") { // "1": of before the claim, and so dead
				t.Errorf("inherited: %s %s", table, row)
			}
		}
	}
	// What she let it do does not reach her ways in.
	bearer, _ := evil.token("grant_type", "authorization_code", "code", code, "redirect_uri", callback)
	was := s.ways(evil.account)
	evil.email = attacker
	evil.rages(all, []string{bearer, evil.app()}, !full())
	if now := s.ways(evil.account); now != was || len(s.mailed(attacker)) != 0 {
		t.Errorf("a partner with a grant changed how she gets in, from %s\nto %s", was, now)
	}
	s.person(attacker).open("/signin").press("email", attacker, "password", password).signedOut("r1")
	mira.elsewhere().open("/signin").press("email", victim, "password", password).sees("r2")
}

// signedOut fails unless the page is this one, whatever it says is wrong.
func (p *person) signedOut(page string) {
	p.s.Helper()
	if p.id != page {
		p.s.Errorf("%s gets to page %q", p.email, p.id)
	}
}

// Unexpired e-mail change: the attacker leaves a change of the address open. Here the partner moves the address at each step of the
// claim. Before the commit that ends the journey and what she typed in it, so that nothing that she set up comes under an address
// that she did not prove; after it the change is refused, or is a proposal.
func TestPrehijackUnexpiredEmailChange(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for i, page := range []string{"c1", "c2", "c3", "c5", "c7", "c8"} {
		email := "mira" + page + "@example.org"
		evil := s.partner(partner.Registration{ClientID: "evil" + page, Required: partner.AllScopes()}).opens(email)
		contact := "/v1/users/" + evil.ids["4410027"] + "/contact-email"
		mira := s.person(email).open(evil.link()).walk(page)
		status, text := evil.do("PUT", contact, `{"email":"`+attacker+`"}`)
		if owned := page == "c8"; owned != (status == http.StatusUnauthorized) {
			t.Errorf("%s: the change answers %d %s", page, status, text)
		}
		if page == "c8" {
			evil.email = email
			mira.walk("c11")
			bearer, _ := evil.token("grant_type", "authorization_code", "code", mira.back().Get("code"), "redirect_uri", callback)
			was := s.ways(evil.account)
			if status, text := s.call("PUT", contact, bearer, "application/json", `{"email":"`+attacker+`"}`); strings.Contains(text, attacker) || s.ways(evil.account) != was {
				t.Errorf("with a grant: %d %s", status, text)
			}
			continue
		}
		if page == "c5" {
			mira.scan()
		}
		mira.fill()
		if mira.status < 400 {
			t.Errorf("%s: she goes on to page %q", page, mira.id)
		}
		if i < 3 && !full() {
			continue
		}
		// The attacker takes what the partner says about her under its own address, and nothing that she set up.
		s.advance(time.Minute)
		eve := s.person(attacker).open(evil.link()).walk("c2")
		eve.press("code", s.digits(attacker))
		if eve.id != "c3" && eve.id != "e10" {
			t.Errorf("%s: the attacker sees page %q, not the beginning", page, eve.id)
		}
		if mira.elsewhere().open("/signin").press("email", email, "password", password); mira.id != "r1" {
			t.Errorf("%s: an account of hers is at page %q", page, mira.id)
		}
	}
}

// fill sends the form before the person as its step asks, wherever it leads.
func (p *person) fill() {
	p.s.Helper()
	switch p.id {
	case "c1":
		p.press("email", p.email)
	case "c2":
		p.press("code", p.s.digits(p.email))
	case "c3":
		p.press("new_password", password)
	case "c5":
		p.press("code", p.appCode())
	case "c7":
		p.press("saved", "yes")
	}
}

// Non-verifying identity provider: whoever made the account did not check the address. Here the partner says of everything that it
// is true, and goes on in its own browser with the victim's address: without her mailbox there is no account, and it stays hers to
// claim.
func TestPrehijackNonVerifying(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	all := s.operations()
	evil := s.partner(partner.Registration{ClientID: "evil"}).opens(victim)
	claims := `{"email":"` + victim + `","emailVerified":true,"email_verified":true,"verified":true,"state":"claimed","epoch":9}`
	for _, op := range all {
		if op.method == http.MethodPut || op.method == http.MethodPost {
			op.bodies = append(op.bodies, claims)
			evil.rages([]operation{op}, []string{evil.bearers[0], evil.app()}, true)
		}
	}
	eve := s.person(attacker)
	for hour, guessed := range []int{5, 5} {
		s.advance(61 * time.Minute)
		if eve.elsewhere().open(evil.link()).sees("c1").press("email", victim).id != "c2" {
			t.Fatalf("page %q", eve.id)
		}
		for guess := range guessed + 1 {
			wrong := "000000"
			if s.digits(victim) == wrong {
				wrong = "111111"
			}
			eve.press("code", wrong)
			if waits := eve.status == http.StatusTooManyRequests; waits != (guess == guessed) || eve.id == "c3" {
				t.Errorf("hour %d, guess %d: page %q with %d", hour, guess, eve.id, eve.status)
			}
			if eve.status == http.StatusTooManyRequests {
				break
			}
		}
	}
	for _, page := range []string{"password", "second-step", "second-step/app", "recovery-codes", "review", "allow", "return"} {
		journey, _, _ := strings.Cut(strings.TrimPrefix(eve.at.Path, "/j/"), "/")
		if eve.open("/j/" + journey + "/" + page); eve.id != "c2" && eve.status < 400 {
			t.Errorf("without the proof she sees page %q", eve.id)
		}
	}
	if text := s.rows(evil.account)["session"]; text != "" {
		t.Errorf("a session is signed in to the account: %s", text)
	}
	s.advance(61 * time.Minute)
	mira := s.person(victim).open(evil.link()).walk("c8")
	if status, text := s.call("GET", "/v3/profiles/"+evil.ids["70010001"]+"/verification-status", evil.bearers[0], "", ""); status != http.StatusUnauthorized {
		t.Errorf("after it %d %s", status, text)
	}
	if !strings.Contains(mira.body, "Partner evil") {
		t.Error("the page does not say who said it")
	}
}

// Interception: the claim code was read from a link, a log or a history, and the interceptor knows the address too. It opens,
// starts and guesses, before, beside and after the person; only the mailbox takes anybody further, and the code stays hers.
func TestPrehijackInterception(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	honest, other := s.partner(partner.Registration{ClientID: "honest"}).opens(victim), s.partner(partner.Registration{ClientID: "other"})
	link := honest.link()
	before := s.rows(honest.account, "claim_code")
	var thieves []*person
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		u, _ := url.Parse(s.http.URL + link)
		thieves = append(thieves, s.person(attacker).ask(method, u, nil, "cross-site"))
	}
	if foreign := s.person(attacker).open(strings.Replace(link, "client_id=honest", "client_id=other", 1)); foreign.id != "e4" {
		t.Errorf("with another partner's name: page %q", foreign.id)
	}
	if status, text := s.call("POST", "/v1/user/claim-account", other.app(), "application/json", `{"registrationCode":"`+honest.code+`"}`); status != http.StatusForbidden {
		t.Errorf("another partner mints: %d %s", status, text)
	}
	thief := s.person(attacker).open(link).sees("c1")
	for _, guess := range []string{attacker, "mira@example.org", "m.kade@example.org"} {
		if thief.press("email", guess); thief.id != "c1" {
			t.Errorf("a guessed address leads to page %q", thief.id)
		}
	}
	s.unchanged("the code was opened and addresses guessed", honest.account, before, "claim_code", "journey")
	mails := len(s.mailed(attacker))
	thief.press("email", victim).sees("c2").press("code", "000000")
	for _, n := range []string{"000000", "111111"} { // one of them is wrong for certain
		if thief.id == "c2" && s.digits(victim) != n {
			thief.press("code", n)
		}
	}
	mira := s.person(victim).open(link).walk("c3")
	if thief.open(thief.at.Path); thief.status < 400 {
		t.Errorf("the thief sees page %q after her proof", thief.id)
	}
	if late := s.person(attacker).open(link); late.status != http.StatusGone {
		t.Errorf("the code opens after her proof: page %q", late.id)
	}
	mira.walk("c11")
	for _, each := range append(thieves, thief, s.person(attacker)) {
		if each.open(link); each.status < 400 || told(each.body, "Kade") {
			t.Errorf("afterwards page %q with %d", each.id, each.status)
		}
	}
	if len(s.mailed(attacker)) != mails {
		t.Error("something was mailed to the thief")
	}
}

// Forced claim, the login CSRF of this business: the victim is to finish a claim of an account that the attacker knows. Her browser is
// sent to the attacker's link, journey and forms. The page names who asks and wants an address that she has; forms from elsewhere are
// refused; who is signed in stays so; and "This isn't me" ends it and tells the partner.
func TestPrehijackForcedClaim(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	honest, evil := s.partner(partner.Registration{ClientID: "honest"}).opens(victim), s.partner(partner.Registration{ClientID: "evil"}).opens(attacker)
	eve := s.person(attacker).open(evil.link()).walk("c2")
	to, form := eve.form("code", s.digits(attacker))
	mira := s.person(victim).open(honest.link()).walk("c11")
	hers, was := s.rows(honest.account), s.rows(evil.account)
	if mira.open(to.Path); mira.status < 400 {
		t.Errorf("the attacker's journey shows her page %q", mira.id)
	}
	for _, site := range []string{"same-origin", "cross-site", "same-site"} {
		if mira.ask(http.MethodPost, to, form, site); mira.status < 400 {
			t.Errorf("the attacker's form leads her to page %q", mira.id)
		}
	}
	mira.open(evil.link()).sees("e9")
	mira.open("/account").sees("home")
	s.unchanged("she was sent there", honest.account, hers, "session")
	s.unchanged("she was sent there", evil.account, was, "account", "claim_code") // a code was minted and seen

	stranger := s.person(victim).open(evil.link()).sees("c1")
	for _, word := range []string{attacker, "Kade", "1988"} {
		if told(stranger.body, word) {
			t.Errorf("the first page tells %s", word)
		}
	}
	if !strings.Contains(stranger.body, "Partner evil") {
		t.Error("the first page does not say who asks")
	}
	if stranger.press("email", victim); stranger.id != "c1" {
		t.Errorf("her own address leads to page %q", stranger.id)
	}
	link, _, _ := strings.Cut(stranger.at.Path, "/start")
	if of := stranger.open(link + "/not-me").press().open(link).back(); of.Get("error") != "access_denied" || of.Has("code") {
		t.Errorf("her objection leads back with %v", of)
	}
	if text := s.rows(evil.account)["claim_code"]; strings.Contains(text, "6d696e746564") { // "minted"
		t.Error("a code of the account still opens")
	}
	if eve.ask(http.MethodPost, to, form, "cross-site"); eve.status != http.StatusForbidden {
		t.Errorf("a form from elsewhere answers %d", eve.status)
	}
}

// Residual creator, which is ours: the partner keeps what it was not given. It tries everything at each step of her claim, after
// she declined, and after she allowed it to read who she is: then that works, and nothing else.
func TestPrehijackResidualCreator(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	all := s.operations()
	evil := s.partner(partner.Registration{ClientID: "evil", Required: []partner.Scope{partner.ScopeAccountRead}, Optional: []partner.Scope{partner.ScopeProfilesRead, partner.ScopeProfilesWrite}}).opens(victim)
	var mira *person
	if full() {
		mira = evil.hands(all, true)
	} else {
		mira = s.person(victim).open(evil.link()).walk("c11")
	}
	s.advance(5 * time.Minute)
	evil.severed("she allowed, and the code is not redeemed", all)
	old := len(evil.bearers)
	bearer, status := evil.token("grant_type", "authorization_code", "code", mira.back().Get("code"), "redirect_uri", callback)
	if bearer == "" {
		t.Fatalf("what she allowed answers %d", status)
	}
	was := s.rows(evil.account)
	for _, b := range evil.rages(all, []string{bearer}, !full()) {
		reads := strings.HasPrefix(b.path, "/v1/me") || b.path == "/v1/users/{user}" || b.path == "/v1/users/{user}/contact-email" || strings.HasPrefix(b.path, "/2026Q3/me") || strings.HasPrefix(b.path, "/2026Q3/users/{user}")
		if (b.status < 300) != (reads && b.method == http.MethodGet) {
			t.Errorf("with account.read alone %s %s answers %d %s", b.method, b.path, b.status, b.answer)
		}
		if strings.Contains(b.answer, "1988-11-30") || strings.Contains(b.answer, "Harbour") {
			t.Errorf("with account.read alone %s %s tells %s", b.method, b.path, b.answer)
		}
	}
	s.unchanged("with account.read alone", evil.account, was)
	evil.bearers, evil.refreshes = evil.bearers[:old], evil.refreshes[:old]
	evil.severed("beside what she allowed", all)

	second := s.partner(partner.Registration{ClientID: "second"}).opens("nora.kade@example.org")
	nora := s.person("nora.kade@example.org").open(second.link()).walk("c10").decide("deny")
	if nora.back().Get("error") != "access_denied" {
		t.Errorf("declining leads to %v", nora.back())
	}
	second.severed("she declined", all)
}
