package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// A benchAccount is one that the partner opened and that nobody has claimed.
type benchAccount struct {
	email, code, access string
}

func (a benchAccount) bearer() string { return "Authorization: Bearer " + a.access }
func (a benchAccount) body() string   { return fmt.Sprintf(`{"registrationCode":%q}`, a.code) }

// A benchCustomer has claimed an account and is signed in.
type benchCustomer struct {
	email string
	guest *guest
	// access is of the classic partner, refresh the newest of the strict one's chain.
	access, refresh string
}

// setupAtOnce is how many connections prepare a measurement.
const setupAtOnce = 8

// together runs a function for each of n, some at once, until one fails: a measurement cannot be prepared by half, and a server that refuses one
// thousand times in the same words is told of once. It returns the first error.
func together(n int, do func(i int) error) error {
	var failed atomic.Pointer[error]
	seats := make(chan struct{}, setupAtOnce)
	var all sync.WaitGroup
	for i := range n {
		seats <- struct{}{}
		if failed.Load() != nil {
			break
		}
		all.Go(func() {
			defer func() { <-seats }()
			if err := do(i); err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	all.Wait()
	if first := failed.Load(); first != nil {
		return *first
	}
	return nil
}

// readJSON makes a request and reads the answer's JSON.
func (w *wire) readJSON(ctx context.Context, request []byte, into any) error {
	if err := w.do(ctx, request); err != nil {
		return err
	}
	if err := w.wants(http.StatusOK); err != nil {
		return err
	}
	return json.Unmarshal(w.body, into)
}

type benchToken struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// application obtains the partner's own token.
func (b *Bench) application(ctx context.Context, w *wire) (string, error) {
	var t benchToken
	err := w.readJSON(ctx, w.request("POST", "/oauth/token", "grant_type=client_credentials", formType, basic(b.Classic)), &t)
	return "Authorization: Bearer " + t.Access, err
}

// opens opens accounts.
func (b *Bench) opens(ctx context.Context, n int) ([]benchAccount, error) {
	accounts := make([]benchAccount, n)
	wires := make(chan *wire, setupAtOnce)
	for range setupAtOnce {
		w, err := newWire(b.Server.URL, b.Now)
		if err != nil {
			return nil, err
		}
		defer w.close()
		wires <- w
	}
	w := <-wires
	application, err := b.application(ctx, w)
	wires <- w
	if err != nil {
		return nil, err
	}
	err = together(n, func(i int) (err error) {
		w := <-wires
		defer func() { wires <- w }()
		accounts[i], err = b.account(ctx, w, application)
		return err
	})
	return accounts, err
}

// account opens one account and obtains its token.
func (b *Bench) account(ctx context.Context, w *wire, application string) (benchAccount, error) {
	b.mu.Lock()
	if b.run == "" {
		b.run = secret.TraceID()[:8]
	}
	b.accounts++
	a := benchAccount{email: fmt.Sprintf("bench-%s-%d@example.org", b.run, b.accounts), code: string(latchkey.NewRegistrationCode())}
	b.mu.Unlock()
	signUp := fmt.Sprintf(`{"email":%q,"registrationCode":%q}`, a.email, a.code)
	if err := w.do(ctx, w.request("POST", "/v1/user/signup/registration_code", signUp, "Content-Type: application/json", application)); err != nil {
		return a, err
	}
	if err := w.wants(http.StatusOK); err != nil {
		return a, fmt.Errorf("opening an account: %w", err)
	}
	var t benchToken
	form := "grant_type=registration_code&email=" + a.email + "&registration_code=" + a.code
	if err := w.readJSON(ctx, w.request("POST", "/oauth/token", form, formType, basic(b.Classic)), &t); err != nil {
		return a, fmt.Errorf("obtaining its token: %w", err)
	}
	a.access = t.Access
	return a, nil
}

// benchProfile is complete, so that the customer only confirms.
const benchProfile = `{"firstName":"Mira","lastName":"Kade","address":{"addressFirstLine":"7 Harbour Row","city":"Leith","countryIso3Code":"gbr","postCode":"EH6 6AB"},` +
	`"nationality":"gbr","dateOfBirth":"1988-11-30","contactDetails":{"email":"mira.kade@example.org","phoneNumber":"+441315550142"},"occupations":[]}`

// claims is one whole journey in a new browser.
func (b *Bench) claims(ctx context.Context, w *wire, g *guest) (*benchCustomer, error) {
	application, err := b.application(ctx, w)
	if err != nil {
		return nil, err
	}
	a, err := b.account(ctx, w, application)
	if err != nil {
		return nil, err
	}
	if err := w.do(ctx, w.request("POST", "/v2/profiles/personal-profile", benchProfile, "Content-Type: application/json", a.bearer())); err != nil {
		return nil, err
	}
	if err := w.wants(http.StatusOK); err != nil {
		return nil, fmt.Errorf("saying who it is: %w", err)
	}
	var minted struct {
		Code string `json:"claimAccountCode"`
	}
	if err := w.readJSON(ctx, w.request("POST", "/v1/user/claim-account", a.body(), "Content-Type: application/json", a.bearer()), &minted); err != nil {
		return nil, fmt.Errorf("minting a claim code: %w", err)
	}
	verifier := latchkey.NewVerifier()
	clear(g.jar)
	back, err := g.claim(ctx, b.authorizePath(b.Classic, verifier, minted.Code), a.email, b.mailbox.code)
	if err != nil {
		return nil, err
	}
	var t benchToken
	if err := w.readJSON(ctx, w.request("POST", "/oauth/token", b.exchangeForm(back, verifier), formType, basic(b.Classic)), &t); err != nil {
		return nil, fmt.Errorf("redeeming the code: %w", err)
	}
	return &benchCustomer{email: a.email, guest: g, access: t.Access}, nil
}

// people are as many customers as there are connections; those of before are kept.
func (b *Bench) people(ctx context.Context, n int) ([]*benchCustomer, error) {
	missing := n - len(b.customers)
	if missing <= 0 {
		return b.customers[:n], nil
	}
	b.say("%d customers claim their accounts", missing)
	made := make([]*benchCustomer, missing)
	err := together(missing, func(i int) error {
		w, err := newWire(b.Server.URL, b.Now)
		if err != nil {
			return err
		}
		defer w.close()
		g, err := newGuest(b.Server.WebURL, b.Now)
		if err != nil {
			return err
		}
		if made[i], err = b.claims(ctx, w, g); err != nil || b.Strict.ID == "" {
			return err
		}
		return b.allowsStrict(ctx, w, made[i])
	})
	if err != nil {
		return nil, fmt.Errorf("claiming accounts: %w", err)
	}
	b.customers = append(b.customers, made...)
	return b.customers[:n], nil
}

// allowsStrict lets the partner whose refresh tokens are rotated in too.
func (b *Bench) allowsStrict(ctx context.Context, w *wire, c *benchCustomer) error {
	verifier := latchkey.NewVerifier()
	back, err := c.guest.visit(ctx, b.authorizePath(b.Strict, verifier, ""))
	if err != nil {
		return err
	}
	var t benchToken
	if err := w.readJSON(ctx, w.request("POST", "/oauth/token", b.exchangeForm(back, verifier), formType, basic(b.Strict)), &t); err != nil {
		return fmt.Errorf("redeeming the code of the strict partner: %w", err)
	}
	c.refresh = t.Refresh
	return nil
}
