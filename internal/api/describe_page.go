package api

import (
	"bytes"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// docsFiles are the page's markup and look. The look stands in the page itself, so that nothing else is loaded.
//
//go:embed openapi/docs.html openapi/docs.css
var docsFiles embed.FS

// docsPolicy lets the page show its own look, by digest, and nothing more: it runs no script, loads nothing, sends nothing and is
// shown in no frame, so that nobody can put words of their own into the contract.
func docsPolicy(look string) string {
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(secret.Hash(look)) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// docs answers /docs: the description as a page.
func (d *Door) docs() func(*call) (any, error) {
	page := sync.OnceValues(d.writeDocs)
	return func(c *call) (any, error) {
		made, err := page()
		h := c.w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Cache-Control", descriptionLife)
		h.Set("Content-Security-Policy", made.policy)
		h.Set("Referrer-Policy", "no-referrer")
		return json.RawMessage(made.text), err
	}
}

// writtenPage is a page with its policy.
type writtenPage struct {
	text   []byte
	policy string
}

func (d *Door) writeDocs() (writtenPage, error) {
	description, err := described()
	if err != nil {
		return writtenPage{}, err
	}
	look, err := docsFiles.ReadFile("openapi/docs.css")
	if err != nil {
		return writtenPage{}, err
	}
	markup, err := template.ParseFS(docsFiles, "openapi/docs.html")
	if err != nil {
		return writtenPage{}, err
	}
	page := description.page()
	page.Server, page.Look = d.APIURL, template.CSS(look)
	var out bytes.Buffer
	if err := markup.Execute(&out, page); err != nil {
		return writtenPage{}, fmt.Errorf("write the description as a page: %w", err)
	}
	return writtenPage{bytes.TrimSpace(out.Bytes()), docsPolicy(string(look))}, nil
}

// A docsPage is what /docs shows.
type docsPage struct {
	Title, Summary, Server string
	About                  []string
	Look                   template.CSS
	Groups                 []docsGroup
	Events                 []docsOperation
	Schemas                []docsSchema
	Codes                  []docsCode
	Shared                 []docsAnswer
}

// A docsGroup is one subject.
type docsGroup struct {
	ID, Name, Text string
	Operations     []docsOperation
}

// A docsOperation is one operation, at both its addresses, or one kind of notification.
type docsOperation struct {
	ID, Method, Title, Text, Who, Scope string
	Paths                               []string
	Deprecated                          bool
	Parameters                          []docsField
	Bodies                              []docsBody
	Answers, Refusals                   []docsAnswer
}

// A docsBody is a body of one content type.
type docsBody struct {
	Kind     string
	Type     []docsWord
	Fields   []docsField
	Examples []docsExample
}

// A docsAnswer is one status.
type docsAnswer struct {
	Status, Text string
	Codes        []docsCode
	Headers      []docsField
	Bodies       []docsBody
}

// A docsCode is one code of an error with what it means.
type docsCode struct{ Code, Text string }

// A docsField is one field, header or parameter.
type docsField struct {
	Name, Where, Text string
	Type              []docsWord
	// Needed is of requests, Absent of answers: it may be left out.
	Needed, Absent bool
}

// A docsWord is part of what a type is called; Link is the name of the schema that it leads to.
type docsWord struct{ Text, Link string }

// A docsExample is a value, written over several lines.
type docsExample struct{ Name, Text string }

// A docsSchema is one named schema.
type docsSchema struct {
	Name, Text string
	Type       []docsWord
	Fields     []docsField
}

// anchor makes a name fit for the fragment of an address.
func anchor(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, name), "-")
}

