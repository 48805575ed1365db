package audit

import "net/netip"

// Network is the coarse network of an address: the /24 of IPv4 or the /48 of IPv6, such as "192.0.2.0/24". It is enough
// to see that two events came from the same provider or office, and too little to name a household. "" for an address
// that is not valid. An IPv4 address inside IPv6 counts as IPv4, and zones are dropped.
func Network(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	addr = addr.Unmap().WithZone("")
	bits := 48
	if addr.Is4() {
		bits = 24
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return ""
	}
	return prefix.String()
}
