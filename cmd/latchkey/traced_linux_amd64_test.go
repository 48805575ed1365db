package main

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"testing"
)

// called are the calls to the kernel by which a process changes files, and whether each changes which names there are.
var called = map[uint64]bool{
	syscall.SYS_WRITE: false, syscall.SYS_PWRITE64: false, syscall.SYS_FTRUNCATE: false, syscall.SYS_FALLOCATE: false,
	syscall.SYS_FSYNC: false, syscall.SYS_FDATASYNC: false, sysCopyFileRange: false,
	syscall.SYS_OPENAT: true, syscall.SYS_OPEN: true, syscall.SYS_RENAME: true, syscall.SYS_RENAMEAT: true, sysRenameat2: true,
	syscall.SYS_LINK: true, syscall.SYS_LINKAT: true, syscall.SYS_UNLINK: true, syscall.SYS_UNLINKAT: true,
}

const (
	sysRenameat2     = 316
	sysCopyFileRange = 326
	// wakes is the size of what the runtime writes to wake itself up, which is no file's.
	wakes = 8
	// waitAll waits for threads as for processes (__WALL), and sysGood tells the stop at a call from a signal.
	waitAll, sysGood = 0x40000000, 0x80
)

// A traced process is the program under a debugger's eyes: it is stopped at each call that changes files.
type traced struct {
	t       *testing.T
	pid     int
	inside  map[int]bool // threads that are in a call
	changes []bool       // each change so far, and whether it was one of names
}

// traceUntil runs the program and kills it with SIGKILL at the n-th change of a file, before it is made; of those changes alone
// that change names, when names. It returns the changes that were begun, and whether the process was killed.
func traceUntil(t *testing.T, n int, names bool, args ...string) (changes []bool, killed bool) {
	t.Helper()
	runtime.LockOSThread() // a process is traced by a thread
	defer runtime.UnlockOSThread()
	program, err := exec.LookPath("latchkey")
	if err != nil {
		t.Fatal(err)
	}
	quiet, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer quiet.Close()
	pid, err := syscall.ForkExec(program, append([]string{"latchkey"}, args...), &syscall.ProcAttr{Env: append(os.Environ(), "GOMAXPROCS=1"),
		Files: []uintptr{quiet.Fd(), quiet.Fd(), quiet.Fd()}, Sys: &syscall.SysProcAttr{Ptrace: true, Setpgid: true}})
	if err != nil {
		t.Fatal("trace:", err)
	}
	p := &traced{t: t, pid: pid, inside: map[int]bool{}}
	for {
		var status syscall.WaitStatus
		thread, err := syscall.Wait4(-pid, &status, waitAll, nil)
		if err == syscall.EINTR {
			continue
		}
		switch {
		case err != nil:
			t.Fatal("wait:", err)
		case (status.Exited() || status.Signaled()) && thread == pid:
			if !killed && status.ExitStatus() != exitDone {
				t.Fatalf("%v ends with %v", args, status)
			}
			return p.changes, killed
		case !status.Stopped() || killed:
			continue
		}
		signal := p.stopped(thread, status)
		if n > 0 && count(p.changes, names) == n {
			killed = true
			_ = syscall.Kill(pid, syscall.SIGKILL)
			continue
		}
		_ = syscall.PtraceSyscall(thread, signal) // a thread that ended meanwhile
	}
}

func count(changes []bool, names bool) (n int) {
	for _, c := range changes {
		if c || !names {
			n++
		}
	}
	return n
}

// stopped notes why a thread stopped, and returns the signal that it goes on with.
func (p *traced) stopped(thread int, status syscall.WaitStatus) (signal int) {
	inside, known := p.inside[thread]
	if !known {
		p.inside[thread] = false
		if thread == p.pid {
			if err := syscall.PtraceSetOptions(thread, syscall.PTRACE_O_TRACECLONE|syscall.PTRACE_O_TRACESYSGOOD|0x100000); err != nil { // PTRACE_O_EXITKILL
				p.t.Fatal("trace:", err)
			}
		}
		return 0 // the stop with which tracing begins
	}
	switch {
	case status.StopSignal() == syscall.SIGTRAP|sysGood:
		p.inside[thread] = !inside
		if !inside {
			p.note(thread)
		}
		return 0
	case status.StopSignal() == syscall.SIGTRAP:
		return 0
	}
	return int(status.StopSignal())
}

// note counts the call that a thread begins, if it is one that changes a file.
func (p *traced) note(thread int) {
	var r syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(thread, &r); err != nil {
		return
	}
	names, changes := called[r.Orig_rax]
	switch r.Orig_rax {
	case syscall.SYS_OPENAT:
		changes = r.Rdx&syscall.O_CREAT != 0
	case syscall.SYS_OPEN:
		changes = r.Rsi&syscall.O_CREAT != 0
	case syscall.SYS_WRITE:
		changes = r.Rdx > wakes
	}
	if changes {
		p.changes = append(p.changes, names)
	}
}

// sweep runs the program once to the end in a place of its own, and then kills it in others: at each change of names, and at changes
// spread evenly over all. at makes a place and returns the arguments, after looks at what a kill left there.
func sweep(t *testing.T, spread int, at func() (place string, args []string), after func(place string, whole bool)) (kills int) {
	t.Helper()
	place, args := at()
	changes, _ := traceUntil(t, 0, false, args...)
	after(place, true)
	try := func(n int, names bool) {
		place, args := at()
		if _, killed := traceUntil(t, n, names, args...); killed {
			kills++
			after(place, false)
		}
	}
	for n := range count(changes, true) {
		try(n+1, true)
	}
	for n := 1; n <= len(changes); n += max(len(changes)/spread, 1) {
		try(n, false)
	}
	t.Logf("%d changes of files, %d of names, %d kills", len(changes), len(slices.DeleteFunc(changes, func(names bool) bool { return !names })), kills)
	return kills
}
