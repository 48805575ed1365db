package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// An Observation is one answer of the door, held to its description.
type Observation struct {
	// Operation is the operationId; "" where the request was for no operation.
	Operation string
	// Status is the answer's.
	Status int
	// Codes are those of the errors in the answer.
	Codes []string
	// Problem is what the description does not say of the answer, or of the body of a request that succeeded; nil where all is
	// as described. Its words may repeat values: it is for whoever sent the request, and not for a log that others read.
	Problem error
}

// A checker holds answers to the description. It compiles a schema when it is first needed.
type checker struct {
	paths *http.ServeMux
	// operations are by the pattern of paths, then by method.
	operations map[string]map[string]operationAt
	// names are the spellings of fields by their lower case.
	names map[string]string

	mu       sync.Mutex // guards what follows
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
}

// operationAt is an operation and where it stands in the document.
type operationAt struct {
	id, pointer string
	op          *tree
}

// held is the checker of the description; it is the same for every door.
var held = sync.OnceValues(func() (*checker, error) {
	d, err := described()
	if err != nil {
		return nil, err
	}
	return newChecker(d.document)
})

// documentURL names the document in errors.
const documentURL = "https://latchkey.example/openapi.json"

func newChecker(document *tree) (*checker, error) {
	text, err := document.MarshalJSON()
	if err != nil {
		return nil, err
	}
	plain, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	k := &checker{paths: http.NewServeMux(), operations: map[string]map[string]operationAt{}, names: map[string]string{},
		compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	k.compiler.AssertFormat()
	if err := k.compiler.AddResource(documentURL, plain); err != nil {
		return nil, err
	}
	k.learnNames(document)
	paths := document.sub("paths")
	for _, where := range paths.members() {
		pattern := where
		if rest, is := strings.CutPrefix(where, "/"+oldestRelease+"/"); is {
			pattern = calendar + "/" + rest
		}
		k.paths.Handle(pattern, http.NotFoundHandler())
		k.operations[pattern] = map[string]operationAt{}
		for _, method := range paths.sub(where).members() {
			op := paths.sub(where, method)
			k.operations[pattern][strings.ToUpper(method)] = operationAt{op.text("operationId"), pointer("paths", where, method), op}
		}
	}
	return k, nil
}

// escaped writes a name as a JSON pointer has it.
var escaped = strings.NewReplacer("~", "~0", "/", "~1")

// pointer is a JSON pointer (RFC 6901) as the fragment of an address.
func pointer(names ...string) string {
	out := ""
	for _, name := range names {
		out += "/" + url.PathEscape(escaped.Replace(name))
	}
	return out
}

// watch lets requests through and tells observe of each answer.
func (k *checker) watch(next http.Handler, observe func(Observation)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := &copied{ReadCloser: r.Body}
		given := &taken{ResponseWriter: w}
		in := r.WithContext(r.Context())
		in.Body = sent
		next.ServeHTTP(given, in)
		id, err := k.check(r, sent, given)
		if err != nil {
			err = fmt.Errorf("%s %s %d: %s", r.Method, r.URL.Path, given.status, shortened(err.Error()))
		}
		observe(Observation{id, given.status, given.codes(), err})
	})
}

// shortened keeps the beginning of a text: a pattern that a page does not fit would repeat the page.
func shortened(text string) string {
	const most = 2000
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// observed has each answer held to the description, where somebody wants to know.
func (d *Door) observed(next http.Handler) http.Handler {
	if d.Observe == nil {
		return next
	}
	k, err := held()
	if err != nil {
		d.Observe(Observation{Problem: err})
		return next
	}
	return k.watch(next, d.Observe)
}

// mostKept bounds what is kept of a request for the check: more than any JSON here has. The form of a larger upload is not checked.
const mostKept = 2 << 20

// copied keeps what was read of a request.
type copied struct {
	io.ReadCloser
	kept bytes.Buffer
	cut  bool
}

// Read reads on.
func (c *copied) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if c.kept.Len()+n > mostKept {
		c.cut = true
	} else {
		c.kept.Write(p[:n])
	}
	return n, err
}

