package api

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"sync"
)

// openapi are the sources of the description, one file a subject, in a short form of OpenAPI 3.1 that operation and schemaOf
// write out: 00-head.yaml says what the whole has in common, and each other file has a "tag", its "schemas" and its "paths".
// A path may name its twin under a calendar label ("calendar") where both answer alike; where they differ, both are written.
//
//go:embed openapi/*.yaml
var openapi embed.FS

// A Description is the contract of this API as OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1). It never changes after it was read.
type Description struct {
	head     *tree
	document *tree
}

// described reads the description once: it is the same for every door.
var described = sync.OnceValues(readDescription)

func readDescription() (*Description, error) {
	files, err := openapi.ReadDir("openapi")
	if err != nil {
		return nil, err
	}
	d := &Description{}
	for _, f := range files { // in the order of their names, the head first
		text, err := openapi.ReadFile(path.Join("openapi", f.Name()))
		if err != nil {
			return nil, err
		}
		part, err := readTree(text)
		if err == nil {
			err = d.add(part)
		}
		if err != nil {
			return nil, fmt.Errorf("description, %s: %w", f.Name(), err)
		}
	}
	return d, nil
}

// add takes one file in.
func (d *Description) add(part *tree) error {
	if d.head == nil {
		d.head = part
		return d.begin()
	}
	tag := part.text("tag")
	tags, _ := d.document.at("tags").([]any)
	d.document.set("tags", append(tags, newTree("name", tag, "description", part.text("text"))))
	if err := d.addSchemas(part.sub("schemas")); err != nil {
		return err
	}
	for _, kind := range []string{"parameters", "headers"} {
		if err := d.addComponents(kind, part.sub(kind)); err != nil {
			return err
		}
	}
	for _, where := range part.sub("paths").members() {
		if err := d.addPath(part.sub("paths", where), where, tag); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
	}
	for _, name := range part.sub("webhooks").members() {
		if err := d.addWebhook(part.sub("webhooks", name), name, tag); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// begin makes the document of the head.
func (d *Description) begin() error {
	d.document = newTree("openapi", "3.1.1", "info", d.head.sub("info"), "servers", []any{newTree("url", "/")}, "tags", []any{},
		"paths", newTree(), "webhooks", newTree(), "components", newTree("securitySchemes", d.head.sub("securitySchemes")))
	if err := d.addSchemas(d.head.sub("schemas")); err != nil {
		return err
	}
	for _, kind := range []string{"parameters", "headers"} {
		if err := d.addComponents(kind, d.head.sub(kind)); err != nil {
			return err
		}
	}
	for _, name := range d.head.sub("shared").members() {
		one := d.head.sub("shared", name)
		response, err := d.refusal(fmt.Sprint(one.at("status")), one.list("codes"))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		d.document.sub("components").grow("responses").set(name, response)
	}
	return nil
}

func (d *Description) addSchemas(schemas *tree) error {
	all := d.document.sub("components").grow("schemas")
	for _, name := range schemas.members() {
		if all.has(name) {
			return fmt.Errorf("schema %s is there twice", name)
		}
		schema, err := schemaOf(schemas.at(name))
		if err != nil {
			return fmt.Errorf("schema %s: %w", name, err)
		}
		all.set(name, schema)
	}
	return nil
}

// addComponents takes parameters and headers in, whose schemas may be short.
func (d *Description) addComponents(kind string, parts *tree) error {
	all := d.document.sub("components").grow(kind)
	for _, name := range parts.members() {
		one := parts.sub(name)
		schema, err := schemaOf(one.at("schema"))
		if err != nil || all.has(name) {
			return fmt.Errorf("%s %s: there twice, or its schema is wrong: %v", kind, name, err)
		}
		one.set("schema", schema)
		one.set("description", one.text("description"))
		all.set(name, one)
	}
	return nil
}

// addPath takes the operations of a path in, and those of its twin.
func (d *Description) addPath(source *tree, where, tag string) error {
	paths := d.document.sub("paths")
	twin := source.text("calendar")
	for _, method := range methodsOf {
		op := source.sub(method)
		if op == nil {
			continue
		}
		id := op.text("id")
		out, err := d.operation(op, method, where, id, tag)
		if err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		paths.grow(where).set(method, out)
		if twin == "" {
			continue
		}
		twinPath := "/" + oldestRelease + twin
		if out, err = d.operation(op, method, twinPath, id+oldestRelease, tag); err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		out.set("x-same-as", id)
		paths.grow(twinPath).set(method, out)
	}
	return nil
}

// addWebhook takes one kind of notification in: "title", "text", "schema" and "examples".
func (d *Description) addWebhook(source *tree, name, tag string) error {
	schema, err := schemaOf(source.at("schema"))
	if err != nil {
		return err
	}
	schema.(*tree).set("unevaluatedProperties", false) // an envelope has the members of the description and no others
	parameters := []any{refTo("parameters", "signature"), refTo("parameters", "delivery"), refTo("parameters", "test")}
	if strings.HasPrefix(name, "x-") {
		parameters = append(parameters, refTo("parameters", "standardId"), refTo("parameters", "standardTime"), refTo("parameters", "standardSignature"))
	}
	d.document.sub("webhooks").set(name, newTree("post", newTree("operationId", name, "tags", []any{tag}, "summary", source.text("title"),
		"description", source.text("text"), "security", []any{}, "parameters", parameters,
		"requestBody", newTree("required", true, "content", newTree("application/json", newTree("schema", schema, "examples", examples(source.sub("examples"))))),
		"responses", newTree("2XX", newTree("description", "Taken, within five seconds. Everything else is tried again.")))))
	return nil
}

// openAPI answers /openapi.json: the description with the server's own address.
func (d *Door) openAPI() func(*call) (any, error) {
	document := sync.OnceValues(d.writeOpenAPI)
	return func(c *call) (any, error) {
		text, err := document()
		c.w.Header().Set("Cache-Control", descriptionLife)
		return text, err
	}
}

func (d *Door) writeOpenAPI() (json.RawMessage, error) {
	description, err := described()
	if err != nil {
		return nil, err
	}
	document := newTree()
	for _, name := range description.document.names {
		document.set(name, description.document.values[name])
	}
	if d.APIURL != "" {
		document.set("servers", []any{newTree("url", d.APIURL)})
	}
	return document.MarshalJSON()
}

// descriptionLife is how long a copy of the description may be kept: it changes with releases of the server alone.
const descriptionLife = "public, max-age=300"
