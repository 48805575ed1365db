// Command latchkey is the one binary: the server, its sandbox and its administration.
//
// Results go to standard output, everything else to standard error. An error is one line with a hint below it.
// "latchkey dev" needs no settings, "latchkey serve" three and a mail server; "latchkey config check" tells all mistakes
// in them at once.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// garbage is how much memory may become garbage before it is collected, in percent of what is in use (GOGC says otherwise). A server
// holds some ten MiB and makes little garbage a request, so that the default would collect it dozens of times a second.
const garbage = 300

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // started under nohup, a closed terminal ends nothing
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// commands is the grammar of the command line: noun, then verb.
type commands struct {
	Dev     devCommand   `cmd:"" help:"Start a sandbox: server, demo partner, mailbox, authenticator and clock. Needs no settings."`
	Serve   serveCommand `cmd:"" help:"Run the server."`
	Demo    demoCommand  `cmd:"" help:"Walk the whole claim and every break of it without a browser."`
	Partner struct {
		Add  partnerAdd  `cmd:"" help:"Register a partner and print its secret, once."`
		List partnerList `cmd:"" help:"List the registered partners."`
	} `cmd:"" help:"Register the partners who may call."`
	Customer struct {
		Show     customerShow     `cmd:"" help:"Show an account and its profiles: what there is, not what it says."`
		Verify   customerVerify   `cmd:"" help:"Mark a profile as verified, which locks what was checked."`
		Unverify customerUnverify `cmd:"" help:"Take a verification back."`
		Hold     customerHold     `cmd:"" help:"Stop an account: nobody signs in, no token works, no claim goes on."`
		Recovery customerRecovery `cmd:"" help:"Show, stop or lengthen what somebody asked for who has lost second step and recovery codes."`
		Release  customerRelease  `cmd:"" help:"End the hold of an account, whatever its reason. First know whose it is."`
		Erase    customerErase    `cmd:"" help:"Destroy an account's key: nothing of it can be read again, anywhere."`
	} `cmd:"" help:"Look at a customer, decide about verification, stop, release and erase an account."`
	DB struct {
		Backup  databaseBackup  `cmd:"" help:"Copy the database file, while it is served or not."`
		Restore databaseRestore `cmd:"" help:"Put a copy back after checking it; everybody is signed out."`
		Check   databaseCheck   `cmd:"" help:"Check everything in the database; exit 1 when something does not hold."`
		Load    databaseLoad    `cmd:"" help:"Fill a new database with made-up accounts, to measure at size."`
		Migrate databaseMigrate `cmd:"" help:"Bring the schema to this release's, as a starting server does."`
	} `cmd:"" name:"db" help:"Back up, put back, check and migrate the database."`
	Event struct {
		List   eventList   `cmd:"" help:"List notifications: what, to whom, how it ended."`
		Resend eventResend `cmd:"" help:"Send notifications again."`
	} `cmd:"" help:"Look at what partners are told, and tell them again."`
	Key struct {
		List   keyList   `cmd:"" help:"List the keys that notifications or receipts are signed with, or the master keys that data is sealed under."`
		Rotate keyRotate `cmd:"" help:"Add a key that takes over later."`
		Drop   keyDrop   `cmd:"" help:"Give up an older master key, when nothing is sealed under it any more."`
	} `cmd:"" help:"Look after keys: of notifications, of receipts, and the master key."`
	Audit struct {
		Tail   auditTail   `cmd:"" help:"Show what happened last."`
		Verify auditVerify `cmd:"" help:"Follow the chain of events; exit 1 at the first place where it does not hold."`
		Export auditExport `cmd:"" help:"Print every event as a line of JSON, with its place in the chain."`
	} `cmd:"" help:"Look at what happened, and prove that nobody changed it."`
	Receipt struct {
		Verify receiptVerify `cmd:"" help:"Check a receipt against the server's published keys; exit 1 when it is not genuine."`
	} `cmd:"" help:"Check what customers and partners were given."`
	Config struct {
		Show  configShow  `cmd:"" help:"Print the settings in force and where each comes from."`
		Check configCheck `cmd:"" help:"Tell every mistake in the settings, with its remedy."`
	} `cmd:"" help:"Look at the settings."`
	Bench   benchCommand   `cmd:"" help:"Measure a server beside what the machine can do."`
	Readyz  readyzCommand  `cmd:"" help:"Ask a server whether it is ready; exit 0 when it is."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// streams are where a command writes: results to out, everything else to err.
type streams struct{ out, err io.Writer }

// A hinted error is one line that says what is wrong and lines below that say how to go on.
type hinted struct {
	what  string
	hints []string
}

func (h hinted) Error() string { return h.what }

// The exit codes. errQuiet ends with exitFailed and prints nothing more, because the command said it all.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

var errQuiet = errors.New("said already")

// A verb is what a command line selects, with its flags.
type verb interface {
	Run(ctx context.Context, s streams) error
}

// run is main without the process: it parses, runs the command and returns the exit code. The command is called from here and not by
// the parser, which would keep the whole grammar in memory, 1.4 MiB, for as long as a server runs.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	selected, exit := parse(args, out, errOut)
	if selected == nil {
		return exit
	}
	if err := selected.Run(ctx, streams{out, errOut}); err != nil {
		complain(errOut, err)
		return exitFailed
	}
	return exitDone
}

// parse finds the command that a line selects, with its flags; nil and an exit code when there is nothing to run.
func parse(args []string, out, errOut io.Writer) (verb, int) {
	exit := -1
	parser, err := kong.New(grammarOf(args),
		kong.Name("latchkey"),
		kong.Description("An account that a partner opens, handed over to the customer it belongs to."),
		kong.Writers(out, errOut),
		kong.Exit(func(code int) { exit = code }),
		kong.DefaultEnvars("LATCHKEY"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		panic(err) // the grammar above is wrong, which every test of this package meets
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	switch {
	case exit >= 0: // help was asked for and printed
		return nil, exit
	case err != nil:
		complain(errOut, hinted{err.Error(), []string{"latchkey --help lists the commands, latchkey COMMAND --help their flags"}})
		return nil, exitUsage
	}
	return parsed.Selected().Target.Addr().Interface().(verb), exitDone // TestEveryCommandRuns
}

// grammarOf is the grammar that a line needs: that of the noun it begins with, or of all. Most commands have the server's settings as their
// flags, and to make a thousand of them takes longer than the rest of a start.
func grammarOf(args []string) any {
	all := reflect.TypeFor[commands]()
	for field := range all.Fields() {
		if len(args) > 0 && args[0] == strings.ToLower(field.Name) {
			return reflect.New(reflect.StructOf([]reflect.StructField{field})).Interface()
		}
	}
	return &commands{}
}

// complain prints an error as one line with its hints below.
func complain(w io.Writer, err error) {
	if errors.Is(err, errQuiet) {
		return
	}
	text := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
	fmt.Fprintf(w, "latchkey: %s\n", text)
	var h hinted
	if errors.As(err, &h) {
		for _, hint := range h.hints {
			fmt.Fprintf(w, "  %s\n", hint)
		}
	}
}
