package customer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"regexp"
	"regexp/syntax"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
)

// Bounds of a file of extra fields. A schema is checked at every confirmation, so what it may cost is bounded too.
const (
	largestExtras   = 1 << 20
	mostExtras      = 100
	mostChoices     = 1000
	longestPattern  = 500
	largestProgram  = 4000
	deepestSchema   = 8
	longestExtraSay = 300
)

// An ExtraError is a mistake in a file of extra fields: where, what, and how to mend it.
type ExtraError struct{ Path, What, Remedy string }

// Error is where and what.
func (e *ExtraError) Error() string { return e.Path + ": " + e.What }

// ReadExtras reads a file of extra fields and returns them, or every mistake as an *ExtraError. It loads nothing that the file
// names.
func ReadExtras(content []byte) (Extras, []*ExtraError) {
	r := &extraReader{}
	if len(content) > largestExtras {
		r.wrong("", "is larger than 1 MB", "leave out what is not a field")
		return Extras{}, r.found
	}
	file, err := parseExtras(content)
	if err != nil {
		r.wrong("", err.Error(), `write {"fields": [...]} (docs/operating.md shows one whole)`)
		return Extras{}, r.found
	}
	o := r.object("", file, "fields")
	for i, one := range r.list("fields", o["fields"], mostExtras) {
		r.field(fmt.Sprintf("fields[%d]", i), one)
	}
	if len(r.found) > 0 {
		return Extras{}, r.found
	}
	sum := fnv.New32a()
	_, _ = sum.Write(content)
	return Extras{list: r.read, Edition: max(sum.Sum32()>>1, 1)}, nil
}

// parseExtras reads JSON strictly: one value, no key twice. Numbers stay text, so that 1e999999999 is not worked out.
func parseExtras(content []byte) (any, error) {
	if !utf8.Valid(content) {
		return nil, errors.New("is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(content))
	d.UseNumber()
	value, err := parseValue(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("has something after its end")
	}
	return value, nil
}

func parseValue(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, notJSON(d)
	}
	opening, nested := t.(json.Delim)
	if !nested {
		return t, nil
	}
	if depth > 4*deepestSchema {
		return nil, errors.New("is nested too deeply")
	}
	if opening == '[' {
		list := []any{}
		for d.More() {
			one, err := parseValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, one)
		}
		return list, closed(d)
	}
	object := map[string]any{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, notJSON(d)
		}
		key, _ := name.(string)
		if _, twice := object[key]; twice {
			return nil, fmt.Errorf("has %q twice in one object, at byte %d", key, d.InputOffset())
		}
		if object[key], err = parseValue(d, depth+1); err != nil {
			return nil, err
		}
	}
	return object, closed(d)
}

// closed reads the end of a list or an object.
func closed(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return notJSON(d)
	}
	return nil
}

func notJSON(d *json.Decoder) error { return fmt.Errorf("is not JSON at byte %d", d.InputOffset()) }

// An extraReader collects fields and mistakes.
type extraReader struct {
	read  []Extra
	found []*ExtraError
}

func (r *extraReader) wrong(path, what, remedy string) {
	r.found = append(r.found, &ExtraError{Path: strings.TrimPrefix(path, "."), What: what, Remedy: remedy})
}

// object reads an object that has these keys and no others.
func (r *extraReader) object(path string, value any, keys ...string) map[string]any {
	o, is := value.(map[string]any)
	if !is {
		r.wrong(path, "is not an object", "write { and } around "+strings.Join(keys, ", "))
		return nil
	}
	for _, key := range sortedKeys(o) {
		if !slices.Contains(keys, key) {
			r.wrong(path+"."+key, "is not known", "use "+strings.Join(keys, ", "))
		}
	}
	return o
}

