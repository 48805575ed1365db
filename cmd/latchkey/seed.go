package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// seeded is one partner of a seed file and the line at which it begins.
type seeded struct {
	partner.Registration
	line int
}

// seedKeys are what a partner of a seed file may say.
var seedKeys = []string{"id", "secret", "secret_file", "name", "class", "redirect", "restart", "home", "scopes", "optional_scopes", "purpose", "hide_existing", "birthdate_check",
	"per_second", "per_minute"}

const seedRemedy = "write partners: and below it, for each, - id: secret: name: redirect: (docs/operating.md shows one whole)"

// readSeed reads a seed file: a mapping with one key, partners, a list. It returns every mistake with file and line.
//
//	partners:
//	  - id: acme-treasury
//	    secret_file: /run/secrets/acme        # or secret: ...
//	    name: Acme Treasury
//	    redirect: [https://app.acme.example/wise/cb]
//	    restart: https://app.acme.example/again
//	    class: classic
//	    scopes: [account.read, profiles.read]
func readSeed(path string) ([]seeded, []mistake) {
	entries, err := readMapping(path)
	if err != nil {
		return nil, []mistake{{"seed", err.Error(), seedRemedy}}
	}
	var list []seeded
	var found []mistake
	for _, e := range entries {
		sequence, ok := e.value.(*ast.SequenceNode)
		if e.key != "partners" || !ok {
			found = append(found, mistake{fmt.Sprintf("%s:%d", path, e.line), fmt.Sprintf("%q is not a list of partners", e.key), "write partners: and below it a list"})
			continue
		}
		for _, item := range sequence.Values {
			one, wrong := readSeeded(path, item)
			list, found = append(list, one), append(found, wrong...)
		}
	}
	seen := map[string]bool{}
	for _, one := range list {
		if one.ClientID != "" && seen[one.ClientID] {
			found = append(found, mistake{fmt.Sprintf("%s:%d", path, one.line), fmt.Sprintf("partner %q is in the file twice", one.ClientID), "take one out"})
		}
		seen[one.ClientID] = true
	}
	return list, found
}

// seedReader reads one partner and collects what is wrong with it.
type seedReader struct {
	path  string
	one   seeded
	lines map[string]int
	found []mistake
}

func (r *seedReader) wrong(line int, what, remedy string) {
	r.found = append(r.found, mistake{fmt.Sprintf("%s:%d", r.path, line), what, remedy})
}

func readSeeded(path string, node ast.Node) (seeded, []mistake) {
	r := &seedReader{path: path, lines: map[string]int{}}
	r.one.line = node.GetToken().Position.Line
	entries, ok := entriesOf(node)
	if !ok {
		r.wrong(r.one.line, "is not a partner", seedRemedy)
		return r.one, r.found
	}
	r.one.line = entries[0].line
	for _, e := range entries {
		r.lines[e.key] = e.line
		r.read(e)
	}
	if r.one.ClientID == "" {
		r.wrong(r.one.line, "id: is missing", "give the partner a client id")
	}
	if r.one.Secret == "" && len(r.found) == 0 {
		r.wrong(r.one.line, "secret: is missing", "give secret: or secret_file:, 8 characters or more")
	}
	for _, err := range r.one.Check() {
		field, what, _ := strings.Cut(err.Error(), ": ")
		line := r.one.line
		if at, named := r.lines[field]; named {
			line = at
		}
		r.wrong(line, field+": "+what, "mend it and start again; nothing was changed")
	}
	return r.one, r.found
}

// read takes one key of a partner.
func (r *seedReader) read(e entry) {
	if !slices.Contains(seedKeys, e.key) {
		r.wrong(e.line, fmt.Sprintf("a partner has no %q", e.key), "use "+strings.Join(seedKeys, ", "))
		return
	}
	values, ok := texts(e.value)
	listed := slices.Contains([]string{"redirect", "scopes", "optional_scopes"}, e.key)
	if !ok || !listed && len(values) != 1 {
		r.wrong(e.line, e.key+": is not one value", "write it as "+e.key+": VALUE")
		return
	}
	if len(values) == 0 {
		return
	}
	one := &r.one
	switch e.key {
	case "id":
		one.ClientID = values[0]
	case "secret":
		one.Secret = values[0]
	case "secret_file":
		one.Secret = r.secretFile(e, values[0])
	case "name":
		one.Name = values[0]
	case "class":
		one.Class = values[0]
	case "redirect":
		one.RedirectURIs = values
	case "restart":
		one.RestartURI = values[0]
	case "home":
		one.HomeURI = values[0]
	case "purpose":
		one.Purpose = values[0]
	case "scopes":
		one.Required = r.scopes(e, values)
	case "optional_scopes":
		one.Optional = r.scopes(e, values)
	case "hide_existing":
		if hide, ok := r.bool(e, values[0]); ok {
			one.HideExisting = &hide
		}
	case "birthdate_check":
		one.BirthdateCheck, _ = r.bool(e, values[0])
	case "per_second":
		one.PerSecond = r.number(e, values[0])
	case "per_minute":
		one.PerMinute = r.number(e, values[0])
	}
}

// number reads how many requests a partner may make.
func (r *seedReader) number(e entry, value string) int {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		r.wrong(e.line, e.key+": is not a number from 1 on", "write it in digits, or leave it out for the documented limit")
	}
	return n
}

// bool reads true or false.
func (r *seedReader) bool(e entry, value string) (yes, ok bool) {
	if value != "true" && value != "false" {
		r.wrong(e.line, e.key+": is neither true nor false", "write true or false")
		return false, false
	}
	return value == "true", true
}

// secretFile reads a partner's secret from a file beside the seed file, or anywhere by its full path.
func (r *seedReader) secretFile(e entry, name string) string {
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(r.path), name)
	}
	content, err := os.ReadFile(name)
	if err != nil {
		r.wrong(e.line, "secret_file: "+withoutPath(err, name), "name a file that holds the secret")
	}
	return strings.TrimSpace(string(content))
}

func (r *seedReader) scopes(e entry, values []string) []partner.Scope {
	scopes, err := partner.ParseScopes(strings.Join(values, " "))
	if err != nil {
		r.wrong(e.line, e.key+": "+err.Error(), "use "+partner.FormatScopes(partner.AllScopes()))
	}
	return scopes
}

// plant brings the seeded partners into the database, each in a transaction of its own, and tells how many changed.
func plant(ctx context.Context, partners partner.Partners, seeds []seeded) (changed int, err error) {
	for _, one := range seeds {
		did, err := partners.Seed(ctx, one.Registration)
		if err != nil {
			return changed, fmt.Errorf("seeding partner %s: %w", one.ClientID, err)
		}
		if did {
			changed++
		}
	}
	return changed, nil
}
