package store

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// oddTexts are what people and partners write, and what JSON writes in another way than it stands there.
var oddTexts = []string{"", "Mira", "Zoë Ångström", "山田", "O'Neil & Söhne", `a "quoted" word`, `C:\path\`, "a\tb\nc\x00d", "<script>", "\u2028", "a,b:c}d]e{f[g", `\`, `"`,
	"\xff\xfe", "\U0001F600", "null", "}", `","x":"y`}

// FuzzPlain: what is read the short way is what encoding/json makes of it, whatever the texts are; and what is no JSON as it is written here is
// not read that way.
func FuzzPlain(f *testing.F) {
	for _, a := range oddTexts {
		for _, b := range oddTexts {
			f.Add(a, b)
		}
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		plainPairs(a, func(string, string) {})
		_, _ = plainMember(a, b)
		if got := []partner.Scope{}; plainList(a, &got) && !json.Valid([]byte(a)) {
			t.Errorf("%q is read as %q", a, got)
		}
		samePlain(t, a, b)
	})
}

// samePlain compares the two ways for what holds two texts, and says how often the short one was taken.
func samePlain(t *testing.T, a, b string) (short int) {
	t.Helper()
	equal := func(text []byte, got, want any, ok bool) {
		t.Helper()
		if ok {
			short++
		}
		if ok && !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %#v\nwant %#v", text, got, want)
		}
	}
	written := func(v, back any) []byte {
		text, err := json.Marshal(v)
		must(t, errors.Join(err, json.Unmarshal(text, back)))
		return text
	}
	pairs, want := map[string]string{}, map[string]string{}
	text := written(map[string]string{a: b, "between": "plain", b: a}, &want)
	ok := plainPairs(string(text), func(name, value string) { pairs[name] = value })
	equal(text, pairs, want, ok)

	var list, wants []partner.Scope
	text = written([]string{a, "plain", b}, &wants)
	ok = plainList(string(text), &list)
	equal(text, list, wants, ok)

	var whole struct{ Values json.RawMessage }
	text = written(map[string]any{"a": a, "list": []any{b, map[string]any{a: 1.5, "x": nil}, true}, "values": map[string]string{a: b}, "z": -3}, &whole)
	member, ok := plainMember(string(text), "values")
	equal(text, member, string(whole.Values), ok)
	if _, none := plainMember(string(text), "none"); !ok || !none {
		t.Errorf("in %s the member is found: %t, and that another is not there: %t", text, ok, none)
	}

	var addresses, said contact
	must(t, addresses.read(written(contact{a, b, "EN"}, &said)))
	var details customer.Details
	values, err := valuesOf(written(customer.Details{Values: map[customer.Field]string{customer.City: a, "x": b}, ExternalID: b}, &details))
	must(t, err)
	equal(nil, addresses, said, true)
	equal(nil, values, details.Values, true)
	return short
}

// TestPlainIsShort: most texts are read the short way, or it would be of no use.
func TestPlainIsShort(t *testing.T) {
	short, whole := 0, 0
	for _, a := range oddTexts {
		whole += samePlain(t, a, "plain")
		if a == "Zoë Ångström" {
			short = samePlain(t, a, "O'Neil, 山田")
		}
	}
	if short != 5 || whole == 5*len(oddTexts) {
		t.Errorf("%d of 5, and of odd texts %d of %d", short, whole, 5*len(oddTexts))
	}
}

// TestPlainLeavesTheRest: what is cut, spaced, of other types or no JSON at all is never taken for plain.
func TestPlainLeavesTheRest(t *testing.T) {
	pairs, list := `{"a":"b","c":"dé"}`, `["a","b"]`
	cases := []string{"", "null", "{", "[", "}", `"a"`, `{"a":1}`, `{"a":null}`, `{"a":"b",}`, `{ "a":"b"}`, `{"a" :"b"}`, `{"a":"b"} `, `{"a":"b"}x`, `[1]`, `["a",]`,
		`["a" ]`, `["a"]]`, `{"a":{"b":"c"}}`, `{"a":["b"]}`, "{\"a\":\"\xff\"}", "[\"\xff\"]", "[\"a\x01\"]", `{"a":"\n"}`, `["\u0041"]`, `{a:"b"}`, `{"a";"b"}`, `["a";"b"]`, `{"a":"b";"c":"d"}`}
	for i := range pairs {
		cases = append(cases, pairs[:i])
	}
	for i := range list {
		cases = append(cases, list[:i])
	}
	for _, text := range cases {
		var texts []string
		if plainPairs(text, func(string, string) {}) || plainList(text, &texts) || texts != nil && text != "" {
			t.Errorf("%q is taken for plain, as %q", text, texts)
		}
	}
	for _, text := range []string{"", "null", "{", `{"a"`, `{"a":`, `{"a":"b`, `{"a":"b"`, `{"a":[1,2}`, `{a:1}`, `{"a":1,}`, `{"a":1}}`, `[{"a":1}]`, `{"a":"\`} {
		if member, ok := plainMember(text, "values"); ok && json.Valid([]byte(text)) || ok && member != "" {
			t.Errorf("%q has a member %q", text, member)
		}
	}
}

// TestScopesAreReadAsTheyWere: lists that are plain and others.
func TestScopesAreReadAsTheyWere(t *testing.T) {
	for _, scopes := range [][]partner.Scope{nil, {}, {"transfers"}, {"transfers", "balances:read"}, {"a&b", "c"}} {
		value, err := list{&scopes}.Value()
		must(t, err)
		got := []partner.Scope{"before"}
		must(t, list{&got}.Scan(value))
		if !reflect.DeepEqual(got, scopes) {
			t.Errorf("%v: %#v, want %#v", value, got, scopes)
		}
	}
	got := []partner.Scope{}
	for _, text := range []string{"", "{}", `[1]`, `["a"`, `"a"`} {
		if err := (list{&got}).Scan(text); err == nil {
			t.Errorf("%q is read as %q", text, got)
		}
	}
}
