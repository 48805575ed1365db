package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// serving starts Serve and returns how to stop it and what it returned.
func serving(t *testing.T, listener net.Listener, h http.Handler, drain time.Duration) (stop context.CancelFunc, ended chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	ended = make(chan error, 1)
	go func() { ended <- Serve(ctx, listener, h, nil, drain, slog.New(slog.DiscardHandler)) }()
	return cancel, ended
}

// A request under way when the server is told to stop is answered; later ones are not taken.
func TestServeDrains(t *testing.T) {
	listener := listen(t)
	inside, goOn := make(chan struct{}), make(chan struct{})
	stop, ended := serving(t, listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(inside)
		<-goOn
		plain(w, 200, "finished")
	}), time.Minute)
	answered := make(chan error, 1)
	go func() {
		answer, err := http.Get("http://" + listener.Addr().String())
		if err == nil {
			defer answer.Body.Close()
			if text := body(t, answer.Body); text != "finished" {
				err = fmt.Errorf("answered %q", text)
			}
		}
		answered <- err
	}()
	<-inside
	stop()
	for { // until the listener is gone
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			break
		}
		conn.Close()
	}
	close(goOn)
	if err := <-answered; err != nil {
		t.Errorf("the request under way: %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("serving ended with %v", err)
	}
}

func TestServeDrainIsBounded(t *testing.T) {
	listener := listen(t)
	inside, goOn := make(chan struct{}), make(chan struct{})
	defer close(goOn)
	stop, ended := serving(t, listener, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(inside)
		<-goOn
	}), time.Millisecond)
	go func() {
		if answer, err := http.Get("http://" + listener.Addr().String()); err == nil {
			answer.Body.Close()
		}
	}()
	<-inside
	stop()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "still under way") {
		t.Errorf("serving ended with %v", err)
	}
}

func TestServeSaysWhyItCannot(t *testing.T) {
	listener := listen(t)
	listener.Close()
	_, ended := serving(t, listener, http.NotFoundHandler(), time.Second)
	if err := <-ended; err == nil || !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v", err)
	}
}

// Headers without end are refused and cost no memory.
func TestServeBoundsHeaders(t *testing.T) {
	listener := listen(t)
	stop, ended := serving(t, listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { plain(w, 200, "in") }), time.Second)
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n", strings.Repeat("a", headerSize+8192))
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", answer.StatusCode)
	}
	stop()
	<-ended
}

// OPTIONS * is no exception: the handler answers it, with a trace id as everything (OC-39).
func TestServeAsksTheHandlerOfOptions(t *testing.T) {
	listener := listen(t)
	stop, ended := serving(t, listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { plain(w, 405, r.Method+" "+r.RequestURI) }), time.Second)
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if text := body(t, answer.Body); answer.StatusCode != 405 || text != "OPTIONS *" {
		t.Errorf("%d %s", answer.StatusCode, text)
	}
	answer.Body.Close()
	stop()
	<-ended
}
