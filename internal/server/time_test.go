package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestARequestHasAnEnd: what a request waits for, it waits for no longer than its own time; a large body may take the server's
// time for reading on top.
func TestARequestHasAnEnd(t *testing.T) {
	t.Parallel()
	o, _ := options(t)
	var left time.Duration
	o.Sandbox = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		end, some := r.Context().Deadline()
		if left = time.Until(end); !some {
			t.Error("a request without an end")
		}
	})
	h := newServer(t, o).Handler()
	for _, c := range []struct {
		length int64
		most   time.Duration
	}{{0, requestTime}, {smallBody, requestTime}, {smallBody + 1, requestTime + readTime}, {-1, requestTime + readTime}} {
		r := httptest.NewRequest("POST", "/dev/mail", strings.NewReader(""))
		r.ContentLength = c.length
		left = 0
		h.ServeHTTP(httptest.NewRecorder(), r)
		if left > c.most || left < c.most-requestTime/2 {
			t.Errorf("a body of %d bytes: %s, want %s", c.length, left, c.most)
		}
	}
}