// taken keeps what was answered.
type taken struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader notes the status.
func (t *taken) WriteHeader(status int) {
	if t.status == 0 {
		t.status = status
	}
	t.ResponseWriter.WriteHeader(status)
}

// Write keeps the bytes.
func (t *taken) Write(p []byte) (int, error) {
	if t.status == 0 {
		t.status = http.StatusOK
	}
	t.body.Write(p)
	return t.ResponseWriter.Write(p)
}

// codes reads the codes of errors in any of the shapes.
func (t *taken) codes() []string {
	if t.status < 400 {
		return nil
	}
	var body struct {
		Errors      []struct{ Code string }
		Error, Code string
	}
	if json.Unmarshal(t.body.Bytes(), &body) != nil {
		return nil
	}
	var out []string
	for _, one := range body.Errors {
		out = append(out, one.Code)
	}
	for _, code := range []string{body.Error, body.Code} {
		if code != "" {
			out = append(out, code)
		}
	}
	return out
}

// Unwrap lets http.ResponseController reach what is below.
func (t *taken) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// check holds one answer to the description, and the request where it succeeded.
func (k *checker) check(r *http.Request, sent *copied, given *taken) (id string, err error) {
	op, found := k.find(r)
	if !found {
		return "", k.checkAnswer(k.elsewhere(given.status), given, r.Method)
	}
	where := pointer("responses", strconv.Itoa(given.status))
	response := op.op.sub("responses", strconv.Itoa(given.status))
	if response == nil {
		return op.id, errors.New("the status is not described")
	}
	if err := k.checkAnswer(answerOf{response, op.pointer + where}, given, r.Method); err != nil {
		return op.id, err
	}
	if given.status < 200 || given.status > 299 || !op.op.has("requestBody") || sent.cut {
		return op.id, nil
	}
	return op.id, k.checkRequest(op, r, sent)
}

// find is the operation that the request is for.
func (k *checker) find(r *http.Request) (operationAt, bool) {
	where := *r.URL
	if where.RawPath == "" || strings.HasSuffix(where.RawPath, "/") { // as the door does
		where.Path, where.RawPath = trimmed(where.Path), trimmed(where.RawPath)
	}
	if clean := where.EscapedPath(); clean != path.Clean(clean) || !strings.HasPrefix(clean, "/") || strings.HasPrefix(clean, calendar+"/") {
		return operationAt{}, false
	}
	where.Path, where.RawPath = labelled(where.Path), labelled(where.RawPath)
	_, pattern := k.paths.Handler(&http.Request{Method: http.MethodGet, URL: &where})
	method := r.Method
	if method == http.MethodHead && pattern == "/oauth/authorize" { // browsers and their tools may look first
		method = http.MethodGet
	}
	op, found := k.operations[pattern][method]
	return op, found
}

// answerOf is a response of the document, and where it stands.
type answerOf struct {
	response *tree
	pointer  string
}

// elsewhere is what requests for no operation are answered.
func (k *checker) elsewhere(status int) answerOf {
	name := map[int]string{http.StatusNotFound: "NotFound", http.StatusMethodNotAllowed: "NoMethod", http.StatusInternalServerError: "Fault"}[status]
	return answerOf{newTree("$ref", "#/components/responses/"+name), ""}
}

// checkAnswer holds an answer to a response.
func (k *checker) checkAnswer(a answerOf, given *taken, method string) error {
	d, err := described()
	if err != nil {
		return err
	}
	if name, is := strings.CutPrefix(a.response.text("$ref"), "#/components/responses/"); is {
		a = answerOf{d.document.sub("components", "responses", name), pointer("components", "responses", name)}
		if a.response == nil {
			return errors.New("nothing is described here, or not with this status")
		}
	}
	for _, name := range a.response.sub("headers").members() {
		header := a.response.sub("headers", name)
		if shared, is := strings.CutPrefix(header.text("$ref"), "#/components/headers/"); is {
			header = d.document.sub("components", "headers", shared)
		}
		value := given.Header().Get(name)
		if header.at("required") == true && value == "" {
			return fmt.Errorf("the header %s is missing", name)
		}
	}
	content := a.response.sub("content")
	kind, _, _ := mime.ParseMediaType(given.Header().Get("Content-Type"))
	switch {
	case content == nil && given.body.Len() > 0:
		return errors.New("the body is not described")
	case content == nil || method == http.MethodHead:
		return nil
	case !content.has(kind):
		return fmt.Errorf("the content type %q is not described", kind)
	}
	var value any = given.body.String()
	if kind == "application/json" || strings.HasSuffix(kind, "+json") {
		if value, err = jsonschema.UnmarshalJSON(bytes.NewReader(given.body.Bytes())); err != nil {
			return fmt.Errorf("the body is no JSON: %w", err)
		}
	}
	return k.validate(a.pointer+pointer("content", kind, "schema"), value)
}

