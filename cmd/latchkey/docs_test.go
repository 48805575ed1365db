package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/alecthomas/kong"
)

// docs/operating.md names every setting with its variable, and none that does not exist.
func TestOperatingNamesEverySetting(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	var written []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`[a-z-]+`(?:, `[a-z-]+`)*) \\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \\|").FindAllStringSubmatch(string(text), -1) {
		names := regexp.MustCompile("`([a-z-]+)`").FindAllStringSubmatch(row[1], -1)
		variables := regexp.MustCompile("`([A-Z_]+)`").FindAllStringSubmatch(row[2], -1)
		if len(names) != len(variables) {
			t.Errorf("row %q", row[0])
			continue
		}
		for i := range names {
			written = append(written, names[i][1]+" "+variables[i][1])
		}
	}
	parser, err := kong.New(&commands{}, kong.DefaultEnvars("LATCHKEY"))
	if err != nil {
		t.Fatal(err)
	}
	var exist []string
	for _, node := range parser.Model.Leaves(false) {
		if node.Path() != "latchkey serve" && node.Name != "serve" {
			continue
		}
		for _, flag := range node.Flags {
			if flag.Group != nil && flag.Group.Key == "settings" {
				exist = append(exist, flag.Name+" "+flag.Envs[0])
			}
		}
	}
	slices.Sort(written)
	slices.Sort(exist)
	if len(exist) < 10 || !slices.Equal(written, exist) {
		t.Errorf("docs/operating.md names\n%q\nserve has\n%q", written, exist)
	}
}