// page is the description in the order of its files.
func (d *Description) page() docsPage {
	doc := d.document
	p := docsPage{Title: doc.sub("info").text("title"), Summary: doc.sub("info").text("summary")}
	for line := range strings.Lines(fmt.Sprint(doc.sub("info").at("description"))) {
		p.About = append(p.About, strings.TrimSpace(strings.TrimPrefix(line, "- ")))
	}
	for _, one := range doc.list("tags") {
		tag := one.(*tree)
		p.Groups = append(p.Groups, docsGroup{ID: anchor(tag.text("name")), Name: tag.text("name"), Text: tag.text("description")})
	}
	places := map[string][2]int{} // of operations, by group
	for _, where := range doc.sub("paths").members() {
		for _, method := range doc.sub("paths", where).members() {
			op := doc.sub("paths", where, method)
			if at, twin := places[op.text("x-same-as")]; twin {
				first := &p.Groups[at[0]].Operations[at[1]]
				first.Paths = append(first.Paths, where)
				continue
			}
			i := slices.IndexFunc(p.Groups, func(g docsGroup) bool { return g.Name == op.list("tags")[0] })
			places[op.text("operationId")] = [2]int{i, len(p.Groups[i].Operations)}
			p.Groups[i].Operations = append(p.Groups[i].Operations, d.shownOperation(op, method, where))
		}
	}
	for _, name := range doc.sub("webhooks").members() {
		op := doc.sub("webhooks", name, "post")
		shown := d.shownOperation(op, "post", name)
		shown.ID = "event-" + anchor(name)
		p.Events = append(p.Events, shown)
	}
	for _, name := range doc.sub("components", "schemas").members() {
		schema := doc.sub("components", "schemas", name)
		p.Schemas = append(p.Schemas, docsSchema{Name: name, Text: schema.text("description"), Type: typeOf(schema), Fields: d.fields(schema, "")})
	}
	for _, name := range doc.sub("components", "responses").members() {
		shared := d.head.sub("shared", name)
		p.Shared = append(p.Shared, docsAnswer{Status: fmt.Sprint(shared.at("status")), Bodies: d.bodies(doc.sub("components", "responses", name, "content"))})
	}
	for _, code := range d.head.sub("codes").members() {
		text := d.head.sub("codes", code).text("text")
		if shape, rest, found := strings.Cut(code, " "); found && d.head.sub("shapes").has(shape) {
			code = rest
		}
		if code != "-" {
			p.Codes = append(p.Codes, docsCode{code, text})
		}
	}
	return p
}

// shownWho says who may call, in the words of docs/api.md.
var shownWho = map[string]string{"clientSecret": "client id and secret", "applicationToken": "the client's own token", "userToken": "a token for the account"}

func (d *Description) shownOperation(op *tree, method, where string) docsOperation {
	out := docsOperation{ID: op.text("operationId"), Method: strings.ToUpper(method), Paths: []string{where}, Title: op.text("summary"), Text: op.text("description"),
		Deprecated: op.at("deprecated") == true}
	for _, one := range op.list("security") {
		for _, scheme := range one.(*tree).names {
			if out.Who != "" {
				out.Who += ", or "
			}
			out.Who += shownWho[scheme]
			for _, scope := range one.(*tree).list(scheme) {
				out.Scope = fmt.Sprint(scope)
			}
		}
	}
	for _, one := range op.list("parameters") {
		q := d.resolved(one.(*tree))
		if q.text("name") == "X-External-Correlation-Id" { // which all have, so the page says it once
			continue
		}
		out.Parameters = append(out.Parameters, docsField{Name: q.text("name"), Where: q.text("in"), Text: q.text("description"), Type: typeOf(q.sub("schema")),
			Needed: q.at("required") == true})
	}
	out.Bodies = d.bodies(op.sub("requestBody", "content"))
	for _, status := range op.sub("responses").members() {
		r := d.resolved(op.sub("responses", status))
		answer := docsAnswer{Status: status}
		if !op.sub("responses", status).has("$ref") { // what many share is shown with the codes
			answer.Bodies = d.bodies(r.sub("content"))
		}
		for _, line := range strings.Split(fmt.Sprint(r.at("description")), "\n") {
			if code, text, found := strings.Cut(line, "`: "); found && strings.HasPrefix(code, "`") {
				answer.Codes = append(answer.Codes, docsCode{code[1:], text})
			} else {
				answer.Text += line
			}
		}
		for _, name := range r.sub("headers").members() {
			if h := d.resolved(r.sub("headers", name)); name != "X-Trace-Id" {
				answer.Headers = append(answer.Headers, docsField{Name: name, Text: h.text("description")})
			}
		}
		if status[0] == '4' || status[0] == '5' {
			out.Refusals = append(out.Refusals, answer)
		} else {
			out.Answers = append(out.Answers, answer)
		}
	}
	return out
}

// resolved follows a reference.
func (d *Description) resolved(t *tree) *tree {
	if name, is := strings.CutPrefix(t.text("$ref"), "#/"); is {
		return d.document.sub(strings.Split(name, "/")...)
	}
	return t
}

