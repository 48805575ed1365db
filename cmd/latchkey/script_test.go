package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes the program a command of the scripts: each runs it as a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"latchkey": main})
}

// TestScripts runs every command as testdata/*.txtar says.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"PORT", "DEMO_PORT"} {
				port, err := freePort()
				if err != nil {
					return err
				}
				env.Setenv(name, port)
			}
			env.Setenv("TMPDIR", env.WorkDir+"/.tmp")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"taken": taken, "mode": mode},
	})
}

// portsGiven counts the ports that freePort has given.
var portsGiven atomic.Int64

// freePort finds a port that nobody listens on, and that stays free until a process listens there, also when it is killed and begun
// again: each port is given once, and all lie below those that systems give to connections by themselves (32768 and more).
func freePort() (string, error) {
	const first, count = 20_000, 12_000
	for range count {
		port := strconv.FormatInt(first+(int64(os.Getpid())*100+portsGiven.Add(1))%count, 10)
		if listener, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			return port, listener.Close()
		}
	}
	return "", errors.New("no port is free")
}

// taken ADDR listens on an address until the script ends, as another program would.
func taken(ts *testscript.TestScript, _ bool, args []string) {
	listener, err := net.Listen("tcp", args[0])
	ts.Check(err)
	ts.Defer(func() { listener.Close() })
}

// mode OCTAL FILE checks a file's permissions.
func mode(ts *testscript.TestScript, _ bool, args []string) {
	stat, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if have := fmt.Sprintf("%o", stat.Mode().Perm()); have != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], have, args[0])
	}
}
