package demo

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
)

// roundTrip is a transport made of a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func recorded(t *testing.T, method, address, body string, change func(*http.Request)) Call {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Trace-Id", "4f0c2b7fd0a14f0e9a8b7c6d5e4f3a2b")
		w.WriteHeader(201)
		_, _ = io.WriteString(w, `{"id":1,"name":null}`)
	}))
	t.Cleanup(server.Close)
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	change(r)
	rec := &recorder{next: http.DefaultTransport}
	answer, err := rec.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(answer.Body)
	if string(text) != `{"id":1,"name":null}` {
		t.Errorf("the caller got %q", text)
	}
	calls := rec.list()
	if len(calls) != 1 {
		t.Fatalf("%d calls", len(calls))
	}
	return calls[0]
}

func TestRecorderShowsTheExactCall(t *testing.T) {
	call := recorded(t, "POST", "/v1/user?x=1", `{"email":"mira.kade@example.org","code":"it's"}`, func(r *http.Request) {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer lka_1")
	})
	for _, want := range []string{"POST /v1/user?x=1 HTTP/1.1\n", "Authorization: Bearer lka_1\n", "Content-Type: application/json\n", "\n\n{\n  \"email\": \"mira.kade@example.org\""} {
		if !strings.Contains(call.Request, want) {
			t.Errorf("request does not show %q:\n%s", want, call.Request)
		}
	}
	for _, want := range []string{"HTTP/1.1 201 Created\n", "X-Trace-Id: 4f0c", "\n\n{\n  \"id\": 1,\n  \"name\": null\n}"} {
		if !strings.Contains(call.Answer, want) {
			t.Errorf("answer does not show %q:\n%s", want, call.Answer)
		}
	}
}

// A shell reads the curl line as the words that send the same request, whatever is in them.
func TestRecorderCurlIsOneCommand(t *testing.T) {
	for name, c := range map[string]struct {
		method, body string
		change       func(*http.Request)
		want         []string
	}{
		"JSON": {"POST", `{"code":"it's \\ \"quoted\" $HOME ` + "`id`" + `"}`, func(r *http.Request) {
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer lka_1")
		}, []string{"-i", "http://server.example/x?a=b&c=d", "-H", "Authorization: Bearer lka_1", "-H", "Content-Type: application/json", "-d", `{"code":"it's \\ \"quoted\" $HOME ` + "`id`" + `"}`}},
		"form": {"POST", "grant_type=client_credentials", func(r *http.Request) {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth("demo", "it's secret")
		}, []string{"-i", "http://server.example/x?a=b&c=d", "-u", "demo:it's secret", "-d", "grant_type=client_credentials"}},
		"GET": {"GET", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer lka_2") },
			[]string{"-i", "http://server.example/x?a=b&c=d", "-H", "Authorization: Bearer lka_2"}},
		"PUT": {"PUT", `{}`, func(r *http.Request) { r.Header.Set("Content-Type", "application/json") },
			[]string{"-i", "-X", "PUT", "http://server.example/x?a=b&c=d", "-H", "Content-Type: application/json", "-d", "{}"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), c.method, "http://server.example/x?a=b&c=d", strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			c.change(r)
			// The shell's own function stands in for curl and prints the words it was given.
			script := "curl() { printf '%s\n' \"$@\"; }\n" + curlText(r, []byte(c.body))
			out, err := exec.CommandContext(t.Context(), "sh", "-c", script).CombinedOutput()
			if have := strings.TrimSuffix(string(out), "\n"); err != nil || have != strings.Join(c.want, "\n") {
				t.Errorf("%v: words\n%s\nwant\n%s", err, have, strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestRecorderKeepsWhatFailed(t *testing.T) {
	rec := &recorder{next: roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") })}
	r := httptest.NewRequest("GET", "http://server.example/x", nil)
	if _, err := rec.RoundTrip(r); err == nil {
		t.Error("no error")
	}
	if calls := rec.list(); len(calls) != 1 || !strings.Contains(calls[0].Answer, "connection refused") {
		t.Errorf("%+v", calls)
	}
}

// A form with files is shown by its parts, and the command sends the files that lie beside it.
func TestRecorderShowsFormsWithFiles(t *testing.T) {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	_ = form.WriteField("documentType", "ID_PROOF")
	part, err := form.CreateFormFile("files", "it's a passport.png")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write([]byte("\x89PNG\x00\xff"))
	_ = form.Close()
	call := recorded(t, "POST", "/upload", b.String(), func(r *http.Request) { r.Header.Set("Content-Type", form.FormDataContentType()) })
	if !strings.Contains(call.Request, "\n\ndocumentType: ID_PROOF\nfiles: it's a passport.png (6 bytes)\n") || strings.Contains(call.Request, "PNG\x00") {
		t.Errorf("request:\n%s", call.Request)
	}
	for _, want := range []string{"-F 'documentType=ID_PROOF'", `-F 'files=@it'\''s a passport.png'`} {
		if !strings.Contains(call.Curl, want) {
			t.Errorf("the command has no %q:\n%s", want, call.Curl)
		}
	}
	if strings.Contains(call.Curl, "-d ") || strings.Contains(call.Curl, "multipart") {
		t.Errorf("the command:\n%s", call.Curl)
	}
	if parts := partsOf("multipart/form-data; boundary=x", []byte("no form")); parts != nil {
		t.Errorf("%v of no form", parts)
	}
}
