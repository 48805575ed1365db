package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// giveBackProgram lets the system have back the pages of the program itself that starting has mapped: nearly all packages set something up, once, and what
// serving needs of them is a third. A page that is needed again is mapped again, from memory while the system still has it. Only what is as the file has it
// is given back, so that nothing but the mapping is lost. It does what it can, and says nothing of the rest.
func giveBackProgram() {
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	for _, m := range pristine(maps, self) {
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, m.from, m.to-m.from, syscall.MADV_DONTNEED)
	}
}

// A mapping is a range of addresses.
type mapping struct{ from, to uintptr }

// pristine are the mappings of a file, by a text of the form of /proc/self/smaps (proc_pid_smaps(5)), that cannot be written and have no page of their own:
// one with relocations would come back without them.
func pristine(smaps []byte, file string) (all []mapping) {
	var now mapping
	var clean bool
	lines := bufio.NewScanner(bytes.NewReader(smaps))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) == 0 {
			continue
		}
		if !strings.HasSuffix(f[0], ":") { // the first line of a mapping
			now, clean = mapping{}, false
			if len(f) == 6 && f[5] == file && !strings.Contains(f[1], "w") {
				_, _ = fmt.Sscanf(f[0], "%x-%x", &now.from, &now.to)
			}
		}
		if now.from >= now.to || len(f) != 3 {
			continue
		}
		switch f[0] {
		case "Anonymous:":
			clean = f[1] == "0"
		case "Swap:": // a page of its own may lie there
			if clean && f[1] == "0" {
				all = append(all, now)
			}
			now = mapping{}
		}
	}
	return all
}
