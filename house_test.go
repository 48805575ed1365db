package latchkey_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
)

// The house numbers. Raise one only with a reason in the commit.
const (
	mostPackages      = 16
	deepestImports    = 7
	mostMethods       = 8
	longestFile       = 500
	longestTestFile   = 800
	longestFunction   = 60
	longestTest       = 100
	mostDependencies  = 20
	leastTestsPerCode = 1.0
)

// rank orders the packages from the inside out. An import goes to a strictly lower rank, so a package may
// skip steps but never turn back, and two of one rank do not know each other.
var rank = map[string]int{
	"internal/audit": 1, "internal/secret": 1, "internal/limit": 1,
	"internal/partner":  2,
	"internal/customer": 3,
	"internal/grant":    4,
	"internal/claim":    5,
	"internal/api":      6, "internal/web": 6, "internal/notify": 6, "internal/demo": 6, "internal/store": 6,
	"internal/server": 7,
	"latchkeytest":    8, "cmd/latchkey": 8,
	".": 0,
}

// nouns hold the rules. They know neither HTTP nor SQL.
var nouns = []string{"internal/audit", "internal/limit", "internal/partner", "internal/customer", "internal/grant", "internal/claim"}

// readsTheRoot are the packages that may import the root: the wire types belong to partners.
var readsTheRoot = []string{"internal/api", "internal/demo", "latchkeytest", "cmd/latchkey"}

// longFunctions are the functions above the house number, each with the reason why splitting it would hide
// what it says. None may pass 100 lines.
var longFunctions = map[string]string{}

// readsTheClock are the files of the program that may call time.Now: where a clock is handed to the rest.
var readsTheClock = []string{"cmd/latchkey/", "internal/server/", "latchkeytest/",
	"client.go", "webhook.go"} // run in a partner's program, where nobody hands it a clock unless they wish to

// importsCrypto are the exceptions to "only internal/secret": the client draws its own PKCE verifier and keys,
// and a partner who imports it should not get the server's secrets along.
var importsCrypto = []string{"token.go crypto/rand", "token.go crypto/sha256",
	// and checks the signatures of notifications
	"webhook.go crypto", "webhook.go crypto/hmac", "webhook.go crypto/rsa", "webhook.go crypto/sha256"}

func TestHousePackages(t *testing.T) {
	t.Parallel()
	dirs := directories(goFiles(t, true))
	if len(dirs) > mostPackages {
		t.Errorf("%d packages, at most %d: %v", len(dirs), mostPackages, dirs)
	}
	for _, dir := range dirs {
		if _, known := rank[dir]; !known {
			t.Errorf("package %s has no place in the dependency rule", dir)
		}
	}
}

func TestHouseImportsPointInward(t *testing.T) {
	t.Parallel()
	arrows := map[string][]string{}
	for _, f := range goFiles(t, false) {
		for _, imported := range f.imports() {
			to, ours := ownPackage(imported)
			if !ours {
				continue
			}
			if !slices.Contains(arrows[f.dir], to) {
				arrows[f.dir] = append(arrows[f.dir], to)
			}
			if to == "." {
				if !slices.Contains(readsTheRoot, f.dir) {
					t.Errorf("%s imports the root package", f.path)
				}
			} else if rank[to] >= rank[f.dir] {
				t.Errorf("%s imports %s: arrows point inward only", f.path, to)
			}
		}
	}
	var depth func(string) int
	depth = func(dir string) int {
		deepest := 0
		for _, to := range arrows[dir] {
			if rank[to] < rank[dir] {
				deepest = max(deepest, 1+depth(to))
			}
		}
		return deepest
	}
	for dir := range arrows {
		if n := depth(dir); n > deepestImports {
			t.Errorf("%s is %d imports deep, at most %d", dir, n, deepestImports)
		}
	}
}

// ownPackage returns the directory of an import path of this module.
func ownPackage(imported string) (string, bool) {
	if imported == modulePath {
		return ".", true
	}
	dir, ours := strings.CutPrefix(imported, modulePath+"/")
	return dir, ours
}

