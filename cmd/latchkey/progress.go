package main

import (
	"fmt"
	"io"
	"os"
)

// progressLine is one line on a terminal that says how far long work is. Anywhere else it says nothing.
type progressLine struct {
	to    io.Writer
	shown string
}

func newProgressLine(to io.Writer) *progressLine {
	file, is := to.(*os.File)
	if !is {
		return &progressLine{}
	}
	if stat, err := file.Stat(); err != nil || stat.Mode()&os.ModeCharDevice == 0 {
		return &progressLine{}
	}
	return &progressLine{to: to}
}

// tell writes the line anew where it differs: it shows whole percents, so that it costs nothing.
func (p *progressLine) tell(what string, done, total int64) {
	if p.to == nil {
		return
	}
	line := fmt.Sprintf("%s: %d %%", what, done*100/max(total, 1))
	if line != p.shown {
		fmt.Fprintf(p.to, "\r%-60s", line)
		p.shown = line
	}
}

// end clears the line.
func (p *progressLine) end() {
	if p.shown != "" {
		fmt.Fprintf(p.to, "\r%-60s\r", "")
	}
}
