package latchkey_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEverythingIsPinned: what a test run brings from outside has an exact version, with all that it needs in turn, so that a build machine
// runs tomorrow what it runs today, and nobody gets in by publishing a newer one.
func TestEverythingIsPinned(t *testing.T) {
	t.Parallel()
	prepare := file(t, ".ci/prepare")
	for _, line := range []string{"npm ci --ignore-scripts", "--no-deps --only-binary :all:", "-r testdata/foreign/requirements.txt"} {
		if !strings.Contains(prepare, line) {
			t.Errorf(".ci/prepare does not say %q", line)
		}
	}
	if also := regexp.MustCompile(`(npm (i|install|exec|add)|npx|go install|pip install [a-z]|pipx|curl [^>\n]*http)`).FindString(prepare); also != "" {
		t.Errorf(".ci/prepare brings something that no list pins: %s", also)
	}
	// System packages are those of the distribution, signed by it; their versions differ from one to the next.
	words := regexp.MustCompile(`packages="\$packages ([a-z0-9 -]+)"`).FindAllStringSubmatch(prepare, -1)
	var system []string
	for _, m := range words {
		system = append(system, strings.Fields(m[1])...)
	}
	if want := []string{"chromium", "nodejs", "npm", "python3", "python3-pip", "gcc", "libc6-dev", "curl", "postgresql"}; !slices.Equal(system, want) {
		t.Errorf("system packages are %q, want %q: everything else is pinned", system, want)
	}
	for _, dir := range []string{"testdata/browser", "testdata/foreign"} {
		for _, fault := range npmFaults(t, file(t, dir+"/package.json"), file(t, dir+"/package-lock.json")) {
			t.Errorf("%s: %s", dir, fault)
		}
	}
	for _, line := range pythonFaults(file(t, "testdata/foreign/requirements.txt")) {
		t.Errorf("requirements.txt: %q", line)
	}
	for _, module := range []string{"go.mod", ".ci/tools/go.mod"} {
		if strings.Contains(file(t, module), "replace") || len(file(t, strings.TrimSuffix(module, "mod")+"sum")) < 1000 {
			t.Errorf("%s replaces a module, or has no sums", module)
		}
	}
	tools := file(t, ".ci/tools/go.mod")
	for _, tool := range regexp.MustCompile(`\$?built ([a-z./]+)`).FindAllStringSubmatch(file(t, ".ci/check"), -1) {
		if !strings.Contains(tools, "\t"+tool[1]+"\n") {
			t.Errorf(".ci/check builds %s, which .ci/tools does not name", tool[1])
		}
	}
}

func file(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var exact = regexp.MustCompile(`^[0-9]+(\.[0-9]+)+(-[a-z0-9.]+)?$`)

// npmFaults says what of a package.json and its lock is not pinned.
func npmFaults(t *testing.T, wanted, locked string) (faults []string) {
	t.Helper()
	var list struct{ Dependencies map[string]string }
	var lock struct {
		Packages map[string]struct {
			Version, Integrity, Resolved string
		}
	}
	if err := json.Unmarshal([]byte(wanted), &list); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(locked), &lock); err != nil {
		t.Fatal(err)
	}
	for name, version := range list.Dependencies {
		if have := lock.Packages["node_modules/"+name]; !exact.MatchString(version) || have.Version != version {
			faults = append(faults, name+" "+version+" is locked at "+have.Version)
		}
	}
	for name, p := range lock.Packages {
		if name != "" && (!exact.MatchString(p.Version) || !strings.HasPrefix(p.Integrity, "sha512-") || p.Resolved != "") {
			faults = append(faults, name+" "+p.Version+" has no digest, or comes from one address alone")
		}
	}
	return faults
}

func pythonFaults(requirements string) (faults []string) {
	for line := range strings.Lines(requirements) {
		if name, version, found := strings.Cut(strings.TrimSpace(line), "=="); !found || name == "" || !exact.MatchString(version) {
			faults = append(faults, line)
		}
	}
	return faults
}

// TestLoosePinsAreFound: the test above can fail.
func TestLoosePinsAreFound(t *testing.T) {
	t.Parallel()
	if faults := pythonFaults("a==1.2\nb>=1\nc\nd==1.*\n"); len(faults) != 3 {
		t.Errorf("%q", faults)
	}
	lock := `{"packages":{"":{},"node_modules/a":{"version":"1.2.3","integrity":"sha512-x"},"node_modules/b":{"version":"1.2.3"},"node_modules/c":{"version":"2.0.0","integrity":"sha512-x"}}}`
	for wanted, want := range map[string]int{`{"dependencies":{"a":"1.2.3"}}`: 1, `{"dependencies":{"a":"^1.2.3"}}`: 2, `{"dependencies":{"c":"1.0.0"}}`: 2, `{"dependencies":{"d":"1.0.0"}}`: 2} {
		if faults := npmFaults(t, wanted, lock); len(faults) != want {
			t.Errorf("%s: %q", wanted, faults)
		}
	}
}
