package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A Report is what a Bench saw. Its JSON is for programs: fields are added, never renamed.
type Report struct {
	Version string    `json:"version"`
	At      time.Time `json:"at"`
	Machine Machine   `json:"machine"`
	Server  Process   `json:"server"`
	// Operations are in the order of the operations, then of the connections; Limits are what the machine does alone.
	Operations []Measured `json:"operations"`
	Limits     []Measured `json:"limits"`
	// Skipped are operations that were not measured, since what they need was not given.
	Skipped []string `json:"skipped,omitempty"`
	// Failed counts failed operations of all measurements.
	Failed int `json:"failed"`
}

// Machine is where it was measured.
type Machine struct {
	System    string `json:"system"`
	Cores     int    `json:"cores"`
	Processor string `json:"processor,omitempty"`
	Go        string `json:"go"`
}

// Process says how a server started and what it takes when nothing is asked of it. What could not be found out is 0.
type Process struct {
	Address  string `json:"address"`
	Database string `json:"database,omitempty"`
	// StartMS is from the start of the process to its first answer that it is ready, in milliseconds, in the middle of several starts.
	StartMS float64 `json:"start_ms,omitempty"`
	// IdleMiB is its resident memory after it has idled, BinaryMB the size of its file in millions of bytes.
	IdleMiB  float64 `json:"idle_mib,omitempty"`
	BinaryMB float64 `json:"binary_mb,omitempty"`
	// Loaded is how many customers that were there before its calls were spread over.
	Loaded int64 `json:"loaded,omitempty"`
}

// Measured is one operation at one number of connections: of each figure the middle one of all rounds.
type Measured struct {
	Operation   string `json:"operation"`
	Connections int    `json:"connections"`
	Rounds      int    `json:"rounds"`
	Done        int    `json:"done"`
	Failed      int    `json:"failed"`
	// FirstFailure is what the first failed operation met.
	FirstFailure string  `json:"first_failure,omitempty"`
	PerSecond    float64 `json:"per_second"`
	P50          float64 `json:"p50_ms"`
	P95          float64 `json:"p95_ms"`
	P99          float64 `json:"p99_ms"`
	// ProcessorUS is the server's processor time an operation, in microseconds; 0 where it could not be read.
	ProcessorUS float64 `json:"processor_us,omitempty"`
	// Limit names what the machine does alone, LimitPerSecond how often, and Share how much of it the server reaches.
	Limit          string  `json:"limit,omitempty"`
	LimitPerSecond float64 `json:"limit_per_second,omitempty"`
	Share          float64 `json:"share,omitempty"`
}

// samples are all measurements, by what was measured and at how many connections, in the order in which each came first.
type samples struct {
	order []sampleKey
	all   map[sampleKey][]sample
}

type sampleKey struct {
	name        string
	connections int
}

func (s *samples) add(name string, connections int, one sample) {
	if s.all == nil {
		s.all = map[sampleKey][]sample{}
	}
	key := sampleKey{name, connections}
	if s.all[key] == nil {
		s.order = append(s.order, key)
	}
	s.all[key] = append(s.all[key], one)
}

// add turns samples into the report's lines.
func (r *Report) add(taken *samples, plan []operation) {
	for _, op := range plan {
		for _, key := range taken.order {
			if key.name != op.name {
				continue
			}
			ours := summed(key, taken.all[key])
			beside := sampleKey{op.beside + floorMark(op), key.connections}
			least := summed(beside, taken.all[beside])
			least.Operation = op.beside
			ours.Limit, ours.LimitPerSecond = op.beside, least.PerSecond
			if least.PerSecond > 0 {
				ours.Share = rounded(ours.PerSecond / least.PerSecond)
			}
			r.Operations, r.Limits = append(r.Operations, ours), append(r.Limits, least)
			r.Failed += ours.Failed + least.Failed
		}
	}
	for _, key := range taken.order {
		if strings.HasPrefix(key.name, aloneMark) {
			one := summed(key, taken.all[key])
			one.Operation = strings.TrimPrefix(key.name, aloneMark)
			r.Limits = append(r.Limits, one)
			r.Failed += one.Failed
		}
	}
}

