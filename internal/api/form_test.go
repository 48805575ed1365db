package api

import (
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

const encoded = "application/x-www-form-urlencoded"

// parts writes a multipart body the way the official Java client does.
func parts(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		b.WriteString("--x\r\nContent-Disposition: form-data; name=\"" + pairs[i] + "\"\r\nContent-Type: text/plain;charset=UTF-8\r\n\r\n" + pairs[i+1] + "\r\n")
	}
	return b.String() + "--x--\r\n"
}

func TestReadForm(t *testing.T) {
	t.Parallel()
	grant := map[string]string{"grant_type": "refresh_token", "refresh_token": "a b+c&"}
	for _, x := range []struct {
		name, kind, text string
		want             map[string]string // nil for a refusal
	}{
		{"urlencoded", encoded, "grant_type=refresh_token&refresh_token=a+b%2Bc%26", grant},
		{"urlencoded with a charset", encoded + ";charset=UTF-8", "grant_type=refresh_token&refresh_token=a%20b%2bc%26", grant},
		{"in capitals", strings.ToUpper(encoded) + "; Charset=utf-8", "grant_type=refresh_token&refresh_token=a+b%2Bc%26", grant},
		{"multipart", "multipart/form-data; boundary=x", parts("grant_type", "refresh_token", "refresh_token", "a b+c&"), grant},
		{"multipart with parts without a name", "multipart/form-data; boundary=\"x\"", parts("", "", "grant_type", "refresh_token", "", "q", "refresh_token", "a b+c&"), grant},
		{"empty values are no values", encoded, "grant_type=&refresh_token&x=1&&", map[string]string{"x": "1"}},
		{"nothing", encoded, "", map[string]string{}},
		{"nothing of no type", "", "", map[string]string{}},
		{"nothing of another type", "application/json", "", nil},
		{"punctuation of the documented code", encoded, "registration_code=%5D%23%26*%3B", map[string]string{"registration_code": "]#&*;"}},
		{"twice", encoded, "code=a&code=b", nil},
		{"twice the same", encoded, "code=a&code=a", nil},
		{"twice, once empty", encoded, "code=&code=a", nil},
		{"twice, escaped", encoded, "code=a&%63ode=b", nil},
		{"twice, unknown", encoded, "x=a&x=b", nil},
		{"twice in multipart", "multipart/form-data; boundary=x", parts("code", "a", "code", "b"), nil},
		{"bad escape", encoded, "code=%zz", nil},
		{"cut escape", encoded, "code=%4", nil},
		{"not UTF-8", encoded, "code=%ff", nil},
		{"not UTF-8 in multipart", "multipart/form-data; boundary=x", parts("code", "\xff"), nil},
		{"multipart cut short", "multipart/form-data; boundary=x", parts("code", "a")[:40], nil},
		{"multipart without its end", "multipart/form-data; boundary=x", strings.TrimSuffix(parts("code", "a"), "--x--\r\n"), nil},
		{"multipart without a boundary", "multipart/form-data", parts("code", "a"), nil},
		{"another boundary", "multipart/form-data; boundary=y", parts("code", "a"), nil},
		{"a file", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"code\"; filename=\"f\"\r\n\r\na\r\n--x--\r\n", nil},
		{"too many", encoded, manyFields(mostParts + 1), nil},
		{"JSON", "application/json", `{"grant_type":"refresh_token"}`, nil},
		{"text", "text/plain", "grant_type=refresh_token", nil},
		{"no content type", "", "grant_type=refresh_token", nil},
		{"a broken content type", "application/;;", "grant_type=refresh_token", nil},
	} {
		got, err := readForm(x.kind, []byte(x.text))
		if x.want == nil {
			if !errors.Is(err, errForm) {
				t.Errorf("%s: %v, %v", x.name, got, err)
			}
		} else if err != nil || !maps.Equal(got, x.want) {
			t.Errorf("%s: %v, %v", x.name, got, err)
		}
	}
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("f" + strings.Repeat("x", i) + "=1&")
	}
	return b.String()
}

