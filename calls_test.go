package latchkey_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/latchkeytest"
)

// Every method of the client, against a true server: what it sends is taken, and what comes back is read.

// tour is one partner's program that calls everything. asked are its requests, "METHOD path".
type tour struct {
	*testing.T
	server *latchkeytest.Server
	client *latchkey.Client
	asked  []string

	code               latchkey.Secret
	user               latchkey.User
	before, after      *latchkey.Account
	token              latchkey.Token
	personal, business latchkey.ProfileID
}

func (x *tour) RoundTrip(r *http.Request) (*http.Response, error) {
	x.asked = append(x.asked, r.Method+" "+r.URL.Path)
	return http.DefaultTransport.RoundTrip(r)
}

const tourEmail = "mira.kade@example.org"

func newTour(t *testing.T) *tour {
	x := &tour{T: t, server: latchkeytest.NewServer(t)}
	base := x.server.Client()
	x.client = &latchkey.Client{BaseURL: base.BaseURL, ID: base.ID, Secret: base.Secret, Now: base.Now, HTTP: &http.Client{Transport: x}}
	return x
}

// ok fails the test when a call did, or when what came is not what must come.
func (x *tour) ok(err error, right ...bool) {
	x.Helper()
	if err != nil {
		x.Fatal(err)
	}
	for i, good := range right {
		if !good {
			x.Fatalf("what must hold (number %d) does not", i+1)
		}
	}
}

// not checks that a call failed as it must.
func (x *tour) not(err, want error) {
	x.Helper()
	if !errors.Is(err, want) {
		x.Errorf("%v, want %v", err, want)
	}
}

// TestEveryCallAgainstATrueServer calls each method of the client, and compares what was asked with the table of docs/api.md: an
// operation that no method calls, and an exception that is none, both fail.
func TestEveryCallAgainstATrueServer(t *testing.T) {
	x := newTour(t)
	ctx := t.Context()
	for _, part := range []func(context.Context){x.opens, x.person, x.evidences, x.company, x.people, x.oldest, x.keys, x.approval, x.subscribes, x.profileSubscribes,
		x.claims, x.renews, x.reviews, x.verifies} {
		part(ctx)
	}
	uncalled, stale := compareOperations(readFile(t, "docs/api.md"), x.asked, withoutMethod)
	for _, operation := range uncalled {
		t.Errorf("no method calls %s", operation)
	}
	for _, operation := range stale {
		t.Errorf("%s is listed as one that no method calls", operation)
	}
}

func (x *tour) opens(ctx context.Context) {
	own, err := x.client.Bearer(ctx)
	granted, granting := x.client.ClientGrant(ctx)
	x.ok(errors.Join(err, granting), own != "", granted.RefreshToken == "", granted.ExpiresIn == 43199)
	x.code = latchkey.NewRegistrationCode()
	exists, err := x.client.UserExists(ctx, tourEmail)
	x.ok(err, !exists)
	x.user, err = x.client.CreateUser(ctx, latchkey.NewUser{Email: tourEmail, RegistrationCode: x.code, Language: "DE"})
	x.ok(err, x.user.ID > 0, x.user.Email == tourEmail, x.user.Details == nil)
	token, err := x.client.RegistrationGrant(ctx, tourEmail, x.code)
	x.ok(err, token.RefreshToken != "")
	x.before = x.client.Account(token)
	me, err := x.before.Me(ctx)
	byID, reading := x.before.User(ctx, x.user.ID)
	x.ok(errors.Join(err, reading), me.ID == x.user.ID, byID.Email == tourEmail)
	_, err = x.before.User(ctx, x.user.ID+1)
	x.not(err, latchkey.ErrForbidden)
	set, err := x.before.SetContactEmail(ctx, x.user.ID, "mira@kade.example")
	got, reading := x.before.ContactEmail(ctx, x.user.ID)
	x.ok(errors.Join(err, reading), set == "mira@kade.example", got == set)
	_, err = x.before.SetContactEmail(ctx, x.user.ID, tourEmail)
	x.ok(err)
}

