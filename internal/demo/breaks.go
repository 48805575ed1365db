package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// breakRow is one way to break the journey: what it does, and the page that must appear.
type breakRow struct {
	// Name is the last part of its address.
	Name, Title, Text string
	// Expect is the id of the page that must appear, ExpectText the same in words.
	Expect, ExpectText string
	// Needs says what must have happened before; empty for nothing.
	Needs string
}

// breakResult is what a break found out by itself, for those that need no person.
type breakResult struct {
	Row   breakRow
	Lines []string
	// Address is the e-mail address of the account that was opened for the break: page C1 asks for it.
	Address string
	// Found is the page that appeared, Good whether it is the expected one.
	Found string
	Good  bool
	Calls []Call
}

// signedOut is what a break needs that shows C1: a browser that is signed in meets E9 instead.
const signedOut = "Use a private window, or sign out of the server first: a browser that is signed in meets E9 instead."

// rows are all breaks, in the order of journey.md section 6.
var rows = []breakRow{
	{"expired", "A code that has run out", "Mints a code, moves the sandbox's clock on by 5 minutes and 1 second, and opens it.", "e1", "E1: This link has run out", ""},
	{"superseded", "An older code", "Mints two codes and opens the first. A newer code replaces older ones.", "e1", "E1: This link has run out", ""},
	{"used", "A code that was used", "Opens the code with which this browser's account was claimed.", "e2.claimed", "E2: This account is already set up", "Claim the account of pages 1 to 4 first."},
	{"unknown", "A code that nobody minted", "Opens a code drawn here and never seen by the server.", "e4", "E4: This link does not work", ""},
	{"foreign", "Another partner's code", "Has the second partner mint a code, and opens it as this one.", "e4", "E4: This link does not work", ""},
	{"address", "An address that is not registered", "Asks for the return to go to /elsewhere.", "e5", "E5: We cannot tell where this request came from", ""},
	{"no-state", "No state", "Goes without state. The journey works; on return page 4 must refuse, because it cannot tell this return from one that somebody else made.", "c1", "C1, and after the journey page 4 without access", signedOut},
	{"state", "An altered state", "Comes back with another state than the one that was sent.", "demo4", "Page 4 without access", ""},
	{"scanner", "A mail scanner", "Lets ten scanners open the link and press what they find, then opens it for you.", "c1", "C1: Finish setting up your account", signedOut},
	{"double", "A double click", "Presses Start twice with one form, and compares the two answers.", "c2", "C2, twice the same answer", ""},
	{"cookie", "A lost cookie", "Opens the link elsewhere and gives you the address it led to.", "e6", "E6: Your browser did not keep your place", ""},
	{"existing", "An e-mail that has an account", "Opens an account for an address that is claimed: 409, and the way on is to sign in.", "r5", "409 NOT_UNIQUE, then R5: Continue as ... (R1 when nobody is signed in)", "Claim the account of pages 1 to 4 first, in this browser."},
	{"wrong-user", "Signed in as somebody else", "Opens a link for another person in this browser.", "e9", "E9: You are signed in as ...", "Claim the account of pages 1 to 4 first, in this browser."},
}

func rowNamed(name string) (breakRow, bool) {
	for _, row := range rows {
		if row.Name == name {
			return row, true
		}
	}
	return breakRow{}, false
}

// breaks is page 8.
func (s *site) breaks(w http.ResponseWriter, r *http.Request) {
	session := s.sessions.of(w, r)
	state := session.view()
	v := appView{ID: "demo8", Step: 8, Title: "Break it", Session: state, Breaks: rows, Result: state.Result}
	if state.Result != nil {
		v.Calls = state.Result.Calls
	}
	s.write(w, r, http.StatusOK, pageBreaks, v)
}

