package api

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// The headers that make a write safe to send again: the documented one of the creation of profiles (contract 8.1), and the one
// that every write to a profile takes (design 4.14).
const (
	creationKey = "X-Idempotence-Uuid"
	anyKey      = "Idempotency-Key"
)

// longestKey is in characters.
const longestKey = 100

// idempotency reads the key of a creation (contract 8.1). The answer is what of says of the profile.
func (c *call) idempotency(endpoint string, of func(any) any) (customer.Idempotency, error) {
	name, key := creationKey, strings.ToLower(c.r.Header.Get(creationKey))
	if key == "" {
		name, key = anyKey, c.r.Header.Get(anyKey)
	}
	if key != "" && (len(key) > longestKey || !visible(key)) {
		return customer.Idempotency{}, fieldsError{400, []latchkey.FieldError{{Code: "BAD_REQUEST", Message: "The idempotency key is not a UUID",
			Path: cmp.Or(map[string]string{creationKey: "X-idempotence-uuid"}[name], name), Arguments: []string{}}}}
	}
	request, keys := string(c.body.raw)+c.sent, c.door.Customers.Keys
	i := customer.Idempotency{Endpoint: endpoint, Key: key, Request: keys.Digest(secret.PurposeReply, request), Render: func(made any) []byte {
		what := of(made)
		if what == nil {
			return nil
		}
		answer, _ := render(what) // of plain strings and numbers: there is nothing in it that cannot be written
		return answer
	}}
	for _, version := range keys.DigestVersions() {
		if older, err := keys.DigestWith(version, secret.PurposeReply, request); err == nil {
			i.Older = append(i.Older, older)
		}
	}
	return i, nil
}

// once makes a write to a profile, or with the key of one that was made before gives the same answer and changes nothing. The
// key counts for one method and address, whatever family it is written in. An answer without a body is of 204.
func once[T any](c *call, status int, of func(T) any, write func(customer.Caller) (T, error)) (any, error) {
	caller := c.caller()
	if c.r.Method == http.MethodPost {
		i, err := c.idempotency(c.r.Method+" "+c.resource(), func(made any) any { return of(made.(T)) })
		if err != nil {
			return nil, err
		}
		caller.Once = &i
	}
	made, err := write(caller)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusNoContent:
		return answered{status: status}, nil
	case caller.Once != nil && caller.Once.Replayed:
		return answered{status, json.RawMessage(caller.Once.Answer)}, nil
	}
	return answered{status, of(made)}, nil
}

// onceDone is once for a write that has nothing to say but that it was done.
func onceDone(c *call, status int, answer any, write func(customer.Caller) error) (any, error) {
	return once(c, status, func(customer.Entry) any { return answer }, func(by customer.Caller) (customer.Entry, error) {
		return customer.Entry{}, write(by)
	})
}

// resource is the address, without version or label where it is one endpoint at two addresses.
func (c *call) resource() string {
	if c.route.legacy == "" || c.route.calendar == "" {
		return c.r.URL.Path
	}
	_, rest, _ := strings.Cut(strings.TrimPrefix(c.r.URL.Path, "/"), "/")
	return rest
}
