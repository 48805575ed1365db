package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// entry is one key of a YAML mapping, with the line that a mistake is reported at.
type entry struct {
	key   string
	value ast.Node
	line  int
}

// readMapping reads a YAML file whose document is one mapping. An empty file is an empty mapping.
func readMapping(path string) ([]entry, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, errors.New(withoutPath(err, path))
	}
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		first, _, _ := strings.Cut(yaml.FormatError(err, false, false), "\n")
		return nil, fmt.Errorf("%s: %s", path, first)
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil, nil
	}
	if len(file.Docs) > 1 {
		return nil, fmt.Errorf("%s: has more than one document", path)
	}
	entries, ok := entriesOf(file.Docs[0].Body)
	if !ok {
		return nil, fmt.Errorf("%s: is not a list of \"name: value\" lines", path)
	}
	return entries, nil
}

func entriesOf(node ast.Node) ([]entry, bool) {
	var values []*ast.MappingValueNode
	switch node := node.(type) {
	case *ast.MappingNode:
		values = node.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{node}
	default:
		return nil, false
	}
	entries := make([]entry, 0, len(values))
	for _, v := range values {
		entries = append(entries, entry{v.Key.GetToken().Value, v.Value, v.Key.GetToken().Position.Line})
	}
	return entries, true
}

// text reads a scalar as the text that a person wrote; a list or a mapping is not one.
func text(node ast.Node) (string, bool) {
	var value any
	if err := yaml.NodeToValue(node, &value); err != nil {
		return "", false
	}
	switch value.(type) {
	case nil:
		return "", true
	case []any, map[string]any:
		return "", false
	}
	return fmt.Sprint(value), true
}

// texts reads a list of scalars; a scalar alone is a list of one.
func texts(node ast.Node) ([]string, bool) {
	if one, ok := text(node); ok {
		return []string{one}, true
	}
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		return nil, false
	}
	var list []string
	for _, item := range sequence.Values {
		one, ok := text(item)
		if !ok {
			return nil, false
		}
		list = append(list, one)
	}
	return list, true
}

// readFile takes from the file what has no value yet: flag and environment come first.
func (c *Config) readFile(path string, flags map[string]*kong.Flag) []mistake {
	entries, err := readMapping(path)
	if err != nil {
		return []mistake{{"config", err.Error(), "name a YAML file of lines like web-url: https://id.example.org"}}
	}
	var found []mistake
	for _, e := range entries {
		where := fmt.Sprintf("%s:%d", path, e.line)
		flag := flags[e.key]
		if flag == nil {
			found = append(found, mistake{where, fmt.Sprintf("no setting is called %q", e.key), "latchkey serve --help lists the settings"})
			continue
		}
		values, ok := texts(e.value)
		target := flag.Target.Addr().Interface()
		if _, list := target.(*[]string); !ok || !list && len(values) != 1 {
			found = append(found, mistake{where, e.key + " is not one value", "write it as: " + e.key + ": VALUE"})
			continue
		}
		if c.sources[e.key] != "" {
			continue
		}
		c.sources[e.key] = where
		switch target := target.(type) {
		case *string:
			*target = values[0]
		case *[]string:
			*target = values
		}
	}
	return found
}

// configShow prints every setting in force.
type configShow struct {
	Config
	parsed *kong.Context
}

// AfterApply keeps what was parsed (kong calls it, and that of Config).
func (cmd *configShow) AfterApply(parsed *kong.Context) error {
	cmd.parsed = parsed
	return nil
}

// Run prints name, value and source. No setting is itself a secret: secrets are in files, and only their names show.
func (cmd *configShow) Run(_ context.Context, s streams) error {
	for _, flag := range cmd.parsed.Flags() {
		if flag.Group == nil || flag.Group.Key != "settings" {
			continue
		}
		var value string
		switch target := flag.Target.Addr().Interface().(type) {
		case *string:
			value = *target
		case *[]string:
			value = strings.Join(*target, " ")
		}
		source := either(cmd.sources[flag.Name], "default")
		fmt.Fprintf(s.out, "%-20s %-50s %s\n", flag.Name, either(withoutPassword(value), "-"), source)
	}
	if len(cmd.misread) > 0 {
		return mistakes(cmd.misread).hinted()
	}
	return nil
}

// withoutPassword hides the password that somebody put into an address although it belongs into a file.
func withoutPassword(value string) string {
	if before, after, inside := strings.Cut(value, "password="); inside && strings.Contains(before, "://") {
		_, rest, _ := strings.Cut(after, "&")
		value = strings.TrimRight(before+rest, "?&")
	}
	scheme, rest, found := strings.Cut(value, "://")
	user, host, hasUser := strings.Cut(rest, "@")
	if !found || !hasUser {
		return value
	}
	name, _, _ := strings.Cut(user, ":")
	return scheme + "://" + name + "@" + host
}

// configCheck reads everything that serve reads and starts nothing.
type configCheck struct {
	Config
}

// Run tells every mistake, or that there is none.
func (cmd *configCheck) Run(_ context.Context, s streams) error {
	all, err := cmd.settle()
	if err != nil {
		return err
	}
	for _, warning := range all.warnings {
		fmt.Fprintf(s.err, "warning: %s\n", warning)
	}
	fmt.Fprintln(s.out, "the settings are complete")
	return nil
}
