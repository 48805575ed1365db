package customer

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// taxNumber is a good file, whose parts the tests change.
const taxNumber = `{"fields":[{"key":"tax_number","profile":"personal","countries":["GB","deu"],"required":true,"autocomplete":"off",
	"schema":{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"string","minLength":3,"maxLength":13,"pattern":"^[0-9 ]+$"},
	"words":{"en":{"label":"Tax number","hint":"It is on your last tax letter.","message":"A tax number has digits and spaces only"},"de":{"label":"Steuernummer"}}}]}`

// extras reads a file that has no mistakes.
func extras(t testing.TB, content string) Extras {
	t.Helper()
	es, found := ReadExtras([]byte(content))
	for _, e := range found {
		t.Fatalf("%s (%s)", e, e.Remedy)
	}
	return es
}

// oneField is a file of one field with a schema.
func oneField(schema string) string {
	return `{"fields":[{"key":"k","profile":"personal","schema":` + schema + `,"words":{"en":{"label":"K"}}}]}`
}

func TestReadExtras(t *testing.T) {
	es := extras(t, taxNumber)
	p := Profile{Kind: KindPersonal, Details: Details{Values: map[Field]string{Country: "DE"}}}
	list := es.For(p)
	if len(list) != 1 || es.Edition == 0 {
		t.Fatalf("%d fields, edition %d", len(list), es.Edition)
	}
	x := list[0]
	if x.Field() != "x_tax_number" || !x.Required || x.Type != ExtraString || *x.MinLength != 3 || *x.MaxLength != 13 || x.Pattern != "^[0-9 ]+$" || x.Autocomplete != "off" {
		t.Errorf("%+v", x)
	}
	for language, label := range map[string]string{"en": "Tax number", "de": "Steuernummer", "fr": "Tax number", "": "Tax number"} {
		if got := x.Words(language).Label; got != label {
			t.Errorf("in %q: %q", language, got)
		}
	}
	if other := extras(t, strings.Replace(taxNumber, "Steuernummer", "Steuer-ID", 1)); other.Edition == es.Edition {
		t.Error("two files have one edition")
	}
	if empty := extras(t, `{"fields":[]}`); len(empty.For(p)) != 0 {
		t.Error("no field is one")
	}
	if none := (Extras{}); none.Edition != 0 || none.For(p) != nil || none.Missing(p) != nil {
		t.Error("no file asks for something")
	}
}

