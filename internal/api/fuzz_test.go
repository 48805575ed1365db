package api

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// FuzzUpload: a form with files is read whole or refused in one of three ways; names of files are plain texts, and no file has more
// than it may.
func FuzzUpload(f *testing.F) {
	whole, kind := "--b\r\nContent-Disposition: form-data; name=\"documentType\"\r\n\r\nID_PROOF\r\n--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.pdf\"\r\n\r\n%PDF-1.4\r\n--b--\r\n", "multipart/form-data; boundary=b"
	for _, text := range []string{whole, "", "--b--", whole[:90], strings.ReplaceAll(whole, "a.pdf", "../../etc/passwd"), strings.ReplaceAll(whole, "a.pdf", "a\\\u202e\x00<b>.pdf"), strings.ReplaceAll(whole, "files", "other"),
		strings.Repeat("--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n", 60) + "--b--", strings.ReplaceAll(whole, "\r\n", "\n")} {
		f.Add(kind, text)
	}
	f.Add("multipart/form-data", whole)
	f.Add("multipart/mixed; boundary=b", whole)
	f.Add("multipart/form-data; boundary=\"\xff\"", whole)
	f.Fuzz(func(t *testing.T, kind, text string) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(text))
		r.Header.Set("Content-Type", kind)
		form, err := (&call{door: &Door{}, w: httptest.NewRecorder(), r: r, body: body{unread: true}}).upload("files")
		if err != nil {
			if !errors.Is(err, errMultipart) && !errors.Is(err, errFileTooLarge) && !errors.Is(err, errContentType) {
				t.Errorf("%q, %q: %v", kind, text, err)
			}
			return
		}
		for _, file := range form.files {
			if name := file.Name; name == "" || strings.ContainsAny(name, "/\\\x00\r\n\u202e") || len([]rune(name)) > longestName || len(file.Content) > customer.LargestFile {
				t.Errorf("a file called %q with %d bytes", file.Name, len(file.Content))
			}
		}
	})
}

// FuzzHeaders: what a key, an id for correlation and a one-time token may be is plain text of bounded length; the rest is refused or
// ignored, and nothing of it comes back as another header.
func FuzzHeaders(f *testing.F) {
	keys, err := secret.NewKeys(map[int][]byte{1: []byte("the headers' fuzz has a 32 b key")})
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{"", "8e03978e-40d5-43dd-bc93-6894a57f9324", strings.Repeat("k", 101), "a\r\nSet-Cookie: x=y", "\xff", "\u202e", " x ", "ключ"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := &Door{Customers: customer.Customers{Keys: keys}}
		for _, name := range []string{creationKey, anyKey} {
			c := &call{door: d, r: &http.Request{Header: http.Header{name: {text}}}}
			i, err := c.idempotency("x", func(any) any { return nil })
			if err == nil && (len(i.Key) > longestKey || strings.ContainsFunc(i.Key, func(r rune) bool { return r <= ' ' || r > '~' })) {
				t.Errorf("%s %q is the key %q", name, text, i.Key)
			}
		}
		if visible(text) && strings.ContainsAny(text, "\r\n\x00") {
			t.Errorf("%q comes back", text)
		}
	})
}
