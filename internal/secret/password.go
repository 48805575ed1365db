package secret

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"
)

// ErrBusy says that more hashing waits than may wait. Doors answer 503 with Retry-After; nothing was tried or counted.
var ErrBusy = errors.New("too many passwords are being checked")

// ErrPasswordHash says that a stored password hash is not one of ours or asks for absurd work. It is a broken row, not a
// wrong password: doors answer as for a broken database (I11).
var ErrPasswordHash = errors.New("stored password hash cannot be read")

// cost is what one Argon2id hash costs (RFC 9106).
type cost struct {
	memory  uint32 // KiB
	time    uint32 // passes
	threads uint8
}

// The cost of new hashes: 19 MiB, two passes, one lane (design 4.11), about 30 ms of one core.
const (
	hashMemory  = 19 * 1024
	hashTime    = 2
	hashThreads = 1
	hashSalt    = 16
	hashSize    = 32
)

// The highest cost that a stored hash may ask for. Without a limit, one planted row with m=4194304 takes all memory at
// the next sign-in.
const (
	maxMemory  = 64 * 1024
	maxTime    = 8
	maxThreads = 4
)

// Passwords hashes and checks what people choose, with Argon2id in PHC form. At most a fixed number of hashes run at
// once, the rest wait in the order they came, and beyond a bounded queue they are turned away: a flood of sign-ins costs
// 19 MiB each and must take neither all memory nor the cores that everything else needs. Safe for concurrent use.
//
// A password is taken as it is. The caller has brought it into the one Unicode form (NFC) in which passwords are set and
// checked, and has measured its length.
type Passwords struct {
	// Memory is how much a new hash takes, in KiB: 19 MiB from NewPasswords on (design 4.11). Only tests that hash by the
	// hundred lower it, to no less than 8: below 19 MiB a stolen database is soon tried through.
	Memory uint32

	running chan struct{} // one element for each hash that runs; senders wait in order
	waiting atomic.Int64
	queue   int64
}

// NewPasswords allows parallel hashes at once (the number of cores is right; at least one) and lets at most queue more
// wait for their turn.
func NewPasswords(parallel, queue int) *Passwords {
	return &Passwords{Memory: hashMemory, running: make(chan struct{}, max(parallel, 1)), queue: int64(max(queue, 0))}
}

// Hash makes the text to store for a new password: "$argon2id$v=19$m=19456,t=2,p=1$salt$hash". The error is ErrBusy or
// the context's.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	h := phc{cost: cost{p.Memory, hashTime, hashThreads}, salt: Bytes(hashSalt)}
	var err error
	if h.sum, err = p.sum(ctx, password, h, hashSize); err != nil {
		return "", err
	}
	return h.String(), nil
}

// Verify tells whether the password is the one that encoded was made from. stale says that encoded was made at another
// cost than today's: hash the password anew while it is at hand. The error is ErrBusy, the context's, or ErrPasswordHash;
// with an error nothing is known about the password and no try may be counted.
func (p *Passwords) Verify(ctx context.Context, encoded, password string) (ok, stale bool, err error) {
	h, err := parsePHC(encoded)
	if err != nil {
		return false, false, err
	}
	sum, err := p.sum(ctx, password, h, uint32(len(h.sum)))
	if err != nil {
		return false, false, err
	}
	current := h.cost == cost{p.Memory, hashTime, hashThreads} && len(h.salt) == hashSalt && len(h.sum) == hashSize
	return Equal(sum, h.sum), !current, nil
}

// Waste does the work of Verify and forgets it. Sign-in calls it where there is no such account: without it, the quick
// answer would tell an attacker which addresses have accounts. Its errors are those of Verify and are answered alike.
func (p *Passwords) Waste(ctx context.Context) error {
	h := phc{cost: cost{p.Memory, hashTime, hashThreads}, salt: make([]byte, hashSalt)}
	_, err := p.sum(ctx, "no account has this password", h, hashSize)
	return err
}

// Full reports whether the next hash would be turned away with ErrBusy. Who asks before anything is read or written keeps a
// flood of sign-ins from the database too; it only spares work, and between asking and hashing it may change.
func (p *Passwords) Full() bool {
	return len(p.running) == cap(p.running) && p.waiting.Load() >= p.queue
}

// Turn waits for a turn at hashing, as every hash does, and takes it until done is called. The error is ErrBusy or the
// context's.
func (p *Passwords) Turn(ctx context.Context) (done func(), err error) {
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	return func() { <-p.running }, nil
}

func (p *Passwords) sum(ctx context.Context, password string, h phc, size uint32) ([]byte, error) {
	done, err := p.Turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, size), nil
}

// enter waits for a turn. A slot that falls free goes to whoever waits longest, since a channel serves its senders in
// order; nobody who comes later can slip in front.
func (p *Passwords) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("waiting to hash a password: %w", err)
	}
	select {
	case p.running <- struct{}{}:
		return nil
	default:
	}
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > p.queue {
		return ErrBusy
	}
	select {
	case p.running <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting to hash a password: %w", ctx.Err())
	}
}

// phc is a hash in the PHC string format.
type phc struct {
	cost
	salt, sum []byte
}

func (h phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads,
		base64.RawStdEncoding.EncodeToString(h.salt), base64.RawStdEncoding.EncodeToString(h.sum))
}

// parsePHC reads exactly what String writes, within the limits above.
func parsePHC(encoded string) (phc, error) {
	fields := strings.Split(encoded, "$")
	if len(encoded) > 256 || len(fields) != 6 || fields[0] != "" || fields[1] != "argon2id" {
		return phc{}, fmt.Errorf("%w: not argon2id in the PHC form", ErrPasswordHash)
	}
	if fields[2] != "v="+strconv.Itoa(argon2.Version) {
		return phc{}, fmt.Errorf("%w: another version of argon2", ErrPasswordHash)
	}
	h := phc{}
	memory, time, threads, ok := parseCost(fields[3])
	if !ok || memory > maxMemory || time > maxTime || threads > maxThreads || memory < 8*threads || time < 1 || threads < 1 {
		return phc{}, fmt.Errorf("%w: cost missing or out of bounds", ErrPasswordHash)
	}
	h.cost = cost{uint32(memory), uint32(time), uint8(threads)}
	var saltErr, sumErr error
	h.salt, saltErr = base64.RawStdEncoding.Strict().DecodeString(fields[4])
	h.sum, sumErr = base64.RawStdEncoding.Strict().DecodeString(fields[5])
	if saltErr != nil || sumErr != nil || len(h.salt) < 8 || len(h.salt) > 64 || len(h.sum) < 16 || len(h.sum) > 64 {
		return phc{}, fmt.Errorf("%w: salt or hash missing or out of bounds", ErrPasswordHash)
	}
	if h.String() != encoded {
		return phc{}, fmt.Errorf("%w: not in canonical form", ErrPasswordHash)
	}
	return h, nil
}

func parseCost(field string) (memory, time, threads uint64, ok bool) {
	values := strings.Split(field, ",")
	if len(values) != 3 {
		return 0, 0, 0, false
	}
	var numbers [3]uint64
	for i, name := range [...]string{"m=", "t=", "p="} {
		text, found := strings.CutPrefix(values[i], name)
		number, err := strconv.ParseUint(text, 10, 32)
		if !found || err != nil {
			return 0, 0, 0, false
		}
		numbers[i] = number
	}
	return numbers[0], numbers[1], numbers[2], true
}
