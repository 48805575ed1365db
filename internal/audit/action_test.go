package audit

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"testing"
)

// Each action is written once, as noun.verb, and can be stored: an operator filters by it and a typing mistake would hide
// events.
func TestActionsAreNamedAlike(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "action.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	form, seen := regexp.MustCompile(`^[a-z]+\.[a-z]+(_[a-z]+)*$`), map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		name, value := spec.Names[0].Name, spec.Values[0].(*ast.BasicLit).Value
		action, err := strconv.Unquote(value)
		if err != nil || !form.MatchString(action) {
			t.Errorf("%s is %s, not of the form noun.verb", name, value)
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Action" {
			t.Errorf("%s is no Action", name)
		}
		if other, twice := seen[action]; twice {
			t.Errorf("%s and %s are both %s", name, other, action)
		}
		seen[action] = name
		e := good()
		e.Action = Action(action)
		if err := e.Check(); err != nil {
			t.Errorf("%s cannot be stored: %v", name, err)
		}
		return true
	})
	if len(seen) < 50 {
		t.Errorf("only %d actions were found: the test reads the wrong file", len(seen))
	}
}
