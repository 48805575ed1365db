package store

import (
	"net"
	"syscall"
	"testing"
)

// TestConnectionsAreKeptAlive: the system itself asks after a server that is silent, before a firewall forgets the connection.
func TestConnectionsAreKeptAlive(t *testing.T) {
	dsn, _ := wired(t, postgresTest(t))
	db := openTest(t, dsn)
	c, err := db.readers.begin(t.Context(), "")
	must(t, err)
	defer db.readers.give(c)
	socket, is := c.link.(*postgresLink).c.PgConn().Conn().(*net.TCPConn)
	if !is {
		t.Fatal("not a connection of TCP")
	}
	raw, err := socket.SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) {
		for _, want := range []struct {
			name                 string
			level, option, value int
		}{
			{"asks at all", syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
			{"seconds until it asks", syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 30},
			{"seconds until it asks again", syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 10},
			{"times", syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 3},
		} {
			if got, err := syscall.GetsockoptInt(int(fd), want.level, want.option); err != nil || got != want.value {
				t.Errorf("%s: %d, %v, want %d", want.name, got, err, want.value)
			}
		}
	}))
}