func (x *tour) person(ctx context.Context) {
	key := latchkey.NewKey()
	who := latchkey.PersonalProfile{FirstName: "Mira", LastName: "Kade", DateOfBirth: "1988-11-30",
		Address:        &latchkey.PersonalAddress{AddressFirstLine: "7 Harbour Row", City: "Leith", CountryIso3Code: "gbr", PostCode: "EH6 6AB"},
		ContactDetails: &latchkey.ContactDetails{Email: tourEmail, PhoneNumber: "+441315550142"}}
	made, err := x.before.CreatePersonalProfile(ctx, who, key)
	again, repeat := x.before.CreatePersonalProfile(ctx, who, key)
	x.ok(errors.Join(err, repeat), made.ID > 0, again.ID == made.ID, made.Details.FirstName == "Mira")
	x.personal = made.ID
	_, err = x.before.CreatePersonalProfile(ctx, who, "")
	x.not(err, latchkey.ErrDuplicate)
	updated, err := x.before.UpdatePersonalProfile(ctx, x.personal, latchkey.PersonalProfile{Nationality: "gbr"})
	x.ok(err, updated.Details.Nationality == "gbr", updated.Details.LastName == "Kade")
	p, err := x.before.Profile(ctx, x.personal)
	list, listing := x.before.Profiles(ctx)
	x.ok(errors.Join(err, listing), p.FullName == "Mira Kade", p.Business == nil, len(list) == 1)

	first, err := x.before.AddressRequirements(ctx, latchkey.RequirementsRequest{})
	here, asking := x.before.AddressRequirements(ctx, latchkey.RequirementsRequest{Details: latchkey.RequirementsDetails{Country: "US"}})
	x.ok(errors.Join(err, asking), len(first) > 0, len(here) > 0, len(here[0].Fields) > len(first[0].Fields))
	saved, err := x.before.SaveAddress(ctx, x.personal, latchkey.AddressDetails{Country: "GB", FirstLine: "9 Harbour Row", City: "Leith", PostCode: "EH6 6AB"})
	addresses, listing := x.before.Addresses(ctx, x.personal)
	one, reading := x.before.Address(ctx, saved.ID)
	x.ok(errors.Join(err, listing, reading), len(addresses) == 1, one.Profile == x.personal, one.Details.FirstLine == "9 Harbour Row")

	x.ok(x.before.AddIdentityDocument(ctx, x.personal, latchkey.IdentityDocument{Type: "PASSPORT", UniqueIdentifier: "P7001234", IssuerCountry: "GB"}))
	x.ok(x.before.ReplaceIdentityDocument(ctx, x.personal, latchkey.IdentityDocument{Type: "PASSPORT", UniqueIdentifier: "P7009876", IssuerCountry: "GB"}))
	x.ok(x.before.OpenUpdateWindow(ctx, x.personal))
	x.ok(x.before.CloseUpdateWindow(ctx, x.personal))
}

// picture is the smallest PNG that is one: a signature is what types are told by.
var picture = []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89")

func (x *tour) evidences(ctx context.Context) {
	missing, err := x.before.RequiredEvidences(ctx, x.personal)
	given, giving := x.before.GiveEvidences(ctx, x.personal, latchkey.Evidences{AccountPurpose: "PAYING_BILLS", IntendedCountries: []string{"gbr"}})
	left, after := x.before.RequiredEvidences(ctx, x.personal)
	x.ok(errors.Join(err, giving, after), given.OverallStatus == "SUCCESS", len(given.Results) == 2, slices.Contains(missing, "ACCOUNT_PURPOSE"), !slices.Contains(left, "ACCOUNT_PURPOSE"))
	form, err := x.before.ExtensionRequirements(ctx, x.personal)
	saving := x.before.SaveExtensions(ctx, x.personal, latchkey.Extensions{AccountPurpose: "GENERAL_MONTHLY_LIVING_EXPENSES"})
	read, reading := x.before.Extensions(ctx, x.personal)
	x.ok(errors.Join(err, saving, reading), len(form) == 1, read.AccountPurpose == "GENERAL_MONTHLY_LIVING_EXPENSES")
	var refusal *latchkey.Error
	if err := x.before.SaveExtensions(ctx, x.personal, latchkey.Extensions{AccountPurpose: "FUN"}); !errors.As(err, &refusal) || refusal.Fields[0].Path != "accountPurpose" {
		x.Errorf("a purpose that is none: %v", err)
	}
	x.ok(x.before.UploadDocument(ctx, x.personal, "ID_PROOF", latchkey.File{Name: "passport.png", Content: picture}))
	x.not(x.before.UploadDocument(ctx, x.personal, "ID_PROOF", latchkey.File{Name: "passport.png", Content: picture}), latchkey.ErrDuplicate)
}

