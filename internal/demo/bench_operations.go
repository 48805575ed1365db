package demo

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/latchkey-id/latchkey"
)

// The operations, by the names that the report has.
const (
	opClient     = "client_credentials"
	opClaimCode  = "claim_code"
	opExchange   = "code_exchange"
	opRefresh    = "refresh"
	opIntrospect = "introspection"
	opResource   = "resource_call"
	opJourney    = "claim_journey"
	// opPassword is of the floor alone: one Argon2id hash.
	opPassword = "password_hash"
)

// serverOperations are what is measured, in the order of the report.
func serverOperations() []operation {
	return []operation{
		{opClient, opClient, false, false, clientCredentials},
		{opClaimCode, opClaimCode, false, false, claimCodes},
		{opExchange, opExchange, false, true, codeExchanges},
		{opRefresh, opRefresh, false, true, refreshes},
		{opIntrospect, opIntrospect, false, true, introspections},
		{opResource, opIntrospect, false, true, resourceCalls},
		{opJourney, opPassword, true, true, journeys},
	}
}

const formType = "Content-Type: application/x-www-form-urlencoded"

func basic(c Credentials) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(c.ID+":"+c.Secret))
}

// each makes a worker for each connection to a server.
func (b *Bench) each(origin string, connections int, worker func(i int, w *wire) (func(context.Context) error, error)) ([]benchWorker, error) {
	var workers []benchWorker
	for i := range connections {
		w, err := newWire(origin, b.Now)
		if err != nil {
			return workers, err
		}
		once, err := worker(i, w)
		if err != nil {
			return workers, err
		}
		workers = append(workers, benchWorker{once, w.close})
	}
	return workers, nil
}

// same is a worker that sends one request again and again, whose answer has something in it.
func same(w *wire, request []byte, has string) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := w.do(ctx, request); err != nil {
			return err
		}
		return w.says(has)
	}
}

// says is the error of an answer that is no success or lacks what it must have.
func (w *wire) says(has string) error {
	if err := w.wants(200); err != nil {
		return err
	}
	if !bytes.Contains(w.body, []byte(has)) {
		return fmt.Errorf("no %s in the answer: %.200s", has, w.body)
	}
	return nil
}

const (
	hasAccess = `"access_token":"`
	isActive  = `"active":true`
)

func clientCredentials(_ context.Context, b *Bench, connections, _ int) ([]benchWorker, error) {
	return b.each(b.Server.URL, connections, func(_ int, w *wire) (func(context.Context) error, error) {
		return same(w, w.request("POST", "/oauth/token", "grant_type=client_credentials", formType, basic(b.Classic)), hasAccess), nil
	})
}

// mintsEach is how many claim codes one account may get in a minute (contract 6).
const mintsEach = 5

// claimCodes opens accounts first: each may get a few codes only.
func claimCodes(ctx context.Context, b *Bench, connections, each int) ([]benchWorker, error) {
	per := (each + mintsEach - 1) / mintsEach
	accounts, err := b.opens(ctx, connections*per)
	if err != nil {
		return nil, err
	}
	return b.each(b.Server.URL, connections, func(i int, w *wire) (func(context.Context) error, error) {
		mine, n := accounts[i*per:(i+1)*per], 0
		return func(ctx context.Context) error {
			account := mine[n/mintsEach%per]
			n++
			if err := w.do(ctx, w.request("POST", "/v1/user/claim-account", account.body(), "Content-Type: application/json", account.bearer())); err != nil {
				return err
			}
			return w.says(`"claimAccountCode":"`)
		}, nil
	})
}

