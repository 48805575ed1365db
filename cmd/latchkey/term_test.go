package main

import (
	"bufio"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// A supervisor ends a server with SIGTERM: it leaves in order, with exit 0, and its temporary data goes with it.
func TestSIGTERMLeavesInOrder(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		process := exec.Command("latchkey", "dev", "--addr", "localhost:0", "--demo-addr", "127.0.0.1:0")
		var said strings.Builder
		process.Stderr = &said
		out, err := process.StdoutPipe()
		if err == nil {
			err = process.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		ready := false
		for lines := bufio.NewScanner(out); !ready && lines.Scan(); {
			ready = strings.HasPrefix(lines.Text(), "Ready")
		}
		if !ready {
			t.Fatalf("the server ended before it was ready: %s", said.String())
		}
		if err := process.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := process.Wait(); err != nil {
			t.Errorf("%v: %v\n%s", signal, err, said.String())
		}
	}
}