func (x *tour) company(ctx context.Context) {
	made, err := x.before.CreateBusinessProfile(ctx, latchkey.Business{BusinessName: "Kade Joinery Ltd", RegistrationNumber: "SC700123", CompanyType: "LIMITED",
		IndustryCategories: []string{"SOFTWARE_DEVELOPMENT_PUBLISHING"},
		Address:            &latchkey.BusinessAddress{AddressFirstLine: "7 Harbour Row", City: "Leith", CountryIso3Code: "gbr", PostCode: "EH6 6AB"},
		BusinessRepresentative: &latchkey.BusinessRepresentative{FirstName: "Mira", LastName: "Kade", DateOfBirth: "1988-11-30",
			Address:        &latchkey.PersonalAddress{AddressFirstLine: "7 Harbour Row", City: "Leith", CountryIso3Code: "gbr", PostCode: "EH6 6AB"},
			ContactDetails: &latchkey.ContactDetails{Email: tourEmail, PhoneNumber: "+441315550142"}}}, latchkey.NewKey())
	x.ok(err, made.ID > 0, made.BusinessName == "Kade Joinery Ltd", made.BusinessCategories == nil)
	x.business = made.ID
	updated, err := x.before.UpdateBusinessProfile(ctx, x.business, latchkey.Business{Webpage: "https://kade.example"})
	read, reading := x.before.Profile(ctx, x.business)
	x.ok(errors.Join(err, reading), updated.Webpage == "https://kade.example", read.Business != nil, read.Business.RegistrationNumber == "SC700123")
	r, err := x.before.BusinessRepresentative(ctx, x.business)
	changed, changing := x.before.UpdateBusinessRepresentative(ctx, x.business, latchkey.RepresentativeUpdate{UpdateContext: latchkey.UpdateDetails, PreferredName: "Mimi"})
	x.ok(errors.Join(err, changing), r.FirstName == "Mira", changed.PreferredName == "Mimi", changed.BusinessRepresentativeID == r.BusinessRepresentativeID)
}

func (x *tour) people(ctx context.Context) {
	ada := latchkey.Director{FirstName: "Ada", LastName: "Holm", DateOfBirth: "1979-03-14", CountryOfResidenceIso3Code: "deu"}
	added, err := x.before.AddDirectors(ctx, x.business, []latchkey.Director{ada})
	replaced, replacing := x.before.ReplaceDirectors(ctx, x.business, []latchkey.Director{ada, ada})
	listed, listing := x.before.Directors(ctx, x.business)
	removing := x.before.RemoveDirectors(ctx, x.business)
	none, emptying := x.before.Directors(ctx, x.business)
	x.ok(errors.Join(err, replacing, listing, removing, emptying), len(added) == 1, len(replaced) == 2, len(listed) == 2, len(none) == 0)
	key := latchkey.NewKey()
	first, err := x.before.Once(key).AddDirectors(ctx, x.business, []latchkey.Director{ada})
	again, repeating := x.before.Once(key).AddDirectors(ctx, x.business, []latchkey.Director{ada})
	x.ok(errors.Join(err, repeating), len(first) == 1, len(again) == 1, again[0].ID == first[0].ID)
	_, err = x.before.Once(key).AddDirectors(ctx, x.business, []latchkey.Director{ada, ada})
	x.not(err, latchkey.ErrDuplicate)
	upload := latchkey.File{Name: "letter.png", Content: picture}
	x.ok(errors.Join(x.before.Once(key).UploadDocument(ctx, x.business, "ADDRESS_PROOF", upload), x.before.Once(key).UploadDocument(ctx, x.business, "ADDRESS_PROOF", upload)))
	_, err = x.before.AddDirectors(ctx, x.personal, []latchkey.Director{ada})
	x.not(err, latchkey.ErrForbidden)

	part := int32(60)
	owner := latchkey.BeneficialOwner{Name: "Ada Holm", DateOfBirth: "1979-03-14", CountryOfResidenceIso3Code: "deu", AddressFirstLine: "1 Dock Street", PostCode: "20457", OwnershipPercentage: &part}
	owners, err := x.before.AddBeneficialOwners(ctx, x.business, []latchkey.BeneficialOwner{owner})
	newer, replacing := x.before.ReplaceBeneficialOwners(ctx, x.business, []latchkey.BeneficialOwner{owner})
	all, listing := x.before.BeneficialOwners(ctx, x.business)
	x.ok(errors.Join(err, replacing, listing), len(owners) == 1, newer[0].ID != owners[0].ID, *all[0].OwnershipPercentage == 60)
}