func summed(key sampleKey, all []sample) Measured {
	m := Measured{Operation: key.name, Connections: key.connections, Rounds: len(all)}
	for _, s := range all {
		m.Done += s.done
		m.Failed += s.failed
		if m.FirstFailure == "" {
			m.FirstFailure = s.first
		}
	}
	m.PerSecond = middle(all, sample.rate)
	m.P50 = middle(all, func(s sample) float64 { return s.percentile(50) })
	m.P95 = middle(all, func(s sample) float64 { return s.percentile(95) })
	m.P99 = middle(all, func(s sample) float64 { return s.percentile(99) })
	m.ProcessorUS = middle(all, func(s sample) float64 { return float64(s.processor.Microseconds()) / float64(max(s.done, 1)) })
	return m
}

// percentile is in milliseconds.
func (s sample) percentile(p int) float64 {
	if len(s.latencies) == 0 {
		return 0
	}
	return float64(s.latencies[min(len(s.latencies)*p/100, len(s.latencies)-1)].Microseconds()) / 1000
}

func middle(all []sample, of func(sample) float64) float64 {
	if len(all) == 0 {
		return 0
	}
	values := make([]float64, len(all))
	for i, s := range all {
		values[i] = of(s)
	}
	slices.Sort(values)
	return rounded((values[(len(values)-1)/2] + values[len(values)/2]) / 2)
}

// rounded keeps three digits behind the point.
func rounded(v float64) float64 { return float64(int64(v*1000+0.5)) / 1000 }

// JSON writes the report for programs.
func (r Report) JSON(out io.Writer) error {
	to := json.NewEncoder(out)
	to.SetIndent("", "  ")
	return to.Encode(r)
}

// ofLoaded names the operations that were done to loaded customers.
func (r Report) ofLoaded() (of []string) {
	for _, m := range r.Operations {
		switch m.Operation {
		case opRefresh, opIntrospect, opResource:
			if r.Server.Loaded > 0 && !slices.Contains(of, m.Operation) {
				of = append(of, m.Operation)
			}
		}
	}
	return of
}

// Table writes the report for people.
func (r Report) Table(out io.Writer) error {
	fmt.Fprintf(out, "%s, %d cores, %s, %s\n", r.Machine.System, r.Machine.Cores, r.Machine.Processor, r.Machine.Go)
	fmt.Fprintf(out, "latchkey %s at %s, %s\n", r.Version, r.Server.Address, r.Server.Database)
	if r.Server.StartMS > 0 {
		fmt.Fprintf(out, "start %.0f ms, idle %.1f MiB, binary %.1f MB\n", r.Server.StartMS, r.Server.IdleMiB, r.Server.BinaryMB)
	}
	if of := r.ofLoaded(); len(of) > 0 {
		fmt.Fprintf(out, "%s: another one of %d loaded customers each time; their refresh tokens are not rotated\n", strings.Join(of, ", "), r.Server.Loaded)
	}
	fmt.Fprintln(out)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "operation\tconnections\t/s\tp50 ms\tp95 ms\tp99 ms\tprocessor us\tlimit\tlimit /s\tshare\tfailed\t")
	for _, m := range r.Operations {
		fmt.Fprintf(t, "%s\t%d\t%.0f\t%.2f\t%.2f\t%.2f\t%.0f\t%s\t%.0f\t%.0f %%\t%d\t\n", m.Operation, m.Connections, m.PerSecond, m.P50, m.P95, m.P99,
			m.ProcessorUS, m.Limit, m.LimitPerSecond, 100*m.Share, m.Failed)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	t = tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "limit\tconnections\t/s\tp50 ms\tp99 ms\tprocessor us\tfailed\t")
	for _, m := range r.Limits {
		fmt.Fprintf(t, "%s\t%d\t%.0f\t%.2f\t%.2f\t%.0f\t%d\t\n", m.Operation, m.Connections, m.PerSecond, m.P50, m.P99, m.ProcessorUS, m.Failed)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return r.failures(out)
}

// failures says what failed, and what was not measured.
func (r Report) failures(out io.Writer) error {
	for _, m := range slices.Concat(r.Operations, r.Limits) {
		if m.Failed > 0 {
			fmt.Fprintf(out, "FAILED  %s at %d connections, %d times; first: %s\n", m.Operation, m.Connections, m.Failed, m.FirstFailure)
		}
	}
	if len(r.Skipped) > 0 {
		_, err := fmt.Fprintf(out, "not measured: %s\n", strings.Join(r.Skipped, ", "))
		return err
	}
	return nil
}

func thisMachine() Machine {
	m := Machine{System: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version()}
	text, _ := os.ReadFile("/proc/cpuinfo") // elsewhere it stays unnamed
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			m.Processor = strings.TrimSpace(value)
			break
		}
	}
	return m
}