// codeExchanges lets customers who are signed in pass by the authorize page for their codes.
func codeExchanges(ctx context.Context, b *Bench, connections, each int) ([]benchWorker, error) {
	people, err := b.people(ctx, connections)
	if err != nil {
		return nil, err
	}
	forms := make([][]string, connections)
	err = together(connections, func(i int) error {
		for range each {
			verifier := latchkey.NewVerifier()
			back, err := people[i].guest.visit(ctx, b.authorizePath(b.Classic, verifier, ""))
			if err != nil {
				return err
			}
			forms[i] = append(forms[i], b.exchangeForm(back, verifier))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return b.each(b.Server.URL, connections, func(i int, w *wire) (func(context.Context) error, error) {
		return inTurn(w, forms[i], func(form string) []byte { return w.request("POST", "/oauth/token", form, formType, basic(b.Classic)) }), nil
	})
}

// inTurn sends one form after the other.
func inTurn(w *wire, forms []string, request func(form string) []byte) func(context.Context) error {
	return func(ctx context.Context) error {
		if len(forms) == 0 {
			return errors.New("no code is left")
		}
		form := forms[0]
		forms = forms[1:]
		if err := w.do(ctx, request(form)); err != nil {
			return err
		}
		return w.says(hasAccess)
	}
}

func (b *Bench) exchangeForm(back *url.URL, verifier latchkey.Secret) string {
	return url.Values{"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {b.RedirectURI},
		"code_verifier": {string(verifier)}}.Encode()
}

// refreshes follows one chain of rotated tokens on each connection.
func refreshes(ctx context.Context, b *Bench, connections, _ int) ([]benchWorker, error) {
	people, err := b.people(ctx, connections)
	if err != nil {
		return nil, err
	}
	return b.each(b.Server.URL, connections, func(i int, w *wire) (func(context.Context) error, error) {
		return chain(w, &people[i].refresh, func(token string) []byte {
			return w.request("POST", "/oauth/token", "grant_type=refresh_token&refresh_token="+token, formType, basic(b.Strict))
		}), nil
	})
}

// chain refreshes by the token of the answer before.
func chain(w *wire, token *string, request func(token string) []byte) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := w.do(ctx, request(*token)); err != nil {
			return err
		}
		if err := w.says(hasAccess); err != nil {
			return err
		}
		next, found := between(w.body, `"refresh_token":"`, `"`)
		if !found || string(next) == *token {
			return fmt.Errorf("the refresh token was not rotated: %.200s", w.body)
		}
		*token = string(next)
		return nil
	}
}

func introspections(ctx context.Context, b *Bench, connections, _ int) ([]benchWorker, error) {
	people, err := b.people(ctx, connections)
	if err != nil {
		return nil, err
	}
	return b.each(b.Server.URL, connections, func(i int, w *wire) (func(context.Context) error, error) {
		return same(w, w.request("POST", "/oauth/introspect", "token="+people[i].access, formType, basic(b.Classic)), isActive), nil
	})
}

// resourceCalls read who a customer is, which opens what is sealed.
func resourceCalls(ctx context.Context, b *Bench, connections, _ int) ([]benchWorker, error) {
	people, err := b.people(ctx, connections)
	if err != nil {
		return nil, err
	}
	return b.each(b.Server.URL, connections, func(i int, w *wire) (func(context.Context) error, error) {
		return same(w, w.request("GET", "/v1/me", "", "Authorization: Bearer "+people[i].access), `"email":"`+people[i].email), nil
	})
}

// journeys are whole: the partner opens an account, says what it knows, mints a code; the customer walks every page from C1 to C11;
// the partner redeems the code.
func journeys(_ context.Context, b *Bench, connections, _ int) ([]benchWorker, error) {
	return b.each(b.Server.URL, connections, func(_ int, w *wire) (func(context.Context) error, error) {
		g, err := newGuest(b.Server.WebURL, b.Now)
		return func(ctx context.Context) error {
			defer g.close() // another person, another browser
			_, err := b.claims(ctx, w, g)
			return err
		}, err
	})
}

// floorOperation is the operation of the floor by its name.
func floorOperation(name string) operation {
	prepare := map[string]func(context.Context, *Bench, int, int) ([]benchWorker, error){
		opClient:     floorRequests("/token", "grant_type=client_credentials", hasAccess),
		opClaimCode:  floorRequests("/claim", "a=b", `"claimAccountCode":"`),
		opPassword:   floorRequests("/password", "", `"ok":true`),
		opExchange:   floorExchanges,
		opRefresh:    floorRefreshes,
		opIntrospect: floorIntrospections,
	}[name]
	return operation{name: name, prepare: prepare}
}

var floorProof = basic(Credentials{floorClient, floorSecret})

func floorRequests(path, form, has string) func(context.Context, *Bench, int, int) ([]benchWorker, error) {
	return func(_ context.Context, b *Bench, connections, _ int) ([]benchWorker, error) {
		return b.each(b.Floor.URL, connections, func(_ int, w *wire) (func(context.Context) error, error) {
			return same(w, w.request("POST", path, form, formType, floorProof), has), nil
		})
	}
}

// floorTexts obtains texts of the floor: codes, or access or refresh tokens.
func floorTexts(ctx context.Context, b *Bench, n int, request func(w *wire) []byte, name string) ([]string, error) {
	w, err := newWire(b.Floor.URL, b.Now)
	if err != nil {
		return nil, err
	}
	defer w.close()
	var texts []string
	for range n {
		if err := w.do(ctx, request(w)); err != nil {
			return nil, err
		}
		text, found := between(w.body, `"`+name+`":"`, `"`)
		if !found {
			return nil, fmt.Errorf("no %s: %.200s", name, w.body)
		}
		texts = append(texts, string(text))
	}
	return texts, nil
}

func floorCode(w *wire) []byte { return w.request("GET", "/code", "") }

func floorExchanges(ctx context.Context, b *Bench, connections, each int) ([]benchWorker, error) {
	codes, err := floorTexts(ctx, b, connections*each, floorCode, "code")
	if err != nil {
		return nil, err
	}
	return b.each(b.Floor.URL, connections, func(i int, w *wire) (func(context.Context) error, error) {
		return inTurn(w, codes[i*each:(i+1)*each], func(code string) []byte {
			return w.request("POST", "/token", "grant_type=authorization_code&code="+code, formType, floorProof)
		}), nil
	})
}

func floorRefreshes(ctx context.Context, b *Bench, connections, _ int) ([]benchWorker, error) {
	tokens, err := floorTexts(ctx, b, connections, floorCode, "code")
	if err != nil {
		return nil, err
	}
	return b.each(b.Floor.URL, connections, func(i int, w *wire) (func(context.Context) error, error) {
		return chain(w, &tokens[i], func(token string) []byte {
			return w.request("POST", "/token", "grant_type=refresh_token&refresh_token="+token, formType, floorProof)
		}), nil
	})
}

func floorIntrospections(ctx context.Context, b *Bench, connections, _ int) ([]benchWorker, error) {
	tokens, err := floorTexts(ctx, b, connections, func(w *wire) []byte {
		return w.request("POST", "/token", "grant_type=client_credentials", formType, floorProof)
	}, "access_token")
	if err != nil {
		return nil, err
	}
	return b.each(b.Floor.URL, connections, func(i int, w *wire) (func(context.Context) error, error) {
		return same(w, w.request("POST", "/introspect", "token="+tokens[i], formType, floorProof), isActive), nil
	})
}

// authorizePath is the way of a customer to the pages, with a claim code or without.
func (b *Bench) authorizePath(c Credentials, verifier latchkey.Secret, claimCode string) string {
	q := url.Values{"response_type": {"code"}, "client_id": {c.ID}, "redirect_uri": {b.RedirectURI}, "state": {"bench"},
		"code_challenge": {latchkey.Challenge(verifier)}, "code_challenge_method": {"S256"}}
	if claimCode != "" {
		q.Set("claim_account_code", claimCode)
	}
	return "/oauth/authorize?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}