func TestHouseForeignImports(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t, false) {
		for _, p := range f.imports() {
			crypto := p == "crypto" || strings.HasPrefix(p, "crypto/") || strings.HasPrefix(p, "golang.org/x/crypto") || strings.HasPrefix(p, "math/rand")
			switch {
			case p == "crypto/tls" || p == "crypto/x509":
				if slices.Contains(nouns, f.dir) {
					t.Errorf("%s imports %s: a noun needs no network", f.path, p)
				}
			case f.path == "token.go" && (p == "crypto/rand" || p == "crypto/sha256"):
				// a partner's program draws states and verifiers without the server's packages
			case crypto && f.dir != "internal/secret" && !slices.Contains(importsCrypto, f.path+" "+p):
				t.Errorf("%s imports %s: only internal/secret may", f.path, p)
			case slices.Contains(nouns, f.dir) && (p == "net/http" || strings.HasPrefix(p, "database/sql") || p == "html/template"):
				t.Errorf("%s imports %s: a noun knows neither HTTP nor SQL", f.path, p)
			case p == "C" || p == "unsafe":
				t.Errorf("%s imports %s", f.path, p)
			}
		}
	}
}

func TestHouseInterfaces(t *testing.T) {
	t.Parallel()
	files := goFiles(t, false)
	types := map[string]*ast.InterfaceType{}
	for _, f := range files {
		for _, d := range f.ast.Decls {
			for _, spec := range specsOf(d) {
				if ts, is := spec.(*ast.TypeSpec); is {
					if it, is := ts.Type.(*ast.InterfaceType); is {
						types[f.dir+" "+ts.Name.Name] = it
					}
				}
			}
		}
	}
	for name, it := range types {
		// What it embeds counts one each: the parts stand on their own and are counted where they are declared.
		n := 0
		for _, m := range it.Methods.List {
			n += max(1, len(m.Names))
		}
		if n > mostMethods {
			t.Errorf("interface %s has %d methods, at most %d", name, n, mostMethods)
		}
	}
}

// specsOf returns the specs of a general declaration, nothing of a function.
func specsOf(d ast.Decl) []ast.Spec {
	if g, is := d.(*ast.GenDecl); is {
		return g.Specs
	}
	return nil
}

func TestHouseSizes(t *testing.T) {
	t.Parallel()
	code, tests := 0, 0
	for _, f := range goFiles(t, true) {
		most := longestFile
		if f.test {
			most = longestTestFile
			tests += f.lines
		} else {
			code += f.lines
		}
		if f.lines > most {
			t.Errorf("%s has %d lines, at most %d", f.path, f.lines, most)
		}
	}
	for _, fn := range functions(goFiles(t, true)) {
		name := fn.file.dir + "." + fn.name
		switch reason := longFunctions[name]; {
		case fn.lines > 100 || fn.file.test && fn.lines > longestTest:
			t.Errorf("%s: %s has %d lines, never above 100", fn.file.place(fn.decl.Pos()), name, fn.lines)
		case !fn.file.test && fn.lines > longestFunction && reason == "":
			t.Errorf("%s: %s has %d lines, at most %d without a reason", fn.file.place(fn.decl.Pos()), name, fn.lines, longestFunction)
		case fn.lines <= longestFunction && reason != "":
			t.Errorf("%s is no longer above %d lines: take it off the list", name, longestFunction)
		}
	}
	t.Logf("%d lines of code, %d of tests: %.2f, wanted %.1f", code, tests, float64(tests)/float64(code), leastTestsPerCode)
}

func TestHouseDependencies(t *testing.T) {
	t.Parallel()
	gomod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for _, m := range regexp.MustCompile(`(?m)^\t([^\s/]+\.[^\s]+) v`).FindAllStringSubmatch(string(gomod), -1) {
		modules = append(modules, m[1])
	}
	// The longest path first, so that a module inside another's path is found as itself.
	sort.Slice(modules, func(i, j int) bool { return len(modules[i]) > len(modules[j]) })
	direct := map[string]bool{}
	for _, f := range goFiles(t, true) {
		for _, p := range f.imports() {
			for _, m := range modules {
				if p == m || strings.HasPrefix(p, m+"/") {
					direct[m] = direct[m] || !f.test
					break
				}
			}
		}
	}
	shipped := 0
	text, err := os.ReadFile(filepath.Join("docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	for m, ships := range direct {
		if ships {
			shipped++
		}
		if !strings.Contains(string(text), "| `"+m+"` |") {
			t.Errorf("docs/dependencies.md has no line for %s", m)
		}
	}
	if shipped > mostDependencies {
		t.Errorf("%d direct dependencies, at most %d", shipped, mostDependencies)
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		if _, used := direct[row[1]]; strings.Contains(row[1], ".") && !used {
			t.Errorf("docs/dependencies.md names %s, which nothing imports", row[1])
		}
	}
}

func TestHouseComments(t *testing.T) {
	t.Parallel()
	files := goFiles(t, false)
	for _, dir := range directories(files) {
		documented := slices.ContainsFunc(packageFiles(files, dir), func(f *sourceFile) bool { return f.ast.Doc != nil })
		if !documented {
			t.Errorf("package %s has no comment", dir)
		}
	}
	for _, f := range files {
		for _, d := range f.ast.Decls {
			for _, missing := range withoutComment(d) {
				t.Errorf("%s: %s has no comment", f.place(missing.Pos()), missing.Name)
			}
		}
	}
}

// withoutComment returns the exported names of a declaration that no comment speaks of. In a group one
// comment on the group, or one on the line, is enough.
func withoutComment(d ast.Decl) []*ast.Ident {
	var missing []*ast.Ident
	switch d := d.(type) {
	case *ast.FuncDecl:
		owner := receiverName(d)
		if d.Name.IsExported() && d.Doc == nil && (owner == "" || ast.IsExported(owner)) {
			missing = append(missing, d.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && s.Doc == nil && d.Doc == nil {
					missing = append(missing, s.Name)
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
						missing = append(missing, name)
					}
				}
			}
		}
	}
	return missing
}

