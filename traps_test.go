package latchkey_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/latchkeytest"
)

// What known clients send on the way through the pages that a server would not expect (contract 17). The others are with the API.

// postForm asks the token endpoint in the words of a client: a raw form, with a content type of its own.
func postForm(t *testing.T, c *latchkey.Client, kind, form string) map[string]any {
	t.Helper()
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		r.Header.Set("Content-Type", kind)
		r.SetBasicAuth(c.ID, string(c.Secret))
		return http.DefaultTransport.RoundTrip(r)
	})
	return call(t, &http.Client{Transport: transport}, "POST", c.BaseURL+"/oauth/token", form, 200)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (fn roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return fn(r) }

// The official sample applications: an address that is not encoded, no state, no slash, a charset behind the content type; they
// read profileId from the return, keep whatever refresh token the refresh brings, and read the profile by its id.
func TestTrapSampleApp(t *testing.T) {
	t.Parallel()
	const home, kind = "http://localhost:3000/wise-redirect", "application/x-www-form-urlencoded;charset=UTF-8"
	s := latchkeytest.NewServer(t)
	c, err := s.AddPartner(t.Context(), latchkeytest.Partner{Name: "Sample Partner", RedirectURIs: []string{home}})
	if err != nil {
		t.Fatal(err)
	}
	back, err := s.NewCustomer(foreignEmail).Claim(t.Context(), s.URL+"/oauth/authorize?client_id="+c.ID+"&redirect_uri="+home+"&claim_account_code="+claimCode(t, prefilled(t, c)))
	if err != nil {
		t.Fatal(err)
	}
	returned := regexp.MustCompile(`^http://localhost:3000/wise-redirect\?code=([^&]+)&profileId=([0-9]+)$`).FindStringSubmatch(back)
	if returned == nil {
		t.Fatalf("back to %s", back)
	}
	token := postForm(t, c, kind, "grant_type=authorization_code&client_id="+c.ID+"&code="+returned[1]+"&redirect_uri="+home)
	token = postForm(t, c, kind, "grant_type=refresh_token&refresh_token="+token["refresh_token"].(string))
	if text, is := token["refresh_token"].(string); !is || text == "" {
		t.Fatalf("the refresh brings no refresh token: %v", token)
	}
	bearer := roundTrip(func(r *http.Request) (*http.Response, error) {
		r.Header.Set("Authorization", "Bearer "+token["access_token"].(string))
		return http.DefaultTransport.RoundTrip(r)
	})
	if profile := call(t, &http.Client{Transport: bearer}, "GET", s.URL+"/v2/profiles/"+returned[2], "", 200); profile["fullName"] != "Mira Kade" {
		t.Errorf("profile %v", profile)
	}
}

// Clients that build the authorize address themselves: from the API's origin, without the slash, with a response type and a scope
// that the documents do not have; and the documented example, whose address has an empty path, to which the way back adds one.
func TestTrapAuthorizeAddresses(t *testing.T) {
	t.Parallel()
	const bare, query = "https://www.partner.example", "https://www.partner.example/cb?tenant=7"
	s := latchkeytest.NewServer(t)
	c, err := s.AddPartner(t.Context(), latchkeytest.Partner{Name: "Bare Partner", RedirectURIs: []string{bare, query}})
	if err != nil {
		t.Fatal(err)
	}
	a := prefilled(t, c)
	for _, address := range []string{
		"/oauth/authorize?client_id=" + c.ID + "&redirect_uri=" + bare + "&response_type=code&scope=transfers+balances&state=s&claim_account_code=",
		"/oauth/authorize/?client_id=" + c.ID + "&redirect_uri=" + url.QueryEscape(query) + "&state=%E2%82%AC+%2B&claim_account_code=",
	} {
		customer := s.NewCustomer(foreignEmail)
		if err := customer.Open(t.Context(), s.URL+address+claimCode(t, a)); err != nil || customer.Page() != "c1" {
			t.Errorf("%s: page %s, %v", address, customer.Page(), err)
		}
	}
	back, err := s.NewCustomer(foreignEmail).Claim(t.Context(), s.URL+"/oauth/authorize/?client_id="+c.ID+"&redirect_uri="+bare+"&state=t+%2B5512%C3%A9&claim_account_code="+claimCode(t, a))
	if err != nil || !regexp.MustCompile(`^https://www\.partner\.example/\?code=[^&]+&state=t\+%2B5512%C3%A9&profileId=[0-9]+$`).MatchString(back) {
		t.Errorf("back to %s, %v", back, err)
	}
}

// Clients that follow redirects, and those that do not: no call of the API is answered by one, whatever its path ends in.
func TestTrapRedirects(t *testing.T) {
	t.Parallel()
	s := latchkeytest.NewServer(t)
	client := http.Client{CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		t.Errorf("led to %s", r.URL)
		return http.ErrUseLastResponse
	}}
	for _, path := range []string{"/oauth/token", "/oauth/token/", "/oauth/token//", "/v1/me/", "//v1/me", "/v1//me/", "/v1/profiles/", "/2026Q3/profiles/", "/v3/applications/x/subscriptions/"} {
		for _, method := range []string{"GET", "POST"} {
			r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(""))
			if err != nil {
				t.Fatal(err)
			}
			got, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, got.Body)
			_ = got.Body.Close()
			if got.StatusCode < 400 || got.StatusCode > 499 {
				t.Errorf("%s %s: %d", method, path, got.StatusCode)
			}
		}
	}
}

