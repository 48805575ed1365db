package latchkey

import (
	"errors"
	"strings"
	"testing"
)

func TestAuthorizeURL(t *testing.T) {
	for _, x := range []struct {
		c    *Client
		r    AuthorizeRequest
		want string
	}{
		{&Client{ID: "acme-treasury"}, AuthorizeRequest{RedirectURI: "https://app.acme.example/cb?a=1&b"},
			"http://localhost:8080/oauth/authorize/?client_id=acme-treasury&redirect_uri=https%3A%2F%2Fapp.acme.example%2Fcb%3Fa%3D1%26b&response_type=code"},
		{&Client{ID: "a&b", BaseURL: "https://api.example.org", WebURL: "https://id.example.org/"},
			AuthorizeRequest{RedirectURI: "r", State: "t 5+5", ClaimCode: "0d1c", Challenge: "c", Scope: "a b"},
			"https://id.example.org/oauth/authorize/?client_id=a%26b&redirect_uri=r&state=t+5%2B5&claim_account_code=0d1c&response_type=code&scope=a+b&code_challenge=c&code_challenge_method=S256"},
	} {
		if got := x.c.AuthorizeURL(x.r); got != x.want {
			t.Errorf("got  %s\nwant %s", got, x.want)
		}
	}
}

func TestParseReturn(t *testing.T) {
	good := "https://app.acme.example/?code=q7Zx81Lm&state=t-5512&profileId=70010001"
	got, err := ParseReturn(good, "t-5512")
	if err != nil || string(got.Code) != "q7Zx81Lm" || got.ProfileID != 70010001 || got.Issuer != "" {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = ParseReturn("/cb?own=1&own=2&code=x&profileId=1&iss=https%3A%2F%2Fid.example.org", "")
	if err != nil || got.Issuer != "https://id.example.org" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, x := range []struct {
		name, address, state string
		is                   error
	}{
		{"another state", good, "t-5513", ErrState},
		{"a state where none was sent", good, "", ErrState},
		{"no state where one was sent", "/?code=x&profileId=1", "t-5512", ErrState},
		{"an error under another state", "/?error=access_denied&state=x", "t-5512", ErrState},
		{"two states", good + "&state=t-5512", "t-5512", ErrReturn},
		{"two codes", good + "&code=z", "t-5512", ErrReturn},
		{"no code", "/?profileId=1", "", ErrReturn},
		{"no profile", "/?code=secret1", "", ErrReturn},
		{"a profile that is no number", "/?code=secret1&profileId=x", "", ErrReturn},
		{"a profile below one", "/?code=secret1&profileId=0", "", ErrReturn},
		{"a bad escape", "/?code=secret1%zz&profileId=1", "", ErrReturn},
		{"no address", "ht!tp://%zz?code=secret1", "", ErrReturn},
	} {
		got, err := ParseReturn(x.address, x.state)
		if !errors.Is(err, x.is) || got != (Return{}) {
			t.Errorf("%s: %+v, %v", x.name, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret1") {
			t.Errorf("%s: the error repeats the code: %v", x.name, err)
		}
	}
	_, err = ParseReturn("/?error=access_denied&error_description=email_unreachable&state=s", "s")
	var back *ReturnError
	if !errors.As(err, &back) || back.Code != "access_denied" || back.Description != "email_unreachable" {
		t.Errorf("%v", err)
	}
}

func FuzzParseReturn(f *testing.F) {
	f.Add("https://app.acme.example/?code=q7Zx81Lm&state=t-5512&profileId=70010001", "t-5512")
	f.Add("/?error=access_denied&state=%zz", "")
	f.Fuzz(func(t *testing.T, address, state string) {
		got, err := ParseReturn(address, state)
		if err == nil && (got.Code == "" || got.ProfileID <= 0) {
			t.Errorf("%q gave %+v", address, got)
		}
		if err != nil && got != (Return{}) {
			t.Errorf("%q gave %+v and %v", address, got, err)
		}
	})
}
