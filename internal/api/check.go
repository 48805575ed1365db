package api

import (
	"strings"
	"unicode/utf8"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// A fieldCheck collects the values of a request and all that is wrong with them, in the style of contract 8.9 and OC-19.
type fieldCheck struct {
	call *call
	// prefix is the object that the fields are in, with a dot behind it.
	prefix string
	// creating: what is required must be there; otherwise it may be left out, but not emptied.
	creating bool
	values   map[customer.Field]string
	fields   []latchkey.FieldError
}

func newFieldCheck(c *call, prefix string, creating bool) fieldCheck {
	return fieldCheck{call: c, prefix: prefix, creating: creating, values: map[customer.Field]string{}}
}

func (k *fieldCheck) has(path string) bool { return k.call.body.has(k.prefix + path) }

func (k *fieldCheck) wrong(path string, problem customer.Problem) {
	code, message := "invalid", " is not valid"
	switch problem {
	case customer.Missing:
		code, message = "missing", " is missing"
	case customer.TooLong:
		code, message = "size.too.long", " is too long"
	case tooShort:
		code, message = "size.too.short", " is too short"
	}
	path = k.prefix + path
	k.fields = append(k.fields, latchkey.FieldError{Code: "api." + path + "." + code, Message: path + message, Path: path})
}

// tooShort is the documented problem of a business with an empty name (contract 8.9).
const tooShort customer.Problem = "too_short"

// objects reports a missing object as one field, not as all that would be in it.
func (k *fieldCheck) objects(paths ...string) {
	for _, path := range paths {
		if k.creating && !k.has(path) {
			k.wrong(path, customer.Missing)
		}
	}
}

// field takes one value, if it is there. limit is in characters, 0 for the noun's own.
func (k *fieldCheck) field(path string, f customer.Field, required bool, limit int, text string) {
	parent, _, nested := strings.Cut(path, ".")
	if !k.has(path) {
		if required && k.creating && (!nested || k.has(parent)) {
			k.wrong(path, customer.Missing)
		}
		return
	}
	value, problem := customer.CheckValue(f, text, k.values[customer.Country], k.call.door.Now())
	switch {
	case problem == customer.NoProblem && value == "" && required:
		problem = customer.Missing
	case problem == customer.NoProblem && limit > 0 && utf8.RuneCountInString(value) > limit:
		problem = customer.TooLong
	}
	if problem != customer.NoProblem {
		k.wrong(path, problem)
		return
	}
	k.values[f] = value
}

// text takes a text that the profile passes through.
func (k *fieldCheck) text(path, text string, limit int, into **string) {
	if !k.has(path) {
		return
	}
	value, problem := customer.CheckValue(customer.FirstLine, text, "", k.call.door.Now()) // any one line
	if problem == customer.NoProblem && utf8.RuneCountInString(value) > limit {
		problem = customer.TooLong
	}
	if problem != customer.NoProblem {
		k.wrong(path, problem)
		return
	}
	*into = &value
}

// err is what was found wrong, all of it at once.
func (k *fieldCheck) err() error {
	if len(k.fields) == 0 {
		return nil
	}
	return fieldsError{400, k.fields}
}
