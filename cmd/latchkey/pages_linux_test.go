package main

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A program of parts that cannot be written, of which one was changed in memory all the same and lies there, another in swap, and of one that can; another
// file; no file.
const mapped = `00400000-00fa1000 r-xp 00000000 fe:00 1234                       /usr/bin/latchkey
Size:              11908 kB
Rss:                9000 kB
Anonymous:             0 kB
AnonHugePages:         0 kB
Swap:                  0 kB
00fa1000-01b00000 r--p 00ba1000 fe:00 1234                       /usr/bin/latchkey
Anonymous:             4 kB
Swap:                  0 kB
00fa2000-00fa3000 r--p 00ba2000 fe:00 1234                       /usr/bin/latchkey
Anonymous:             0 kB
Swap:                  8 kB
01b00000-01b20000 r--p 01700000 fe:00 1234                       /usr/bin/latchkey
Anonymous:             0 kB
Swap:                  0 kB
01b20000-01c00000 rw-p 01720000 fe:00 1234                       /usr/bin/latchkey
Anonymous:             0 kB
Swap:                  0 kB
7f0000000000-7f0000100000 r-xp 00000000 fe:00 99                 /usr/lib/other.so
Anonymous:             0 kB
Swap:                  0 kB
7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0                  [vdso]
Anonymous:             0 kB
Swap:                  0 kB
`

func TestPristine(t *testing.T) {
	const file = "/usr/bin/latchkey"
	if got, want := pristine([]byte(mapped), file), []mapping{{0x400000, 0xfa1000}, {0x1b00000, 0x1b20000}}; !slices.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	for name, text := range map[string]string{
		"nothing":            "",
		"another program":    strings.ReplaceAll(mapped, file, "/usr/bin/other"),
		"a deleted one":      strings.ReplaceAll(mapped, file, file+" (deleted)"),
		"no count":           strings.ReplaceAll(mapped, "Anonymous:", "Anonymous"),
		"nothing of swap":    strings.ReplaceAll(mapped, "Swap:", "Swapped:"),
		"another unit":       strings.ReplaceAll(mapped, "0 kB\n", "0\n"),
		"addresses unread":   strings.ReplaceAll(mapped, "00", "zz"),
		"counts before maps": "Anonymous: 0 kB\nSwap: 0 kB\n",
	} {
		if got := pristine([]byte(text), file); len(got) > 0 {
			t.Errorf("%s: %x", name, got)
		}
	}
}

// TestGiveBackProgram: fewer pages of the program are mapped after it, and the program goes on.
func TestGiveBackProgram(t *testing.T) {
	before := programPages(t)
	giveBackProgram()
	if after := programPages(t); after >= before || before == 0 {
		t.Errorf("%d KiB of the program are mapped, before %d", after, before)
	}
}

// programPages is how much of the program is mapped, in KiB.
func programPages(t *testing.T) (sum int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	here := false
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if !strings.HasSuffix(f[0], ":") {
			here = f[len(f)-1] == self
		} else if here && f[0] == "Rss:" {
			n, _ := strconv.Atoi(f[1])
			sum += n
		}
	}
	return sum
}
