package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// mostParts bounds the fields of a form; the longest documented one has five.
const mostParts = 100

// errForm: the form cannot be read without doubt (RFC 6749 section 5.2, invalid_request).
var errForm = errors.New("form cannot be read")

// readForm reads the fields of a token request, urlencoded or multipart (contract 1.3: official clients send both). A field
// without a value is as if it were not there, and a field that comes twice is refused (RFC 6749 section 3.2), unknown ones
// too: two readers that each take another one of the two could be played against each other.
func readForm(contentType string, raw []byte) (map[string]string, error) {
	if contentType == "" && len(raw) == 0 { // no body at all, which has no type either: the endpoint names the field that it lacks
		return map[string]string{}, nil
	}
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, fmt.Errorf("%w: no content type", errForm)
	}
	form := map[string]string{}
	switch kind {
	case "application/x-www-form-urlencoded":
		err = readEncoded(form, raw)
	case "multipart/form-data":
		err = readParts(form, raw, parameters["boundary"])
	default:
		err = fmt.Errorf("%w: content type is not a form's", errForm)
	}
	if err != nil {
		return nil, err
	}
	for name, value := range form {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, fmt.Errorf("%w: not UTF-8", errForm)
		}
		if value == "" {
			delete(form, name)
		}
	}
	return form, nil
}

func readEncoded(form map[string]string, raw []byte) error {
	for pair := range strings.SplitSeq(string(raw), "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil {
			return fmt.Errorf("%w: bad escape", errForm)
		}
		if err := put(form, name, value); err != nil {
			return err
		}
	}
	return nil
}

func readParts(form map[string]string, raw []byte, boundary string) error {
	if boundary == "" || !bytes.Contains(raw, []byte("--"+boundary+"--")) { // the reader takes some cut bodies for whole ones
		return fmt.Errorf("%w: multipart without its boundary", errForm)
	}
	parts := multipart.NewReader(bytes.NewReader(raw), boundary)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: broken multipart", errForm)
		}
		if part.FileName() != "" {
			return fmt.Errorf("%w: a file is in it", errForm)
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return fmt.Errorf("%w: it ends early", errForm)
		}
		if part.FormName() == "" { // an official collection sends such parts, several of them
			continue
		}
		if err := put(form, part.FormName(), string(value)); err != nil {
			return err
		}
	}
}

func put(form map[string]string, name, value string) error {
	if _, twice := form[name]; twice {
		return fmt.Errorf("%w: a field is in it twice", errForm)
	}
	if len(form) == mostParts {
		return fmt.Errorf("%w: too many fields", errForm)
	}
	form[name] = value
	return nil
}

// credentials are how a client says who it is.
type credentials struct{ id, secret string }

// errTwoProofs: the client authenticated in two ways at once (RFC 6749 section 2.3).
var errTwoProofs = errors.New("client authenticates in two ways")

// readCredentials takes the client's credentials from the Basic header or, without one, from the form (contract OC-6b).
// Absent ones are empty. Both halves of Basic are form-decoded as RFC 6749 section 2.3.1 asks; ids and secrets hold no
// character that decoding could change, so that clients which do not encode are read alike.
func readCredentials(header http.Header, form map[string]string) (credentials, error) {
	values := header.Values("Authorization")
	if len(values) > 1 {
		return credentials{}, errTwoProofs
	}
	if len(values) == 0 || values[0] == "" {
		return credentials{id: form["client_id"], secret: form["client_secret"]}, nil
	}
	if form["client_secret"] != "" {
		return credentials{}, errTwoProofs
	}
	text, _ := schemed("Basic", values[0])
	id, password, ok := (&http.Request{Header: http.Header{"Authorization": {"Basic " + text}}}).BasicAuth()
	if !ok {
		return credentials{}, nil
	}
	return credentials{id: unescaped(id), secret: unescaped(password)}, nil
}

// schemed is what stands behind the scheme, which is compared without regard to case and has one space or more after it (RFC 9110
// section 11.4).
func schemed(scheme, value string) (string, bool) {
	named, text, found := strings.Cut(value, " ")
	if !found || !strings.EqualFold(named, scheme) {
		return "", false
	}
	text = strings.Trim(text, " ")
	return text, text != ""
}

func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// readBearer takes the token from the Authorization header (RFC 6750 section 2.1), the only place where it is looked for:
// a token in an address would end up in logs. Without a bearer it is "" and false; a second header makes both doubtful, so neither
// counts.
func readBearer(header http.Header) (string, bool) {
	values := header.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	return schemed("Bearer", values[0])
}
