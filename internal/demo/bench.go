package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// A Subject is a server that is measured: where it is, and the processes whose processor time is its own.
type Subject struct {
	// URL is the origin of the API, WebURL that of the pages.
	URL, WebURL string
	// Processes are read for processor time; none where the server is on another machine.
	Processes []int
}

// Credentials are a partner's.
type Credentials struct{ ID, Secret string }

// A Bench measures the operations of a server beside those of a Floor, in turns, so that whatever disturbs the machine disturbs
// both. Every answer is looked at, and one that is not as it must be is a failure.
type Bench struct {
	Server, Floor Subject
	// Classic and Strict are partners of those classes that the server knows, with volume limits high enough to measure, and the same
	// registered RedirectURI. Strict may be empty: then nothing is rotated.
	Classic, Strict Credentials
	RedirectURI     string
	// Mail is an address on which the mails of the server are taken in (SMTP). Empty leaves out what needs a customer who has claimed
	// an account.
	Mail string
	// Loaded are customers that were there before; nil where introspection, resource_call and refresh need some of its own.
	Loaded *Loaded
	// Only names the operations to measure; empty is all of them.
	Only []string
	// Connections are tried one after the other, Count operations each, Rounds times. No measurement takes longer than Limit.
	Connections   []int
	Count, Rounds int
	Limit         time.Duration
	// Postgres is a database to measure alone beside the rest; empty for none.
	Postgres string
	// Progress is told of each measurement; Live rewrites one line.
	Progress io.Writer
	Live     bool
	Now      func() time.Time

	mailbox   *mailbox
	run       string
	mu        sync.Mutex
	accounts  int
	customers []*benchCustomer
}

// An operation is one thing to measure. prepare makes, for each connection, what does it once; it may be called each times.
type operation struct {
	name string
	// beside is the operation of the floor that it is held to.
	beside string
	// hashes says that each one hashes a password, so that few are enough. owned says that it needs customers who have claimed.
	hashes, owned bool
	prepare       func(ctx context.Context, b *Bench, connections, each int) ([]benchWorker, error)
}

// A benchWorker does an operation on its own connection.
type benchWorker struct {
	once  func(ctx context.Context) error
	close func()
}

// hashShare is how many operations stand for one that hashes a password.
const hashShare = 25

// ErrBench: an operation failed, or there was nothing to measure.
var ErrBench = errors.New("operations failed")

// OperationNames lists what can be measured, in order.
func OperationNames() []string {
	var names []string
	for _, op := range serverOperations() {
		names = append(names, op.name)
	}
	return names
}

// Run measures and returns what it saw. It fails with ErrBench when an operation did, with the report none the less.
func (b *Bench) Run(ctx context.Context) (Report, error) {
	r := Report{At: b.Now().UTC(), Machine: thisMachine()}
	if b.Mail != "" {
		var err error
		if b.mailbox, err = newMailbox(b.Mail); err != nil {
			return r, fmt.Errorf("taking mails in: %w", err)
		}
		defer b.mailbox.close()
	}
	defer b.leave()
	if b.Loaded != nil {
		b.Loaded.next.Store(r.At.UnixMicro()) // not those of the run before
	}
	plan, skipped := b.plan()
	r.Skipped = skipped
	if len(plan) == 0 {
		return r, fmt.Errorf("%w: there is nothing to measure", ErrBench)
	}
	taken := &samples{}
	for round := range b.Rounds {
		for i := range plan {
			op := plan[(i+round)%len(plan)] // another first one each round
			for _, connections := range b.Connections {
				if err := b.pair(ctx, op, connections, round, taken); err != nil {
					return r, err
				}
			}
		}
		if err := b.alone(ctx, round, taken); err != nil {
			return r, err
		}
	}
	b.say("\n")
	r.add(taken, plan)
	if r.Failed > 0 {
		return r, fmt.Errorf("%w: %d", ErrBench, r.Failed)
	}
	return r, nil
}

// leave closes what the customers hold open.
func (b *Bench) leave() {
	for _, c := range b.customers {
		c.guest.close()
	}
}