// The official collections say postcodes that no country has. They are taken as they were said; the customer is asked for a true
// one before anything is confirmed.
func TestTrapPostcode(t *testing.T) {
	t.Parallel()
	ctx, s := t.Context(), latchkeytest.NewServer(t)
	c := s.Client()
	a := prefilled(t, c)
	profiles, err := a.Profiles(ctx)
	if err != nil || len(profiles) != 1 {
		t.Fatal(profiles, err)
	}
	said, err := a.SaveAddress(ctx, profiles[0].ID, latchkey.AddressDetails{Country: "GB", FirstLine: "1 A Road", PostCode: "A11D33", City: "London"})
	if err != nil || said.Details.PostCode != "A11D33" {
		t.Fatalf("%+v, %v", said, err)
	}
	customer := s.NewCustomer(foreignEmail)
	address := c.AuthorizeURL(latchkey.AuthorizeRequest{RedirectURI: latchkeytest.RedirectURI, State: "s", ClaimCode: latchkey.Secret(claimCode(t, a))})
	for _, step := range []error{customer.Open(ctx, address), customer.Secure(ctx)} {
		if step != nil {
			t.Fatal(step)
		}
	}
	if err := customer.Review(ctx); err == nil {
		t.Error("the postcode is confirmed as the partner said it")
	}
	customer.Answers = map[string]string{"postal_code": "nw1 6xe"}
	if err := customer.Open(ctx, address); err != nil {
		t.Fatal(err)
	}
	if err := customer.Review(ctx); err != nil {
		t.Fatal(err)
	}
	back, err := customer.Allow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	returned, err := latchkey.ParseReturn(back, "s")
	if err != nil {
		t.Fatal(err)
	}
	token, err := c.Exchange(ctx, latchkey.Exchange{Code: returned.Code, RedirectURI: latchkeytest.RedirectURI})
	if err != nil {
		t.Fatal(err)
	}
	mine, err := c.Account(token).Profile(ctx, returned.ProfileID)
	if err != nil || mine.Address.PostCode != "NW1 6XE" {
		t.Errorf("%+v, %v", mine.Address, err)
	}
}

// A delivered is a notification as a receiver got it, the secret of its subscription, and the published keys.
type delivered struct {
	header http.Header
	body   []byte
	secret latchkey.Secret
	pem    string
}

// deliver has a test notification delivered to a receiver of the partner's.
func deliver(t *testing.T, s *latchkeytest.Server, trigger, version string) delivered {
	t.Helper()
	in := make(chan delivered, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusNoContent)
		in <- delivered{header: r.Header, body: body}
	}))
	t.Cleanup(receiver.Close)
	made, err := s.Client().Subscribe(t.Context(), latchkey.NewSubscription{Name: "n", TriggerOn: trigger, Delivery: latchkey.SubscriptionDelivery{Version: version, URL: receiver.URL + "/in"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Client().TestSubscription(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	d := <-in
	d.secret = made.Secret
	got, err := http.Get(s.URL + "/webhooks/signing-key.pem")
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	d.pem = string(text)
	return d
}

// What receivers of others do: RSASSA-PKCS1-v1_5 with SHA-256 over the bytes as they came, by the key as it is published. Of two
// versions one has seconds, the other milliseconds. No header of the older signature is sent, which would be checked first.
func TestTrapSignature(t *testing.T) {
	t.Parallel()
	s := latchkeytest.NewServer(t)
	for version, stamp := range map[string]string{"2.0.0": `"sent_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"`, "4.0.0": `"sent_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`} {
		d := deliver(t, s, "profiles#verification-state-change", version)
		block, rest := pem.Decode([]byte(d.pem))
		if block == nil || block.Type != "PUBLIC KEY" || len(rest) != 0 {
			t.Fatalf("the published key: %s", d.pem)
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil || key.(*rsa.PublicKey).N.BitLen() != 2048 {
			t.Fatalf("the published key: %v", err)
		}
		signature, err := base64.StdEncoding.DecodeString(d.header.Get("X-Signature-SHA256"))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(d.body)
		if err := rsa.VerifyPKCS1v15(key.(*rsa.PublicKey), crypto.SHA256, sum[:], signature); err != nil {
			t.Errorf("version %s: %v", version, err)
		}
		if d.header.Get("X-Signature") != "" || d.header.Get("X-Test-Notification") != "true" || len(d.header.Get("X-Delivery-Id")) != 36 {
			t.Errorf("headers %v", d.header)
		}
		if !regexp.MustCompile(stamp).Match(d.body) || !strings.Contains(string(d.body), `"schema_version":"`+version+`"`) {
			t.Errorf("version %s: %s", version, d.body)
		}
	}
}
