package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey"
)

// held is what a partner's program has in hand while it opens one account, says what it knows, and hands it over: the part of
// a walk that goes through the client package, as a partner's own program would.
type held struct {
	*walk
	client *latchkey.Client
	// foreign is another partner, for whom nothing of this account exists.
	foreign *latchkey.Client
	kind    string
	code    latchkey.Secret
	user    latchkey.User
	// before is the account as the partner reaches it before the claim, after as the customer allowed it; token is of the latter.
	before, after *latchkey.Account
	token         latchkey.Token
	// profile is the one that is claimed, second another one of the same account.
	profile, second latchkey.ProfileID
	review          string
	state           string
	verifier        latchkey.Secret
	exchange        latchkey.Exchange
	// redirect is where customers come back to; empty is the demo partner's own address.
	redirect string
}

// everything is what "--all" adds to the walk: a person and a business, each from the first call to verified.
func (w *walk) everything() []checkPart {
	client := func(id, secret string) *latchkey.Client {
		return &latchkey.Client{BaseURL: w.Web, WebURL: w.Web, ID: id, Secret: latchkey.Secret(secret), HTTP: &http.Client{Transport: patient{w}}}
	}
	make := func(kind string) *held {
		return &held{walk: w, kind: kind, client: client(w.ID, w.Secret), foreign: client(w.OtherID, w.OtherSecret)}
	}
	p, b := make(kindPerson), make(kindBusiness)
	return []checkPart{
		{"person", slices.Concat(p.opens(), p.person(), p.uploads(), p.asks())},
		{"claim", slices.Concat(p.claims(), p.severed())},
		{"access", slices.Concat(p.access(), p.corrected(), p.tokens())},
		{"verify", slices.Concat(p.checked(), p.verifies(), p.locked())},
		{"hooks", p.hooks()},
		{"other", p.otherPartner()},
		{"business", slices.Concat(b.opens(), b.business(), b.people(), b.uploads())},
		{"claim", slices.Concat(b.claims(), b.severed())},
		{"verify", slices.Concat(b.bound(), b.corrected(), b.verifies(), b.locked(), b.regained())},
		{"pages", w.businessPages()},
	}
}

// patient waits as a partner must who asks too often (429, contract 3.1), but waits by the sandbox's clock.
type patient struct{ *walk }

// RoundTrip sends the request, and once more after the wait that was asked for.
func (p patient) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := p.Transport.RoundTrip(r)
	if err != nil || answer.StatusCode != http.StatusTooManyRequests {
		return answer, err
	}
	_ = answer.Body.Close()
	if err := p.advance(r.Context(), answer.Header.Get("Retry-After")+"s"); err != nil {
		return nil, err
	}
	again := r.Clone(r.Context())
	if r.GetBody != nil {
		if again.Body, err = r.GetBody(); err != nil {
			return nil, err
		}
	}
	return p.Transport.RoundTrip(again)
}

// advance moves the sandbox's clock.
func (w *walk) advance(ctx context.Context, by string) error {
	var moved map[string]string
	return w.askJSON(ctx, http.MethodPost, "/dev/clock.json", `{"advance":"`+by+`"}`, &moved)
}

// redirectURI is a registered one.
func (h *held) redirectURI() string { return cmp.Or(h.redirect, h.Demo+"/callback") }

// refusedBy checks that a call failed as it must.
func refusedBy(err, want error) error {
	switch {
	case err == nil:
		return fmt.Errorf("it succeeded, want %q", want)
	case !errors.Is(err, want):
		return fmt.Errorf("%w; want %q", err, want)
	}
	return nil
}

// firstOf is the first error.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// expect compares what came with what must come.
func expect[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s is %v, want %v", what, got, want)
	}
	return nil
}

