package demo

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A wire is one connection to a server, kept open, that sends requests which were written beforehand. The standard client
// costs as much processor time as a fast server does; on a machine that both share it would be measured instead.
type wire struct {
	origin *url.URL
	now    func() time.Time
	conn   net.Conn
	in     *bufio.Reader
	// What came back last. body is overwritten by the next answer.
	status         int
	location, link string
	cookies        []string
	body           []byte
}

// wireLimit is how long one answer may take.
const wireLimit = 30 * time.Second

// wireAnswer bounds an answer, in bytes.
const wireAnswer = 8 << 20

// errWire: what came back is no HTTP answer that this client reads.
var errWire = errors.New("the answer cannot be read")

func newWire(origin string, now func() time.Time) (*wire, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is not an http address", origin)
	}
	return &wire{origin: u, now: now}, nil
}

func (w *wire) close() {
	if w.conn != nil {
		_ = w.conn.Close()
		w.conn = nil
	}
}

func (w *wire) dial(ctx context.Context) error {
	address := w.origin.Host
	if w.origin.Port() == "" {
		address = net.JoinHostPort(w.origin.Hostname(), map[string]string{"http": "80", "https": "443"}[w.origin.Scheme])
	}
	ctx, cancel := context.WithTimeout(ctx, wireLimit)
	defer cancel()
	var err error
	if w.origin.Scheme == "https" {
		w.conn, err = (&tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}}).DialContext(ctx, "tcp", address)
	} else {
		w.conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}
	if err != nil {
		w.conn = nil
		return err
	}
	w.in = bufio.NewReaderSize(w.conn, 16<<10)
	return nil
}

// request writes a request down. Headers come as whole lines.
func (w *wire) request(method, path, body string, headers ...string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, w.origin.Host)
	for _, line := range headers {
		b.WriteString(line + "\r\n")
	}
	if body != "" || method != "GET" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	return b.Bytes()
}

// do sends a request and reads the answer. It dials where no connection is open; one that breaks fails the request, since asking again
// by itself would hide what a client of the server sees.
func (w *wire) do(ctx context.Context, request []byte) error {
	if w.conn == nil {
		if err := w.dial(ctx); err != nil {
			return err
		}
	}
	_ = w.conn.SetDeadline(w.now().Add(wireLimit))
	_, err := w.conn.Write(request)
	if err == nil {
		err = w.read()
	}
	if err != nil {
		w.close()
	}
	return err
}

func (w *wire) read() error {
	w.status, w.location, w.link, w.cookies, w.body = 0, "", "", w.cookies[:0], w.body[:0]
	line, err := w.line()
	if err != nil {
		return err
	}
	if len(line) < 12 || !strings.HasPrefix(line, "HTTP/1.1 ") {
		return errWire
	}
	if w.status, err = strconv.Atoi(line[9:12]); err != nil {
		return errWire
	}
	length, chunked, last := 0, false, false
	for {
		if line, err = w.line(); err != nil {
			return err
		}
		if line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch {
		case strings.EqualFold(name, "Content-Length"):
			if length, err = strconv.Atoi(value); err != nil || length < 0 || length > wireAnswer {
				return errWire
			}
		case strings.EqualFold(name, "Transfer-Encoding"):
			chunked = strings.EqualFold(value, "chunked")
		case strings.EqualFold(name, "Connection"):
			last = strings.EqualFold(value, "close")
		case strings.EqualFold(name, "Location"):
			w.location = value
		case strings.EqualFold(name, "Link"):
			w.link = value
		case strings.EqualFold(name, "Set-Cookie"):
			w.cookies = append(w.cookies, value)
		}
	}
	switch {
	case w.status == 204 || w.status == 304:
	case chunked:
		err = w.chunks()
	default:
		err = w.more(length)
	}
	if last {
		w.close()
	}
	return err
}

// line reads a line without its end.
func (w *wire) line() (string, error) {
	text, err := w.in.ReadSlice('\n')
	return string(bytes.TrimRight(text, "\r\n")), err
}

// more reads n bytes of the body.
func (w *wire) more(n int) error {
	at := len(w.body)
	if cap(w.body) < at+n {
		grown := make([]byte, at, 2*(at+n))
		copy(grown, w.body)
		w.body = grown
	}
	w.body = w.body[:at+n]
	_, err := io.ReadFull(w.in, w.body[at:])
	return err
}

func (w *wire) chunks() error {
	for {
		line, err := w.line()
		if err != nil {
			return err
		}
		text, _, _ := strings.Cut(line, ";")
		n, err := strconv.ParseInt(strings.TrimSpace(text), 16, 32)
		if err != nil || len(w.body)+int(n) > wireAnswer {
			return errWire
		}
		if err := w.more(int(n)); err != nil {
			return err
		}
		if end, err := w.line(); err != nil || n == 0 {
			return err
		} else if end != "" {
			return errWire
		}
	}
}

// wants is the error of an answer with another status, with the beginning of what it says.
func (w *wire) wants(status int) error {
	if w.status == status {
		return nil
	}
	return fmt.Errorf("status %d: %.200s", w.status, w.body)
}