func TestHouseGlobals(t *testing.T) {
	t.Parallel()
	files := goFiles(t, false)
	for _, fn := range functions(files) {
		if fn.name == "init" {
			t.Errorf("%s: init runs before main decides anything", fn.file.place(fn.decl.Pos()))
		}
	}
	for _, dir := range directories(files) {
		in := packageFiles(files, dir)
		vars := map[string]*ast.ValueSpec{}
		for _, f := range in {
			for _, d := range f.ast.Decls {
				for _, spec := range specsOf(d) {
					vs, is := spec.(*ast.ValueSpec)
					if !is || d.(*ast.GenDecl).Tok != token.VAR {
						continue
					}
					for _, name := range vs.Names {
						if name.Name != "_" { // an assertion that a type satisfies an interface
							vars[name.Name] = vs
						}
					}
					if reason := holdsState(vs); reason != "" {
						t.Errorf("%s: the variable %s %s", f.place(vs.Pos()), vs.Names[0].Name, reason)
					}
				}
			}
		}
		for _, f := range in {
			for _, name := range assigned(f, vars) {
				t.Errorf("%s: the global %s is changed", f.place(name.Pos()), name.Name)
			}
		}
	}
}

// holdsState says why a package-level variable could carry state from one server to the next, "" when it
// is a table, an error, a pattern or the like.
func holdsState(vs *ast.ValueSpec) string {
	kinds := []ast.Expr{vs.Type}
	for _, v := range vs.Values {
		switch v := v.(type) {
		case *ast.UnaryExpr:
			if v.Op == token.AND {
				return "points to a value that can change"
			}
		case *ast.CallExpr:
			if fn, is := v.Fun.(*ast.Ident); is && (fn.Name == "make" || fn.Name == "new") {
				return "is made to be filled"
			}
		case *ast.CompositeLit:
			kinds = append(kinds, v.Type)
		}
	}
	for _, k := range kinds {
		if s, is := k.(*ast.SelectorExpr); is {
			if left := fmt.Sprint(s.X); left == "sync" || left == "atomic" {
				return "is of " + left
			}
		}
	}
	return ""
}

// assigned returns the places in f where one of the package's variables is written to.
func assigned(f *sourceFile, vars map[string]*ast.ValueSpec) []*ast.Ident {
	var found []*ast.Ident
	written := func(e ast.Expr) {
		for {
			switch x := e.(type) {
			case *ast.IndexExpr:
				e = x.X
				continue
			case *ast.SelectorExpr:
				e = x.X
				continue
			case *ast.Ident:
				spec := vars[x.Name]
				// A local of the same name resolves to its own declaration; a global to the spec or, from
				// another file, to nothing.
				if spec != nil && (x.Obj == nil || x.Obj.Decl == any(spec)) {
					found = append(found, x)
				}
			}
			return
		}
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, e := range n.Lhs {
					written(e)
				}
			}
		case *ast.IncDecStmt:
			written(n.X)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				written(n.X)
			}
		case *ast.CallExpr:
			if fn, is := n.Fun.(*ast.Ident); is && (fn.Name == "delete" || fn.Name == "clear") && len(n.Args) > 0 {
				written(n.Args[0])
			}
		}
		return true
	})
	return found
}