func (d *Description) bodies(content *tree) []docsBody {
	var out []docsBody
	for _, kind := range content.members() {
		media := content.sub(kind)
		body := docsBody{Kind: kind, Type: typeOf(media.sub("schema")), Fields: d.allFields(media.sub("schema"))}
		if len(out) > 0 && slices.Equal(out[0].Type, body.Type) { // the same in another encoding
			body.Fields = nil
		}
		for _, name := range media.sub("examples").members() {
			example := media.sub("examples", name)
			body.Examples = append(body.Examples, docsExample{example.text("summary"), shownValue(kind, example.at("value"))})
		}
		out = append(out, body)
	}
	return out
}

// allFields lists the fields of a body: of what its schema is, or is a list of.
func (d *Description) allFields(schema *tree) []docsField {
	schema = d.resolved(schema)
	if schema.has("items") {
		schema = d.resolved(schema.sub("items"))
	}
	out := d.fields(schema, "")
	for _, one := range schema.list("allOf") {
		if part := one.(*tree); part.has("$ref") {
			out = append(out, d.allFields(part)...)
		}
	}
	return out
}

// shownValue writes a value over several lines, as it is sent; a text stands as it is.
func shownValue(kind string, v any) string {
	if text, is := v.(string); is {
		return text
	}
	if form, is := v.(*tree); is && strings.Contains(kind, "form") {
		var pairs []string
		for _, name := range form.names {
			pairs = append(pairs, name+"="+url.QueryEscape(form.text(name)))
		}
		return strings.Join(pairs, "\n&")
	}
	raw, err := render(v)
	var out bytes.Buffer
	if err != nil || json.Indent(&out, raw, "", "  ") != nil {
		return string(raw)
	}
	return out.String()
}

// typeOf says what a schema is, with links to those that have a name.
func typeOf(schema *tree) []docsWord {
	if name, is := strings.CutPrefix(schema.text("$ref"), "#/components/schemas/"); is {
		return []docsWord{{name, name}}
	}
	for way, between := range map[string]string{"anyOf": " or ", "oneOf": " or ", "allOf": " and "} {
		var out []docsWord
		for _, one := range schema.list(way) {
			if words := typeOf(one.(*tree)); len(words) > 0 {
				if len(out) > 0 {
					out = append(out, docsWord{Text: between})
				}
				out = append(out, words...)
			}
		}
		if out != nil {
			return out
		}
	}
	if schema.has("const") {
		return []docsWord{{Text: "always " + fmt.Sprint(schema.at("const"))}}
	}
	if words := schema.list("enum"); words != nil {
		var all []string
		for _, word := range words {
			all = append(all, fmt.Sprint(word))
		}
		return []docsWord{{Text: strings.Join(all, " | ")}}
	}
	name := schema.text("type")
	if several := schema.list("type"); several != nil {
		name = fmt.Sprint(several[0]) + " or null"
	}
	switch {
	case strings.HasPrefix(name, "array") && schema.has("items"):
		rest := strings.TrimPrefix(name, "array")
		out := append([]docsWord{{Text: "array of "}}, typeOf(schema.sub("items"))...)
		if rest != "" {
			out = append(out, docsWord{Text: rest})
		}
		return out
	case schema.has("format"):
		name += " (" + schema.text("format") + ")"
	}
	if name == "" {
		return nil
	}
	return []docsWord{{Text: name}}
}

// fields lists the fields of a schema, those of objects without a name among them, dotted.
func (d *Description) fields(schema *tree, prefix string) []docsField {
	var out []docsField
	for _, name := range schema.sub("properties").members() {
		one := schema.sub("properties", name)
		f := docsField{Name: prefix + name, Text: one.text("description"), Type: typeOf(one)}
		if f.Text == "" {
			f.Text = d.resolved(one).text("description")
		}
		needed := slices.Contains(schema.list("required"), any(name))
		if answer := schema.at("additionalProperties") == false; answer {
			f.Absent = !needed
		} else {
			f.Needed = needed
		}
		out = append(out, f)
		out = append(out, d.fields(one, prefix+name+".")...)
		out = append(out, d.fields(one.sub("items"), prefix+name+"[].")...)
	}
	for _, way := range []string{"allOf", "anyOf"} {
		for _, one := range schema.list(way) {
			if part, is := one.(*tree); is && !part.has("$ref") {
				out = append(out, d.fields(part, prefix)...)
			}
		}
	}
	return out
}
