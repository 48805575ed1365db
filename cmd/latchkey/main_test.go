package main

import (
	"io"
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