// Each mistake is told with its path, all of them at once.
func TestExtrasThatAreRefused(t *testing.T) {
	change := func(from, to string) string { return strings.Replace(taxNumber, from, to, 1) }
	second := strings.TrimSuffix(strings.TrimPrefix(taxNumber, `{"fields":[`), `]}`)
	for _, c := range []struct{ name, file, path string }{
		{"nothing", ``, ``}, {"no JSON", `fields: []`, ``}, {"cut", taxNumber[:200], ``}, {"two values", taxNumber + `{}`, ``}, {"not UTF-8", "{\"fields\":[\"\xff\"]}", ``},
		{"a list", `[]`, ``}, {"null", `null`, ``}, {"a number", `7`, ``}, {"another key", `{"fields":[],"more":1}`, `more`}, {"no list", `{"fields":{}}`, `fields`},
		{"a text for a field", `{"fields":["x"]}`, `fields[0]`}, {"a key twice", change(`"required":true`, `"required":true,"required":false`), ``},
		{"too many", `{"fields":[` + strings.Repeat(`{},`, 100) + `{}]}`, `fields`}, {"nested", `{"fields":` + strings.Repeat(`[`, 50) + strings.Repeat(`]`, 50) + `}`, ``},
		{"large", `{"fields":[]}` + strings.Repeat(" ", 1<<20), ``},
		{"misspelt", change(`"required"`, `"requird"`), `fields[0].requird`}, {"no key", change(`"key":"tax_number",`, ``), `fields[0].key`},
		{"a key in capitals", change(`"tax_number"`, `"taxNumber"`), `fields[0].key`}, {"a key with a dash", change(`"tax_number"`, `"tax-number"`), `fields[0].key`},
		{"a long key", change(`"tax_number"`, `"`+strings.Repeat("a", 41)+`"`), `fields[0].key`}, {"a key of another type", change(`"tax_number"`, `7`), `fields[0].key`},
		{"another kind", change(`"personal"`, `"joint"`), `fields[0].profile`}, {"required as text", change(`true`, `"yes"`), `fields[0].required`},
		{"no such country", change(`"deu"`, `"XX"`), `fields[0].countries[1]`}, {"a country twice", change(`"deu"`, `"gbr"`), `fields[0].countries[1]`},
		{"countries as text", change(`["GB","deu"]`, `"GB"`), `fields[0].countries`}, {"no countries", change(`["GB","deu"]`, `[]`), `fields[0].countries`},
		{"fills in a password", change(`"off"`, `"current-password"`), `fields[0].autocomplete`}, {"fills in a card", change(`"off"`, `"billing cc-number"`), `fields[0].autocomplete`},
		{"fills in markup", change(`"off"`, `"a\" onfocus=\"x"`), `fields[0].autocomplete`},
		{"no words", `{"fields":[{"key":"k","profile":"personal","schema":{"type":"string"}}]}`, `fields[0].words`}, {"no English", change(`"en":{`, `"fr":{`), `fields[0].words`},
		{"no such language", change(`"de":{`, `"d":{`), `fields[0].words.d`}, {"a language in another form", change(`"de":{`, `"DE":{`), `fields[0].words.DE`},
		{"no label", change(`"label":"Steuernummer"`, ``), `fields[0].words.de.label`}, {"an empty label", change(`"Tax number"`, `""`), `fields[0].words.en.label`},
		{"a long hint", change(`It is on`, strings.Repeat("h", 300)), `fields[0].words.en.hint`}, {"a message that turns round", change(`A tax number`, `A \u202e`), `fields[0].words.en.message`},
		{"a name for no choice", change(`"label":"Steuernummer"`, `"label":"S","choices":{"a":"A"}`), `fields[0].words.de.choices.a`},
		{"choices as a list", change(`"label":"Steuernummer"`, `"label":"S","choices":["a"]`), `fields[0].words.de.choices`},
		{"twice", `{"fields":[` + second + `,` + second + `]}`, `fields[1].key`},
		{"twice, once everywhere", `{"fields":[` + second + `,` + strings.Replace(second, `"countries":["GB","deu"],`, ``, 1) + `]}`, `fields[1].key`},
	} {
		es, found := ReadExtras([]byte(c.file))
		if len(found) == 0 || found[0].Path != c.path || found[0].What == "" || found[0].Remedy == "" || len(es.list) != 0 {
			t.Errorf("%s: %v", c.name, found)
		}
	}
	all := change(`"personal"`, `"joint"`)
	all = strings.Replace(strings.Replace(all, `"deu"`, `"XX"`, 1), `"minLength":3`, `"minLenght":3`, 1)
	if _, found := ReadExtras([]byte(all)); len(found) != 3 {
		t.Errorf("3 mistakes: %v", found)
	}
	// One key in two countries is two fields.
	extras(t, `{"fields":[`+second+`,`+strings.Replace(second, `["GB","deu"]`, `["FR"]`, 1)+`,`+strings.Replace(second, `"personal"`, `"business"`, 1)+`]}`)
}

