package demo

import (
	"errors"
	"io"
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

// The curl line sends the same request again, byte for byte, through a real shell.
func TestRecorderCurlSendsTheSame(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	for name, c := range map[string]struct {
		method, body string
		change       func(*http.Request)
	}{
		"JSON": {"POST", `{"code":"it's \\ \"quoted\" $HOME"}`, func(r *http.Request) {
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer lka_1")
		}},
		"form": {"POST", "grant_type=client_credentials", func(r *http.Request) {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth("demo", "it's secret")
		}},
		"GET": {"GET", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer lka_2") }},
		"PUT": {"PUT", `{}`, func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				got = append(got, strings.Join([]string{r.Method, r.URL.String(), r.Header.Get("Authorization"), r.Header.Get("Content-Type"), string(b)}, "|"))
			}))
			defer server.Close()
			r, err := http.NewRequestWithContext(t.Context(), c.method, server.URL+"/x?a=b&c=d", strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			c.change(r)
			rec := &recorder{next: http.DefaultTransport}
			if _, err := rec.RoundTrip(r); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.CommandContext(t.Context(), "sh", "-c", rec.list()[0].Curl+" -s").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if len(got) != 2 || got[0] != got[1] {
				t.Errorf("sent first\n%s\nthen\n%s", got[0], got[len(got)-1])
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