func TestHouseTime(t *testing.T) {
	t.Parallel()
	synthetic := map[*sourceFile]bool{}
	for _, f := range goFiles(t, true) {
		synthetic[f] = slices.Contains(f.imports(), "testing/synctest")
	}
	for _, s := range selectors(goFiles(t, true)) {
		if s.left != "time" {
			continue
		}
		wiring := slices.ContainsFunc(readsTheClock, func(prefix string) bool { return strings.HasPrefix(s.file.path, prefix) })
		switch s.name {
		case "Sleep":
			if !synthetic[s.file] {
				t.Errorf("%s: time.Sleep: wait for what happens, or use synthetic time", s.file.place(s.pos))
			}
		case "Now", "Since", "Until":
			if !s.file.test && !wiring {
				t.Errorf("%s: time.%s: the clock is passed in", s.file.place(s.pos), s.name)
			}
		}
	}
}

// TestHouseSkips keeps every skipped test behind a gate that says what to set and does not skip in CI: a
// function that asks for LATCHKEY_FULL.
func TestHouseSkips(t *testing.T) {
	t.Parallel()
	files := goFiles(t, true)
	gates := map[string]bool{}
	for _, fn := range functions(files) {
		start, end := houseFiles.Position(fn.decl.Pos()).Offset, houseFiles.Position(fn.decl.End()).Offset
		if strings.Contains(fn.file.text[start:end], "LATCHKEY_FULL") {
			gates[fn.file.dir+"."+fn.decl.Name.Name] = true
		}
	}
	for _, s := range selectors(files) {
		skips := (s.left == "t" || s.left == "b" || s.left == "tb" || s.left == "f") && (s.name == "Skip" || s.name == "Skipf" || s.name == "SkipNow")
		if skips && !gates[s.file.dir+"."+s.function] && !inRapid(s) { // there Skip draws again, and the test goes on
			t.Errorf("%s: skips without asking for LATCHKEY_FULL", s.file.place(s.pos))
		}
	}
}

// inRapid reports whether a selector stands in a function that a property is checked with.
func inRapid(s selector) bool {
	within := false
	ast.Inspect(s.file.ast, func(n ast.Node) bool {
		if lit, is := n.(*ast.FuncLit); is && lit.Pos() < s.pos && s.pos < lit.End() {
			for _, p := range lit.Type.Params.List {
				if star, is := p.Type.(*ast.StarExpr); is {
					if of, is := star.X.(*ast.SelectorExpr); is && fmt.Sprint(of.X) == "rapid" {
						within = true
					}
				}
			}
		}
		return true
	})
	return within
}

// TestHouseWords looks through every text of the tree for what must not be in a commit. The words are put
// together here so that this file does not hold them.
func TestHouseWords(t *testing.T) {
	t.Parallel()
	unwanted := map[string]*regexp.Regexp{
		"unfinished business":               regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b|(?i)not ` + `implemented yet`),
		"a path of one machine":             regexp.MustCompile(`(^|[\s"'=(` + "`" + `])/(ro` + `ot|wo` + `rk|fa` + `rm|home/[a-z]+)/|/tmp/[a-z]+/`),
		"the address of a package registry": regexp.MustCompile(`\b(registry|proxy|sum)\.(npm` + `js|yarn` + `pkg|gol` + `ang)\.`),
	}
	err := walkTree(func(p string) error {
		switch path.Ext(p) {
		case ".png", ".ico", ".sum", ".gz", ".zst":
			return nil
		}
		text, err := os.ReadFile(filepath.FromSlash(p))
		if err != nil {
			return err
		}
		if bytes.IndexByte(text, 0) >= 0 {
			return nil // a program that was built here, or a picture
		}
		for what, pattern := range unwanted {
			if at := pattern.FindIndex(text); at != nil {
				t.Errorf("%s:%d: %s: %q", p, 1+strings.Count(string(text[:at[0]]), "\n"), what, text[at[0]:at[1]])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestHousePasswords: a hash costs what package secret says. Lowered where it counts, a stolen database is soon tried through. The
// server takes the cost as an option; who sets it is a test, or the kit for tests.
func TestHousePasswords(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t, true) {
		if f.test || strings.HasPrefix(f.path, "latchkeytest/") {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if key, is := n.Key.(*ast.Ident); is && key.Name == "HashMemory" {
					t.Errorf("%s: only tests lower the cost of a password", f.place(n.Pos()))
				}
			case *ast.AssignStmt:
				for _, left := range n.Lhs {
					if sel, is := left.(*ast.SelectorExpr); is && (sel.Sel.Name == "HashMemory" || sel.Sel.Name == "Memory" && f.path != "internal/server/server.go") {
						t.Errorf("%s: only tests lower the cost of a password", f.place(n.Pos()))
					}
				}
			}
			return true
		})
	}
}
