package latchkey_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
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

// tutorialName is what stands in brackets in the tutorial: a name of this package, or a method or field of one.
var tutorialName = regexp.MustCompile(`\[\*?([A-Z]\w*)(?:\.([A-Z]\w*))?\]`)

// TestTutorialNamesWhatExists: each name in brackets in the documentation of the package is one that it has, and each section has
// its turn.
func TestTutorialNamesWhatExists(t *testing.T) {
	exist := map[string]bool{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	tutorial := ""
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		declaredIn(file, exist)
		if name == "doc.go" {
			tutorial = file.Doc.Text()
		}
	}
	names := tutorialName.FindAllStringSubmatch(tutorial, -1)
	if len(names) < 60 {
		t.Fatalf("the tutorial names only %d things", len(names))
	}
	for _, name := range names {
		full := strings.TrimSuffix(name[1]+"."+name[2], ".")
		if !exist[full] {
			t.Errorf("the tutorial names %s, which does not exist", full)
		}
	}
	last := -1
	for _, section := range []string{"1. Register", "2. The application's own token", "3. Open the account", "4. A token for the account", "5. Say what you know",
		"6. Hand it over", "7. The way back", "8. Exchange the code", "9. Keep the tokens", "10. When access is lost", "11. Be told", "12. Verification",
		"13. Errors, and trying again", "14. Test it"} {
		at := strings.Index(tutorial, "\n# "+section+"\n")
		if at <= last {
			t.Errorf("section %q is missing or out of order", section)
		}
		last = at
	}
}

// declaredIn adds what a file declares: names, and "Type.Name" for methods and fields.
func declaredIn(file *ast.File, exist map[string]bool) {
	offered := map[string]string{}
	offeredBy(file, offered)
	for _, where := range offered {
		for one := range strings.SplitSeq(where, ", ") {
			exist[one] = true
		}
	}
	for _, declaration := range file.Decls {
		general, is := declaration.(*ast.GenDecl)
		if !is {
			continue
		}
		for _, spec := range general.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					exist[name.Name] = true
				}
			case *ast.TypeSpec:
				exist[spec.Name.Name] = true
				structure, is := spec.Type.(*ast.StructType)
				if !is {
					continue
				}
				for _, field := range structure.Fields.List {
					for _, name := range field.Names {
						exist[spec.Name.Name+"."+name.Name] = true
					}
				}
			}
		}
	}
}

// source is where a promise comes from.
var source = regexp.MustCompile(`contract \d|design \d|RFC \d`)

// TestCallsNameTheirSource: the documentation of each method of Client and Account says which clause asks for it.
func TestCallsNameTheirSource(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			f, is := declaration.(*ast.FuncDecl)
			if !is || f.Recv == nil || !f.Name.IsExported() || slices.Contains(byOthers(), f.Name.Name) {
				continue
			}
			pointer, is := f.Recv.List[0].Type.(*ast.StarExpr)
			if !is {
				continue
			}
			if of := pointer.X.(*ast.Ident).Name; of == "Client" || of == "Account" {
				seen++
				if !source.MatchString(f.Doc.Text()) {
					t.Errorf("%s: %s.%s names no source", name, of, f.Name.Name)
				}
			}
		}
	}
	if seen < 60 {
		t.Errorf("found only %d methods", seen)
	}
}