// plan is what can be measured, and the names of what cannot.
func (b *Bench) plan() (plan []operation, skipped []string) {
	for _, op := range serverOperations() {
		op = b.ofLoaded(op)
		switch {
		case len(b.Only) > 0 && !slices.Contains(b.Only, op.name):
		case op.owned && (b.Mail == "" || op.name == opRefresh && b.Strict.ID == ""):
			skipped = append(skipped, op.name)
		default:
			plan = append(plan, op)
		}
	}
	return plan, skipped
}

// pair measures an operation of the server and that of the floor one after the other.
func (b *Bench) pair(ctx context.Context, op operation, connections, round int, taken *samples) error {
	count := b.Count
	if op.hashes {
		count = max(count/hashShare, 1)
	}
	ours, err := b.measure(ctx, op, connections, count, b.Server.Processes)
	if err != nil {
		return fmt.Errorf("%s: %w", op.name, err)
	}
	taken.add(op.name, connections, ours)
	least, err := b.measure(ctx, floorOperation(op.beside), connections, count, b.Floor.Processes)
	if err != nil {
		return fmt.Errorf("floor %s: %w", op.beside, err)
	}
	taken.add(op.beside+floorMark(op), connections, least)
	b.say("round %d of %d  %-20s %3d connections %9.0f/s  limit %9.0f/s  failed %d", round+1, b.Rounds, op.name, connections, ours.rate(), least.rate(),
		ours.failed+least.failed)
	return nil
}

// floorMark keeps the measurements of the floor apart by what they were made beside.
func floorMark(op operation) string { return " beside " + op.name }

func (b *Bench) say(format string, values ...any) {
	if b.Progress == nil {
		return
	}
	begin, end := "", "\n"
	if b.Live {
		begin, end = "\r\x1b[K", ""
	}
	if format == "\n" {
		if b.Live {
			fmt.Fprint(b.Progress, "\r\x1b[K")
		}
		return
	}
	fmt.Fprintf(b.Progress, begin+format+end, values...)
}

// A sample is one measurement.
type sample struct {
	done, failed int
	first        string
	took         time.Duration
	latencies    []time.Duration
	processor    time.Duration
}

func (s sample) rate() float64 {
	if s.took <= 0 {
		return 0
	}
	return float64(s.done) / s.took.Seconds()
}

// measure prepares, warms up and measures. A tenth of the operations warms up; its failures count too.
func (b *Bench) measure(ctx context.Context, op operation, connections, count int, processes []int) (sample, error) {
	each := (count + connections - 1) / connections
	warm := (each + 9) / 10
	workers, err := op.prepare(ctx, b, connections, each+warm)
	defer func() {
		for _, w := range workers {
			w.close()
		}
	}()
	if err != nil {
		return sample{}, err
	}
	before := b.drive(ctx, workers, warm)
	spent := processorTime(processes)
	out := b.drive(ctx, workers, each)
	out.processor = processorTime(processes) - spent
	if before.failed > 0 {
		out.failed += before.failed
		out.first = before.first
	}
	slices.Sort(out.latencies)
	return out, ctx.Err()
}

// drive has every worker do its operation a number of times, all at once.
func (b *Bench) drive(ctx context.Context, workers []benchWorker, each int) sample {
	parts := make([]sample, len(workers))
	began := b.Now()
	var all sync.WaitGroup
	for i, w := range workers {
		all.Go(func() {
			part := &parts[i]
			for range each {
				start := b.Now()
				if start.Sub(began) > b.Limit || ctx.Err() != nil {
					return
				}
				if err := w.once(ctx); err != nil {
					part.failed++
					if part.first == "" {
						part.first = err.Error()
					}
					continue
				}
				part.done++
				part.latencies = append(part.latencies, b.Now().Sub(start))
			}
		})
	}
	all.Wait()
	out := sample{took: b.Now().Sub(began)}
	for _, part := range parts {
		out.done += part.done
		out.failed += part.failed
		out.latencies = append(out.latencies, part.latencies...)
		if out.first == "" {
			out.first = part.first
		}
	}
	return out
}
