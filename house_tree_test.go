package latchkey_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const modulePath = "github.com/latchkey-id/latchkey"

// sourceFile is one Go file of the tree, parsed.
type sourceFile struct {
	path  string // slash-separated, from the repository's root
	dir   string // "." for the root
	test  bool
	lines int
	text  string
	ast   *ast.File
}

// place names a position for a failure message, as file:line.
func (f *sourceFile) place(p token.Pos) string {
	return f.path + ":" + strconv.Itoa(houseFiles.Position(p).Line)
}

// imports returns the import paths of the file.
func (f *sourceFile) imports() []string {
	var paths []string
	for _, spec := range f.ast.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		paths = append(paths, p)
	}
	return paths
}

// houseFiles holds the positions of every parsed file; a token.FileSet is safe for concurrent use.
var houseFiles = token.NewFileSet()

// tree reads and parses every Go file once for all house tests, in the order of paths.
var tree = sync.OnceValues(func() ([]*sourceFile, error) {
	var files []*sourceFile
	err := walkTree(func(p string) error {
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		text, err := os.ReadFile(filepath.FromSlash(p))
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(houseFiles, p, text, parser.ParseComments)
		if err != nil {
			return err
		}
		files = append(files, &sourceFile{
			path: p, dir: path.Dir(p), test: strings.HasSuffix(p, "_test.go"),
			lines: strings.Count(string(text), "\n"), text: string(text), ast: parsed,
		})
		return nil
	})
	return files, err
})

// walkTree calls visit with the path of every file that belongs to the project: not what git keeps, not
// what npm and pip installed, not what the tests left behind.
func walkTree(visit func(string) error) error {
	return filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		p = filepath.ToSlash(p)
		if d.IsDir() {
			switch d.Name() {
			case ".git", "node_modules", "site-packages", "__pycache__", "screenshots", "fuzz", "bin":
				return filepath.SkipDir
			}
			return nil
		}
		return visit(p)
	})
}

// goFiles returns the files of the tree, with or without those of tests.
func goFiles(t *testing.T, tests bool) []*sourceFile {
	t.Helper()
	all, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	if tests {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(f *sourceFile) bool { return f.test })
}

// directories returns the directories that hold Go files, sorted.
func directories(files []*sourceFile) []string {
	var dirs []string
	for _, f := range files {
		if !slices.Contains(dirs, f.dir) {
			dirs = append(dirs, f.dir)
		}
	}
	slices.Sort(dirs)
	return dirs
}

// packageFiles returns those of files that lie in dir.
func packageFiles(files []*sourceFile, dir string) []*sourceFile {
	return slices.DeleteFunc(slices.Clone(files), func(f *sourceFile) bool { return f.dir != dir })
}

// function is one declared function or method.
type function struct {
	file  *sourceFile
	decl  *ast.FuncDecl
	name  string // "Name" or "Type.Name"
	lines int
}

// functions returns every declared function of files.
func functions(files []*sourceFile) []function {
	var found []function
	for _, f := range files {
		for _, d := range f.ast.Decls {
			fn, is := d.(*ast.FuncDecl)
			if !is {
				continue
			}
			name := fn.Name.Name
			if receiver := receiverName(fn); receiver != "" {
				name = receiver + "." + name
			}
			lines := houseFiles.Position(fn.End()).Line - houseFiles.Position(fn.Pos()).Line + 1
			found = append(found, function{file: f, decl: fn, name: name, lines: lines})
		}
	}
	return found
}

// receiverName returns the type that a method belongs to, "" for a function.
func receiverName(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return ""
	}
	e := fn.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// selector is a use of a name of an imported package: time.Now, t.Skip.
type selector struct {
	file     *sourceFile
	pos      token.Pos
	function string // the declared function it stands in, "" outside
	left     string
	name     string
}

// selectors returns every x.Name in files where x is a plain name.
func selectors(files []*sourceFile) []selector {
	var found []selector
	for _, f := range files {
		for _, d := range f.ast.Decls {
			inside := ""
			if fn, is := d.(*ast.FuncDecl); is {
				inside = fn.Name.Name
			}
			ast.Inspect(d, func(n ast.Node) bool {
				if s, is := n.(*ast.SelectorExpr); is {
					if x, is := s.X.(*ast.Ident); is {
						found = append(found, selector{f, s.Pos(), inside, x.Name, s.Sel.Name})
					}
				}
				return true
			})
		}
	}
	return found
}
