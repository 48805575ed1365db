package latchkey_test

import (
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strings"
	"testing"
)

// startsOver are the changes that set something outside themselves without clearing it first, each with the reason why a second run says no more
// than it should.
var startsOver = map[string]string{
	"internal/claim/start.go key":      "the first thing that it does is to set it",
	"internal/partner/publickey.go k":  "its id and time are drawn anew",
	"internal/store/masterkey.go plan": "it is set by the run that succeeds, and used only then",
	"internal/store/restore.go n":      "it is told only by the run that succeeds, which sets it",
	"internal/store/sweep.go n":        "the first thing that it does is to set it",
}

// TestHouseChangesStartOver: a change may run several times, and what an earlier run left in a variable around it is told to the caller as if
// the last one had said so: the tokens of an exchange that was refused in the end, a session's secret that was never stored. So whatever a change
// sets outside itself it clears before it does anything else.
func TestHouseChangesStartOver(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t, false) {
		if !slices.Contains(append([]string{"internal/store"}, nouns...), f.dir) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, is := n.(*ast.CallExpr)
			if !is || len(call.Args) == 0 {
				return true
			}
			name, is := call.Fun.(*ast.SelectorExpr)
			change, literal := call.Args[len(call.Args)-1].(*ast.FuncLit)
			if !is || !literal || !slices.Contains([]string{"Change", "change", "write"}, name.Sel.Name) {
				return true
			}
			for left := range leftOver(change) {
				if startsOver[f.path+" "+left] == "" {
					t.Errorf("%s: a change sets %s, which is outside it, and does not clear it in its first lines", f.place(change.Pos()), left)
				}
			}
			return true
		})
	}
}

// leftOver are the variables that a function sets and neither declares nor sets in its first two statements.
func leftOver(fn *ast.FuncLit) map[string]bool {
	own, set := map[string]bool{"_": true}, map[string]bool{}
	for _, fields := range []*ast.FieldList{fn.Type.Params, fn.Type.Results} {
		if fields != nil {
			for _, field := range fields.List {
				for _, name := range field.Names {
					own[name.Name] = true
				}
			}
		}
	}
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		switch s := n.(type) {
		case *ast.AssignStmt:
			for _, left := range s.Lhs {
				if name, plain := rootOf(left); s.Tok == token.DEFINE && plain {
					own[name] = true
				} else if s.Tok != token.DEFINE {
					set[name] = true
				}
			}
		case *ast.IncDecStmt:
			name, _ := rootOf(s.X)
			set[name] = true
		case *ast.ValueSpec:
			for _, name := range s.Names {
				own[name.Name] = true
			}
		case *ast.RangeStmt:
			for _, e := range []ast.Expr{s.Key, s.Value} {
				if name, plain := rootOf(e); plain {
					own[name] = true
				}
			}
		}
		return true
	})
	for _, s := range fn.Body.List[:min(2, len(fn.Body.List))] {
		if a, is := s.(*ast.AssignStmt); is {
			for _, left := range a.Lhs {
				name, plain := rootOf(left)
				own[name] = own[name] || plain
			}
		}
	}
	maps.DeleteFunc(set, func(name string, _ bool) bool { return own[name] || name == "" })
	return set
}

// rootOf is the variable at the beginning of an expression, and whether it is all of it.
func rootOf(e ast.Expr) (name string, plain bool) {
	plain = true
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return strings.TrimSpace(x.Name), plain
		case *ast.SelectorExpr:
			e, plain = x.X, false
		case *ast.IndexExpr:
			e, plain = x.X, false
		case *ast.StarExpr:
			e, plain = x.X, false
		default:
			return "", false
		}
	}
}
