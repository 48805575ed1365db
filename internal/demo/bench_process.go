package demo

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of /proc's processor times (USER_HZ on every Linux that Go runs on).
const clockTick = 10 * time.Millisecond

// processorTime is what processes have used so far, in user and system mode; 0 where there is no /proc.
func processorTime(processes []int) time.Duration {
	var ticks int64
	for _, id := range processes {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(id) + "/stat")
		if err != nil {
			continue
		}
		// The name in parentheses may hold anything; the 12th and 13th fields after it are the times.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		for i := 11; i <= 12 && i < len(fields); i++ {
			n, _ := strconv.ParseInt(fields[i], 10, 64)
			ticks += n
		}
	}
	return time.Duration(ticks) * clockTick
}

// ResidentMiB is the resident memory of a process; 0 where there is no /proc.
func ResidentMiB(process int) float64 {
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(process) + "/status")
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "VmRSS:"); found {
			kib, _ := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 64)
			return rounded(kib / 1024)
		}
	}
	return 0
}

// readyEvery is how often a server that starts is asked.
const readyEvery = 2 * time.Millisecond

// AwaitReady returns when a server answers a path with 200, and how long it took since began.
func AwaitReady(ctx context.Context, origin, path string, began time.Time, now func() time.Time) (time.Duration, error) {
	w, err := newWire(origin, now)
	if err != nil {
		return 0, err
	}
	defer w.close()
	ticker := time.NewTicker(readyEvery)
	defer ticker.Stop()
	for {
		if w.do(ctx, w.request("GET", path, "")) == nil && w.status == 200 {
			return now().Sub(began), nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-ticker.C:
		}
	}
}
