package demo_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-id/latchkey/internal/demo"
)

// TestBenchTakesLoadedCustomers: each call is of another customer until all were called, those who are refreshed are not those whose access tokens are
// shown, nothing is mailed, and an answer about somebody else is a failure.
func TestBenchTakesLoadedCustomers(t *testing.T) {
	t.Parallel()
	const customers = 74
	var mu sync.Mutex
	called := map[string]map[string]int{}
	count := func(path, who string) {
		mu.Lock()
		defer mu.Unlock()
		if called[path] == nil {
			called[path] = map[string]int{}
		}
		called[path][who]++
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		switch bearer, is := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); {
		case is:
			count(r.URL.Path, bearer)
			fmt.Fprintf(w, `{"email":"%s@example.org"}`, strings.Replace(bearer, "access-7", "access-8", 1))
		case id != "classic" || secret != "classic-secret":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/oauth/introspect":
			count(r.URL.Path, r.FormValue("token"))
			fmt.Fprint(w, `{"active":true}`)
		default:
			count(r.URL.Path, r.FormValue("refresh_token"))
			fmt.Fprint(w, `{"access_token":"x"}`)
		}
	}))
	defer s.Close()
	b := aBench(t, demo.Subject{URL: s.URL, WebURL: s.URL})
	b.Only, b.Count, b.Strict = []string{"refresh", "introspection", "resource_call"}, 36, demo.Credentials{}
	b.Loaded = &demo.Loaded{Customers: customers, Customer: func(n int64) (demo.LoadedCustomer, error) {
		if n < 0 || n >= customers {
			return demo.LoadedCustomer{}, errors.New("there is no such customer")
		}
		return demo.LoadedCustomer{Email: fmt.Sprintf("access-%d@example.org", n), Access: fmt.Sprintf("access-%d", n), Refresh: fmt.Sprintf("refresh-%d", n)}, nil
	}}
	report, err := b.Run(t.Context())
	if !errors.Is(err, demo.ErrBench) || report.Failed == 0 || report.Failed > 6 || len(report.Skipped) != 0 {
		t.Errorf("%v: %d failed, skipped %v", err, report.Failed, report.Skipped)
	}
	for of, want := range map[string]string{"refresh introspection resource_call": "refresh, introspection, resource_call: another one of 74 ", "introspection": "\nintrospection: another one of 74 ", "": ""} {
		some := report
		some.Server.Loaded = customers
		some.Operations = slices.DeleteFunc(slices.Clone(report.Operations), func(m demo.Measured) bool { return !slices.Contains(strings.Fields(of), m.Operation) })
		some.Operations = append(some.Operations, demo.Measured{Operation: "claim_code"})
		var table strings.Builder
		if err := some.Table(&table); err != nil || !strings.Contains(table.String(), want) || want == "" && strings.Contains(table.String(), "loaded") {
			t.Errorf("of %q: %v\n%s", of, err, table.String())
		}
	}
	for path, kind := range map[string]string{"/v1/me": "access", "/oauth/introspect": "access", "/oauth/token": "refresh"} {
		calls := called[path]
		if len(calls) < customers/2 {
			t.Errorf("%s was called for %d customers, want %d", path, len(calls), customers/2)
		}
		for who, times := range calls {
			var n int
			if _, err := fmt.Sscanf(who, kind+"-%d", &n); err != nil || (n%2 == 0) != (kind == "refresh") || times > 2 {
				t.Errorf("%s was called %d times for %s: %v", path, times, who, err)
			}
		}
	}
}

// TestBenchBeginsElsewhere: a run takes other customers than the one before it, whose rows are still at hand.
func TestBenchBeginsElsewhere(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"active":true}`) }))
	defer s.Close()
	var mu sync.Mutex
	taken := map[int64]int{}
	for run := range 2 {
		b := aBench(t, demo.Subject{URL: s.URL, WebURL: s.URL})
		b.Only = []string{"introspection"}
		b.Loaded = &demo.Loaded{Customers: 1e9, Customer: func(n int64) (demo.LoadedCustomer, error) {
			mu.Lock()
			defer mu.Unlock()
			if before, again := taken[n]; again && before != run {
				t.Errorf("customer %d was taken by both", n)
			}
			taken[n] = run
			return demo.LoadedCustomer{}, nil
		}}
		if _, err := b.Run(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if len(taken) < 8 {
		t.Errorf("%d customers", len(taken))
	}
}