// doBreak runs one break. It ends on the server's page that must appear, or on page 8 with what was found.
func (s *site) doBreak(w http.ResponseWriter, r *http.Request) {
	row, known := rowNamed(r.PathValue("name"))
	if !known {
		http.NotFound(w, r)
		return
	}
	b := &breaker{site: s, session: s.sessions.of(w, r), row: row, rec: s.record()}
	address, err := b.run(r.Context())
	b.result.Row, b.result.Calls = row, b.rec.list()
	if err != nil {
		b.result.Found = problemText(err)
		b.result.Lines = append(b.result.Lines, "It could not be tried.")
		if errors.Is(err, errNotYet) {
			b.result.Found = row.Needs
		}
		address = "/break"
	}
	b.session.change(func(state *sessionState) { state.Result = &b.result })
	http.Redirect(w, r, address, http.StatusSeeOther)
}

// errNotYet: the break needs what has not happened in this browser.
var errNotYet = errors.New("the journey was not walked yet in this browser")

// breaker is one break under way.
type breaker struct {
	*site
	session *session
	row     breakRow
	rec     *recorder
	result  breakResult
}

// run does what the break says and returns where the browser goes next.
func (b *breaker) run(ctx context.Context) (string, error) {
	client := b.client(b.rec)
	switch b.row.Name {
	case "unknown":
		return b.authorize(b.session, client, latchkey.Secret(secret.UUID())), nil
	case "foreign":
		code, _, err := b.fresh(ctx, &latchkey.Client{BaseURL: b.API, WebURL: b.Web, ID: b.OtherID, Secret: latchkey.Secret(b.OtherSecret),
			HTTP: &http.Client{Transport: b.rec}})
		return b.authorize(b.session, client, code), err
	case "used":
		return b.used(client)
	case "state":
		b.authorize(b.session, client, "")
		return "/callback?code=forged&state=altered&profileId=1", nil
	case "existing":
		return b.existing(ctx, client)
	}
	code, email, err := b.fresh(ctx, client)
	if err != nil {
		return "", err
	}
	b.result.Address = email
	switch b.row.Name {
	case "expired":
		if err := b.advance(ctx, "5m1s"); err != nil {
			return "", err
		}
	case "superseded":
		return b.superseded(ctx, client)
	case "address":
		return strings.Replace(b.authorize(b.session, client, code), "callback", "elsewhere", 1), nil
	case "no-state":
		return b.withoutState(client, code), nil
	case "scanner":
		return b.scanner(ctx, client, code)
	case "double":
		return b.double(ctx, client, code, email)
	case "cookie":
		return b.cookie(ctx, client, code)
	}
	return b.authorize(b.session, client, code), nil
}

// fresh opens an account nobody has claimed and mints a code for it.
func (b *breaker) fresh(ctx context.Context, c *latchkey.Client) (latchkey.Secret, string, error) {
	opened, err := open(ctx, c, newAddress())
	if err != nil {
		return "", "", err
	}
	code, err := c.Account(opened.Token).MintClaimCode(ctx, opened.Code)
	return code, opened.Email, err
}

func (b *breaker) superseded(ctx context.Context, c *latchkey.Client) (string, error) {
	opened, err := open(ctx, c, newAddress())
	if err != nil {
		return "", err
	}
	account := c.Account(opened.Token)
	first, err := account.MintClaimCode(ctx, opened.Code)
	if err != nil {
		return "", err
	}
	if _, err := account.MintClaimCode(ctx, opened.Code); err != nil {
		return "", err
	}
	return b.authorize(b.session, c, first), nil
}

// used opens the code of the account that this browser has claimed.
func (b *breaker) used(c *latchkey.Client) (string, error) {
	state := b.session.view()
	if state.Claimed == "" || state.ClaimCode == "" {
		return "", errNotYet
	}
	return b.authorize(b.session, c, state.ClaimCode), nil
}

