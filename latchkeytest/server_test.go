package latchkeytest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey"
)

const email = "mira.kade@example.org"

// opening is an account that a partner opened for the customer.
type opening struct {
	t       *testing.T
	server  *Server
	client  *latchkey.Client
	code    latchkey.Secret
	account *latchkey.Account
	state   string
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open opens an account with what is known; without leaves fields out.
func open(t *testing.T, s *Server, c *latchkey.Client, without ...string) *opening {
	t.Helper()
	o := &opening{t: t, server: s, client: c, code: latchkey.NewRegistrationCode(), state: latchkey.NewState()}
	_, err := c.CreateUser(t.Context(), latchkey.NewUser{Email: email, RegistrationCode: o.code})
	must(t, err)
	token, err := c.RegistrationGrant(t.Context(), email, o.code)
	must(t, err)
	o.account = c.Account(token)
	if len(without) > 0 && without[0] == "everything" {
		return o
	}
	_, err = o.account.CreatePersonalProfile(t.Context(), latchkey.PersonalProfile{FirstName: "Mira", LastName: "Kade", DateOfBirth: "1988-11-30",
		Address:        &latchkey.PersonalAddress{AddressFirstLine: "7 Harbour Row", City: "Leith", CountryIso3Code: "gbr", PostCode: "EH6 6AB"},
		ContactDetails: &latchkey.ContactDetails{Email: email, PhoneNumber: "+441315550142"}}, latchkey.NewKey())
	must(t, err)
	return o
}

// address is an authorize address with a fresh claim code.
func (o *opening) address() string {
	o.t.Helper()
	claim, err := o.account.MintClaimCode(o.t.Context(), o.code)
	must(o.t, err)
	return o.client.AuthorizeURL(latchkey.AuthorizeRequest{RedirectURI: RedirectURI, State: o.state, ClaimCode: claim})
}

// exchange turns what a customer came back with into an account.
func (o *opening) exchange(back string) *latchkey.Account {
	o.t.Helper()
	r, err := latchkey.ParseReturn(back, o.state)
	must(o.t, err)
	token, err := o.client.Exchange(o.t.Context(), latchkey.Exchange{Code: r.Code, RedirectURI: RedirectURI})
	must(o.t, err)
	return o.client.Account(token)
}

// A customer who is asked for everything, and whose partner comes back to the same account without a claim code.
func TestClaimAndReturn(t *testing.T) {
	ctx := t.Context()
	s := NewServer(t)
	o := open(t, s, s.Client(), "everything")
	c := s.NewCustomer(email)
	c.Answers = map[string]string{"given_name": "Mira", "family_name": "Kade", "birth_day": "30", "birth_month": "11", "birth_year": "1988",
		"phone": "+44 131 555 0142", "country": "GB", "line1": "7 Harbour Row", "city": "Leith", "postal_code": "EH6 6AB"}
	back, err := c.Claim(ctx, o.address())
	must(t, err)
	if u, err := url.Parse(back); err != nil || u.Scheme+"://"+u.Host+u.Path != RedirectURI {
		t.Errorf("back to %s", back)
	}
	me, err := o.exchange(back).Me(ctx)
	if err != nil || me.Name != "Mira Kade" || me.Details == nil || me.Details.DateOfBirth != "1988-11-30" {
		t.Errorf("%+v, %v", me, err)
	}
	if len(c.RecoveryCodes) != 10 || len(c.RecoveryCodes[0]) != 19 {
		t.Errorf("recovery codes %q", c.RecoveryCodes)
	}
	if _, err := o.account.Me(ctx); !errors.Is(err, latchkey.ErrUnauthorized) {
		t.Errorf("the token of before the claim: %v", err)
	}

	again := s.Client().AuthorizeURL(latchkey.AuthorizeRequest{RedirectURI: RedirectURI, State: o.state})
	back, err = c.Return(ctx, again) // signed in already
	must(t, err)
	o.exchange(back)
	c.NewBrowser()
	back, err = c.Return(ctx, again)
	must(t, err)
	o.exchange(back)
}

// What the customer says at C10 is what the partner gets.
func TestAllowAndDecline(t *testing.T) {
	ctx := t.Context()
	s := NewServer(t)
	o := open(t, s, s.Client())
	c := s.NewCustomer(email)
	must(t, c.Open(ctx, o.address()))
	must(t, c.Secure(ctx))
	must(t, c.Review(ctx))
	back, err := c.Allow(ctx, "profiles.write")
	must(t, err)
	r, err := latchkey.ParseReturn(back, o.state)
	must(t, err)
	token, err := o.client.Exchange(ctx, latchkey.Exchange{Code: r.Code, RedirectURI: RedirectURI})
	must(t, err)
	if _, err := o.client.Account(token).UpdatePersonalProfile(ctx, r.ProfileID, latchkey.PersonalProfile{PreferredName: "Mimi"}); err != nil {
		t.Errorf("a ticked scope: %v", err)
	}

	s = NewServer(t)
	o = open(t, s, s.Client())
	c = s.NewCustomer(email)
	must(t, c.Open(ctx, o.address()))
	must(t, c.Secure(ctx))
	must(t, c.Review(ctx))
	back, err = c.Decline(ctx)
	must(t, err)
	_, err = latchkey.ParseReturn(back, o.state)
	var declined *latchkey.ReturnError
	if !errors.As(err, &declined) || declined.Code != "access_denied" {
		t.Errorf("declined: %v", err)
	}
}

// Checklist 8: the clock ends a claim code, and the next one works.
func TestAdvance(t *testing.T) {
	ctx := t.Context()
	s := NewServer(t)
	o := open(t, s, s.Client())
	c := s.NewCustomer(email)
	late := o.address()
	before := s.Now()
	s.Advance(300 * time.Second)
	s.Advance(-time.Hour)
	if s.Now().Sub(before) != 300*time.Second {
		t.Errorf("advanced by %s", s.Now().Sub(before))
	}
	must(t, c.Open(ctx, late))
	if c.Page() != "e1" || c.Status() != 410 {
		t.Errorf("page %s, status %d", c.Page(), c.Status())
	}
	if _, err := c.Claim(ctx, late); err == nil || !strings.Contains(err.Error(), `"e1"`) {
		t.Errorf("claiming with a dead code: %v", err)
	}
	_, err := c.Claim(ctx, o.address())
	must(t, err)
}

// The steps tell a test where the person is and what the page asks for.
func TestSteps(t *testing.T) {
	ctx := t.Context()
	s := NewServer(t)
	o := open(t, s, s.Client())
	c := s.NewCustomer(email)
	if err := c.Start(ctx); err == nil {
		t.Error("started without a page")
	}
	if err := c.Open(ctx, "https://elsewhere.example/"); err == nil {
		t.Error("went to another server")
	}
	must(t, c.Open(ctx, o.address()))
	must(t, c.Submit(ctx, map[string]string{"email": "somebody.else@example.org"}))
	if c.Page() != "c1" || c.Status() != 422 || c.Problems() != "c1.email.other" {
		t.Errorf("page %s, status %d, problems %q", c.Page(), c.Status(), c.Problems())
	}
	if _, err := c.MailedCode(ctx); err == nil {
		t.Error("a code was mailed for another address")
	}
	must(t, c.Submit(ctx, map[string]string{"email": c.Email, "more_time": "yes"}))
	must(t, c.ProveEmail(ctx))
	if err := c.Submit(ctx, map[string]string{"no_such_field": "x"}); err == nil {
		t.Error("a form without the field was sent")
	}
	mails, err := s.Mails(ctx, strings.ToUpper(email))
	if err != nil || len(mails) != 1 || mails[0].Subject == "" || mails[0].Text == "" || mails[0].HTML == "" {
		t.Errorf("mails %+v, %v", mails, err)
	}
	if _, err := c.Decline(ctx); err == nil {
		t.Error("declined at C3")
	}
}

// Another partner, of another class, and what is wrong with a registration.
func TestAddPartner(t *testing.T) {
	ctx := t.Context()
	s := NewServer(t)
	c, err := s.AddPartner(ctx, Partner{Name: "Strict Wages", RedirectURIs: []string{RedirectURI}, Class: "strict", Required: []string{"account.read"}})
	must(t, err)
	o := open(t, s, c, "everything")
	person := s.NewCustomer(email)
	person.Answers = map[string]string{"given_name": "Mira", "family_name": "", "one_name": "yes", "birth_day": "30", "birth_month": "11", "birth_year": "1988",
		"phone": "+44 131 555 0142", "country": "GB", "line1": "7 Harbour Row", "city": "Leith", "postal_code": "EH6 6AB"}
	claim, err := o.account.MintClaimCode(ctx, o.code)
	must(t, err)
	verifier := latchkey.NewVerifier()
	back, err := person.Claim(ctx, c.AuthorizeURL(latchkey.AuthorizeRequest{RedirectURI: RedirectURI, State: o.state, ClaimCode: claim, Challenge: latchkey.Challenge(verifier)}))
	must(t, err)
	r, err := latchkey.ParseReturn(back, o.state)
	if err != nil || r.Issuer != s.URL {
		t.Fatalf("%+v, %v", r, err)
	}
	token, err := c.Exchange(ctx, latchkey.Exchange{Code: r.Code, RedirectURI: RedirectURI, Verifier: verifier})
	if err != nil || token.Scope != "account.read" || token.ExpiresIn != 899 || !token.ExpiresAt.Equal(s.Now().Add(899*time.Second)) {
		t.Errorf("%+v, %v", token, err)
	}
	if _, err := c.Account(token).Profiles(ctx); !errors.Is(err, latchkey.ErrForbidden) {
		t.Errorf("without the scope: %v", err)
	}
	for name, p := range map[string]Partner{
		"no address": {Name: "A"}, "unknown scope": {Name: "A", RedirectURIs: []string{RedirectURI}, Required: []string{"everything"}},
		"unknown optional scope": {Name: "A", RedirectURIs: []string{RedirectURI}, Optional: []string{"everything"}},
		"unknown class":          {Name: "A", RedirectURIs: []string{RedirectURI}, Class: "lax"},
	} {
		if _, err := s.AddPartner(ctx, p); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// The client against the true server: tokens that renew themselves, in two programs at once, and the limits of a partner.
func TestClientAgainstTheServer(t *testing.T) {
	ctx := t.Context()
	s := NewServer(t)
	o := open(t, s, s.Client())
	back, err := s.NewCustomer(email).Claim(ctx, o.address())
	must(t, err)
	r, err := latchkey.ParseReturn(back, o.state)
	must(t, err)
	token, err := o.client.Exchange(ctx, latchkey.Exchange{Code: r.Code, RedirectURI: RedirectURI})
	must(t, err)
	var mu sync.Mutex
	saved := 0
	save := func(_ context.Context, n latchkey.Token) error {
		mu.Lock()
		defer mu.Unlock()
		saved++
		return nil
	}
	one, two := o.client.Account(o.client.Tokens(token, save)), o.client.Account(o.client.Tokens(token, save))
	s.Advance(6*time.Hour + time.Second)
	var wait sync.WaitGroup
	for range 8 {
		for _, account := range []*latchkey.Account{one, two} {
			wait.Go(func() {
				if _, err := account.Me(ctx); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wait.Wait()
	if saved != 2 {
		t.Errorf("saved %d times", saved)
	}
	s.Advance(time.Minute)
	if _, err := o.client.Refresh(ctx, token.RefreshToken); err != nil { // a third program: the tokens of the others are dead
		t.Fatal(err)
	}
	if _, err := one.Me(ctx); err != nil {
		t.Errorf("after another program's refresh: %v", err)
	}
	if exists, err := o.client.UserExists(ctx, email); !exists || err != nil {
		t.Errorf("exists: %t, %v", exists, err)
	}
	if _, err := o.client.CreateUser(ctx, latchkey.NewUser{Email: email, RegistrationCode: o.code}); !errors.Is(err, latchkey.ErrAlreadyMember) {
		t.Errorf("again: %v", err)
	}
	if _, err := one.MintClaimCode(ctx, o.code); !errors.Is(err, latchkey.ErrAlreadyClaimed) {
		t.Errorf("minting after the claim: %v", err)
	}
	slow, err := s.AddPartner(ctx, Partner{Name: "Slow", RedirectURIs: []string{RedirectURI}, PerSecond: 5, PerMinute: 100})
	must(t, err)
	if _, err := slow.ClientGrant(ctx); err != nil {
		t.Fatal(err)
	}
	_, err = slow.ClientGrant(ctx)
	var limited *latchkey.Error
	if !errors.As(err, &limited) || !errors.Is(err, latchkey.ErrLimited) || limited.RetryAfter != time.Second || limited.TraceID == "" {
		t.Errorf("limited: %v", err)
	}
}

// Start and Close leave nothing behind, and two servers do not meet.
func TestStartAndClose(t *testing.T) {
	one, err := Start()
	must(t, err)
	two, err := Start()
	must(t, err)
	if one.URL == two.URL {
		t.Error("two servers at one address")
	}
	must(t, one.Close())
	if _, err := one.Client().ClientGrant(t.Context()); err == nil {
		t.Error("a closed server answers")
	}
	if _, err := two.Client().ClientGrant(t.Context()); err != nil {
		t.Error(err)
	}
	must(t, two.Close())
}

// A person with a profile and a business gives access to the one that the test says, and walks the page of a review.
func TestChoosesTheProfileAndWalksAReview(t *testing.T) {
	ctx := t.Context()
	s := NewServer(t)
	o := open(t, s, s.Client())
	business, err := o.account.CreateBusinessProfile(ctx, latchkey.Business{BusinessName: "Kade Joinery Ltd", RegistrationNumber: "SC700123", CompanyType: "LIMITED",
		IndustryCategories: []string{"SOFTWARE_DEVELOPMENT_PUBLISHING"},
		Address:            &latchkey.BusinessAddress{AddressFirstLine: "7 Harbour Row", City: "Leith", CountryIso3Code: "gbr"},
		BusinessRepresentative: &latchkey.BusinessRepresentative{FirstName: "Mira", LastName: "Kade", DateOfBirth: "1988-11-30",
			Address:        &latchkey.PersonalAddress{AddressFirstLine: "7 Harbour Row", City: "Leith", CountryIso3Code: "gbr", PostCode: "EH6 6AB"},
			ContactDetails: &latchkey.ContactDetails{Email: email, PhoneNumber: "+441315550142"}}}, latchkey.NewKey())
	must(t, err)
	c := s.NewCustomer(email)
	c.Profile, c.Answers = business.ID, map[string]string{"post_code": "EH6 6AB"} // what the partner left out
	back, err := c.Claim(ctx, o.address())
	must(t, err)
	r, err := latchkey.ParseReturn(back, o.state)
	if err != nil || r.ProfileID != business.ID {
		t.Fatalf("%+v, %v", r, err)
	}
	account := o.exchange(back)
	if p, err := account.Profile(ctx, business.ID); err != nil || p.Business.Address.PostCode != "EH6 6AB" {
		t.Errorf("%+v, %v", p.Business, err)
	}
	review, err := account.CreateKYCReview(ctx, business.ID, latchkey.NewKYCReview{Type: "CARD"})
	must(t, err)
	linked, err := account.LinkKYCReview(ctx, business.ID, review.ID, RedirectURI)
	must(t, err)
	if back, err = c.Check(ctx, linked.Link.Value); err != nil || back != RedirectURI+"?status=closed" {
		t.Errorf("back to %s, %v", back, err)
	}
	s.Advance(5*time.Minute + time.Second)
	linked, err = account.LinkKYCReview(ctx, business.ID, review.ID, RedirectURI)
	must(t, err)
	s.Advance(5*time.Minute + time.Second)
	if _, err := c.Check(ctx, linked.Link.Value); err == nil || !strings.Contains(err.Error(), `"e1"`) {
		t.Errorf("a link that has run out: %v", err)
	}
	if _, err := c.Check(ctx, "https://elsewhere.example/"); err == nil {
		t.Error("went to another server")
	}
}

// A request that the server takes and that is not as described is named at the end: another server may refuse it.
func TestDeviationsAreTold(t *testing.T) {
	for name, country := range map[string]string{"as described": "GB", "with a blank": " GB"} {
		s, err := Start()
		must(t, err)
		o := open(t, s, s.Client(), "everything")
		profile, err := o.account.CreatePersonalProfile(t.Context(), latchkey.PersonalProfile{FirstName: "Mira", LastName: "Kade", DateOfBirth: "1988-11-30",
			Address:        &latchkey.PersonalAddress{AddressFirstLine: "7 Harbour Row", City: "Leith", CountryIso3Code: "gbr", PostCode: "EH6 6AB"},
			ContactDetails: &latchkey.ContactDetails{Email: email, PhoneNumber: "+441315550142"}}, "")
		must(t, err)
		_, err = o.account.SaveAddress(t.Context(), profile.ID, latchkey.AddressDetails{Country: country, FirstLine: "9 High Row", City: "Leith", PostCode: "EH6 6AB"})
		must(t, err)
		err = s.Close()
		if told := err != nil && strings.Contains(err.Error(), "not as described") && strings.Contains(err.Error(), "/details/country"); told != (country != "GB") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every kind of notification is as described: Close would tell, and what the description does not have is refused (see the tests of
// the API).
func TestNotificationsAreAsDescribed(t *testing.T) {
	s := NewServer(t)
	came := make(chan string, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var e latchkey.Event
		_ = json.NewDecoder(r.Body).Decode(&e)
		came <- e.Type + " " + e.Schema
	}))
	t.Cleanup(receiver.Close)
	want := map[string]bool{}
	for _, x := range [][]string{{latchkey.EventClaims, "2.0.0", "4.0.0"}, {latchkey.EventGrants, "4.0.0"}, {latchkey.EventProfiles, "4.0.0"},
		{latchkey.EventVerification, "2.0.0", "4.0.0"}, {latchkey.EventProfileState, "4.0.0"}, {latchkey.EventUserState, "2.0.0"},
		{latchkey.EventKYCReview, "2.0.0", "4.0.0", "5.0.0"}, {latchkey.EventCDDCheck, "4.0.0"}, {"balances#update", "2.0.0"}} {
		for _, version := range x[1:] {
			made, err := s.Client().Subscribe(t.Context(), latchkey.NewSubscription{Name: "n", TriggerOn: x[0],
				Delivery: latchkey.SubscriptionDelivery{Version: version, URL: receiver.URL}})
			must(t, err)
			_, err = s.Client().TestSubscription(t.Context(), made.ID)
			must(t, err)
			want[x[0]+" "+version] = true
		}
	}
	for len(want) > 0 {
		delete(want, <-came)
	}
}