// oldest are the profiles of the first version.
func (x *tour) oldest(ctx context.Context) {
	list, err := x.before.ProfilesV1(ctx)
	x.ok(err, len(list) == 2)
	one, err := x.before.ProfileV1(ctx, x.business)
	x.ok(err, one.Personal == nil, one.Business != nil, one.Business.Name == "Kade Joinery Ltd")
	updated, err := x.before.UpdateProfileV1(ctx, latchkey.ProfileRequestV1{ID: x.personal, Type: "personal", Details: &latchkey.DetailsV1{PreferredName: "Mimi"}})
	x.ok(err, updated.Business == nil, updated.Personal.PreferredName == "Mimi", updated.Personal.PrimaryAddress != nil)
	_, err = x.before.CreateProfileV1(ctx, latchkey.ProfileRequestV1{Type: "personal", Details: &latchkey.DetailsV1{FirstName: "Mira", LastName: "Kade", DateOfBirth: "1988-11-30",
		PhoneNumber: "+441315550142"}}, latchkey.NewKey())
	x.not(err, latchkey.ErrDuplicate)
	_, err = x.before.ProfileV1(ctx, x.business+1)
	x.not(err, latchkey.ErrForbidden)
}

// keys are phone numbers and keys of the client's, and the server's own.
func (x *tour) keys(ctx context.Context) {
	number, err := x.client.AddPhoneNumber(ctx, x.user.ID, "+49 151 5550 4321")
	x.ok(err, number.PhoneNumber == "+4915155504321", !number.Verified, number.ClientID == x.client.ID, number.Type == "PRIMARY")
	var refusal *latchkey.Error
	if err = x.client.ReportWrongPerson(ctx, x.user.ID); !errors.As(err, &refusal) || refusal.Code != "NOT_REPORTABLE" {
		x.Errorf("reporting an account that nobody has claimed: %v", err)
	}
	if _, err = x.client.AddPhoneNumber(ctx, x.user.ID, "+4915155504321"); !errors.As(err, &refusal) || refusal.Code != "phone.number.repeated" {
		x.Errorf("the same number again: %v", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	x.ok(err)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	x.ok(err)
	mine := latchkey.RequestKey{KeyID: latchkey.NewKey(), Scope: "PAYLOAD_SIGNING", ValidFrom: latchkey.KeyStamp{Time: x.server.Now().Truncate(time.Second)},
		PublicKeyMaterial: latchkey.KeyMaterial{Algorithm: "ES256", KeyMaterial: base64.StdEncoding.EncodeToString(der)}}
	added, err := x.client.AddRequestKey(ctx, mine)
	x.ok(err, added.KeyID == mine.KeyID, added.PublicKeyMaterial == mine.PublicKeyMaterial, added.ValidFrom.Equal(mine.ValidFrom.Time), added.ValidTill.IsZero())
	mine.PublicKeyMaterial.Algorithm = "PS256"
	if _, err = x.client.AddRequestKey(ctx, mine); !errors.As(err, &refusal) || refusal.Status != 400 || refusal.Fields[0].Path != "publicKeyMaterial.keyMaterial" {
		x.Errorf("a key of another kind: %v", err)
	}
	theirs, err := x.client.ResponseKey(ctx, "PS256", "PAYLOAD_SIGNING")
	x.ok(err, theirs.Version == 1, theirs.KeyMaterial.Algorithm == "PS256", theirs.Scope == "PAYLOAD_SIGNING")
	der, err = base64.StdEncoding.DecodeString(theirs.KeyMaterial.KeyMaterial)
	x.ok(err)
	_, err = x509.ParsePKIXPublicKey(der)
	x.ok(err)
	_, err = x.client.ResponseKey(ctx, "RSA_OAEP_256", "PAYLOAD_ENCRYPTION")
	x.not(err, latchkey.ErrNotFound)
}

// approval is a one-time token, from the refusal that brings it to the call that it clears.
func (x *tour) approval(ctx context.Context) {
	var refusal *latchkey.Error
	err := x.before.SimulateProtected(ctx, "")
	if !errors.As(err, &refusal) || !errors.Is(err, latchkey.ErrForbidden) || refusal.OneTimeToken == "" {
		x.Fatalf("a protected call: %v", err)
	}
	if text := fmt.Sprintf("%v %+v", err, *refusal); strings.Contains(text, string(refusal.OneTimeToken)) {
		x.Errorf("the error shows the token: %s", text)
	}
	token := string(refusal.OneTimeToken)
	open, err := x.before.OneTimeToken(ctx, token)
	sent, triggering := x.before.TriggerOneTimeToken(ctx, token, "whatsapp")
	x.ok(errors.Join(err, triggering), !open.Challenges[0].Passed, open.UserID == x.user.ID, sent.ObfuscatedPhoneNo == "*********4321")
	passed, err := x.before.VerifyOneTimeToken(ctx, token, "whatsapp", "111111")
	x.ok(errors.Join(err, x.before.SimulateProtected(ctx, token)), passed.Challenges[0].Passed)
}

// subscribes is a receiver of the program's own, which checks what it gets.
func (x *tour) subscribes(ctx context.Context) {
	var receiver latchkey.Receiver
	got := make(chan error, 8)
	inbox := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := receiver.Read(r)
		if err == nil && (!n.Test || n.Type != latchkey.EventClaims || n.DeliveryID == "") {
			err = fmt.Errorf("notification %+v", n)
		}
		got <- err
	}))
	x.Cleanup(inbox.Close)
	made, err := x.client.Subscribe(ctx, latchkey.NewSubscription{Name: "claims", TriggerOn: latchkey.EventClaims,
		Delivery: latchkey.SubscriptionDelivery{Version: "4.0.0", URL: inbox.URL + "/hook"}})
	x.ok(err, strings.HasPrefix(string(made.Secret), "whsec_"), made.Scope.ID == x.client.ID)
	keys, err := x.client.WebhookKeys(ctx)
	x.ok(err)
	receiver = latchkey.Receiver{Keys: keys, Secrets: map[string]latchkey.Secret{made.ID: made.Secret}, Now: x.server.Now}
	list, err := x.client.Subscriptions(ctx)
	one, reading := x.client.Subscription(ctx, made.ID)
	x.ok(errors.Join(err, reading), len(list) == 1, one.ID == made.ID, one.Secret == "")
	sent, err := x.client.TestSubscription(ctx, made.ID)
	x.ok(err, len(sent) > 0)
	select {
	case err := <-got:
		x.ok(err)
	case <-time.After(20 * time.Second): // a limit, not a measurement
		x.Fatal("no notification came")
	}
	x.ok(x.client.Unsubscribe(ctx, made.ID))
	_, err = x.client.Subscription(ctx, made.ID)
	x.not(err, latchkey.ErrNotFound)
}

