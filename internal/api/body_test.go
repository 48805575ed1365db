package api

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestReadBody(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"a":`, deepest) + "1" + strings.Repeat("}", deepest)
	for _, x := range []struct {
		name, text string
		ok         bool
	}{
		{"an object", `{"email":"a@example.org"}`, true},
		{"nothing", ``, true},
		{"spaces", " \r\n", true},
		{"an object with spaces", " { } \n", true},
		{"unknown fields", `{"x":{"y":[1,{"z":null}]},"email":"a"}`, true},
		{"the same name in two objects", `{"a":{"x":1},"b":{"x":2},"c":[{"x":1},{"x":2}]}`, true},
		{"as deep as allowed", deep, true},
		{"deeper", `{"b":` + deep + `}`, false},
		{"an array so deep that reading it would hurt", `{"a":` + strings.Repeat("[", 1<<19), false},
		{"a field twice", `{"email":"a","email":"b"}`, false},
		{"a field twice, written differently", `{"email":"a","EMAIL":"b"}`, false},
		{"a field twice, by a letter that the decoder takes for an s", `{"firstName":"a","fir\u017ftName":"b"}`, false},
		{"a field twice, by a sign that the decoder takes for a k", `{"keyId":"a","\u212aeyId":"b"}`, false},
		{"a field twice, escaped", `{"email":"a","\u0065mail":"b"}`, false},
		{"a field twice inside", `{"address":{"city":"a","city":"b"}}`, false},
		{"a field twice inside an array", `{"o":[{"code":"a","code":"b"}]}`, false},
		{"two objects", `{}{}`, false},
		{"something after", `{} x`, false},
		{"null", `null`, false},
		{"an array", `[{}]`, false},
		{"a text", `"registrationCode"`, false},
		{"cut short in a name", `{"emai`, false},
		{"cut short in a value", `{"email":"a`, false},
		{"cut short after a value", `{"email":"a"`, false},
		{"cut short in an array", `{"a":[1,`, false},
		{"a comma too many", `{"a":1,}`, false},
		{"not UTF-8", "{\"email\":\"\xff\"}", false},
		{"not UTF-8 in a name", "{\"\xc3\":1}", false},
		{"a byte order mark", "\ufeff{}", false},
		{"a form", `email=a`, false},
		{"NaN", `{"a":NaN}`, false},
		{"a bare control character", "{\"a\":\"\x00\"}", false},
	} {
		b, err := readBody([]byte(x.text))
		if (err == nil) != x.ok || err != nil && !errors.Is(err, errBody) {
			t.Errorf("%s: %v", x.name, err)
		}
		if err == nil && b.into(&struct{}{}) != nil {
			t.Errorf("%s: read, and then not read", x.name)
		}
		if err != nil && strings.Contains(err.Error(), "example") {
			t.Errorf("%s: the error repeats what was sent: %v", x.name, err)
		}
	}
}

func TestBodyKnowsWhatIsInIt(t *testing.T) {
	t.Parallel()
	b, err := readBody([]byte(`{"a":null,"b":"","C":{"d":1,"e":null},"f":[],"g":[{"h":1}],"i":false,"j.k":1,"l":{"m.n":1}}`))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"a": false, "b": true, "c": true, "C.D": true, "c.e": false, "f": true, "g": true, "g.h": true, "i": true, "x": false,
		"j": false, "j.k": false, "l.m": false, "l.m.n": false} {
		if b.has(path) != want {
			t.Errorf("%s: %t", path, b.has(path))
		}
	}
	var into struct {
		B struct{ X int } `json:"b"`
	}
	var wrong fieldTypeError
	if err := b.into(&into); !errors.As(err, &wrong) || wrong.path != "b" {
		t.Errorf("a text for an object: %v", err)
	}
}

func FuzzReadBody(f *testing.F) {
	for _, text := range []string{`{"registrationCode":"7a"}`, `{"a":{"b":[1,2,{"c":null}]}}`, `{"a":1,"A":2}`, "{}", "\xff", `{"a":"\ud800"}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := readBody(raw)
		if err != nil {
			if !errors.Is(err, errBody) {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		var m map[string]json.RawMessage
		if err := json.Unmarshal(b.raw, &m); err != nil {
			t.Fatalf("%q: read, and then: %v", raw, err)
		}
		for name, value := range m { // what the decoder finds is what has() says; no wire type has a name with a dot in it
			if strings.Contains(name, ".") {
				continue
			}
			if b.has(name) == (string(value) == "null") {
				t.Fatalf("%q: %q is %s, has %t", raw, name, value, b.has(name))
			}
		}
	})
}