// existing opens an account for the claimed address, expects the refusal, and goes to sign in.
func (b *breaker) existing(ctx context.Context, c *latchkey.Client) (string, error) {
	state := b.session.view()
	if state.Claimed == "" {
		return "", errNotYet
	}
	_, err := c.CreateUser(ctx, latchkey.NewUser{Email: state.Claimed, RegistrationCode: latchkey.NewRegistrationCode()})
	if !errors.Is(err, latchkey.ErrAlreadyMember) {
		b.result.Found = "the server made a second account"
		return "/break", nil
	}
	b.result.Good, b.result.Found = true, "409 NOT_UNIQUE"
	return b.authorize(b.session, c, ""), nil
}

// withoutState builds the address by hand: the client package does not forget the state.
func (b *breaker) withoutState(c *latchkey.Client, code latchkey.Secret) string {
	b.authorize(b.session, c, code)
	return c.AuthorizeURL(latchkey.AuthorizeRequest{RedirectURI: b.redirectURI(), ClaimCode: code,
		Challenge: latchkey.Challenge(b.session.view().Verifier)})
}

// scanner opens the link ten times as mail scanners do, each with a jar of its own, and presses the first button.
func (b *breaker) scanner(ctx context.Context, c *latchkey.Client, code latchkey.Secret) (string, error) {
	address := b.authorize(b.session, c, code)
	for range 10 {
		visitor := newWalker(b.rec.next)
		if err := visitor.open(ctx, address); err != nil {
			return "", err
		}
		if err := visitor.submit(ctx, "", map[string]string{"email": "scanner@example.org"}); err != nil && !errors.Is(err, errNoForm) {
			return "", err
		}
		b.result.Lines = append(b.result.Lines, "A scanner ended at page "+visitor.page.id()+".")
	}
	return address, nil
}

// double sends one form twice and compares the answers.
func (b *breaker) double(ctx context.Context, c *latchkey.Client, code latchkey.Secret, email string) (string, error) {
	visitor := newWalker(b.rec.next)
	if err := visitor.open(ctx, b.authorize(b.session, c, code)); err != nil {
		return "", err
	}
	address, form, err := visitor.page.fill("", map[string]string{"email": email})
	if err != nil {
		return "", err
	}
	var led [2]string
	for i := range led {
		if led[i], err = visitor.one(ctx, http.MethodPost, address, form); err != nil {
			return "", err
		}
		b.result.Lines = append(b.result.Lines, fmt.Sprintf("Click %d led to %s", i+1, led[i]))
	}
	if led[0] != "" {
		if err := visitor.open(ctx, led[0]); err != nil {
			return "", err
		}
	}
	b.result.Found = visitor.page.id()
	b.result.Good = led[0] != "" && led[0] == led[1] && b.result.Found == b.row.Expect
	return "/break", nil
}

// cookie opens the link in a browser of its own and returns where it led, for a browser that has no cookie.
func (b *breaker) cookie(ctx context.Context, c *latchkey.Client, code latchkey.Secret) (string, error) {
	visitor := newWalker(b.rec.next)
	if err := visitor.open(ctx, b.authorize(b.session, c, code)); err != nil {
		return "", err
	}
	return visitor.page.url.String(), nil
}

// advance moves the sandbox's clock through its own door.
func (b *breaker) advance(ctx context.Context, by string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.Web+"/dev/clock.json", strings.NewReader(`{"advance":"`+by+`"}`))
	if err != nil {
		return err
	}
	answer, err := b.rec.next.RoundTrip(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("moving the clock: status %d", answer.StatusCode)
	}
	return nil
}

// refusedReturn says why a return gave no access.
func refusedReturn(err error) returned {
	var refused *latchkey.ReturnError
	switch {
	case errors.Is(err, latchkey.ErrState):
		return returned{Problem: "The state is not the one that was sent, so the return is not used: it may be another person's."}
	case errors.As(err, &refused) && refused.Code == "access_denied":
		return returned{StateMatched: true, Problem: "The customer came back without giving access.", Reason: refused.Description}
	case errors.As(err, &refused):
		return returned{StateMatched: true, Problem: "The server could not serve the request: " + refused.Code + ".", Reason: refused.Description}
	}
	return returned{Problem: "The return cannot be read, so it is not used."}
}
