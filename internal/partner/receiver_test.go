package partner_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// Contract 12.1: https, port 443, a domain name, no query; and http on this machine where the operator allows it.
func TestReceiverAddresses(t *testing.T) {
	here := partner.Receivers{Networks: partner.Loopbacks()}
	office := partner.Receivers{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for _, text := range []string{"https://hooks.acme.example/verif", "https://hooks.acme.example", "https://hooks.acme.example:443/", "https://HOOKS.acme.example/a/b%20c",
		"https://xn--bcher-kva.example/x", "https://a.b.c.d.example./x", "https://1.2.3.4.example/x"} {
		for _, r := range []partner.Receivers{{}, here, office} {
			if err := r.Check(text); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
	for _, text := range []string{"", "x", "hooks.acme.example/x", "//hooks.acme.example/x", "http://hooks.acme.example/x", "ftp://hooks.acme.example/x", "javascript:alert(1)",
		"https:hooks.acme.example", "https:///x", "https://hooks.acme.example:8443/x", "https://hooks.acme.example:80/x", "https://hooks.acme.example:/x",
		"https://hooks.acme.example:0443/x", "https://hooks.acme.example/x?a=b", "https://hooks.acme.example/x?", "https://hooks.acme.example/x#f", "https://hooks.acme.example/#",
		"https://user@hooks.acme.example/x", "https://user:pass@hooks.acme.example/x", "https://127.0.0.2/x", "https://192.0.2.7/x", "https://[2606:4700::1111]/x",
		"https://2130706433/x", "https://0x7f000001/x", "https://017700000001/x", "https://127.1/x", "https://1.2.3.4/x", "https://1.2.3.0x4/x", "https://acme/x",
		"https://.acme.example/x", "https://acme..example/x", "https://-acme.example/x", "https://acme-.example/x", "https://ac me.example/x", "https://b\u00fccher.example/x",
		"https://acme_hooks.example/x", "https://acme.example/x\r\nX-A: b", "https://acme.example/<x>", "https://acme.example/\\x", "https://acme.example%2f/x",
		"https://" + strings.Repeat("a", 64) + ".example/x", "https://" + strings.Repeat("a.", 130) + "example/x", "https://acme.example/" + strings.Repeat("a", 1000)} {
		if err := (partner.Receivers{}).Check(text); !errors.Is(err, partner.ErrReceiver) {
			t.Errorf("%q: %v", text, err)
		}
		if strings.Contains(text, "127.0.0.2") { // the one that the sandbox takes
			continue
		}
		for name, r := range map[string]partner.Receivers{"here": here, "office": office} {
			if err := r.Check(text); !errors.Is(err, partner.ErrReceiver) {
				t.Errorf("%q with %s: %v", text, name, err)
			}
		}
	}
	for _, text := range []string{"http://localhost:8090/webhooks", "http://127.0.0.1:1/", "http://127.0.0.9/x", "http://[::1]:8090/x", "https://localhost/x"} {
		if err := here.Check(text); err != nil {
			t.Errorf("%s in the sandbox: %v", text, err)
		}
		for _, r := range []partner.Receivers{{}, office} {
			if err := r.Check(text); !errors.Is(err, partner.ErrReceiver) {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
	for _, text := range []string{"http://localhost:8090/x?a", "http://u@localhost/x", "ws://localhost/x", "http://localhost.example/x", "http://10.0.0.1/x"} {
		if err := here.Check(text); !errors.Is(err, partner.ErrReceiver) {
			t.Errorf("%s in the sandbox: %v", text, err)
		}
	}
}

// TestDialledAddresses: the addresses that a name must not lead to, in every spelling that a resolver can give.
func TestDialledAddresses(t *testing.T) {
	for name, list := range map[string]string{
		"this network":    "0.0.0.0 0.1.2.3 :: ::1 ::7f00:1 ::ffff:0.0.0.0",
		"loopback":        "127.0.0.1 127.255.255.254 ::ffff:127.0.0.1 ::ffff:7f00:1",
		"private":         "10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 ::ffff:10.0.0.1 ::ffff:192.168.1.1 fc00::1 fd12:3456::1",
		"shared":          "100.64.0.1 100.127.255.255",
		"link-local":      "169.254.0.1 169.254.169.254 ::ffff:169.254.169.254 fe80::1 fe80::1%eth0 fd00:ec2::254",
		"special":         "192.0.0.1 192.0.0.170 192.0.2.1 198.51.100.7 203.0.113.9 198.18.0.1 198.19.255.255 192.88.99.1 192.31.196.1 192.52.193.1 192.175.48.1",
		"multicast":       "224.0.0.1 239.255.255.255 ff02::1 ff0e::1",
		"reserved":        "240.0.0.1 255.255.255.255",
		"NAT64":           "64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b::808:808 64:ff9b:1::1",
		"discard":         "100::1",
		"Teredo":          "2001:0:53aa:64c:0:1:2:3 2001::1 2001:10::1 2001:20::1",
		"documentation":   "2001:db8::1 3fff::1",
		"6to4":            "2002:7f00:1::1 2002:a00:1::1",
		"site-local":      "fec0::1",
		"not unicast":     "4000::1 5f00::1 8000::1 e000::1",
		"direct AS112":    "2620:4f:8000::1",
		"v4 in the clear": "::10.0.0.1 ::ffff:0:10.0.0.1",
	} {
		for text := range strings.FieldsSeq(list) {
			if (partner.Receivers{}).Admits(netip.MustParseAddr(text)) {
				t.Errorf("%s: %s is dialled", name, text)
			}
		}
	}
	if (partner.Receivers{}).Admits(netip.Addr{}) {
		t.Error("no address is dialled")
	}
	for text := range strings.FieldsSeq("1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 169.253.255.255 169.255.0.1 172.15.255.255 172.32.0.1 192.167.255.255 192.169.0.1 198.17.255.255 198.20.0.1 223.255.255.255 ::ffff:8.8.8.8 2606:4700::1111 2a00:1450::1 2001:200::1 2003::1") {
		if !(partner.Receivers{}).Admits(netip.MustParseAddr(text)) {
			t.Errorf("%s is not dialled", text)
		}
	}
	allowed := partner.Receivers{Networks: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("fd00:1::/32")}}
	for text, want := range map[string]bool{"10.20.0.1": true, "::ffff:10.20.255.255": true, "fd00:1::9": true, "10.21.0.1": false, "127.0.0.1": false, "fd00:2::1": false, "8.8.8.8": true} {
		if allowed.Admits(netip.MustParseAddr(text)) != want {
			t.Errorf("%s with two networks allowed: want %t", text, want)
		}
	}
}

func FuzzReceiver(f *testing.F) {
	for _, seed := range []string{"https://hooks.acme.example/x", "http://localhost:1/x", "https://1.2.3.4", "https://a.b?c", "https://u@a.b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if (partner.Receivers{}).Check(text) != nil {
			return
		}
		if !strings.HasPrefix(strings.ToLower(text), "https://") || strings.ContainsAny(text, "?#@\\ \r\n") {
			t.Errorf("%q was taken", text)
		}
		host := strings.ToLower(strings.SplitN(text[len("https://"):], "/", 2)[0])
		if _, err := netip.ParseAddr(strings.TrimSuffix(host, ":443")); err == nil || !strings.Contains(host, ".") {
			t.Errorf("%q was taken", text)
		}
	})
}