func sortedKeys[T any](o map[string]T) []string {
	keys := make([]string, 0, len(o))
	for key := range o {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

func (r *extraReader) list(path string, value any, most int) []any {
	list, is := value.([]any)
	switch {
	case !is:
		r.wrong(path, "is not a list", "write [ and ] around it")
	case len(list) > most:
		r.wrong(path, fmt.Sprintf("has %d entries", len(list)), fmt.Sprintf("keep it to %d", most))
		return nil
	}
	return list
}

func (r *extraReader) text(path string, value any, needed bool) string {
	text, is := value.(string)
	switch {
	case value == nil && !needed:
	case !is || needed && text == "":
		r.wrong(path, "is not a text", "write it in quotation marks")
	case utf8.RuneCountInString(text) > longestExtraSay:
		r.wrong(path, "is too long", fmt.Sprintf("use at most %d characters", longestExtraSay))
	case strings.ContainsFunc(text, hidden):
		r.wrong(path, "has control characters", "use plain text on one line")
	}
	return text
}

var extraKey = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// field reads one field.
func (r *extraReader) field(path string, value any) {
	o := r.object(path, value, "key", "profile", "countries", "required", "autocomplete", "schema", "words")
	if o == nil {
		return
	}
	before := len(r.found)
	x := Extra{Key: r.text(path+".key", o["key"], true), Kind: Kind(r.text(path+".profile", o["profile"], true)),
		Autocomplete: r.text(path+".autocomplete", o["autocomplete"], false)}
	if !extraKey.MatchString(x.Key) && x.Key != "" {
		r.wrong(path+".key", fmt.Sprintf("%q is no key", x.Key), "use a to z, 0 to 9 and _, beginning with a letter, at most 40")
	}
	if x.Kind != KindPersonal && x.Kind != KindBusiness && x.Kind != "" {
		r.wrong(path+".profile", fmt.Sprintf("%q is no kind of profile", x.Kind), "write personal or business")
	}
	var is bool
	if x.Required, is = o["required"].(bool); !is && o["required"] != nil {
		r.wrong(path+".required", "is neither true nor false", "write true or false without quotation marks")
	}
	// A form that let the browser fill in a card or a password under another label would steal it.
	if a := x.Autocomplete; a != "" && (!autofill.MatchString(a) || secretive.MatchString(a)) {
		r.wrong(path+".autocomplete", fmt.Sprintf("%q is not for such a field", a), "use a token of the HTML standard such as organization, none of passwords, codes or cards")
	}
	x.Countries = r.countries(path+".countries", o["countries"])
	r.schema(path+".schema", o["schema"], &x)
	r.words(path+".words", o["words"], &x)
	for _, other := range r.read {
		if len(r.found) == before && other.Kind == x.Kind && other.Key == x.Key && overlap(other, x) {
			r.wrong(path+".key", fmt.Sprintf("%q is asked for twice of the same profiles", x.Key), "take one out, or give each its countries")
		}
	}
	r.read = append(r.read, x)
}

var (
	autofill  = regexp.MustCompile(`^[a-z][a-z0-9 -]{0,59}$`)
	secretive = regexp.MustCompile(`password|one-time|\bcc-|webauthn`)
)

func overlap(a, b Extra) bool {
	return len(a.Countries) == 0 || len(b.Countries) == 0 || slices.ContainsFunc(a.Countries, func(c string) bool { return slices.Contains(b.Countries, c) })
}

func (r *extraReader) countries(path string, value any) []string {
	if value == nil {
		return nil
	}
	var codes []string
	list := r.list(path, value, 300)
	for i, one := range list {
		text, _ := one.(string)
		code, known := ParseCountry(text)
		if !known || slices.Contains(codes, code) {
			r.wrong(fmt.Sprintf("%s[%d]", path, i), fmt.Sprintf("%q is no country, or there already", text), "use codes of two or three letters such as GB, each once")
			continue
		}
		codes = append(codes, code)
	}
	if list != nil && len(codes) == 0 {
		r.wrong(path, "names no country", "leave it out to ask everywhere")
	}
	return codes
}

// words reads what is said of the field, by language.
func (r *extraReader) words(path string, value any, x *Extra) {
	o, is := value.(map[string]any)
	if !is || o[DefaultLanguage] == nil {
		r.wrong(path, "has no English words", `write "words": {"en": {"label": "..."}}`)
		return
	}
	x.words = map[string]ExtraWords{}
	for _, code := range sortedKeys(o) {
		at := path + "." + code
		if tag, err := language.Parse(code); err != nil || tag.String() != code {
			r.wrong(at, fmt.Sprintf("%q is no language", code), "use codes such as en, de or pt-BR")
		}
		said := r.object(at, o[code], "label", "hint", "message", "choices")
		words := ExtraWords{Label: r.text(at+".label", said["label"], true), Hint: r.text(at+".hint", said["hint"], false),
			Message: r.text(at+".message", said["message"], false)}
		if said["choices"] != nil {
			words.Choices = map[string]string{}
			names, is := said["choices"].(map[string]any)
			if !is {
				r.wrong(at+".choices", "is not an object", "write a name for each value of the schema's enum")
			}
			for _, name := range sortedKeys(names) {
				if !slices.Contains(x.Choices, name) {
					r.wrong(at+".choices."+name, "is no value of the schema's enum", "take it out")
				}
				words.Choices[name] = r.text(at+".choices."+name, names[name], true)
			}
		}
		x.words[code] = words
	}
}

// A schemaKeyword says what kind of value a keyword takes.
type schemaKeyword int

const (
	takesAnything schemaKeyword = iota
	takesSchema
	takesSchemas
	takesCount
	takesNumber
	takesPattern
)

// schemaKeywords are the keywords of draft 2020-12 that say something about a single value. Others are refused: a misspelt
// one would be ignored, and one that refers elsewhere could make the server fetch an address, read a file, or go round in
// circles at the cost of 2 to the power of its depth.
var schemaKeywords = map[string]schemaKeyword{
	"$schema": takesAnything, "$comment": takesAnything, "title": takesAnything, "description": takesAnything, "examples": takesAnything,
	"type": takesAnything, "enum": takesAnything, "const": takesAnything, "format": takesAnything,
	"minLength": takesCount, "maxLength": takesCount, "pattern": takesPattern,
	"minimum": takesNumber, "maximum": takesNumber, "exclusiveMinimum": takesNumber, "exclusiveMaximum": takesNumber, "multipleOf": takesNumber,
	"not": takesSchema, "if": takesSchema, "then": takesSchema, "else": takesSchema,
	"allOf": takesSchemas, "anyOf": takesSchemas, "oneOf": takesSchemas,
}

const draft = "https://json-schema.org/draft/2020-12/schema"

// schema compiles a field's schema.
func (r *extraReader) schema(path string, value any, x *Extra) {
	o, is := value.(map[string]any)
	if !is {
		r.wrong(path, "is not an object", `write a JSON Schema such as {"type": "string", "maxLength": 20}`)
		return
	}
	before := len(r.found)
	r.keywords(path, o, 1)
	if named, has := o["$schema"]; has && named != draft {
		r.wrong(path+".$schema", "is not draft 2020-12", "write "+draft+" or leave it out")
	}
	kind, _ := o["type"].(string)
	if x.Type = ExtraType(kind); !slices.Contains([]ExtraType{ExtraString, ExtraInteger, ExtraNumber, ExtraBoolean}, x.Type) {
		r.wrong(path+".type", "is not a single type", "write string, integer, number or boolean: a field is one control of a form")
	}
	if len(r.found) > before {
		return
	}
	const place = "urn:latchkey:field"
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(noLoader{})
	err := c.AddResource(place, o)
	if err == nil {
		x.schema, err = c.Compile(place)
	}
	if err != nil {
		r.wrong(path, "is no JSON Schema: "+firstLine(err), "mend it; draft 2020-12 says what each keyword takes")
		return
	}
	x.MinLength, x.MaxLength = x.schema.MinLength, x.schema.MaxLength
	x.Pattern, _ = o["pattern"].(string)
	r.choices(path+".enum", o["enum"], x)
}

// noLoader loads nothing: a schema that names an address must not make the server fetch it (server-side request forgery).
type noLoader struct{}

var errNoLoading = errors.New("schemas are not loaded from anywhere")

func (noLoader) Load(string) (any, error) { return nil, errNoLoading }

func firstLine(err error) string {
	lines := strings.Split(err.Error(), "\n")
	return strings.TrimPrefix(lines[len(lines)-1], "- ")
}

// keywords checks each keyword of a schema and of the schemas in it.
func (r *extraReader) keywords(path string, o map[string]any, depth int) {
	if depth > deepestSchema {
		r.wrong(path, "is nested too deeply", fmt.Sprintf("use at most %d schemas inside each other", deepestSchema))
		return
	}
	for _, key := range sortedKeys(o) {
		at := path + "." + key
		takes, known := schemaKeywords[key]
		if !known {
			r.wrong(at, "is not used here", "use keywords about a single value, such as pattern, minLength, minimum, enum, format; references are not followed")
			continue
		}
		switch takes {
		case takesPattern:
			r.pattern(at, o[key])
		case takesNumber, takesCount:
			r.number(at, o[key], takes == takesCount)
		case takesSchema:
			r.inner(at, o[key], depth)
		case takesSchemas:
			for i, one := range r.list(at, o[key], 20) {
				r.inner(fmt.Sprintf("%s[%d]", at, i), one, depth)
			}
		case takesAnything:
			r.small(at, o[key])
		}
	}
}

func (r *extraReader) inner(path string, value any, depth int) {
	if o, is := value.(map[string]any); is {
		r.keywords(path, o, depth+1)
	} else if _, is := value.(bool); !is {
		r.wrong(path, "is not a schema", "write an object, true or false")
	}
}

// pattern takes regular expressions of RE2, which match in time that grows with the text alone; but a small one can still be
// a large program.
func (r *extraReader) pattern(path string, value any) {
	text, is := value.(string)
	if !is || utf8.RuneCountInString(text) > longestPattern {
		r.wrong(path, "is no pattern, or a long one", fmt.Sprintf("use a text of at most %d characters", longestPattern))
		return
	}
	const remedy = "write it for RE2: no lookahead, no backreference, no large repeat; anchor it with ^ and $"
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		r.wrong(path, err.Error(), remedy)
		return
	}
	if program, err := syntax.Compile(parsed.Simplify()); err != nil || len(program.Inst) > largestProgram {
		r.wrong(path, "takes too long to match", remedy)
	}
}

var smallNumber = regexp.MustCompile(`^-?[0-9]{1,15}(\.[0-9]{1,15})?$`)

// number bounds literals: the checker keeps them exactly, and 1e999999999 would fill the memory.
func (r *extraReader) number(path string, value any, count bool) {
	n, is := value.(json.Number)
	switch {
	case !is || !smallNumber.MatchString(n.String()):
		r.wrong(path, "is no number, or not a plain one", "write at most 15 digits, without an exponent")
	case count && (strings.ContainsAny(n.String(), "-.") || len(n) > 4):
		r.wrong(path, "is no length", "write a whole number up to 9999")
	}
}

// small bounds the numbers in a value that may be anything.
func (r *extraReader) small(path string, value any) {
	switch v := value.(type) {
	case json.Number:
		r.number(path, v, false)
	case []any:
		for i, one := range v {
			r.small(fmt.Sprintf("%s[%d]", path, i), one)
		}
	case map[string]any:
		for _, key := range sortedKeys(v) {
			r.small(path+"."+key, v[key])
		}
	}
}

// choices reads the values of a list. Only texts make one; each is in the form in which values are kept.
func (r *extraReader) choices(path string, value any, x *Extra) {
	if value == nil || x.Type != ExtraString {
		return
	}
	for i, one := range r.list(path, value, mostChoices) {
		text, is := one.(string)
		if again, problem := x.CheckText(text); !is || text == "" || again != text || problem != NoProblem {
			r.wrong(fmt.Sprintf("%s[%d]", path, i), "cannot be chosen", "use texts that the rest of the schema allows, without spaces at the ends")
			continue
		}
		x.Choices = append(x.Choices, text)
	}
}