func (x *tour) profileSubscribes(ctx context.Context) {
	made, err := x.before.Subscribe(ctx, x.personal, latchkey.NewSubscription{Name: "transfers", TriggerOn: "transfers#state-change",
		Delivery: latchkey.SubscriptionDelivery{Version: "2.0.0", URL: "https://hooks.acme.example/in"}})
	list, listing := x.before.Subscriptions(ctx, x.personal)
	one, reading := x.before.Subscription(ctx, x.personal, made.ID)
	x.ok(errors.Join(err, listing, reading), len(list) == 1, one.Scope.Domain == "profile", one.CreatedBy.Type == "user", made.Secret == "")
	x.ok(x.before.Unsubscribe(ctx, x.personal, made.ID))
	_, err = x.before.Subscription(ctx, x.personal, made.ID)
	x.not(err, latchkey.ErrNotFound)
}

// claims is the hand-over, by a code that is bound to one authorize request.
func (x *tour) claims(ctx context.Context) {
	_, err := x.before.MintClaimCode(ctx, x.code)
	x.ok(err)
	state, verifier := latchkey.NewState(), latchkey.NewVerifier()
	request := latchkey.AuthorizeRequest{RedirectURI: latchkeytest.RedirectURI, State: state, Challenge: latchkey.Challenge(verifier)}
	request.ClaimCode, err = x.before.MintClaimCodeFor(ctx, latchkey.ClaimRequest{RegistrationCode: x.code, RedirectURI: request.RedirectURI, State: state, CodeChallenge: request.Challenge})
	x.ok(err)
	customer := x.server.NewCustomer(tourEmail)
	customer.Profile = x.personal
	x.ok(customer.Open(ctx, x.client.AuthorizeURL(request)))
	x.ok(customer.Secure(ctx))
	x.ok(customer.Review(ctx))
	address, err := customer.Allow(ctx, "profiles.write")
	x.ok(err)
	back, err := latchkey.ParseReturn(address, state)
	x.ok(err, back.ProfileID == x.personal)
	x.token, err = x.client.Exchange(ctx, latchkey.Exchange{Code: back.Code, RedirectURI: request.RedirectURI, Verifier: verifier})
	x.ok(err)
	_, err = x.before.Me(ctx)
	x.not(err, latchkey.ErrUnauthorized)
	x.after = x.client.Account(x.token)
	_, err = x.after.MintClaimCode(ctx, x.code)
	x.not(err, latchkey.ErrAlreadyClaimed)
}

