package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync"
	"time"
)

// A mailbox is a mail server that keeps of each mail the code in it, by whom it is for: a journey that is measured waits for
// its mail like any other, from a server that sends it like any other.
type mailbox struct {
	listener net.Listener
	open     sync.WaitGroup

	mu    sync.Mutex
	codes map[string]string
	// waits are told of the next code of an address.
	waits map[string]chan struct{}
	conns map[net.Conn]bool
}

// sixDigits is the code of C2 on a line of its own.
var sixDigits = regexp.MustCompile(`(?m)^\s*(\d{6})\s*$`)

// mailLimit is how long a journey waits for its mail.
const mailLimit = 20 * time.Second

func newMailbox(address string) (*mailbox, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	m := &mailbox{listener: listener, codes: map[string]string{}, waits: map[string]chan struct{}{}, conns: map[net.Conn]bool{}}
	m.open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			m.open.Go(func() { m.serve(conn) })
		}
	})
	return m, nil
}

func (m *mailbox) close() {
	_ = m.listener.Close()
	m.mu.Lock()
	for conn := range m.conns {
		_ = conn.Close()
	}
	m.mu.Unlock()
	m.open.Wait()
}

// serve speaks as much SMTP as a relay on the same machine needs (RFC 5321).
func (m *mailbox) serve(conn net.Conn) {
	m.mu.Lock()
	m.conns[conn] = true
	m.mu.Unlock()
	defer func() {
		_ = conn.Close()
		m.mu.Lock()
		delete(m.conns, conn)
		m.mu.Unlock()
	}()
	in, to := bufio.NewReader(conn), ""
	say := func(line string) { _, _ = fmt.Fprintf(conn, "%s\r\n", line) }
	say("220 bench")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(strings.TrimSpace(line)); {
		case strings.HasPrefix(verb, "RCPT TO:"):
			_, to, _ = strings.Cut(line, "<")
			to, _, _ = strings.Cut(to, ">")
			say("250 ok")
		case verb == "DATA":
			say("354 go on")
			text, err := readMail(in)
			if err != nil {
				return
			}
			m.keep(to, text)
			say("250 ok")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// readMail reads up to the line with a single dot.
func readMail(in *bufio.Reader) (string, error) {
	var text strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil || strings.TrimRight(line, "\r\n") == "." {
			return text.String(), err
		}
		text.WriteString(line)
	}
}

func (m *mailbox) keep(to, text string) {
	code := sixDigits.FindStringSubmatch(text)
	if code == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.codes[to] = code[1]
	if wait, waits := m.waits[to]; waits {
		close(wait)
		delete(m.waits, to)
	}
}

// code waits for the code that was mailed to an address.
func (m *mailbox) code(ctx context.Context, to string) (string, error) {
	m.mu.Lock()
	code, wait := m.codes[to], m.waits[to]
	if code == "" && wait == nil {
		wait = make(chan struct{})
		m.waits[to] = wait
	}
	m.mu.Unlock()
	if code != "" {
		return code, nil
	}
	select {
	case <-wait:
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.codes[to], nil
	case <-ctx.Done():
		return "", ctx.Err()
	case <-time.After(mailLimit):
		return "", errors.New("no mail with a code came")
	}
}