func TestReadCredentials(t *testing.T) {
	t.Parallel()
	basic := func(s string) []string { return []string{"Basic " + base64.StdEncoding.EncodeToString([]byte(s))} }
	for _, x := range []struct {
		name   string
		header []string
		form   map[string]string
		want   credentials
		err    error
	}{
		{"Basic", basic("acme-treasury:s3cr3t"), nil, credentials{"acme-treasury", "s3cr3t"}, nil},
		{"Basic, form-encoded", basic("acme%2Dtreasury:s3cr3%74"), nil, credentials{"acme-treasury", "s3cr3t"}, nil},
		{"Basic, with a bare percent sign", basic("acme:s%zz"), nil, credentials{"acme", "s%zz"}, nil},
		{"Basic, scheme in small letters", []string{strings.Replace(basic("a:b")[0], "Basic", "basic", 1)}, nil, credentials{"a", "b"}, nil},
		{"Basic, after two spaces and before one", []string{strings.Replace(basic("a:b")[0], " ", "  ", 1) + " "}, nil, credentials{"a", "b"}, nil},
		{"Basic without a space", []string{strings.Replace(basic("a:b")[0], " ", "", 1)}, nil, credentials{}, nil},
		{"Basic alone", []string{"Basic"}, nil, credentials{}, nil},
		{"Basic, with the id in the form too", basic("a:b"), map[string]string{"client_id": "a"}, credentials{"a", "b"}, nil},
		{"form", nil, map[string]string{"client_id": "a", "client_secret": "b"}, credentials{"a", "b"}, nil},
		{"nothing", nil, nil, credentials{}, nil},
		{"both", basic("a:b"), map[string]string{"client_secret": "b"}, credentials{}, errTwoProofs},
		{"two headers", append(basic("a:b"), basic("c:d")...), nil, credentials{}, errTwoProofs},
		{"Basic without a colon", basic("ab"), nil, credentials{}, nil},
		{"Basic, not base64", []string{"Basic !"}, nil, credentials{}, nil},
		{"a bearer", []string{"Bearer x"}, nil, credentials{}, nil},
	} {
		got, err := readCredentials(http.Header{"Authorization": x.header}, x.form)
		if got != x.want || !errors.Is(err, x.err) {
			t.Errorf("%s: %+v, %v", x.name, got, err)
		}
	}
}

func TestReadBearer(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		header []string
		want   string
		ok     bool
	}{
		{[]string{"Bearer lka_1_2_x"}, "lka_1_2_x", true},
		{[]string{"bearer lka_1_2_x"}, "lka_1_2_x", true},
		{[]string{"Bearer  lka_1_2_x "}, "lka_1_2_x", true},
		{[]string{"Bearer "}, "", false},
		{[]string{"Bearer"}, "", false},
		{[]string{"Basic YTpi"}, "", false},
		{[]string{""}, "", false},
		{nil, "", false},
		{[]string{"Bearer a", "Bearer b"}, "", false},
	} {
		got, ok := readBearer(http.Header{"Authorization": x.header})
		if got != x.want || ok != x.ok {
			t.Errorf("%q: %q, %t", x.header, got, ok)
		}
	}
}

func FuzzReadForm(f *testing.F) {
	f.Add(encoded, []byte("grant_type=refresh_token&refresh_token=a+b%2Bc%26"))
	f.Add("multipart/form-data; boundary=x", []byte(parts("grant_type", "refresh_token", "", "")))
	f.Fuzz(func(t *testing.T, kind string, raw []byte) {
		form, err := readForm(kind, raw)
		if err != nil && (!errors.Is(err, errForm) || form != nil) {
			t.Fatalf("%q %q: %v, %v", kind, raw, form, err)
		}
		for name, value := range form {
			if value == "" || !utf8.ValidString(name) || !utf8.ValidString(value) {
				t.Fatalf("%q %q: field %q is %q", kind, raw, name, value)
			}
		}
	})
}

func FuzzReadBearer(f *testing.F) {
	f.Add("Bearer lka_1_2_x")
	f.Add("Basic YTpi")
	f.Fuzz(func(t *testing.T, header string) {
		h := http.Header{"Authorization": {header}}
		token, ok := readBearer(h)
		if ok != (token != "") || strings.Trim(token, " ") != token {
			t.Fatalf("%q: %q, %t", header, token, ok)
		}
		if _, err := readCredentials(h, nil); err != nil {
			t.Fatalf("%q: %v", header, err)
		}
	})
}
