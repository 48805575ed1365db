package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// conn is one connection with its prepared statements: each SQL text is parsed once in the life of a connection, which
// costs more than running it. One goroutine at a time uses a conn.
type conn struct {
	engine *engine
	link   link
	stmts  map[string]statement
	// partners are those that were read by this connection; see remembered.
	partners map[partner.ID]partner.Partner
	// until bounds the statements of the transaction under way, on engines that can be far away; release frees its timer.
	until   context.Context
	release context.CancelFunc
	// cut says that the connection is of no more use, others that nor are those beside it that nobody uses: its server did not even begin to answer,
	// or left a COMMIT without an answer.
	cut, others bool
}

func newConn(ctx context.Context, e *engine, readonly bool) (*conn, error) {
	l, err := e.open(ctx, readonly)
	if err != nil {
		return nil, err
	}
	return &conn{engine: e, link: l, stmts: map[string]statement{}, partners: map[partner.ID]partner.Partner{}, until: context.Background()}, nil
}

// stmt returns the prepared form of query. Queries are constants of this package, so the map stays small.
func (c *conn) stmt(query string) (statement, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	s, err := c.link.prepare(c.until, query)
	if err == nil {
		c.stmts[query] = s
	}
	return s, err
}

// run executes a statement without arguments or result, such as BEGIN. No context of a request ends it halfway: an
// interrupted COMMIT would leave everybody guessing.
func (c *conn) run(query string) error {
	err := c.link.run(c.until, query)
	if err != nil {
		c.cut = c.cut || c.engine.kind(err) == faultCut
		return unavailable(query, err)
	}
	return nil
}

// begin starts a transaction that must end by the deadline of ctx, where the engine has a limit. The end of ctx by other
// reasons does not count, since that would throw away a good connection whenever a browser closes a page.
func (c *conn) begin(ctx context.Context, text string) error {
	if deadline, some := ctx.Deadline(); some && c.engine.limit > 0 {
		c.until, c.release = context.WithDeadline(context.Background(), deadline)
	}
	if text == "" { // each statement stands alone
		return nil
	}
	if text == c.engine.turn.begin {
		return c.run(text)
	}
	if err := c.link.begin(c.until, text); err != nil {
		c.cut = c.cut || c.engine.kind(err) == faultCut
		return unavailable(text, err)
	}
	return nil
}

// end forgets the clock of the transaction, and what waits of one that failed.
func (c *conn) end() {
	c.link.forget()
	if c.release != nil {
		c.release()
	}
	c.until, c.release = context.Background(), nil
}

func (c *conn) close() error {
	if !c.engine.serial {
		c.drop()
		return nil
	}
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.close())
	}
	return errors.Join(append(errs, c.link.close())...)
}

// drop closes the connection without a word more to the other side, which may not be there to hear it.
func (c *conn) drop() {
	for _, s := range c.stmts {
		_ = s.close() // a file's connection does not close before them
	}
	c.link.drop()
}

// pool is a fixed number of connections that stay open: opening one while a request waits costs more than the request
// (speed.md). Each is opened when it is first needed, so that start is quick and an idle server small.
type pool struct {
	engine *engine
	// readonly is how its connections are opened.
	readonly bool
	// turns has an entry for each connection that nobody uses.
	turns chan struct{}
	mu    sync.Mutex
	// idle are those connections, the one used last at the end, which goes first: what it has in memory is the freshest, and what a
	// quiet server does not need is never opened. nil is one that is not open yet.
	idle    []*conn
	closing atomic.Bool
}

func newPool(e *engine, readonly bool, n int) *pool {
	p := &pool{engine: e, readonly: readonly, turns: make(chan struct{}, n)}
	for range n {
		p.put(nil)
	}
	return p
}

// take takes a connection that nobody uses, after an entry of turns was taken.
func (p *pool) take() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	c := p.idle[last]
	p.idle = p.idle[:last]
	return c
}

// put gives a connection to whoever comes next, or the right to open one.
func (p *pool) put(c *conn) {
	p.mu.Lock()
	if c == nil {
		p.idle = slices.Insert(p.idle, 0, nil)
	} else {
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	p.turns <- struct{}{}
}

// begin takes a connection and starts a transaction on it. The caller gives it back. Waiting, opening and the transaction
// together must end by the deadline of ctx, see bounded: a database that does not answer is told to whoever asks, while they still wait.
func (p *pool) begin(ctx context.Context, text string) (*conn, error) {
	if err := ctx.Err(); err != nil { // whoever has gone gets no turn, also where a connection is free
		return nil, unavailable("begin", err)
	}
	var c *conn
	select {
	case <-p.turns:
		c = p.take()
	case <-ctx.Done():
		return nil, unavailable("wait for a connection", ctx.Err())
	}
	if p.closing.Load() {
		p.put(c)
		return nil, unavailable("begin", errClosed)
	}
	if c != nil {
		err := c.begin(ctx, text)
		if err == nil {
			return c, nil
		}
		// The database may have been restarted since. Nothing was asked yet, so asking on a fresh connection is safe.
		c.end()
		c.drop()
		if errors.Is(err, context.DeadlineExceeded) {
			p.dropIdle()
		}
	}
	c, err := newConn(ctx, p.engine, p.readonly)
	if err == nil {
		if err = c.begin(ctx, text); err == nil {
			return c, nil
		}
		c.end()
		c.drop()
	}
	p.put(nil)
	return nil, unavailable("begin", err)
}

// bounded is ctx with the engine's limit, which is for all connections together that are tried.
func (db *DB) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if db.engine.limit == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, db.engine.limit)
}

// dropIdle closes the connections that nobody uses, after one was given up that had fallen silent: the others lead to the same server,
// and each would cost a request all its time to find out.
func (p *pool) dropIdle() {
	p.mu.Lock()
	idle := slices.Clone(p.idle)
	clear(p.idle)
	p.mu.Unlock()
	for _, c := range idle {
		if c != nil {
			c.drop()
		}
	}
}

// give takes a connection back whose transaction has ended.
func (p *pool) give(c *conn) {
	late := c.others || c.until.Err() != nil
	c.end()
	if c.cut {
		c.drop()
		c = nil
		if late {
			p.dropIdle()
		}
	}
	p.put(c)
}

// close waits for transactions under way and closes the connections. Whoever comes later gets ErrUnavailable.
func (p *pool) close() error {
	p.closing.Store(true)
	var errs []error
	for range cap(p.turns) {
		<-p.turns
		if c := p.take(); c != nil {
			errs = append(errs, c.close())
		}
	}
	for range cap(p.turns) {
		p.put(nil) // for those who still come, and find it closing
	}
	return errors.Join(errs...)
}
