package api

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// typeExpression is the short form of a schema: a JSON type, the name of a schema or the words of an enumeration in
// parentheses; "[]" behind it for an array of them, "?" for null beside it.
var typeExpression = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9]*|\([^()]+\))(\[\])?(\?)?$`)

// schemaOf writes out a schema that is a short form, with what is said of it behind a bar ("Email? | where mail goes").
func schemaOf(short any) (any, error) {
	text, is := short.(string)
	if !is {
		t, _ := short.(*tree)
		return expandedSchema(t)
	}
	expression, about, _ := strings.Cut(text, " | ")
	parts := typeExpression.FindStringSubmatch(strings.TrimSpace(expression))
	if parts == nil {
		return nil, fmt.Errorf("%q is no schema", text)
	}
	schema := newTree()
	switch base := parts[1]; {
	case base == "any":
	case base[0] == '(':
		words := []any{}
		for _, word := range strings.Fields(strings.Trim(base, "()")) {
			words = append(words, word)
		}
		schema.set("type", "string")
		schema.set("enum", words)
	case base[0] >= 'A' && base[0] <= 'Z':
		schema.set("$ref", "#/components/schemas/"+base)
	default:
		schema.set("type", base)
	}
	if parts[2] != "" {
		schema = newTree("type", "array", "items", schema)
	}
	if parts[3] != "" {
		schema = nullable(schema)
	}
	if about != "" {
		schema.set("description", strings.TrimSpace(about))
	}
	return schema, nil
}

// nullable lets null stand beside what the schema allows.
func nullable(schema *tree) *tree {
	if name, plain := schema.at("type").(string); plain && !schema.has("enum") {
		schema.set("type", []any{name, "null"})
		return schema
	}
	return newTree("anyOf", []any{schema, newTree("type", "null")})
}

// expandedSchema writes out the short forms within a schema. Two members are ours: "answer" lists the fields of an object
// that has these and no others, of which those with "?" behind the name may be absent; "request" those of one that may have
// more, which are ignored, and of which those with "*" are needed.
func expandedSchema(t *tree) (*tree, error) {
	if t == nil {
		return nil, fmt.Errorf("no schema")
	}
	out := newTree()
	for _, name := range t.names {
		var err error
		switch value := t.values[name]; name {
		case "answer":
			err = addFields(out, t.sub(name), true)
		case "request":
			err = addFields(out, t.sub(name), false)
		case "text":
			out.set("description", t.text(name))
		case "items", "additionalProperties":
			if closed, is := value.(bool); is {
				out.set(name, closed)
				continue
			}
			var inner any
			if inner, err = schemaOf(value); err == nil {
				out.set(name, inner)
			}
		case "anyOf", "oneOf", "allOf":
			all := make([]any, len(t.list(name)))
			for i, one := range t.list(name) {
				if all[i], err = schemaOf(one); err != nil {
					break
				}
			}
			out.set(name, all)
		default:
			out.set(name, value)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return out, nil
}

func addFields(out, fields *tree, closed bool) error {
	properties, required := newTree(), []any{}
	for _, name := range fields.members() {
		plain := strings.TrimRight(name, "?*")
		if closed != strings.HasSuffix(name, "?") && closed || strings.HasSuffix(name, "*") {
			required = append(required, plain)
		}
		schema, err := schemaOf(fields.at(name))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		properties.set(plain, schema)
	}
	out.set("type", "object")
	out.set("properties", properties)
	if len(required) > 0 {
		out.set("required", required)
	}
	if closed {
		out.set("additionalProperties", false)
	}
	return nil
}

// pathNames finds the parameters in a path.
var pathNames = regexp.MustCompile(`\{([a-z]+)\}`)

// numbered are the parameters that are numbers: anything else there is 404.
var numbered = []string{"profile", "user", "address"}

// methodsOf are the methods that a path of the description may have, in the order in which they are shown.
var methodsOf = []string{"get", "post", "put", "patch", "delete"}

// operation writes out one operation of a file in the form of OpenAPI. id is its name, tag its subject.
func (d *Description) operation(op *tree, method, path, id, tag string) (*tree, error) {
	out := newTree("operationId", id, "tags", []any{tag}, "summary", op.text("title"))
	if text := op.text("text"); text != "" {
		out.set("description", text)
	}
	if deprecated, _ := op.at("deprecated").(bool); deprecated {
		out.set("deprecated", true)
	}
	who := op.text("who")
	out.set("security", security(who, op.text("scope")))
	parameters := []any{}
	for _, found := range pathNames.FindAllStringSubmatch(path, -1) {
		parameters = append(parameters, refTo("parameters", found[1]))
	}
	for _, name := range op.list("parameters") {
		parameters = append(parameters, refTo("parameters", fmt.Sprint(name)))
	}
	if op.at("once") == true {
		parameters = append(parameters, refTo("parameters", "idempotencyKey"))
	}
	if who != "" {
		parameters = append(parameters, refTo("parameters", "correlation"))
	}
	out.set("parameters", parameters)
	if op.has("body") {
		body, err := requestBody(op)
		if err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
		out.set("requestBody", body)
	}
	responses, err := d.responses(op, method, path, who)
	if err != nil {
		return nil, err
	}
	out.set("responses", responses)
	return out, nil
}

func refTo(kind, name string) *tree { return newTree("$ref", "#/components/"+kind+"/"+name) }

// security says who may call: "user" with the scope of a grant, "application", "either", "client"; "" for anyone.
func security(who, scope string) []any {
	scopes := []any{}
	if scope != "" {
		scopes = append(scopes, scope)
	}
	switch who {
	case "user":
		return []any{newTree("userToken", scopes)}
	case "application":
		return []any{newTree("applicationToken", []any{})}
	case "either":
		return []any{newTree("userToken", scopes), newTree("applicationToken", []any{})}
	case "client":
		return []any{newTree("clientSecret", []any{})}
	}
	return []any{}
}

// requestBody writes out "body": a schema for JSON, or one for each content type; "send" are examples by name.
func requestBody(op *tree) (*tree, error) {
	kinds, several := op.at("body").(*tree)
	if !several {
		kinds = newTree("application/json", op.at("body"))
	}
	optional, _ := op.at("optional").(bool)
	content := newTree()
	for i, kind := range kinds.names {
		schema, err := schemaOf(kinds.values[kind])
		if err != nil {
			return nil, err
		}
		media := newTree("schema", schema)
		if op.has("send") && (i == 0 || kind != "multipart/form-data") {
			media.set("examples", examples(op.sub("send")))
		}
		content.set(kind, media)
	}
	return newTree("required", !optional, "content", content), nil
}

func examples(from *tree) *tree {
	out := newTree()
	for _, name := range from.members() {
		out.set(strings.Join(strings.Fields(name), "-"), newTree("summary", name, "value", from.values[name]))
	}
	return out
}

// responses writes out "answers" and "errors", and adds what every route of its kind can answer.
func (d *Description) responses(op *tree, method, path, who string) (*tree, error) {
	out := newTree()
	for _, status := range op.sub("answers").members() {
		response, err := response(op.sub("answers", status))
		if err != nil {
			return nil, fmt.Errorf("answer %s: %w", status, err)
		}
		out.set(status, response)
	}
	codes := d.codes(op, method, path, who)
	for _, status := range codes.members() {
		if shared := d.shared(status, codes.list(status)); shared != "" && !out.has(status) {
			out.set(status, refTo("responses", shared))
			continue
		}
		response, err := d.refusal(status, codes.list(status))
		if err != nil {
			return nil, err
		}
		if one := out.sub(status); one != nil { // an answer that is no success and no error of the table either, such as a challenge
			both := []any{one.sub("content", "application/json").at("schema"), response.sub("content", "application/json").at("schema")}
			one.sub("content", "application/json").set("schema", newTree("anyOf", both))
			one.set("description", one.text("description")+" "+response.text("description"))
			continue
		}
		out.set(status, response)
	}
	slices.SortFunc(out.names, strings.Compare)
	return out, nil
}

// response writes out one success: "text", "schema", "type" of its content, "example", "headers".
func response(in *tree) (*tree, error) {
	out := newTree("description", in.text("text"))
	if in.has("headers") {
		headers := newTree()
		for _, name := range in.sub("headers").members() {
			headers.set(name, refTo("headers", in.sub("headers").text(name)))
		}
		out.set("headers", headers)
	}
	addTrace(out)
	if !in.has("schema") {
		return out, nil
	}
	schema, err := schemaOf(in.at("schema"))
	if err != nil {
		return nil, err
	}
	media := newTree("schema", schema)
	if in.has("example") {
		media.set("examples", newTree("example", newTree("value", in.at("example"))))
	}
	if in.has("examples") {
		media.set("examples", examples(in.sub("examples")))
	}
	kind := in.text("type")
	if kind == "" {
		kind = "application/json"
	}
	out.set("content", newTree(kind, media))
	return out, nil
}

// addTrace gives an answer the header that all have.
func addTrace(response *tree) {
	response.grow("headers").set("X-Trace-Id", refTo("headers", "trace"))
}

// codes are the codes of errors by status: those of the operation, then those of its kind (see call.run).
func (d *Description) codes(op *tree, method, path, who string) *tree {
	out := newTree()
	add := func(status string, codes ...any) {
		list := out.list(status)
		for _, code := range codes {
			if !slices.Contains(list, code) {
				list = append(list, code)
			}
		}
		out.set(status, list)
	}
	for _, status := range op.sub("errors").members() {
		add(status, op.sub("errors").list(status)...)
	}
	if op.at("once") == true {
		add("409", "NOT_UNIQUE")
	}
	bearer := who == "user" || who == "application" || who == "either"
	if bearer {
		add("401", "E2 unauthorized", "E2 invalid_token")
		add("403", "E3 unauthorized")
	}
	if bearer && method != "get" {
		add("400", "BAD_REQUEST")
		add("413", "PAYLOAD_TOO_LARGE")
		add("415", "UNSUPPORTED_MEDIA_TYPE")
	}
	if bearer || who == "client" {
		add("429", "TOO_MANY_REQUESTS")
		add("500", "E3 Internal Server Error")
		add("503", "E3 Service Unavailable")
	}
	for _, found := range pathNames.FindAllStringSubmatch(path, -1) {
		if bearer && slices.Contains(numbered, found[1]) {
			add("404", "NOT_FOUND")
		}
	}
	if strings.Contains(path, "/simulation/") {
		add("404", "NOT_FOUND")
	}
	return out
}

// shared names the response of the components that says just these codes; "" where none does.
func (d *Description) shared(status string, codes []any) string {
	for _, name := range d.head.sub("shared").members() {
		one := d.head.sub("shared", name)
		if fmt.Sprint(one.at("status")) == status && slices.Equal(one.list("codes"), codes) {
			return name
		}
	}
	return ""
}

// refusal writes out the errors of one status. A code stands alone in the usual shape E1, or behind the name of its shape.
func (d *Description) refusal(status string, codes []any) (*tree, error) {
	byShape, order := map[string][]string{}, []string{}
	for _, one := range codes {
		shape, code, found := strings.Cut(fmt.Sprint(one), " ")
		if !found || !d.head.sub("shapes").has(shape) {
			shape, code = "E1", fmt.Sprint(one)
		}
		if byShape[shape] == nil {
			order = append(order, shape)
		}
		byShape[shape] = append(byShape[shape], code)
	}
	var schemas []any
	var about []string
	shown := newTree()
	for _, shape := range order {
		schema, err := d.shape(shape, byShape[shape])
		if err != nil {
			return nil, fmt.Errorf("status %s: %w", status, err)
		}
		schemas = append(schemas, schema)
		for _, code := range byShape[shape] {
			about = append(about, "`"+code+"`: "+d.code(shape, code).text("text"))
			shown.set(strings.ReplaceAll(strings.Trim(code, "*"), " ", "-"), newTree("value", d.sample(shape, code, status)))
		}
	}
	schema := schemas[0]
	if len(schemas) > 1 {
		schema = newTree("anyOf", schemas)
	}
	out := newTree("description", strings.Join(about, "\n"))
	headers := d.head.sub("errorHeaders", status)
	if own := d.head.sub("errorHeaders", status+" "+fmt.Sprint(codes[0])); own != nil {
		headers = own
	}
	for _, name := range headers.members() {
		out.grow("headers").set(name, refTo("headers", headers.text(name)))
	}
	addTrace(out)
	out.set("content", newTree("application/json", newTree("schema", schema, "examples", shown)))
	return out, nil
}

// code is what is said of a code, in this shape where the shapes have one in common.
func (d *Description) code(shape, code string) *tree {
	if own := d.head.sub("codes", shape+" "+code); own != nil {
		return own
	}
	return d.head.sub("codes", code)
}

// shape is the schema of an error's shape, held to the codes. "where" is the place of the code in it.
func (d *Description) shape(shape string, codes []string) (*tree, error) {
	words := []any{}
	var alternatives []any
	for _, code := range codes {
		known := d.code(shape, code)
		if known == nil {
			return nil, fmt.Errorf("nothing is said of the code %s", code)
		}
		if pattern := known.text("pattern"); pattern != "" {
			alternatives = append(alternatives, newTree("pattern", pattern))
		} else if code != "-" {
			words = append(words, code)
		}
	}
	of := d.head.sub("shapes", shape)
	whole := refTo("schemas", of.text("schema"))
	if of.text("code") == "" {
		return whole, nil
	}
	if len(words) > 0 {
		alternatives = append(alternatives, newTree("enum", words))
	}
	inner := newTree("properties", newTree(of.text("code"), newTree("anyOf", alternatives)))
	if of.at("listed") == true {
		inner = newTree("properties", newTree("errors", newTree("items", inner)))
	}
	return newTree("allOf", []any{whole, inner}), nil
}

// sample is an example of an error.
func (d *Description) sample(shape, code, status string) *tree {
	known := d.code(shape, code)
	message := known.text("message")
	if example := known.text("example"); example != "" {
		code = example
	}
	number, _ := strconv.Atoi(status)
	field := newTree("code", code, "message", message)
	if path := known.text("path"); path != "" {
		field.set("path", path)
	}
	field.set("arguments", known.at("arguments"))
	switch shape {
	case "E2":
		return newTree("error", code, "error_description", message)
	case "E3":
		return newTree("timestamp", "2031-02-03T04:05:06.789+0000", "status", number, "error", code, "message", message)
	case "E4":
		return newTree("type", "/errors/types/validation", "title", "Validation Error", "status", number,
			"instance", "/v2/profiles/70010001/kyc-requirements/INCOME", "errors", []any{newTree("code", code, "ref", known.text("path"))})
	case "E5":
		return newTree("code", code, "category", "CLIENT", "description", message, "details", nil)
	case "document":
		return newTree("errors", []any{newTree("code", code, "message", message, "field", known.text("path"))})
	case "outcome":
		return newTree("errorMessage", message, "success", false)
	}
	if !known.has("arguments") {
		field.set("arguments", []any{})
	}
	return newTree("errors", []any{field})
}
