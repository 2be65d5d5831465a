package resolver

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
)

// SortAddresses orders destination addresses in place by RFC 6724 section 6, best first. source gives the
// address that the system would send from to dst, or the zero Addr when there is no route; nil asks the
// system's routing table.
//
// Rules 3, 4 and 7 (deprecated, home and native addresses) need what no portable call tells; they are left out.
func SortAddresses(addrs []netip.Addr, source func(dst netip.Addr) netip.Addr) {
	if len(addrs) < 2 {
		return
	}
	if source == nil {
		source = routeSource
	}
	info := make([]destination6724, len(addrs))
	for i, a := range addrs {
		info[i] = attributes(a, source(a))
	}
	slices.SortStableFunc(info, compare6724) // stable is rule 10
	for i := range info {
		addrs[i] = info[i].addr
	}
}

type destination6724 struct {
	addr, source      netip.Addr
	scope             uint8
	label, precedence uint8
	sameScope         bool
	sameLabel         bool
}

func attributes(a, source netip.Addr) destination6724 {
	d := destination6724{addr: a, source: source, scope: scopeOf(a)}
	d.precedence, d.label = policyOf(a)
	if source.IsValid() {
		_, label := policyOf(source)
		d.sameScope, d.sameLabel = scopeOf(source) == d.scope, label == d.label
	}
	return d
}

func compare6724(a, b destination6724) int {
	return cmp.Or(
		first(a.source.IsValid(), b.source.IsValid()), // rule 1: avoid unusable destinations
		first(a.sameScope, b.sameScope),               // rule 2: prefer matching scope
		first(a.sameLabel, b.sameLabel),               // rule 5: prefer matching label
		cmp.Compare(b.precedence, a.precedence),       // rule 6: prefer higher precedence
		cmp.Compare(a.scope, b.scope),                 // rule 8: prefer smaller scope
		longerMatch(a, b),                             // rule 9
	)
}

// first sorts true before false.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}

// longerMatch is rule 9, for IPv6 only: between IPv4 addresses it would undo DNS rotation for nothing.
func longerMatch(a, b destination6724) int {
	if !a.addr.Is6() || !b.addr.Is6() || !a.source.Is6() || !b.source.Is6() {
		return 0
	}
	return cmp.Compare(commonPrefix(b.addr, b.source), commonPrefix(a.addr, a.source))
}

// commonPrefix counts equal leading bits, of the first 64 (RFC 6724 2.2).
func commonPrefix(a, b netip.Addr) int {
	x, y := a.As16(), b.As16()
	n := 0
	for i := range 8 {
		for bit := 7; bit >= 0; bit-- {
			if (x[i]^y[i])>>bit&1 != 0 {
				return n
			}
			n++
		}
	}
	return n
}

// scopeOf gives the scope of RFC 6724 3.1 and 3.2, as the value of RFC 4291 2.7.
func scopeOf(a netip.Addr) uint8 {
	switch {
	case a.Is6() && a.IsMulticast():
		b := a.As16()
		return b[1] & 0xf
	case a.IsLoopback(), a.IsLinkLocalUnicast():
		return 0x2
	case a.Is6() && isSiteLocal(a):
		return 0x5
	default:
		return 0xe
	}
}

func isSiteLocal(a netip.Addr) bool {
	b := a.As16()
	return b[0] == 0xfe && b[1]&0xc0 == 0xc0
}

// policyOf is the default policy table of RFC 6724 2.1.
func policyOf(a netip.Addr) (precedence, label uint8) {
	if a.Is4() || a.Is4In6() {
		return 35, 4 // ::ffff:0:0/96
	}
	b := a.As16()
	switch {
	case a == netip.IPv6Loopback():
		return 50, 0
	case b[0] == 0x20 && b[1] == 0x02: // 2002::/16, 6to4
		return 30, 2
	case b[0] == 0x20 && b[1] == 0x01 && b[2] == 0 && b[3] == 0: // 2001::/32, Teredo
		return 5, 5
	case b[0]&0xfe == 0xfc: // fc00::/7, ULA
		return 3, 13
	case b[0] == 0xfe && b[1]&0xc0 == 0xc0: // fec0::/10, site-local
		return 1, 11
	case b[0] == 0x3f && b[1] == 0xfe: // 3ffe::/16, 6bone
		return 1, 12
	case [12]byte(b[:12]) == [12]byte{}: // ::/96
		return 1, 3
	default:
		return 40, 1 // ::/0
	}
}

// routeSource asks the routing table: connecting a UDP socket sends nothing and picks the source address.
func routeSource(dst netip.Addr) netip.Addr {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(dst, 5060)))
	if err != nil {
		return netip.Addr{}
	}
	defer func() { _ = conn.Close() }()
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}
	}
	return local.AddrPort().Addr().Unmap().WithZone("")
}
