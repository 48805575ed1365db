package partner

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func registration() Registration {
	return Registration{ClientID: "acme-treasury", Secret: "not-so-secret", Name: "Acme Treasury",
		RedirectURIs: []string{"https://app.acme.example/cb"}}
}

func TestRegistrationIsChecked(t *testing.T) {
	if errs := registration().Check(); len(errs) > 0 {
		t.Fatalf("a plain registration: %v", errs)
	}
	yes := true
	full := Registration{ClientID: strings.Repeat("a", 100), Secret: strings.Repeat("s", 200), Name: strings.Repeat("ü", 60),
		HomeURI: "https://acme.example", RestartURI: "https://acme.example/again?x=1", RedirectURIs: []string{"com.acme.app:/cb"},
		Class: "strict", Required: []Scope{ScopeAccountRead}, Optional: []Scope{ScopeProfilesWrite}, Purpose: "To pay you.",
		HideExisting: &yes, PerSecond: 1, PerMinute: 1}
	if errs := full.Check(); len(errs) > 0 {
		t.Fatalf("a full registration: %v", errs)
	}
	for _, c := range []struct {
		name   string
		change func(*Registration)
		want   string
	}{
		{"no name", func(r *Registration) { r.Name = "" }, "name: "},
		{"long name", func(r *Registration) { r.Name = strings.Repeat("x", 61) }, "name: "},
		{"name with a space in front", func(r *Registration) { r.Name = " Acme" }, "name: "},
		{"name that forges a mail header", func(r *Registration) { r.Name = "Acme\r\nBcc: all@example.org" }, "name: "},
		{"name that turns its letters round", func(r *Registration) { r.Name = "Acme\u202eknab" }, "name: "},
		{"name with a letter that is not seen", func(r *Registration) { r.Name = "Ac\u200bme" }, "name: "},
		{"name that is not text", func(r *Registration) { r.Name = "Acme\xff" }, "name: "},
		{"purpose that breaks the page", func(r *Registration) { r.Purpose = "a\x00b" }, "purpose: "},
		{"long purpose", func(r *Registration) { r.Purpose = strings.Repeat("x", 201) }, "purpose: "},
		{"id with a colon", func(r *Registration) { r.ClientID = "a:b" }, "id: "},
		{"id with a percent sign", func(r *Registration) { r.ClientID = "a%3Ab" }, "id: "},
		{"id with a space", func(r *Registration) { r.ClientID = "a b" }, "id: "},
		{"id outside ASCII", func(r *Registration) { r.ClientID = "acmé" }, "id: "},
		{"long id", func(r *Registration) { r.ClientID = strings.Repeat("a", 101) }, "id: "},
		{"short secret", func(r *Registration) { r.Secret = "seven77" }, "secret: "},
		{"long secret", func(r *Registration) { r.Secret = strings.Repeat("s", 201) }, "secret: "},
		{"secret with a plus sign", func(r *Registration) { r.Secret = "aaaa+bbbb" }, "secret: "},
		{"no address", func(r *Registration) { r.RedirectURIs = nil }, "redirect: give at least one"},
		{"bad address", func(r *Registration) { r.RedirectURIs = append(r.RedirectURIs, "http://evil.example") }, "redirect: "},
		{"bad restart address", func(r *Registration) { r.RestartURI = "javascript:alert(1)" }, "restart: "},
		{"bad home address", func(r *Registration) { r.HomeURI = "http://acme.example" }, "home: "},
		{"unknown class", func(r *Registration) { r.Class = "gold" }, `class: class "gold" does not exist`},
		{"class that needs what is not built", func(r *Registration) { r.Class = "fapi2" }, "class: "},
		{"negative limit", func(r *Registration) { r.PerSecond = -1 }, "limits: "},
		{"unknown scope", func(r *Registration) { r.Required = []Scope{"money.move"} }, `scope "money.move" does not exist`},
		{"scope both ways", func(r *Registration) { r.Required, r.Optional = AllScopes(), []Scope{ScopeAccountRead} }, "at once"},
	} {
		r := registration()
		c.change(&r)
		errs := r.Check()
		if len(errs) != 1 || !strings.Contains(errs[0].Error(), c.want) {
			t.Errorf("%s: %v, want one error with %q", c.name, errs, c.want)
		}
	}
}