// renews replaces a token by hand, and by a holder of tokens that meets the loss of its own.
func (x *tour) renews(ctx context.Context) {
	next, err := x.client.Refresh(ctx, x.token.RefreshToken)
	x.ok(err, next.AccessToken != x.token.AccessToken)
	_, err = x.after.Me(ctx)
	x.not(err, latchkey.ErrUnauthorized)
	works, err := x.client.Introspect(ctx, next.AccessToken)
	x.ok(err, works.Active, works.ClientID == x.client.ID, works.TokenType == "bearer", works.ExpiresAt().After(x.server.Now()))
	x.ok(x.client.Revoke(ctx, next.AccessToken))
	over, err := x.client.Introspect(ctx, next.AccessToken)
	x.ok(err, over == latchkey.Introspection{}, over.ExpiresAt().IsZero())
	saved := 0
	tokens := x.client.Tokens(x.token, func(context.Context, latchkey.Token) error { saved++; return nil })
	x.after = x.client.Account(tokens)
	_, err = x.after.Me(ctx)
	x.ok(err, saved == 1)
	list, err := x.after.Profiles(ctx)
	x.ok(err, len(list) == 1, list[0].ID == x.personal)
	_, err = x.after.Profile(ctx, x.business)
	x.not(err, latchkey.ErrForbidden)
}

func (x *tour) reviews(ctx context.Context) {
	made, err := x.after.CreateKYCReview(ctx, x.personal, latchkey.NewKYCReview{Type: "QUOTE", TriggerData: &latchkey.TriggerData{ID: latchkey.NewKey()}})
	x.ok(err, made.Status == latchkey.ReviewWaitingCustomerInput, len(made.Requirements) > 0, len(made.TriggerReferences) == 1)
	list, err := x.after.KYCReviews(ctx, x.personal, 1)
	none, beyond := x.after.KYCReviews(ctx, x.personal, 2)
	x.ok(errors.Join(err, beyond), len(list) == 1, list[0].ID == made.ID, len(none) == 0)
	linked, err := x.after.LinkKYCReview(ctx, x.personal, made.ID, latchkeytest.RedirectURI)
	x.ok(err, linked.Link != nil, linked.RedirectURL == latchkeytest.RedirectURI)
	customer := x.server.NewCustomer(tourEmail)
	back, err := customer.Check(ctx, linked.Link.Value)
	x.ok(err, strings.HasSuffix(back, "status=closed"))
	flow, err := x.after.EmbedKYCReview(ctx, x.personal, made.ID, latchkeytest.RedirectURI)
	x.ok(err, flow.URL != linked.Link.Value)
	if _, err := customer.Check(ctx, linked.Link.Value); err == nil || !strings.Contains(err.Error(), `"e4"`) {
		x.Errorf("a link that a newer one ended: %v", err)
	}
	x.ok(x.after.SubmitKYCRequirement(ctx, x.personal, "ANNUAL_VOLUME", latchkey.KYCSubmission{KYCReviewID: made.ID, Data: latchkey.Evidences{YearlyAnticipatedVolume: "0_2350"}}))
	x.ok(x.after.SimulateKYCReview(ctx, x.personal, made.ID, latchkey.SimulateAdd, latchkey.SimulatedStep{Requirement: "SOURCE_OF_WEALTH"}))
	x.ok(x.after.SimulateKYCReview(ctx, x.personal, made.ID, latchkey.SimulateSubmit, latchkey.SimulatedStep{Requirement: "SOURCE_OF_WEALTH"}))
	open, err := x.after.SimulateKYCRequirements(ctx, x.personal, made.ID)
	x.ok(err, slices.Contains(open, latchkey.SimulatedRequirement{Key: "SOURCE_OF_WEALTH", State: "IN_REVIEW"}))
	x.ok(x.after.SimulateKYCReview(ctx, x.personal, made.ID, latchkey.SimulateVerify, latchkey.SimulatedStep{RequestedAction: "APPROVE"}))
	read, err := x.after.KYCReview(ctx, x.personal, made.ID)
	x.ok(err, read.Status == latchkey.ReviewPassed)
}

