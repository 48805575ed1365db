package latchkey

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Release is the label of the API that this client speaks (contract 1.2).
const Release = "2026Q3"

// Sandbox is where a server started with "latchkey dev" listens.
const Sandbox = "http://localhost:8080"

const (
	// answerLimit bounds what a broken or hostile server can make us hold.
	answerLimit = 1 << 20
	// callLimit ends a call whose context has no deadline and whose HTTP client has no timeout.
	callLimit = 30 * time.Second
)

// Client is a partner's program towards one server. Fill in ID and Secret; every other field has a good zero value. Do not copy it
// after its first use.
type Client struct {
	// BaseURL is the API's origin, [Sandbox] when empty. The client's secret travels there: use https outside your own machine.
	BaseURL string
	// WebURL is the origin of the pages, BaseURL when empty.
	WebURL string
	// ID and Secret are what "latchkey partner add" printed.
	ID     string
	Secret Secret
	// HTTP sends the requests; nil for a plain client. Its CheckRedirect is not used: redirects are never followed, since a
	// redirected request would carry tokens to wherever the answer points.
	HTTP *http.Client
	// UserAgent is sent with each request when not empty.
	UserAgent string
	// CorrelationID returns an id of your own for the request, at most 36 characters, which the server echoes; nil for none.
	CorrelationID func(context.Context) string
	// Now is the clock, time.Now when nil.
	Now func() time.Time

	once sync.Once
	own  *keeper
}

// String names the client without its secret.
func (c *Client) String() string {
	return "latchkey client " + strconv.Quote(c.ID) + " of " + c.baseURL()
}

// Bearer returns the client's own access token (contract 4.1, grant client_credentials), kept and renewed at half of its life. A
// wrong id or secret is [ErrInvalidClient]; ten different wrong ones a minute are [ErrLimited] (contract 3.1).
func (c *Client) Bearer(ctx context.Context) (Secret, error) { return c.keeper().bearer(ctx, "") }

func (c *Client) replace(ctx context.Context, dead Secret) (Secret, error) {
	return c.keeper().bearer(ctx, dead)
}

func (c *Client) keeper() *keeper {
	c.once.Do(func() {
		c.own = newKeeper(Token{}, func(ctx context.Context, _ Token) (Token, error) { return c.ClientGrant(ctx) }, nil, c.now)
	})
	return c.own
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

func (c *Client) baseURL() string {
	if c.BaseURL == "" {
		return Sandbox
	}
	return strings.TrimRight(c.BaseURL, "/")
}

func (c *Client) webURL() string {
	if c.WebURL == "" {
		return c.baseURL()
	}
	return strings.TrimRight(c.WebURL, "/")
}

// call is one request: to path under the release, with a JSON body or a form, as a bearer or by the client's credentials.
type call struct {
	method, path string
	versioned    bool // path has a version of its own: the deprecated endpoints have no release (contract 1.2)
	body         any
	form         url.Values
	basic        bool
	bearer       Bearer
	public       bool // sent without any credentials
	header       http.Header
}

// send makes the call and decodes a success into answer. A token that the server no longer takes is replaced once, where its
// bearer can: another process may have renewed it, which ends ours at once (contract 4.4).
func (c *Client) send(ctx context.Context, what call, answer any) error {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callLimit)
		defer cancel()
	}
	if what.bearer == nil {
		return c.attempt(ctx, what, "", answer)
	}
	access, err := what.bearer.Bearer(ctx)
	if err != nil {
		return err
	}
	err = c.attempt(ctx, what, access, answer)
	if again, able := what.bearer.(renewer); able && errors.Is(err, ErrUnauthorized) {
		if access, err = again.replace(ctx, access); err != nil {
			return err
		}
		err = c.attempt(ctx, what, access, answer)
	}
	return err
}

// attempt sends the request one time.
func (c *Client) attempt(ctx context.Context, what call, access Secret, answer any) error {
	r, err := c.request(ctx, what, access)
	if err != nil {
		return err
	}
	sender := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if c.HTTP != nil {
		sender.Transport, sender.Jar, sender.Timeout = c.HTTP.Transport, c.HTTP.Jar, c.HTTP.Timeout
	}
	got, err := sender.Do(r)
	if err != nil {
		return err // names method and address; neither carries a secret
	}
	defer got.Body.Close()
	body, err := io.ReadAll(io.LimitReader(got.Body, answerLimit+1))
	switch {
	case err != nil:
		return fmt.Errorf("reading the answer: %w", err)
	case len(body) > answerLimit:
		return fmt.Errorf("%w: more than %d bytes", ErrAnswer, answerLimit)
	case got.StatusCode < 200 || got.StatusCode > 299:
		return c.refusal(got, body)
	}
	switch answer := answer.(type) {
	case nil: // 204, nothing is expected
		return nil
	case *[]byte: // no JSON: the bytes as they are
		*answer = body
		return nil
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("%w: status %d: not the JSON expected", ErrAnswer, got.StatusCode) // without err: it may repeat the body
	}
	return nil
}

// request builds the HTTP request.
func (c *Client) request(ctx context.Context, what call, access Secret) (*http.Request, error) {
	var body io.Reader
	kind := ""
	switch {
	case what.form != nil:
		body, kind = strings.NewReader(what.form.Encode()), "application/x-www-form-urlencoded"
	case what.body != nil:
		if form, is := what.body.(formBody); is {
			body, kind = bytes.NewReader(form.raw), form.kind
			break
		}
		b, err := json.Marshal(what.body)
		if err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
		body, kind = bytes.NewReader(b), "application/json"
	}
	base := c.baseURL()
	if !what.versioned {
		base += "/" + Release
	}
	r, err := http.NewRequestWithContext(ctx, what.method, base+what.path, body)
	if err != nil {
		return nil, fmt.Errorf("building the request: %w", err)
	}
	for name, values := range what.header {
		r.Header[name] = values
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("Accept", "application/json")
	if c.UserAgent != "" {
		r.Header.Set("User-Agent", c.UserAgent)
	}
	if c.CorrelationID != nil {
		if id := c.CorrelationID(ctx); id != "" {
			r.Header.Set("X-External-Correlation-Id", id)
		}
	}
	switch {
	case what.public:
	case what.basic: // RFC 6749 section 2.3.1 form-encodes both halves first; ids and secrets of this server need no encoding
		r.SetBasicAuth(c.ID, string(c.Secret))
	default:
		r.Header.Set("Authorization", "Bearer "+string(access))
	}
	return r, nil
}
