package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// deepest is how many objects and arrays a body may nest. The contract's deepest has three; a bound keeps a small body
// from costing much to read.
const deepest = 32

// errBody: the body is not one JSON object that can be read without doubt (contract OC-40).
var errBody = errors.New("body is not a JSON object")

// fieldTypeError is a field of another JSON type than the contract's.
type fieldTypeError struct{ path string }

func (e fieldTypeError) Error() string { return "field " + e.path + " has another type" }

// A body is a JSON object that was read: the raw bytes, and which fields are in it. Field names are compared without
// regard to case, as the decoder does.
type body struct {
	raw []byte
	// list: it is an array (contract 10.1, 10.2).
	list bool
	// unread: it is a multipart form, which only the endpoints for files read.
	unread bool
	// values holds a path ("address.city", folded) for each field that is there and not null.
	values map[string]bool
}

// has reports whether the field is there and not null.
func (b body) has(path string) bool { return b.values[folded(path)] }

// folded is a name as the decoder compares it, in small letters: it takes the long s and the sign of kelvin for s and k too, and a
// second firſtName that went unseen here would be the one that is stored.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		for next := unicode.SimpleFold(r); next > r; next = unicode.SimpleFold(r) {
			r = next
		}
		if r = unicode.SimpleFold(r); 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, name)
}

// readBody reads one JSON object. Empty is an object without fields. Two fields of one name are refused: which of them
// counts is read differently by different programs, and a check by one of them could be got round in the other (RFC 8259
// section 4). So are invalid UTF-8, a second value after the first, and nesting beyond reason.
func readBody(raw []byte) (body, error) {
	b := body{raw: raw, values: map[string]bool{}}
	if len(bytes.TrimSpace(raw)) == 0 {
		b.raw = []byte("{}")
		return b, nil
	}
	if !utf8.Valid(raw) {
		return body{}, fmt.Errorf("%w: not UTF-8", errBody)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	first, err := d.Token()
	if err != nil || first != json.Delim('{') {
		return body{}, fmt.Errorf("%w: no object", errBody)
	}
	if err := b.object(d, "", 1); err != nil {
		return body{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return body{}, fmt.Errorf("%w: something follows it", errBody)
	}
	return b, nil
}

// readList reads one JSON array, by the same rules.
func readList(raw []byte) (body, error) {
	if !utf8.Valid(raw) {
		return body{}, fmt.Errorf("%w: not UTF-8", errBody)
	}
	b := body{raw: raw, values: map[string]bool{}, list: true}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := b.value(d, "", 1); err != nil {
		return body{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return body{}, fmt.Errorf("%w: something follows it", errBody)
	}
	return b, nil
}

// object reads the rest of an object whose opening was read.
func (b body) object(d *json.Decoder, path string, depth int) error {
	seen := map[string]bool{}
	for {
		t, err := d.Token()
		if err != nil {
			return fmt.Errorf("%w: it ends early", errBody)
		}
		name, more := t.(string)
		if !more { // the closing brace: the decoder lets nothing else stand here
			return nil
		}
		name = folded(name)
		if seen[name] {
			return fmt.Errorf("%w: a field is in it twice", errBody)
		}
		seen[name] = true
		name = strings.ReplaceAll(name, ".", "\x00") // a name with a dot in it is no path to another field
		if path != "" {
			name = path + "." + name
		}
		if err := b.value(d, name, depth); err != nil {
			return err
		}
	}
}

// value reads one value. Elements of arrays have the path of the array and are not told apart.
func (b body) value(d *json.Decoder, path string, depth int) error {
	t, err := d.Token()
	if err != nil {
		return fmt.Errorf("%w: it ends early", errBody)
	}
	if t != nil {
		b.values[path] = true
	}
	opening, nested := t.(json.Delim)
	if !nested {
		return nil
	}
	if depth == deepest {
		return fmt.Errorf("%w: nested too deeply", errBody)
	}
	if opening == '{' {
		return b.object(d, path, depth+1)
	}
	for d.More() {
		if err := b.value(d, path, depth+1); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("%w: it ends early", errBody)
	}
	return nil
}

// into fills a wire type from an object. Unknown fields are ignored (contract OC-40); a field of another type is a
// fieldTypeError.
func (b body) into(v any) error {
	if b.list {
		return fmt.Errorf("%w: an array", errBody)
	}
	return b.decode(v)
}

// intoList fills a slice from an array. Nothing at all is no array.
func (b body) intoList(v any) error {
	if !b.list && !b.unread {
		return fmt.Errorf("%w: no array", errBody)
	}
	return b.decode(v)
}

func (b body) decode(v any) error {
	if b.unread {
		return errContentType
	}
	err := json.Unmarshal(b.raw, v)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fieldTypeError{wrong.Field}
	}
	if err != nil { // the decoder's words could repeat what was sent, so they are dropped
		return fmt.Errorf("%w: not readable", errBody)
	}
	return nil
}
