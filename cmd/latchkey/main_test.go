package main

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestEveryCommandRuns: whatever a command line can select is a verb, which parse takes for granted.
func TestEveryCommandRuns(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&commands{}, kong.DefaultEnvars("LATCHKEY"))
	if err != nil {
		t.Fatal(err)
	}
	leaves := parser.Model.Leaves(false)
	if len(leaves) < 25 {
		t.Errorf("only %d commands", len(leaves))
	}
	for _, leaf := range leaves {
		if _, is := leaf.Target.Addr().Interface().(verb); !is {
			t.Errorf("%s does not run", leaf.Path())
		}
	}
}

// TestParse: a line selects a command and its flags, or says why not; help selects none.
func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		runs bool
		exit int
	}{
		{[]string{"version"}, true, exitDone},
		{[]string{"serve", "--drain", "3s"}, true, exitDone},
		{[]string{"serve", "--help"}, false, exitDone},
		{[]string{"--help"}, false, exitDone},
		{nil, false, exitDone},
		{[]string{"audit"}, false, exitUsage},
		{[]string{"serve", "--no-such-flag"}, false, exitUsage},
		{[]string{"serve", "more"}, false, exitUsage},
	} {
		selected, exit := parse(c.args, io.Discard, io.Discard)
		if (selected != nil) != c.runs || exit != c.exit {
			t.Errorf("%q: %T, exit %d", c.args, selected, exit)
		}
		if serve, is := selected.(*serveCommand); is && serve.Drain != "3s" {
			t.Errorf("%q: drain is %q", c.args, serve.Drain)
		}
	}
}

// TestGrammarOfOneNoun: a line that begins with a noun is read, refused and helped as it would be with the grammar of all.
func TestGrammarOfOneNoun(t *testing.T) {
	t.Parallel()
	said := func(grammar any, args []string) string {
		var out strings.Builder
		exit := -1
		parser, err := kong.New(grammar, kong.Name("latchkey"), kong.Writers(&out, &out), kong.Exit(func(code int) { exit = code }), kong.DefaultEnvars("LATCHKEY"))
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.Parse(args)
		fmt.Fprintln(&out, exit, err)
		if exit < 0 && err == nil {
			fmt.Fprintln(&out, parsed.Command(), reflect.TypeOf(parsed.Selected().Target.Interface()), len(parsed.Flags()))
		}
		return out.String()
	}
	nouns := 0
	for _, node := range kong.Must(&commands{}).Model.Children {
		nouns++
		lines := [][]string{{node.Name, "--help"}, {node.Name, "--data", "there", "no-such-verb"}}
		for _, verb := range node.Children {
			lines = append(lines, []string{node.Name, verb.Name, "--data", "there"})
		}
		for _, args := range lines {
			own := grammarOf(args)
			if _, all := own.(*commands); all {
				t.Errorf("%q is read with the grammar of all", args)
			}
			if one, all := said(own, args), said(&commands{}, args); one != all {
				t.Errorf("%q says\n%s\nand with the grammar of all\n%s", args, one, all)
			}
		}
	}
	if nouns != reflect.TypeFor[commands]().NumField() {
		t.Errorf("%d nouns", nouns)
	}
	for _, args := range [][]string{nil, {""}, {"--help"}, {"serv"}, {"Serve"}, {"--data", "serve"}} {
		if _, all := grammarOf(args).(*commands); !all {
			t.Errorf("%q is read with the grammar of one noun", args)
		}
	}
}
