package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// contract is the description, read.
func contract(t *testing.T) *Description {
	t.Helper()
	d, err := described()
	must(t, err)
	return d
}

// operations lists them by "METHOD path".
func (d *Description) operations() map[string]*tree {
	all := map[string]*tree{}
	for _, where := range d.document.sub("paths").members() {
		for _, method := range d.document.sub("paths", where).members() {
			all[strings.ToUpper(method)+" "+where] = d.document.sub("paths", where, method)
		}
	}
	return all
}

// Issue 3.5: every route has an operation, every operation a route, and both say alike who may call and with which scope.
func TestDescribedRoutes(t *testing.T) {
	t.Parallel()
	all := contract(t).operations()
	delete(all, "GET /oauth/authorize") // of the pages; the door leads there, see leadToPages
	for _, rt := range (&Door{}).routes() {
		for _, pattern := range rt.patterns() {
			name := rt.method + " " + strings.Replace(pattern, calendar, "/"+oldestRelease, 1)
			op := all[name]
			delete(all, name)
			if op == nil {
				t.Errorf("%s is not described", name)
				continue
			}
			scopes := []any{}
			if rt.scope != "" {
				scopes = append(scopes, string(rt.scope))
			}
			want := map[identity][]any{
				byClient: {newTree("clientSecret", []any{})}, byApplication: {newTree("applicationToken", []any{})}, byUser: {newTree("userToken", scopes)},
				byAnyone: {}, byBearer: {newTree("userToken", scopes), newTree("applicationToken", []any{})},
			}[rt.by]
			if got, want := asJSON(t, op.at("security")), asJSON(t, want); got != want {
				t.Errorf("%s: security %s, want %s", name, got, want)
			}
		}
	}
	for name := range all {
		t.Errorf("%s is described and is no route", name)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	must(t, err)
	return string(text)
}

// Every example is of its schema, and every body and answer with fields has one.
func TestDescribedExamples(t *testing.T) {
	t.Parallel()
	d := contract(t)
	k, err := held()
	must(t, err)
	tried := 0
	bodies := func(where string, content *tree, at string, needed bool) {
		for _, kind := range content.members() {
			examples := content.sub(kind, "examples")
			if needed && len(examples.members()) == 0 && kind != "multipart/form-data" {
				t.Errorf("%s, %s: no example", where, kind)
			}
			for _, name := range examples.members() {
				tried++
				value, err := jsonschema.UnmarshalJSON(strings.NewReader(asJSON(t, examples.sub(name).at("value"))))
				must(t, err)
				if err := k.validate(at+pointer(kind, "schema"), value); err != nil {
					t.Errorf("%s, example %s: %v", where, name, err)
				}
			}
		}
	}
	for _, kind := range []string{"paths", "webhooks"} {
		for _, where := range d.document.sub(kind).members() {
			for _, method := range d.document.sub(kind, where).members() {
				op, name := d.document.sub(kind, where, method), method+" "+where
				bodies(name, op.sub("requestBody", "content"), pointer(kind, where, method, "requestBody", "content"), true)
				for _, status := range op.sub("responses").members() {
					bodies(name+" "+status, op.sub("responses", status, "content"), pointer(kind, where, method, "responses", status, "content"), true)
				}
			}
		}
	}
	for _, name := range d.document.sub("components", "responses").members() {
		bodies(name, d.document.sub("components", "responses", name, "content"), pointer("components", "responses", name, "content"), true)
	}
	if tried < 450 {
		t.Errorf("only %d examples", tried)
	}
}

// walk calls fn for every object of the document.
func walk(v any, fn func(*tree)) {
	switch v := v.(type) {
	case *tree:
		fn(v)
		for _, name := range v.names {
			walk(v.values[name], fn)
		}
	case []any:
		for _, one := range v {
			walk(one, fn)
		}
	}
}

// Every reference leads somewhere, every component is led to, and names are there once.
func TestDescribedParts(t *testing.T) {
	t.Parallel()
	d := contract(t)
	used, ids := map[string]bool{}, map[string]bool{}
	walk(d.document, func(at *tree) {
		if to := at.text("$ref"); to != "" {
			used[to] = true
			if d.resolved(at) == nil {
				t.Errorf("%s leads nowhere", to)
			}
		}
		if id := at.text("operationId"); id != "" {
			if ids[id] {
				t.Errorf("two operations are called %s", id)
			}
			ids[id] = true
		}
		if at.at("additionalProperties") == false && at.sub("properties") == nil {
			t.Errorf("an object without fields is not said to be one: %s", asJSON(t, at))
		}
	})
	used["#/components/responses/NoMethod"] = true // of requests for no operation, see checker.elsewhere
	components := d.document.sub("components")
	for _, kind := range []string{"schemas", "parameters", "headers", "responses"} {
		for _, name := range components.sub(kind).members() {
			if !used["#/components/"+kind+"/"+name] {
				t.Errorf("nothing uses %s %s", kind, name)
			}
		}
	}
	for name, op := range d.operations() {
		for _, what := range []string{"summary", "operationId"} {
			if op.text(what) == "" {
				t.Errorf("%s has no %s", name, what)
			}
		}
		var inPath []string
		for _, one := range op.list("parameters") {
			if q := d.resolved(one.(*tree)); q.text("in") == "path" {
				inPath = append(inPath, "{"+q.text("name")+"}")
			}
		}
		if want := regexp.MustCompile(`\{[a-z]+\}`).FindAllString(name, -1); !slices.Equal(inPath, want) {
			t.Errorf("%s: parameters %v", name, inPath)
		}
	}
	said := map[string]bool{}
	for _, op := range d.operations() {
		for _, status := range op.sub("responses").members() {
			for _, code := range codesOf(d, op, status) {
				said[code[4:]] = true
			}
		}
	}
	said["METHOD_NOT_ALLOWED"], said["-"] = true, true
	for _, code := range d.head.sub("codes").members() {
		if shape, rest, found := strings.Cut(code, " "); found && d.head.sub("shapes").has(shape) {
			code = rest
		}
		if !said[code] {
			t.Errorf("no operation answers with the code %s", code)
		}
	}
}

// An answer is closed: a schema that only answers have lists its fields, and which of them are always there.
func TestDescribedAnswersAreClosed(t *testing.T) {
	t.Parallel()
	d := contract(t)
	// A whole OpenAPI document; the fields that an operator adds, by their keys.
	open := []string{"readDescription", "readExtensions"}
	var closed func(where string, schema *tree, seen map[*tree]bool)
	closed = func(where string, schema *tree, seen map[*tree]bool) {
		schema = d.resolved(schema)
		if schema == nil || seen[schema] {
			return
		}
		seen[schema] = true
		if schema.text("type") == "object" && schema.at("additionalProperties") != false {
			t.Errorf("%s: an object may have more fields: %s", where, asJSON(t, schema))
		}
		for _, name := range schema.sub("properties").members() {
			closed(where+"."+name, schema.sub("properties", name), seen)
		}
		closed(where+"[]", schema.sub("items"), seen)
		for _, way := range []string{"anyOf", "oneOf", "allOf"} {
			for _, one := range schema.list(way) {
				closed(where, one.(*tree), seen)
			}
		}
	}
	for name, op := range d.operations() {
		if slices.Contains(open, op.text("operationId")) {
			continue
		}
		for _, status := range op.sub("responses").members() {
			content := d.resolved(op.sub("responses", status)).sub("content")
			for _, kind := range content.members() {
				closed(name+" "+status, content.sub(kind, "schema"), map[*tree]bool{})
			}
		}
	}
}

// The checker refuses what is not described; each case is one that it lets through but for one thing.
func TestCheckerRefuses(t *testing.T) {
	t.Parallel()
	const (
		me      = `{"id":1,"name":null,"email":"mira.kade@example.org","active":true,"details":null}`
		unknown = `{"errors":[{"code":"NOT_FOUND","message":"There is nothing at this address","arguments":[]}]}`
		signup  = `{"email":"mira.kade@example.org","registrationCode":"` + code + `"}`
	)
	type answer struct {
		status     int
		kind, body string
		header     []string
	}
	ok := answer{200, "application/json", me, nil}
	for _, x := range []struct {
		name, method, path, kind, body string
		answer                         answer
		problem                        string // "" where there is none
	}{
		{"as described", "GET", "/v1/me", "", "", ok, ""},
		{"by a later label, with a slash", "GET", "/2027Q4/me/", "", "", ok, ""},
		{"another status", "GET", "/v1/me", "", "", answer{201, "application/json", me, nil}, "the status is not described"},
		{"another content type", "GET", "/v1/me", "", "", answer{200, "text/plain", me, nil}, "content type"},
		{"no content type", "GET", "/v1/me", "", "", answer{200, "", me, nil}, "content type"},
		{"a field more", "GET", "/v1/me", "", "", answer{200, "application/json", strings.Replace(me, "{", `{"more":1,`, 1), nil}, "additional properties 'more'"},
		{"a field less", "GET", "/v1/me", "", "", answer{200, "application/json", strings.Replace(me, `"active":true,`, "", 1), nil}, "missing property 'active'"},
		{"another type", "GET", "/v1/me", "", "", answer{200, "application/json", strings.Replace(me, "true", `"yes"`, 1), nil}, "want boolean"},
		{"null for what is there", "GET", "/v1/me", "", "", answer{200, "application/json", strings.Replace(me, "true", "null", 1), nil}, "want boolean"},
		{"an id that JavaScript cannot read", "GET", "/v1/me", "", "", answer{200, "application/json", strings.Replace(me, `"id":1`, `"id":9007199254740992`, 1), nil}, "maximum"},
		{"no JSON", "GET", "/v1/me", "", "", answer{200, "application/json", "{", nil}, "no JSON"},
		{"two values", "GET", "/v1/me", "", "", answer{200, "application/json", me + me, nil}, "no JSON"},
		{"no body", "GET", "/v1/me", "", "", answer{200, "application/json", "", nil}, "no JSON"},
		{"another code", "GET", "/v1/users/1", "", "", answer{404, "application/json", strings.Replace(unknown, "NOT_FOUND", "GONE", 1), nil}, "/errors/0/code"},
		{"a known code at another status", "GET", "/v1/users/1", "", "", answer{404, "application/json", strings.Replace(unknown, "NOT_FOUND", "Size", 1), nil}, "/errors/0/code"},
		{"no error in the list", "GET", "/v1/users/1", "", "", answer{404, "application/json", `{"errors":[]}`, nil}, "minItems"},
		{"the shape of another status", "GET", "/v1/me", "", "", answer{403, "application/json", unknown, nil}, "missing properties"},
		{"without the challenge", "GET", "/v1/me", "", "", answer{401, "application/json", `{"error":"invalid_token","error_description":"x"}`, nil}, "WWW-Authenticate is missing"},
		{"without the wait", "GET", "/v1/me", "", "", answer{429, "application/json", `{"errors":[{"code":"TOO_MANY_REQUESTS","message":"x","arguments":[]}]}`,
			[]string{"X-Rate-Limited-By", "x"}}, "Retry-After is missing"},
		{"without a trace", "GET", "/v1/me", "", "", answer{200, "application/json", me, []string{"X-Trace-Id", ""}}, "X-Trace-Id is missing"},
		{"a body with 204", "DELETE", "/v3/applications/a/subscriptions/b", "", "", answer{204, "", "x", nil}, "the body is not described"},
		{"nowhere", "GET", "/v1/you", "", "", answer{404, "application/json", unknown, nil}, ""},
		{"nowhere with success", "GET", "/v1/you", "", "", answer{200, "application/json", unknown, nil}, "nothing is described here"},
		{"another method", "PUT", "/v1/me", "", "", answer{200, "application/json", me, nil}, "nothing is described here"},
		{"a label that is not served", "GET", "/2026Q2/me", "", "", ok, "nothing is described here"},
		{"a good request", "POST", "/v1/user/signup/registration_code", "application/json", signup, ok, ""},
		{"in another spelling", "POST", "/v1/user/signup/registration_code", "application/json", strings.Replace(signup, "email", "EMAIL", 1), ok, ""},
		{"a request without what is needed", "POST", "/v1/user/signup/registration_code", "application/json", `{"email":"mira.kade@example.org"}`, ok, "registrationCode"},
		{"a request of another type", "POST", "/v1/user/signup/registration_code", "application/json", strings.Replace(signup, `"mira.kade@example.org"`, "1", 1), ok, "want string"},
		{"a request in another content type", "POST", "/v1/user/signup/registration_code", "text/plain", signup, ok, "of the request is not described"},
		{"an empty request", "POST", "/v1/user/signup/registration_code", "application/json", "", ok, "the request has no body"},
		{"a form of an unknown grant", "POST", "/oauth/token", encoded, "grant_type=password", answer{200, "application/json",
			`{"access_token":"a","token_type":"bearer","expires_in":1,"scope":"transfers"}`, []string{"Cache-Control", "no-store"}}, "grant_type"},
	} {
		t.Run(x.name, func(t *testing.T) {
			k, err := held()
			must(t, err)
			var seen []Observation
			h := k.watch(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = new(bytes.Buffer).ReadFrom(r.Body)
				w.Header().Set("X-Trace-Id", "4f0c2b7fd0a14f0e9a8b7c6d5e4f3a2b")
				w.Header().Set("Content-Type", x.answer.kind)
				for i := 0; i+1 < len(x.answer.header); i += 2 {
					w.Header().Set(x.answer.header[i], x.answer.header[i+1])
				}
				w.WriteHeader(x.answer.status)
				_, _ = w.Write([]byte(x.answer.body))
			}), func(o Observation) { seen = append(seen, o) })
			r := httptest.NewRequest(x.method, x.path, strings.NewReader(x.body))
			r.Header.Set("Content-Type", x.kind)
			h.ServeHTTP(httptest.NewRecorder(), r)
			switch {
			case len(seen) != 1 || seen[0].Status != x.answer.status:
				t.Fatalf("observed %+v", seen)
			case x.problem == "" && seen[0].Problem != nil:
				t.Errorf("refused: %v", seen[0].Problem)
			case x.problem != "" && (seen[0].Problem == nil || !strings.Contains(seen[0].Problem.Error(), x.problem)):
				t.Errorf("got %v, want %q", seen[0].Problem, x.problem)
			}
		})
	}
}

