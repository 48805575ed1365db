package latchkey_test

import (
	"go/ast"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestHouseNodesKeepNothing holds what a process keeps in its memory to the list in docs/operating.md, each with the reason why
// several nodes may differ in it (issue: no state in a process but caches that may be wrong only in a harmless way). What
// outlives a request in a Go program is guarded by a lock, so locks are what is looked for.
func TestHouseNodesKeepNothing(t *testing.T) {
	t.Parallel()
	// Of one mail on its way; of a sandbox, which is one process; connections, which the list speaks of above it.
	passing := []string{"notify.connection", "main.deviations", "store.pool"}
	var kept []string
	for _, f := range goFiles(t, false) {
		if f.dir == "internal/demo" || f.dir == "latchkeytest" || f.dir == "." {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			spec, is := n.(*ast.TypeSpec)
			if !is {
				return true
			}
			ast.Inspect(spec.Type, func(n ast.Node) bool {
				if s, is := n.(*ast.SelectorExpr); is && slices.Contains([]string{"Mutex", "RWMutex", "Map"}, s.Sel.Name) {
					if from, is := s.X.(*ast.Ident); is && from.Name == "sync" {
						kept = append(kept, f.ast.Name.Name+"."+spec.Name.Name)
					}
				}
				return true
			})
			return true
		})
	}
	kept = slices.DeleteFunc(kept, func(name string) bool { return slices.Contains(passing, name) })
	slices.Sort(kept)
	page, err := os.ReadFile(path.Join("docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Several nodes\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var said []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-zA-Z.]+)` \\|").FindAllStringSubmatch(section, -1) {
		said = append(said, row[1])
	}
	slices.Sort(said)
	if !slices.Equal(slices.Compact(kept), said) {
		t.Errorf("what processes keep is %q; docs/operating.md, Several nodes, lists %q", kept, said)
	}
}