func (x *tour) verifies(ctx context.Context) {
	before, err := x.after.VerificationStatus(ctx, x.personal, "GBP", "EUR")
	x.ok(err, len(before.Routes) == 2, before.Routes[1].CurrentStatus == latchkey.NotVerified)
	x.ok(x.after.SimulateVerification(ctx, x.personal))
	x.ok(x.after.SimulateVerifications(ctx))
	after, err := x.after.VerificationStatus(ctx, x.personal, "GBP")
	old, reading := x.after.ProfileVerification(ctx, x.personal)
	receipts, listed := x.after.Receipts(ctx) // signed within a second: all, or not yet
	x.ok(listed, !slices.ContainsFunc(receipts, func(r latchkey.Receipt) bool { return strings.Count(r.Receipt, ".") != 2 }))
	disputes, listing := x.after.Disputes(ctx, x.personal)
	x.ok(errors.Join(err, reading, listing), after.Routes[0].CurrentStatus == latchkey.Verified, old.CurrentStatus == latchkey.Verified, len(disputes) == 0)
	_, err = x.after.UpdatePersonalProfile(ctx, x.personal, latchkey.PersonalProfile{FirstName: "Miranda"})
	x.not(err, latchkey.ErrLocked)
}

// withoutMethod are the operations that the client has no method for, and why.
var withoutMethod = map[string]string{
	"GET /receipts/keys.json":                                              "for latchkey receipt verify, which reads a file",
	"GET /v1/terms/{client}":                                               "a paragraph for browsers",
	"POST /v2/profiles/business-profile":                                   "older form of the creation of a business",
	"POST /v3/profiles/business-profile":                                   "older form of the creation of a business",
	"PUT /v2/profiles/{profile}/business-profile":                          "older form of the update of a business",
	"POST /v1/profiles/{profile}/extension-requirements":                   "the same form as by GET",
	"POST /v3/profiles/{profile}/additional-verification/upload-evidences": "older form of evidences, without a result for each",
	"GET /v1/profiles/{profile}/kyc-reviews/{review}":                      "older form of a review",
	"GET /webhooks/signing-keys.json":                                      "the keys of signing-key.pem in another form",
	"GET /.well-known/oauth-authorization-server":                          "for clients that configure themselves; this one knows the server",
	"GET /openapi.json":                                                    "a description, no call",
	"GET /docs":                                                            "a page, no call",
	"POST /v2/profiles/{profile}/pin":                                      "not built (501)",
	"DELETE /v2/profiles/{profile}/pin":                                    "not built (501)",
	"POST /v2/profiles/{profile}/pin/verify":                               "not built (501)",
	"POST /v2/profiles/{profile}/device-fingerprints":                      "not built (501)",
	"GET /v2/profiles/{profile}/device-fingerprints":                       "not built (501)",
	"POST /v2/profiles/{profile}/facemaps":                                 "not built (501)",
	"DELETE /v2/profiles/{profile}/facemaps":                               "not built (501)",
	"POST /v2/profiles/{profile}/sca-sessions/authorise":                   "not built (501)",
	"POST /v1/user/pin":                                                    "not built (501)",
	"POST /v1/user/partner-device-fingerprints":                            "not built (501)",
	"POST /v1/user/facemap/enrol":                                          "not built (501)",
}

