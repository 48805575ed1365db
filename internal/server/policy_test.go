package server

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// A list of leaked passwords is asked where the operator named one, and nobody where not.
func TestPolicyAsksTheNamedList(t *testing.T) {
	t.Parallel()
	const leaked = "seven grey ducks ate my exam"
	_, rest := secret.BreachDigest(leaked)
	list := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(rest + ":1\r\n")) }))
	defer list.Close()
	o, _ := options(t)
	if err := o.policy().Admit(t.Context(), leaked); err != nil {
		t.Errorf("without a list: %v", err)
	}
	o.Breaches = list.URL
	if err := o.policy().Admit(t.Context(), leaked); !errors.Is(err, customer.ErrPasswordBreached) {
		t.Errorf("with a list: %v", err)
	}
	list.Close()
	if err := o.policy().Admit(t.Context(), leaked); err != nil {
		t.Errorf("with a list that is gone: %v", err)
	}
}
