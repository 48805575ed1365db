package api

import (
	"cmp"
	"errors"
	"strconv"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// Errors of the token endpoint.
var (
	errNoGrantType = errors.New("no grant type")
	errGrantType   = errors.New("grant type is not served")
)

// missingError is a field that the grant type needs.
type missingError struct{ name string }

func (e missingError) Error() string { return "missing " + e.name }

// Wrong secrets are slowed down for each client and network: by client alone, a stranger could shut a partner out (I12).
const (
	wrongSecretsPerSecond = 5
	wrongSecretsPerMinute = 10
)

// longestClientID is the longest that an operator can register.
const longestClientID = 100

// tokenShare is how much of its requests a second a client may spend on tokens: 20 of 100 unless registered otherwise
// (contract OC-42).
const tokenShare = 5

// admitClient reads the form and finds out which client sends it.
func (c *call) admitClient() error {
	raw, err := c.readAll()
	if errors.Is(err, errBody) {
		return errForm
	} else if err != nil {
		return err
	}
	if c.form, err = readForm(c.r.Header.Get("Content-Type"), raw); err != nil {
		return err
	}
	proof, err := readCredentials(c.r.Header, c.form)
	if err != nil {
		return err
	}
	if named := c.form["client_id"]; named != "" && named != proof.id {
		return partner.ErrNotAuthenticated
	}
	if len(proof.id) > longestClientID {
		return partner.ErrNotAuthenticated // and no memory is spent on counting made-up names
	}
	if err := c.authenticate(proof); err != nil {
		return err
	}
	return c.takeOfClient("client:"+strconv.FormatInt(int64(c.partner.ID), 10), c.partner.PerSecond, c.partner.PerMinute)
}

// authenticate compares the secret. What guards it is counted in the database; what is counted here besides, of this node alone,
// keeps a flood of wrong ones from it, and slows down who makes up client ids, which nothing is stored of.
func (c *call) authenticate(proof credentials) error {
	wrong := "secret:" + strconv.Itoa(len(proof.id)) + ":" + proof.id + ":" + c.network
	if wait, ok := c.door.Volume.Left(wrong, wrongSecretsPerSecond, wrongSecretsPerMinute); !ok {
		return volumeError{limit.RetryAfter(wait)}
	}
	shown := partner.Proof{ClientID: proof.id, Secret: proof.secret, Network: c.network, Reference: c.trace}
	c.anew = func() error { c.compared = true; return c.compare(shown, wrong) }
	var known bool
	if c.partner, c.premise, known = c.door.Partners.Recognise(shown); known {
		return nil
	}
	return c.anew()
}

// takeOfClient is take for what a client may ask: only who is authenticated is told of a limit.
func (c *call) takeOfClient(key string, perSecond, perMinute int) error {
	err := c.take(key, perSecond, perMinute)
	if err != nil && !c.compared {
		err = cmp.Or(c.anew(), err)
	}
	return err
}

// compare compares the secret with what the database has.
func (c *call) compare(shown partner.Proof, wrong string) (err error) {
	c.partner, c.premise, err = c.door.Partners.Authenticate(c.r.Context(), shown)
	if !errors.Is(err, partner.ErrNotAuthenticated) {
		return err
	}
	if _, first := c.door.Volume.Take(wrong+":"+string(secret.Hash(shown.Secret)), 0, 1); first {
		c.door.Volume.Take(wrong, wrongSecretsPerSecond, wrongSecretsPerMinute)
	}
	return err
}

// tokens runs what a client asked for, on the premise that the client is what it was when it was recognised. Where it is not, nothing was done: it is
// authenticated anew, and the rest with it. What the form alone decides held no premise, and who has no right to ask is told nothing of their form.
func (c *call) tokens(do func(grant.Tokens) error) error {
	for left := 3; ; left-- {
		err := do(c.door.Tokens.On(c.premise))
		changed := errors.Is(err, partner.ErrChanged) && left > 0
		if !changed && (c.compared || !formAlone(err)) {
			return err
		}
		if refused := c.anew(); refused != nil || !changed {
			return cmp.Or(refused, err)
		}
	}
}

// formAlone reports whether a refusal was made without the database.
func formAlone(err error) bool {
	var missing missingError
	return errors.Is(err, errNoGrantType) || errors.Is(err, errGrantType) || errors.As(err, &missing)
}

// token is POST /oauth/token (contract 4): grant_type decides the rest. A client_id that is missing is no mistake, since
// the client has proved itself, and standard clients leave it out (RFC 6749 section 4.1.3).
func (d *Door) token(c *call) (any, error) {
	if err := c.takeOfClient("token:"+strconv.FormatInt(int64(c.partner.ID), 10), max(c.partner.PerSecond/tokenShare, 1), c.partner.PerMinute); err != nil {
		return nil, err
	}
	var issue grant.Issue
	err := c.tokens(func(ts grant.Tokens) (err error) {
		issue, err = c.issue(ts)
		return err
	})
	if err != nil {
		return nil, err
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/json;charset=UTF-8") // as documented clients have seen it (contract 3.1)
	h.Set("Pragma", "no-cache")                             // RFC 6749 section 5.1
	return tokenAnswer(issue, c.partner.Class), nil
}

// issue is what the grant type asks for.
func (c *call) issue(ts grant.Tokens) (issue grant.Issue, err error) {
	ctx := c.r.Context()
	switch c.form["grant_type"] {
	case "":
		return grant.Issue{}, errNoGrantType
	case "client_credentials":
		return ts.Application(ctx, c.partner, c.origin())
	case "registration_code":
		if err = c.needs("email", "registration_code"); err == nil {
			issue, err = ts.Registration(ctx, c.partner, c.form["email"], c.form["registration_code"], c.origin())
		}
	case "authorization_code":
		if err = c.needs("code", "redirect_uri"); err == nil {
			issue, err = ts.Exchange(ctx, c.partner, c.exchange(), c.origin())
		}
	case "refresh_token":
		if err = c.needs("refresh_token"); err == nil {
			issue, err = ts.Refresh(ctx, c.partner, c.form["refresh_token"], c.origin())
		}
	default:
		return grant.Issue{}, errGrantType
	}
	return issue, err
}

func (c *call) needs(names ...string) error {
	for _, name := range names {
		if c.form[name] == "" {
			return missingError{name}
		}
	}
	return nil
}

func (c *call) exchange() grant.Exchange {
	x := grant.Exchange{Code: c.form["code"], RedirectURI: c.form["redirect_uri"]}
	if verifier, sent := c.form["code_verifier"]; sent {
		x.Verifier = &verifier
	}
	return x
}

// tokenAnswer is the answer of contract 4.2 in its order of keys, or without the stamps where the class has none.
func tokenAnswer(issue grant.Issue, class partner.Class) latchkey.Token {
	t := issue.Token
	answer := latchkey.Token{
		AccessToken: latchkey.Secret(issue.Access), TokenType: "bearer", RefreshToken: latchkey.Secret(issue.Refresh),
		ExpiresIn: grant.Remaining(t.AccessExpiresAt, issue.At), Scope: issue.ScopeText,
	}
	if !class.PrintsStamps {
		return answer
	}
	answer.ExpiresAt = latchkey.Stamp{Time: t.AccessExpiresAt}
	if issue.Refresh != "" {
		left := grant.Remaining(t.RefreshExpiresAt, issue.At)
		answer.RefreshTokenExpiresIn = &left
		answer.RefreshTokenExpiresAt = latchkey.Stamp{Time: t.RefreshExpiresAt}
		answer.CreatedAt = latchkey.FineStamp{Time: t.AccessIssuedAt}
	}
	return answer
}