// operationRow is a row of the table of endpoints: method, path with a version of its own, path under a calendar label.
var operationRow = regexp.MustCompile("(?m)^\\| (GET|POST|PUT|PATCH|DELETE) \\| (`[^`]+`|—) \\| (`[^`]+`|—) \\|")

// compareOperations tells which operations of the table were not asked for and are no exceptions, and which exceptions are stale:
// asked for after all, or not in the table. /openapi.json and /docs need not be in the table.
func compareOperations(table string, asked []string, exceptions map[string]string) (uncalled, stale []string) {
	rows := map[string]bool{}
	for _, row := range operationRow.FindAllStringSubmatch(table, -1) {
		name, called := "", false
		for _, path := range row[2:] {
			path = strings.Trim(path, "`")
			if path == "—" {
				continue
			}
			if name == "" {
				name = row[1] + " " + path
			}
			pattern := regexp.MustCompile("^" + row[1] + " " + regexp.MustCompile(`\\{[a-z]+\\}`).ReplaceAllString(regexp.QuoteMeta(path), "[^/]+") + "$")
			called = called || slices.ContainsFunc(asked, pattern.MatchString)
		}
		rows[name] = called
		if _, excepted := exceptions[name]; !called && !excepted {
			uncalled = append(uncalled, name)
		}
	}
	for name := range exceptions {
		if called, there := rows[name]; called || !there && !strings.HasPrefix(name, "GET /openapi") && name != "GET /docs" {
			stale = append(stale, name)
		}
	}
	return uncalled, stale
}

// The comparison finds what it is for.
func TestCompareOperations(t *testing.T) {
	const table = "| GET | `/v1/a/{x}` | `/2026Q3/a/{x}` | anyone | |\n| POST | `/v1/b` | — | anyone | |\n| PUT | — | `/2026Q3/c` | anyone | |\n"
	for name, x := range map[string]struct {
		asked      []string
		exceptions map[string]string
		uncalled   string
		stale      string
	}{
		"all":             {[]string{"GET /2026Q3/a/7", "POST /v1/b", "PUT /2026Q3/c"}, nil, "", ""},
		"the older path":  {[]string{"GET /v1/a/7", "POST /v1/b", "PUT /2026Q3/c"}, nil, "", ""},
		"one less":        {[]string{"GET /2026Q3/a/7/more", "POST /v1/b", "PUT /2026Q3/c"}, nil, "GET /v1/a/{x}", ""},
		"excepted":        {[]string{"POST /v1/b", "PUT /2026Q3/c"}, map[string]string{"GET /v1/a/{x}": "why"}, "", ""},
		"excepted, asked": {[]string{"GET /v1/a/1", "POST /v1/b", "PUT /2026Q3/c"}, map[string]string{"GET /v1/a/{x}": "why"}, "", "GET /v1/a/{x}"},
		"no such":         {[]string{"GET /v1/a/1", "POST /v1/b", "PUT /2026Q3/c"}, map[string]string{"GET /v9": "why"}, "", "GET /v9"},
		"another method":  {[]string{"GET /v1/a/1", "GET /v1/b", "PUT /2026Q3/c"}, nil, "POST /v1/b", ""},
	} {
		uncalled, stale := compareOperations(table, x.asked, x.exceptions)
		if strings.Join(uncalled, " ") != x.uncalled || strings.Join(stale, " ") != x.stale {
			t.Errorf("%s: uncalled %q, stale %q", name, uncalled, stale)
		}
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Days go both ways, in the zone of the moment that they are taken from.
func TestDates(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	if d := latchkey.DateOf(time.Date(2031, 2, 3, 0, 30, 0, 0, berlin)); d != "2031-02-03" {
		t.Errorf("day %s", d)
	}
	day, err := latchkey.Date("2031-02-03").Time()
	if err != nil || !day.Equal(time.Date(2031, 2, 3, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%v, %v", day, err)
	}
	for _, none := range []latchkey.Date{"", "2031-02-30", "03.02.2031", "2031-2-3"} {
		if _, err := none.Time(); err == nil {
			t.Errorf("%q is a day", none)
		}
	}
}
