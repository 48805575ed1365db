package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

// A tree is a JSON object that keeps its members in the order in which they were written, so that the description reads as its
// authors meant it. Values are *tree, []any, string, bool, nil and numbers.
type tree struct {
	names  []string
	values map[string]any
}

func newTree(pairs ...any) *tree {
	t := &tree{values: map[string]any{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		t.set(pairs[i].(string), pairs[i+1])
	}
	return t
}

func (t *tree) set(name string, value any) {
	if _, known := t.values[name]; !known {
		t.names = append(t.names, name)
	}
	t.values[name] = value
}

func (t *tree) has(name string) bool {
	if t == nil {
		return false
	}
	_, known := t.values[name]
	return known
}

// at is the member of the name; nil where there is none.
func (t *tree) at(name string) any {
	if t == nil {
		return nil
	}
	return t.values[name]
}

// sub is the object of the name; nil where there is none, of which every question may be asked.
func (t *tree) sub(names ...string) *tree {
	for _, name := range names {
		t, _ = t.at(name).(*tree)
	}
	return t
}

// grow is the object of the name, made where there is none.
func (t *tree) grow(name string) *tree {
	if !t.has(name) {
		t.set(name, newTree())
	}
	return t.sub(name)
}

// text is the member of the name as a text on one line, "" where there is none.
func (t *tree) text(name string) string {
	text, _ := t.at(name).(string)
	return strings.Join(strings.Fields(text), " ")
}

// list is the array of the name.
func (t *tree) list(name string) []any {
	list, _ := t.at(name).([]any)
	return list
}

// members are the names in their order; none of a nil tree.
func (t *tree) members() []string {
	if t == nil {
		return nil
	}
	return t.names
}

// MarshalJSON writes the members in their order.
func (t *tree) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	to := json.NewEncoder(&b)
	to.SetEscapeHTML(false)
	b.WriteByte('{')
	for i, name := range t.names {
		if i > 0 {
			b.WriteByte(',')
		}
		for _, part := range []any{name, t.values[name]} {
			if err := to.Encode(part); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			b.Truncate(b.Len() - 1) // the end of line that an encoder writes
			b.WriteByte(':')
		}
		b.Truncate(b.Len() - 1)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// readTree reads a YAML text.
func readTree(text []byte) (*tree, error) {
	var v any
	if err := yaml.UnmarshalWithOptions(text, &v, yaml.UseOrderedMap()); err != nil {
		return nil, err
	}
	t, is := grown(v).(*tree)
	if !is {
		return nil, fmt.Errorf("not an object")
	}
	return t, nil
}

// grown makes trees of what the YAML reader gives.
func grown(v any) any {
	switch v := v.(type) {
	case yaml.MapSlice:
		t := newTree()
		for _, item := range v {
			t.set(fmt.Sprint(item.Key), grown(item.Value))
		}
		return t
	case map[string]any: // an empty object
		return newTree()
	case []any:
		list := make([]any, len(v))
		for i, one := range v {
			list[i] = grown(one)
		}
		return list
	}
	return v
}