// opens is the account: who may open one, and what a token of the wrong kind is told.
func (h *held) opens() []checkStep {
	return []checkStep{
		{"an address that nobody has is free", func(ctx context.Context) error {
			h.newBrowser()
			h.email, h.code = newAddress(), latchkey.NewRegistrationCode()
			exists, err := h.client.UserExists(ctx, h.email)
			return firstOf(err, expect("existence", exists, false))
		}},
		{"the client's own token opens the account", func(ctx context.Context) (err error) {
			h.user, err = h.client.CreateUser(ctx, latchkey.NewUser{Email: h.email, RegistrationCode: h.code})
			return firstOf(err, expect("address", h.user.Email, h.email))
		}},
		{"the address is taken now, and opening it again is refused", func(ctx context.Context) error {
			exists, err := h.client.UserExists(ctx, h.email)
			_, again := h.client.CreateUser(ctx, latchkey.NewUser{Email: h.email, RegistrationCode: h.code})
			return firstOf(err, expect("existence", exists, true), refusedBy(again, latchkey.ErrAlreadyMember))
		}},
		{"the registration code gets a token, and another code gets none", func(ctx context.Context) error {
			token, err := h.client.RegistrationGrant(ctx, h.email, h.code)
			h.before = h.client.Account(token)
			_, wrong := h.client.RegistrationGrant(ctx, h.email, latchkey.NewRegistrationCode())
			_, foreign := h.foreign.RegistrationGrant(ctx, h.email, h.code)
			return firstOf(err, refusedBy(wrong, latchkey.ErrInvalidGrant), refusedBy(foreign, latchkey.ErrInvalidGrant))
		}},
		{"each call takes its own kind of token", func(ctx context.Context) error {
			own, err := h.client.ClientGrant(ctx)
			_, reading := h.client.Account(own).Me(ctx)
			_, nobody := h.client.Account(latchkey.Token{AccessToken: "lka_1_1_none"}).Me(ctx)
			me, mine := h.before.Me(ctx)
			_, stranger := h.before.User(ctx, h.user.ID+1)
			return firstOf(err, refusedBy(reading, latchkey.ErrForbidden), refusedBy(nobody, latchkey.ErrUnauthorized), mine,
				expect("user", me.ID, h.user.ID), refusedBy(stranger, latchkey.ErrForbidden))
		}},
	}
}

// uploads are what is asked about the use of the account, and its papers.
func (h *held) uploads() []checkStep {
	evidences, paperOf := personEvidences(), "ID_PROOF"
	if h.kind == kindBusiness {
		evidences, paperOf = businessEvidences(), "BUSINESS_AUTH_REP_PROOF_BY_AUTH_LETTER"
	}
	return []checkStep{
		{"evidences are given and asked for no longer", func(ctx context.Context) error {
			missing, err := h.before.RequiredEvidences(ctx, h.profile)
			given, giving := h.before.GiveEvidences(ctx, h.profile, evidences)
			left, after := h.before.RequiredEvidences(ctx, h.profile)
			if err := firstOf(err, giving, after, expect("outcome", given.OverallStatus, "SUCCESS")); err != nil {
				return err
			}
			if len(left) >= len(missing) {
				return fmt.Errorf("%v were asked for, and then %v", missing, left)
			}
			return nil
		}},
		{"an evidence that is none is named, and the good one taken", func(ctx context.Context) error {
			bad := latchkey.Evidences{IntendedCountries: []string{"fra"}, AccountPurpose: "BECAUSE"}
			if h.kind == kindBusiness {
				bad = latchkey.Evidences{IntendedCountries: []string{"fra"}, MainSourceOfFunding: "BECAUSE"}
			}
			given, err := h.before.GiveEvidences(ctx, h.profile, bad)
			return firstOf(err, expect("outcome", given.OverallStatus, "PARTIAL_SUCCESS"))
		}},
		{"a file is kept once, and a file that lies about its type is not", func(ctx context.Context) error {
			err := h.before.UploadDocument(ctx, h.profile, paperOf, paper("paper.png"))
			again := h.before.UploadDocument(ctx, h.profile, paperOf, paper("paper.png"))
			lie := h.before.UploadDocument(ctx, h.profile, "ADDRESS_PROOF", latchkey.File{Name: "bill.pdf", Content: []byte("#!/bin/sh\n")})
			var refusal *latchkey.Error
			if !errors.As(lie, &refusal) || refusal.Status != http.StatusUnsupportedMediaType {
				lie = fmt.Errorf("a script called bill.pdf: %w, want status 415", lie)
			} else {
				lie = nil
			}
			return firstOf(err, refusedBy(again, latchkey.ErrDuplicate), lie)
		}},
		{"the update window opens twice and closes", func(ctx context.Context) error {
			return firstOf(h.before.OpenUpdateWindow(ctx, h.profile), h.before.OpenUpdateWindow(ctx, h.profile), h.before.CloseUpdateWindow(ctx, h.profile))
		}},
		{"another partner meets nothing of it", func(ctx context.Context) error {
			token, err := h.foreign.ClientGrant(ctx)
			_, reading := h.foreign.Account(token).Profile(ctx, h.profile)
			_, guessed := h.before.Profile(ctx, h.profile+1)
			return firstOf(err, refusedBy(reading, latchkey.ErrForbidden), refusedBy(guessed, latchkey.ErrForbidden))
		}},
	}
}

// newBrowser is another person's: nothing of the last one's is in it.
func (w *walk) newBrowser() {
	allowed := w.browser.allowed
	w.browser, w.email, w.key = newWalker(w.Transport), "", ""
	w.browser.allowed = allowed
}

// shown checks that the page has all the words, in any case: what was said is there to be read.
func (w *walk) shown(words ...string) error {
	body := strings.ToLower(w.browser.page.plain())
	for _, word := range words {
		if !strings.Contains(body, strings.ToLower(word)) {
			return fmt.Errorf("page %s does not show %q", w.browser.page.id(), word)
		}
	}
	return nil
}
