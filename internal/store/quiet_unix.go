//go:build unix

package store

import (
	"errors"
	"net"
	"syscall"
)

// quiet reports whether a connection is open and nothing unread has come on it. It waits for nothing. What has been closed by the other side
// looks open to whoever only writes, and a server that ends a session says so unasked.
func quiet(c net.Conn) bool {
	if wrapped, is := c.(interface{ NetConn() net.Conn }); is { // TLS
		c = wrapped.NetConn()
	}
	system, is := c.(syscall.Conn)
	if !is {
		return false
	}
	raw, err := system.SyscallConn()
	if err != nil {
		return false
	}
	nothing := false
	err = raw.Control(func(fd uintptr) {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		nothing = errors.Is(err, syscall.EAGAIN)
	})
	return nothing && err == nil
}