// A source that is wrong does not become a description.
func TestDescriptionRefuses(t *testing.T) {
	t.Parallel()
	head, err := openapi.ReadFile("openapi/00-head.yaml")
	must(t, err)
	for name, source := range map[string]string{
		"a type nobody knows":   "tag: T\nschemas: {A: {answer: {x: 'a b'}}}",
		"a schema twice":        "tag: T\nschemas: {UserId: string}",
		"no schema":             "tag: T\nschemas: {A: 3}",
		"a code without words":  "tag: T\npaths: {/x: {get: {id: x, title: X, errors: {400: [NO_SUCH_CODE]}}}}",
		"a parameter twice":     "tag: T\nparameters: {profile: {name: profile, in: path, schema: string}}",
		"an answer of no type":  "tag: T\npaths: {/x: {get: {id: x, title: X, answers: {200: {text: X, schema: '?'}}}}}",
		"a body of no type":     "tag: T\npaths: {/x: {post: {id: x, title: X, body: '?'}}}",
		"a webhook of no type":  "tag: T\nwebhooks: {x: {title: X, schema: '?'}}",
		"a field of no type":    "tag: T\nschemas: {A: {request: {x: 3}}}",
		"an element of no type": "tag: T\nschemas: {A: {type: array, items: '?'}}",
		"a choice of no type":   "tag: T\nschemas: {A: {anyOf: [string, '?']}}",
	} {
		d := &Description{}
		first, err := readTree(head)
		must(t, err)
		must(t, d.add(first))
		part, err := readTree([]byte(source))
		must(t, err)
		if err := d.add(part); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for _, text := range []string{"a", "a: {", "- 1", "a: 1\na: 2"} {
		if _, err := readTree([]byte(text)); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

// The document names the server's own address, and is the same bytes each time.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.door.APIURL = "https://api.example.org"
	w.Config.Handler = w.door.Handler()
	got := w.ask("GET", "/openapi.json", "")
	if got.status != 200 || got.header.Get("Content-Type") != "application/json" || got.header.Get("Cache-Control") != descriptionLife {
		t.Errorf("%d %v", got.status, got.header)
	}
	var read struct {
		OpenAPI    string
		Servers    []struct{ URL string }
		Paths      map[string]map[string]any
		Components map[string]any
	}
	must(t, json.Unmarshal([]byte(got.body), &read))
	if read.OpenAPI != "3.1.1" || fmt.Sprint(read.Servers) != "[{https://api.example.org}]" || len(read.Paths) < 100 {
		t.Errorf("%s %v, %d paths, %v", read.OpenAPI, read.Servers, len(read.Paths), slices.Collect(maps.Keys(read.Components)))
	}
	if again := w.ask("GET", "/openapi.json", ""); again.body != got.body {
		t.Error("another document the second time")
	}
	w.ask("POST", "/openapi.json", "").want(t, 405, `{"errors":[{"code":"METHOD_NOT_ALLOWED","message":"This address does not serve this method","arguments":[]}]}`)
}

// A notification is held to the description too.
func TestNotificationIsChecked(t *testing.T) {
	t.Parallel()
	d := contract(t)
	example := func(name string) string {
		examples := d.document.sub("webhooks", name, "post", "requestBody", "content", "application/json", "examples")
		return asJSON(t, examples.sub(examples.names[0]).at("value"))
	}
	claimed := example("x-claims#state-change")
	headers := []string{"Content-Type", "X-Signature-SHA256", "X-Delivery-Id", "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"}
	for name, x := range map[string]struct {
		body, without, problem string
	}{
		"as described":               {claimed, "", ""},
		"of checks":                  {example("profiles#verification-state-change"), "Webhook-Id", ""},
		"that never happens":         {example("others"), "", ""},
		"without a signature":        {claimed, "X-Signature-SHA256", "X-Signature-SHA256 is missing"},
		"of ours without its id":     {claimed, "Webhook-Id", "Webhook-Id is missing"},
		"in another content type":    {claimed, "Content-Type", "content type"},
		"in another state":           {strings.Replace(claimed, `"claimed"`, `"lost"`, 1), "", "/data/current_state"},
		"with a member more":         {strings.Replace(claimed, `"data"`, `"more":1,"data"`, 1), "", "more"},
		"with a value in the data":   {strings.Replace(claimed, `"sequence"`, `"email":"mira.kade@example.org","sequence"`, 1), "", "email"},
		"without its time":           {strings.Replace(claimed, `"occurred_at"`, `"occurred"`, 1), "", "occurred_at"},
		"of another payload version": {strings.Replace(claimed, `"4.0.0"`, `"3.0.0"`, 1), "", "schema_version"},
		"that is no JSON":            {"{", "", "no JSON"},
		"that is no object":          {"[]", "", "no JSON"},
		"of a name without data":     {`{"event_type":"x#y"}`, "", "missing properties"},
	} {
		h := http.Header{}
		for _, one := range headers {
			if one != x.without {
				h.Set(one, "application/json")
			}
		}
		err := CheckNotification(h, []byte(x.body))
		if x.problem == "" && err != nil || x.problem != "" && (err == nil || !strings.Contains(err.Error(), x.problem)) {
			t.Errorf("a notification %s: %v, want %q", name, err, x.problem)
		}
	}
}
