package resolver

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// TestSortAddresses goes through the examples of RFC 6724 10.2 that need no unimplemented rule, and more.
func TestSortAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, from, in, want string }{
		{"scope", "2001:db8:1::2 fe80::1 169.254.13.78", "2001:db8:1::1 198.51.100.121", "2001:db8:1::1 198.51.100.121"},
		{"matching scope: IPv4", "fe80::1 198.51.100.117", "2001:db8:1::1 198.51.100.121", "198.51.100.121 2001:db8:1::1"},
		{"higher precedence", "2001:db8:1::2 10.1.2.4", "10.1.2.3 2001:db8:1::1", "2001:db8:1::1 10.1.2.3"},
		{"smaller scope", "2001:db8:1::2 fe80::2", "2001:db8:1::1 fe80::1", "fe80::1 2001:db8:1::1"},
		{"matching label: 6to4", "2002:c633:6401::2", "2001:db8:1::1 2002:c633:6401::1", "2002:c633:6401::1 2001:db8:1::1"},
		{"no IPv6", "192.0.2.1", "2001:db8::1 198.51.100.1", "198.51.100.1 2001:db8::1"},
		{"no IPv4", "2001:db8::9", "198.51.100.1 2001:db8::1", "2001:db8::1 198.51.100.1"},
		{"nothing", "", "198.51.100.1 2001:db8::1", "2001:db8::1 198.51.100.1"},
		{"longest prefix", "2001:db8:1::2", "2001:db8:ff00::1 2001:db8:1::1", "2001:db8:1::1 2001:db8:ff00::1"},
		{"IPv4 keeps its order", "192.0.2.1", "203.0.113.1 192.0.2.2", "203.0.113.1 192.0.2.2"},
		{"ULA to ULA comes last without one", "2001:db8::9", "fd00::1 2001:db8::1", "2001:db8::1 fd00::1"},
		{"Teredo", "2001:db8::9", "2001::1 2001:db8::1 192.0.2.1", "2001:db8::1 2001::1 192.0.2.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := parseAddrs(c.in)
			from := parseAddrs(c.from)
			SortAddresses(in, func(dst netip.Addr) netip.Addr { return bestSource(from, dst) })
			if !slices.Equal(in, parseAddrs(c.want)) {
				t.Errorf("got %v, want %s", in, c.want)
			}
		})
	}
}

func parseAddrs(s string) (out []netip.Addr) {
	for f := range strings.FieldsSeq(s) {
		out = append(out, netip.MustParseAddr(f))
	}
	return out
}

// bestSource is enough of RFC 6724 5: same family, matching scope first, then matching label.
func bestSource(from []netip.Addr, dst netip.Addr) (best netip.Addr) {
	rank := -1
	for _, s := range from {
		if s.Is4() != dst.Is4() {
			continue
		}
		r := 0
		if scopeOf(s) == scopeOf(dst) {
			r += 2
		}
		_, a := policyOf(s)
		if _, b := policyOf(dst); a == b {
			r++
		}
		if r > rank {
			rank, best = r, s
		}
	}
	return best
}

// TestRouteSource asks the machine itself about loopback.
func TestRouteSource(t *testing.T) {
	t.Parallel()
	lo := netip.MustParseAddr("127.0.0.1")
	if s := routeSource(lo); s != lo {
		t.Errorf("from %v to %v", s, lo)
	}
}

func TestResolvConf(t *testing.T) {
	t.Parallel()
	servers, err := parseResolvConf(strings.NewReader("# c\nsearch corp.example.com\n nameserver 192.0.2.1 # x\nnameserver fe80::1%eth0\nnameserver\nnameserver x\noptions ndots:5\nnameserver ::1"))
	if err != nil || len(servers) != 3 || servers[0].String() != "192.0.2.1:53" || servers[1].String() != "[fe80::1%eth0]:53" || servers[2].String() != "[::1]:53" {
		t.Errorf("got %v, %v", servers, err)
	}
	if servers, err = SystemServers(t.TempDir() + "/none"); err != nil || len(servers) != 1 || servers[0].String() != "127.0.0.1:53" {
		t.Errorf("got %v, %v", servers, err)
	}
	if servers, err = SystemServers("/proc/self/mem/x"); err == nil && len(servers) == 0 {
		t.Error("neither servers nor an error")
	}
}
