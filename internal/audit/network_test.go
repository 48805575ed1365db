package audit

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func TestNetwork(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.17":               "192.0.2.0/24",
		"192.0.2.255":              "192.0.2.0/24",
		"192.0.3.0":                "192.0.3.0/24",
		"127.0.0.1":                "127.0.0.0/24",
		"::ffff:192.0.2.17":        "192.0.2.0/24",
		"::ffff:192.0.2.17%eth0":   "192.0.2.0/24",
		"2001:db8:1:2:3:4:5:6":     "2001:db8:1::/48",
		"2001:db8:1:ffff::":        "2001:db8:1::/48",
		"2001:db8:2::1":            "2001:db8:2::/48",
		"fe80::1%eth0":             "fe80::/48",
		"::1":                      "::/48",
		"2001:db8:1:2:3:4:5:6%en1": "2001:db8:1::/48",
	} {
		if got := Network(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
	if got := Network(netip.Addr{}); got != "" {
		t.Errorf("no address: %q", got)
	}
}

// A network holds its addresses, is the same for all of them, and says nothing of the last 8 or 80 bits.
func TestNetworkIsCoarse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address")
		addr := netip.AddrFrom16([16]byte(raw))
		keep := 6
		if rapid.Bool().Draw(t, "IPv4") {
			addr, keep = netip.AddrFrom4([4]byte(raw[:4])), 3
		} else if addr.Is4In6() {
			return // counts as IPv4
		}
		prefix, err := netip.ParsePrefix(Network(addr))
		if err != nil || !prefix.Contains(addr) || prefix.Bits() != keep*8 {
			t.Fatalf("%s: %q, %v", addr, Network(addr), err)
		}
		last := addr.AsSlice()
		for i := keep; i < len(last); i++ {
			last[i] ^= rapid.Byte().Draw(t, "flip")
		}
		neighbour, _ := netip.AddrFromSlice(last)
		if !neighbour.Is4In6() && Network(neighbour) != Network(addr) {
			t.Fatalf("%s and %s: %q and %q", addr, neighbour, Network(addr), Network(neighbour))
		}
	})
}
