package latchkey_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEveryExportedCallIsTested: what a partner's program can call is called by a test of this package. Methods that the standard
// library calls (fmt, errors, encoding/json, log/slog) are left out: the tests of what they make are theirs.
func TestEveryExportedCallIsTested(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	offered, called := map[string]string{}, map[string]bool{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") {
			calledIn(file, called)
		} else {
			offeredBy(file, offered)
		}
	}
	if len(offered) < 80 {
		t.Fatalf("found only %d functions and methods", len(offered))
	}
	for name, where := range offered {
		if !called[name] {
			t.Errorf("no test of this package calls %s", where)
		}
	}
}

// byOthers are methods that nobody calls by name.
func byOthers() []string {
	return []string{"Format", "String", "LogValue", "Error", "Is", "MarshalJSON", "UnmarshalJSON", "MarshalText"}
}

// offeredBy adds the exported functions and methods of a file, by name, with what they belong to.
func offeredBy(file *ast.File, offered map[string]string) {
	for _, declaration := range file.Decls {
		f, is := declaration.(*ast.FuncDecl)
		if !is || !f.Name.IsExported() || slices.Contains(byOthers(), f.Name.Name) {
			continue
		}
		where := f.Name.Name
		if f.Recv != nil {
			of := f.Recv.List[0].Type
			if pointer, is := of.(*ast.StarExpr); is {
				of = pointer.X
			}
			if name, is := of.(*ast.Ident); is {
				where = name.Name + "." + where
			}
		}
		offered[f.Name.Name] = strings.TrimPrefix(offered[f.Name.Name]+", "+where, ", ")
	}
}

// calledIn adds the names of what a file calls.
func calledIn(file *ast.File, called map[string]bool) {
	ast.Inspect(file, func(n ast.Node) bool {
		call, is := n.(*ast.CallExpr)
		if !is {
			return true
		}
		switch what := call.Fun.(type) {
		case *ast.Ident:
			called[what.Name] = true
		case *ast.SelectorExpr:
			called[what.Sel.Name] = true
		}
		return true
	})
}

// It finds a method that nobody calls, and takes a declaration or a mention for no call.
func TestCallsAreFound(t *testing.T) {
	read := func(text string) *ast.File {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	offered, called := map[string]string{}, map[string]bool{}
	offeredBy(read("package x\nfunc (c *Client) One() {}\nfunc (a Account) One() {}\nfunc Two() {}\nfunc three() {}\nfunc (c Client) String() string { return `` }"), offered)
	calledIn(read("package x\nfunc One() { x.Two(); _ = Three; f := c.Four; f() }"), called)
	if len(offered) != 2 || offered["One"] != "Client.One, Account.One" || offered["Two"] != "Two" {
		t.Errorf("offered %v", offered)
	}
	if !called["Two"] || called["One"] || called["Three"] || called["Four"] {
		t.Errorf("called %v", called)
	}
}
