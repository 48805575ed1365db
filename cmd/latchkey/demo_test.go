package main

import (
	"errors"
	"strings"
	"testing"
)

// A walk that met what is not described has failed, and says what it was.
func TestDeviationsFailTheWalk(t *testing.T) {
	var found deviations
	var out strings.Builder
	if err := found.tell(&out); err != nil || out.String() != "every answer of the API was as described\n" {
		t.Errorf("none: %v, %q", err, out.String())
	}
	out.Reset()
	found.add(errors.New("GET /v1/me 200: at '/more'"))
	found.add(errors.New("GET /v1/me 201: the status is not described"))
	if err := found.tell(&out); !errors.Is(err, errQuiet) || strings.Count(out.String(), "FAIL  not as described: GET /v1/me") != 2 {
		t.Errorf("two: %v, %q", err, out.String())
	}
}
