package latchkey_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// threatLines is how many demands docs/threats.md answers.
const threatLines = 100

// namedTest is how a page names a test: package and function.
var namedTest = regexp.MustCompile("`([a-z]+\\.(?:Test|Fuzz|Example)[A-Za-z0-9_]*)`")

// pageOfTests reads a page of docs and holds it to the tree: every test that it names exists in the package that it names.
func pageOfTests(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("docs", page))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	for _, fn := range functions(goFiles(t, true)) {
		if fn.file.test {
			tests[strings.TrimSuffix(fn.file.ast.Name.Name, "_test")+"."+fn.name] = true
		}
	}
	for _, name := range namedTest.FindAllStringSubmatch(string(text), -1) {
		if !tests[name[1]] {
			t.Errorf("docs/%s names %s, which does not exist", page, name[1])
		}
	}
	return string(text)
}

// TestThreatsNameTheirTests holds docs/threats.md to the tree: each of the hundred demands once and in order, each with a
// test or with the reason why there is none yet, and every test that is named exists in the package that is named.
func TestThreatsNameTheirTests(t *testing.T) {
	t.Parallel()
	text := pageOfTests(t, "threats.md")
	next := 1
	for _, row := range regexp.MustCompile(`(?m)^\| (\d+) \| (.+) \| (.+) \|$`).FindAllStringSubmatch(text, -1) {
		number, _ := strconv.Atoi(row[1])
		if number != next {
			t.Fatalf("line %d follows line %d", number, next-1)
		}
		next++
		excused := strings.HasPrefix(row[3], "later: ") || strings.HasPrefix(row[3], "does not apply: ")
		if !excused && !namedTest.MatchString(row[3]) {
			t.Errorf("line %d has neither a test nor a reason: %s", number, row[3])
		}
	}
	if next != threatLines+1 {
		t.Errorf("%d lines, want %d", next-1, threatLines)
	}
}
