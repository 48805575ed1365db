package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzFiles: a seed file that cannot be used is refused with what is wrong and how to mend it, and no secret in what is said.
func FuzzFiles(f *testing.F) {
	for _, text := range []string{"", "partners: []", "partners:\n  - id: acme\n    secret: s3cr3t-s3cr3t-s3cr3t\n    name: Acme\n    redirect: [https://a.example/cb]\n", "partners: {a: 1}", "partners:\n - [x]",
		"a: &a [*a]", "---\n---\n", "\xff", "partners:\n  - id: a\n    id: b", "? {}\n: 1", "!!binary x", "partners:\n  - id: acme\n    secret: 7\n    redirect: https://a.example"} {
		f.Add(text)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(dir, "seed.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		list, found := readSeed(path)
		for _, m := range found {
			if m.what == "" || m.remedy == "" {
				t.Errorf("%q: a mistake without words: %+v", text, m)
			}
		}
		for _, one := range list {
			for _, m := range found {
				if len(one.Secret) > 12 && strings.Contains(m.what+m.remedy, one.Secret) {
					t.Errorf("%q: a mistake tells the secret: %+v", text, m)
				}
			}
		}
		if _, err := readMapping(path); err != nil && err.Error() == "" {
			t.Errorf("%q: an error without words", text)
		}
	})
}