// Schemas that would fetch, go round in circles, or cost more than a value is worth.
func TestHostileSchemas(t *testing.T) {
	asked := 0
	remote := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = w.Write([]byte(`{"type":"string"}`))
	}))
	defer remote.Close()
	deep := strings.Repeat(`{"not":`, 12) + `true` + strings.Repeat(`}`, 12)
	for _, c := range []struct{ name, schema, path string }{
		{"remote reference", `{"type":"string","$ref":"` + remote.URL + `/a.json"}`, `$ref`}, {"reference to a file", `{"type":"string","$ref":"file:///etc/passwd"}`, `$ref`},
		{"reference in a branch", `{"type":"string","anyOf":[{"$ref":"` + remote.URL + `"}]}`, `anyOf[0].$ref`},
		{"another draft from elsewhere", `{"type":"string","$schema":"` + remote.URL + `"}`, `$schema`}, {"draft 7", `{"type":"string","$schema":"http://json-schema.org/draft-07/schema#"}`, `$schema`},
		{"base elsewhere", `{"type":"string","$id":"` + remote.URL + `"}`, `$id`}, {"to itself", `{"type":"string","$ref":"#"}`, `$ref`},
		{"to itself, dynamically", `{"type":"string","$dynamicRef":"#a","$dynamicAnchor":"a"}`, `$dynamicAnchor`},
		{"doubling definitions", `{"type":"string","$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"},{"$ref":"#/$defs/b"}]}}}`, `$defs`},
		{"deep", `{"type":"string","not":` + deep + `}`, `not.not.not.not.not.not.not.not`}, {"wide", `{"type":"string","allOf":[` + strings.Repeat(`{},`, 20) + `{}]}`, `allOf`},
		{"a list", `{"type":"array"}`, `type`}, {"an object", `{"type":"object"}`, `type`}, {"null", `{"type":"null"}`, `type`}, {"two types", `{"type":["string","null"]}`, `type`},
		{"no type", `{}`, `type`}, {"true", `true`, ``}, {"a text", `"string"`, ``}, {"misspelt", `{"type":"string","maxlength":3}`, `maxlength`},
		{"properties", `{"type":"string","properties":{}}`, `properties`}, {"lookahead", `{"type":"string","pattern":"^(?=a)b"}`, `pattern`},
		{"backreference", `{"type":"string","pattern":"(a)\\1"}`, `pattern`}, {"unclosed", `{"type":"string","pattern":"("}`, `pattern`}, {"no text", `{"type":"string","pattern":7}`, `pattern`},
		{"large repeat", `{"type":"string","pattern":"a{100000}"}`, `pattern`}, {"repeats in repeats", `{"type":"string","pattern":"((a{100}){100}){100}"}`, `pattern`},
		{"repeats in a row", `{"type":"string","pattern":"` + strings.Repeat(`.{0,900}x`, 20) + `"}`, `pattern`}, {"long", `{"type":"string","pattern":"` + strings.Repeat("a", 501) + `"}`, `pattern`},
		{"a number that fills the memory", `{"type":"number","maximum":1e999999999}`, `maximum`}, {"the same in a list", `{"type":"number","enum":[1,1e999999999]}`, `enum[1]`},
		{"the same in an example", `{"type":"number","examples":{"a":[1e999999999]}}`, `examples.a[0]`}, {"the same as a constant", `{"type":"number","const":1e999999999}`, `const`},
		{"a length below nothing", `{"type":"string","minLength":-1}`, `minLength`}, {"a large length", `{"type":"string","minLength":99999}`, `minLength`},
		{"a divisor of nothing", `{"type":"number","multipleOf":0}`, ``}, {"a broken format", `{"type":"string","format":7}`, ``}, {"an empty list", `{"type":"string","enum":"a"}`, ``},
		{"a choice of another type", `{"type":"string","enum":["a",7]}`, `enum[1]`}, {"a choice with space", `{"type":"string","enum":["a "]}`, `enum[0]`},
		{"a choice that is too long", `{"type":"string","enum":["abc"],"maxLength":2}`, `enum[0]`}, {"a number for a branch", `{"type":"string","if":7}`, `if`},
	} {
		_, found := ReadExtras([]byte(oneField(c.schema)))
		want := strings.TrimSuffix("fields[0].schema."+c.path, ".")
		if len(found) == 0 || found[0].Path != want || found[0].Remedy == "" {
			t.Errorf("%s: %v, want one at %s", c.name, found, want)
		}
	}
	if asked != 0 {
		t.Errorf("%d addresses of schemas were asked", asked)
	}
	if _, err := (noLoader{}).Load(remote.URL); err == nil || asked != 0 {
		t.Error("the loader loads")
	}
}

// The costliest pattern that is taken meets the longest value: a program that goes back on its steps would not come to an end.
func TestPatternsComeToAnEnd(t *testing.T) {
	es := extras(t, oneField(`{"type":"string","pattern":"^(a|a?)*(.{0,400}x){2}$"}`))
	x := es.list[0]
	if _, problem := x.CheckText(strings.Repeat("a", extraLimit)); problem != Malformed {
		t.Errorf("%q", problem)
	}
	if _, problem := x.CheckText(strings.Repeat("a", extraLimit+1)); problem != TooLong {
		t.Errorf("a value over the limit: %q", problem)
	}
}

func FuzzReadExtras(f *testing.F) {
	f.Add(taxNumber)
	f.Add(oneField(`{"type":"integer","minimum":1,"anyOf":[{"multipleOf":5},{"const":7}]}`))
	f.Add(oneField(`{"type":"string","enum":["a","b"],"format":"date"}`))
	f.Add(`{"fields":[{}]}`)
	f.Fuzz(func(t *testing.T, content string) {
		es, found := ReadExtras([]byte(content))
		if len(found) > 0 {
			return
		}
		for _, x := range es.list {
			for _, text := range []string{"", "a", "7", "-1.5", "true", content} {
				again, problem := x.CheckText(text)
				if third, same := x.CheckText(again); problem == NoProblem && (same != NoProblem || third != again) {
					t.Errorf("%q becomes %q, then %q", text, again, third)
				}
				if value, fits := x.JSON(again); fits {
					raw, err := json.Marshal(value)
					if err != nil || fmt.Sprintf("%T", value) == "" || len(raw) == 0 {
						t.Errorf("%q is not JSON: %v", again, err)
					}
				}
			}
		}
	})
}