// TestAllMistakesAreToldAtOnce: in the same order each time, so that two runs can be compared.
func TestAllMistakesAreToldAtOnce(t *testing.T) {
	r := Registration{ClientID: "a:b", Secret: "x", RestartURI: "x", HomeURI: "x", Class: "x", PerMinute: -1, Optional: []Scope{"x"}}
	first := errors.Join(r.Check()...).Error()
	if n := strings.Count(first, "\n") + 1; n != 9 {
		t.Errorf("%d mistakes of 9:\n%s", n, first)
	}
	for range 20 {
		if again := errors.Join(r.Check()...).Error(); again != first {
			t.Fatalf("another order:\n%s\n\n%s", first, again)
		}
	}
}

func TestClasses(t *testing.T) {
	for name, want := range map[string]string{"": "classic", "classic": "classic", "strict": "strict"} {
		c, err := ClassNamed(name)
		if err != nil || c.Name != want {
			t.Errorf("%q: %s, %v", name, c.Name, err)
		}
	}
	for _, name := range []string{"fapi2", "Classic", "gold", " "} {
		if c, err := ClassNamed(name); err == nil || c != (Class{}) {
			t.Errorf("%q: %v, %v", name, c, err)
		}
	}
	// Design section 5, the table.
	if c := Classic; c.AccessLife != 12*time.Hour || c.RefreshLife != 7300*24*time.Hour || c.RotatesRefresh || c.CodeLife != 30*time.Minute ||
		c.GrantLife != 0 || c.RequiresPKCE || c.NamesIssuer || !c.PrintsStamps || !c.UnauthorizedGrant || c.FixedScopeText != "transfers" {
		t.Errorf("classic: %+v", c)
	}
	if s := Strict; s.AccessLife != 15*time.Minute || s.RefreshIdle != 90*24*time.Hour || s.RefreshLife != 365*24*time.Hour || !s.RotatesRefresh ||
		s.CodeLife != time.Minute || s.GrantLife != 365*24*time.Hour || !s.RequiresPKCE || !s.RequiresResponseType || !s.NamesIssuer ||
		s.PrintsStamps || s.UnauthorizedGrant || !s.HidesExisting || s.FixedScopeText != "" {
		t.Errorf("strict: %+v", s)
	}
}

func TestScopes(t *testing.T) {
	for text, want := range map[string][]Scope{
		"":                                 nil,
		"account.read":                     {ScopeAccountRead},
		"  profiles.write   account.read ": {ScopeProfilesWrite, ScopeAccountRead},
		"account.read account.read":        {ScopeAccountRead},
	} {
		got, err := ParseScopes(text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"transfers", "account.read money", "ACCOUNT.READ", "account.read,profiles.read"} {
		if got, err := ParseScopes(text); err == nil || got != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	all, err := ParseScopes(FormatScopes(AllScopes()))
	if err != nil || !slices.Equal(all, AllScopes()) {
		t.Errorf("all scopes there and back: %v, %v", all, err)
	}
	if ScopeAccountRead.Acts() || ScopeProfilesRead.Acts() || !ScopeProfilesWrite.Acts() {
		t.Error("reading and acting are confused")
	}
	p := Partner{RequiredScopes: []Scope{ScopeAccountRead}, OptionalScopes: []Scope{ScopeProfilesWrite}}
	if !p.Requires(ScopeAccountRead) || p.Requires(ScopeProfilesWrite) || !slices.Equal(p.Scopes(), []Scope{ScopeAccountRead, ScopeProfilesWrite}) {
		t.Errorf("scopes of a partner: %v", p.Scopes())
	}
}

func TestSecretsEndOnTheMillisecond(t *testing.T) {
	end := time.UnixMilli(1_800_000_000_000).UTC()
	if !(Secret{}).Alive(end) {
		t.Error("a secret without an end is dead")
	}
	for after, want := range map[time.Duration]bool{-time.Millisecond: true, 0: false, time.Millisecond: false} {
		if (Secret{EndsAt: end}).Alive(end.Add(after)) != want {
			t.Errorf("%v after its end: want %t", after, want)
		}
	}
}
