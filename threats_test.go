package latchkey_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// threatLines is how many demands docs/threats.md answers.
const threatLines = 100

// preHijackingClasses is how many classes of pre-hijacking there are, each played by a test of its name.
const preHijackingClasses = 8

// mayWait are what the demands are on that have issues of their own.
var mayWait = regexp.MustCompile(`PAR|DPoP|mutual TLS|assertions|dynamic scopes|console`)

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
		excused := strings.HasPrefix(row[3], "does not apply: ")
		if _, later, waits := strings.Cut(row[3], "later: "); waits {
			if !mayWait.MatchString(later) {
				t.Errorf("line %d waits for %q, which comes with no issue of its own", number, later)
			}
			excused = excused || strings.HasPrefix(row[3], "later: ")
		}
		if !excused && !namedTest.MatchString(row[3]) {
			t.Errorf("line %d has neither a test nor a reason: %s", number, row[3])
		}
	}
	if next != threatLines+1 {
		t.Errorf("%d lines, want %d", next-1, threatLines)
	}
	classes := strings.SplitN(text, "## Pre-hijacking, class by class", 2)
	if len(classes) != 2 {
		t.Fatal("the classes of pre-hijacking are missing")
	}
	table, _, _ := strings.Cut(classes[1], "\n## ")
	rows := regexp.MustCompile("(?m)^\\| .+ \\| `server\\.TestPrehijack[A-Za-z]+`.* \\|$").FindAllString(table, -1)
	if len(rows) != preHijackingClasses || strings.Count(table, "\n| ") != preHijackingClasses+1 {
		t.Errorf("%d classes of pre-hijacking name the attack that plays them, want %d", len(rows), preHijackingClasses)
	}
}

// TestContractChecklist holds docs/contract-checklist.md to the contract's lists and to the tree: twelve rows of clients, ten of
// what integrators trip over, twenty lines of bytes in their order, and a test for each.
func TestContractChecklist(t *testing.T) {
	t.Parallel()
	lists := strings.Split(pageOfTests(t, "contract-checklist.md"), "\n## ")
	if len(lists) != 4 {
		t.Fatalf("%d lists", len(lists)-1)
	}
	for i, want := range []int{12, 10, 20} {
		rows := regexp.MustCompile(`(?m)^\| (.+) \| (.+) \| (.+) \|$`).FindAllStringSubmatch(lists[i+1], -1)
		rows = slices.DeleteFunc(rows, func(row []string) bool { return row[3] == "shown by" || row[3] == "played by" })
		for n, row := range rows {
			if !namedTest.MatchString(row[3]) {
				t.Errorf("%s has no test", row[1])
			}
			if want == 20 && row[1] != strconv.Itoa(n+1) {
				t.Errorf("line %s in the place of line %d", row[1], n+1)
			}
		}
		if len(rows) != want {
			t.Errorf("%d rows in the list %.40q, want %d", len(rows), lists[i+1], want)
		}
	}
}
