package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// largestBody is what a JSON body or a form may have (contract OC-41).
const largestBody = 1 << 20

// A call is one request on its way through the door.
type call struct {
	door *Door
	w    http.ResponseWriter
	r    *http.Request
	// trace names the request in answer, log and audit; network is the coarse one that it came from.
	trace, network string
	// route is the line of the map that the request came by.
	route route
	// asked is the path as the client wrote it: the mux sees one without its calendar label.
	asked string
	// partner is who calls, once it is known.
	partner partner.Partner
	// premise is what that rests on where a client asks; anew authenticates it by the database, and compared says that it has.
	premise  partner.Premise
	anew     func() error
	compared bool
	// access is what the bearer admits to, on routes that take one.
	access grant.Access
	// body is the JSON object of POST and PUT, form the fields of a token request.
	body body
	form map[string]string
	// sent is what a multipart form says, in a text that its boundary does not change.
	sent string
	// done, where set, is called when the request is answered.
	done func()
}

func (c *call) origin() customer.Origin {
	return customer.Origin{Network: c.network, Reference: c.trace}
}

func (c *call) caller() customer.Caller { return c.access.Caller(c.trace, c.network) }

// run does what all routes have in common, in this order: who asks, how often, with what; then the route's own part.
func (c *call) run(rt route) (any, error) {
	c.route = rt
	defer func() {
		if c.done != nil {
			c.done()
		}
	}()
	if rt.by == byClient {
		if err := c.admitClient(); err != nil {
			return nil, err
		}
		return rt.do(c)
	}
	if rt.by == byAnyone {
		return rt.do(c)
	}
	if err := c.admitBearer(rt); err != nil {
		return nil, err
	}
	if err := c.take("client:"+strconv.FormatInt(int64(c.partner.ID), 10), c.partner.PerSecond, c.partner.PerMinute); err != nil {
		return nil, err
	}
	if rt.method != http.MethodGet {
		if err := c.readJSON(); err != nil {
			return nil, err
		}
	}
	return rt.do(c)
}

// admitBearer finds out what the token admits to. The check is repeated inside every write (I2).
func (c *call) admitBearer(rt route) error {
	text, ok := readBearer(c.r.Header)
	if !ok {
		return errNoBearer
	}
	access, err := c.door.Tokens.Access(c.r.Context(), text)
	if err != nil {
		return err
	}
	c.access, c.partner = access, access.Partner
	application := access.Kind == grant.Application
	if rt.by != byBearer && application != (rt.by == byApplication) {
		return grant.ErrWrongKind
	}
	if rt.scope != "" && !(application && rt.by == byBearer) && !access.Allows(rt.scope) {
		return scopeError{rt.scope}
	}
	return nil
}

// volumeError is a volume limit that was met (contract 3.1).
type volumeError struct{ seconds int }

func (e volumeError) Error() string { return "too many requests" }

// take counts one request.
func (c *call) take(key string, perSecond, perMinute int) error {
	if wait, ok := c.door.Volume.Take(key, perSecond, perMinute); !ok {
		return volumeError{limit.RetryAfter(wait)}
	}
	return nil
}

// readJSON reads the body of a resource request. A multipart form is left to the endpoints that take files; elsewhere it is
// refused when the body is asked for.
func (c *call) readJSON() error {
	if kind := c.r.Header.Get("Content-Type"); kind != "" {
		name, _, err := mime.ParseMediaType(kind)
		if err == nil && name == "multipart/form-data" {
			c.body = body{unread: true}
			return nil
		}
		named := err == nil && (name == "application/json" || strings.HasSuffix(name, "+json"))
		if !named && c.r.ContentLength != 0 { // some clients give an empty body the type of a form
			return errContentType
		}
	}
	raw, err := c.readAll()
	if err != nil {
		return err
	}
	if bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("[")) {
		c.body, err = readList(raw)
	} else {
		c.body, err = readBody(raw)
	}
	return err
}

// readAll reads the request's body, up to the limit. A body that ends before its announced length is malformed.
func (c *call) readAll() ([]byte, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, largestBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, errTooLarge
	case err != nil:
		return nil, fmt.Errorf("%w: it ends early", errBody)
	}
	return raw, nil
}

// calendar reports whether the request came by a calendar label, whose reads differ (contract 1.2).
func (c *call) calendar() bool { return strings.HasPrefix(c.r.Pattern, calendar+"/") }

// number reads an id from the path: decimal digits as we write them, so that one resource has one address.
func (c *call) number(name string) (int64, error) {
	text := c.r.PathValue(name)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != text {
		return 0, errNoPath
	}
	return n, nil
}

// An answered is an answer with a status other than 200. A body of nil is none at all, as 204 wants it.
type answered struct {
	status int
	body   any
}

// answer writes a JSON answer. Bytes that were rendered before are written as they are.
func (c *call) answer(status int, what any) {
	if other, is := what.(answered); is {
		if status, what = other.status, other.body; what == nil {
			c.w.WriteHeader(status)
			return
		}
	}
	raw, rendered := what.(json.RawMessage)
	if !rendered {
		var err error
		if raw, err = render(what); err != nil {
			c.refuse(err)
			return
		}
	}
	h := c.w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	h.Set("Content-Length", strconv.Itoa(len(raw)))
	c.w.WriteHeader(status)
	_, _ = c.w.Write(raw) // the client is gone; there is nobody left to tell
}

// render writes JSON as the contract's examples have it: no spaces, no line end, markup characters as they are.
func render(what any) (json.RawMessage, error) {
	var b bytes.Buffer
	to := json.NewEncoder(&b)
	to.SetEscapeHTML(false)
	if err := to.Encode(what); err != nil {
		return nil, fmt.Errorf("render an answer: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