// checkRequest holds the body of a request to its schema. It was taken, so it can be read.
func (k *checker) checkRequest(op operationAt, r *http.Request, sent *copied) error {
	content := op.op.sub("requestBody", "content")
	kind, parameters, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	raw := bytes.TrimSpace(sent.kept.Bytes())
	if kind == "" || strings.HasSuffix(kind, "+json") {
		kind = "application/json"
	}
	var value any
	var err error
	switch {
	case !content.has(kind):
		return fmt.Errorf("the content type %q of the request is not described", kind)
	case kind == "multipart/form-data":
		value, err = partsOf(raw, parameters["boundary"])
	case kind == "application/x-www-form-urlencoded":
		value, err = encodedFields(string(raw))
	case len(raw) == 0 && op.op.sub("requestBody").at("required") == false:
		return nil
	case len(raw) == 0:
		return errors.New("the request has no body")
	default:
		value, err = jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	}
	if err == nil {
		value = k.spelled(value)
		err = k.validate(op.pointer+pointer("requestBody", "content", kind, "schema"), value)
	}
	if err != nil {
		return fmt.Errorf("the request was taken, and its body is not as described: %w", err)
	}
	return nil
}

// spelled gives the fields of a request the spelling of the description: the server reads names without regard to case.
func (k *checker) spelled(value any) any {
	switch value := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(value))
		for name, inner := range value {
			out[cmp.Or(k.names[strings.ToLower(name)], name)] = k.spelled(inner)
		}
		return out
	case []any:
		for i, inner := range value {
			value[i] = k.spelled(inner)
		}
	}
	return value
}

// learnNames notes the spelling of every field.
func (k *checker) learnNames(value any) {
	switch value := value.(type) {
	case *tree:
		for _, name := range value.sub("properties").members() {
			k.names[strings.ToLower(name)] = name
		}
		for _, inner := range value.values {
			k.learnNames(inner)
		}
	case []any:
		for _, inner := range value {
			k.learnNames(inner)
		}
	}
}

// encodedFields are the fields of a urlencoded form; an empty one is as if it were not there.
func encodedFields(text string) (any, error) {
	values, err := url.ParseQuery(text)
	fields := map[string]any{}
	for name := range maps.Keys(values) {
		if values.Get(name) != "" {
			fields[name] = values.Get(name)
		}
	}
	return fields, err
}

// partsOf are the fields of a multipart form: files as arrays of their names.
func partsOf(raw []byte, boundary string) (any, error) {
	parts := multipart.NewReader(bytes.NewReader(raw), boundary)
	fields := map[string]any{}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return fields, nil
		}
		if err != nil {
			return nil, err
		}
		name := part.FormName()
		if part.FileName() != "" {
			files, _ := fields[name].([]any)
			fields[name] = append(files, part.FileName())
			continue
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		if name != "" && len(text) > 0 {
			fields[name] = string(text)
		}
	}
}

// validate holds a value to the schema at a place of the document.
func (k *checker) validate(where string, value any) error {
	k.mu.Lock()
	schema := k.schemas[where]
	if schema == nil {
		var err error
		if schema, err = k.compiler.Compile(documentURL + "#" + where); err != nil {
			k.mu.Unlock()
			return fmt.Errorf("compile the schema at %s: %w", where, err)
		}
		k.schemas[where] = schema
	}
	k.mu.Unlock()
	return schema.Validate(value)
}
