package sip

import (
	"bytes"
	"net/netip"
)

// hostAt reads the host at b[i] (RFC 3261 25.1): a name, an IPv4 address, or an IPv6 reference, of which it
// returns the inside of the brackets. next is the index behind it. host is nil if there is none.
func hostAt(b []byte, i int) (host []byte, next int) {
	if i < len(b) && b[i] == '[' {
		n := bytes.IndexByte(b[i:], ']')
		if n < 0 {
			return nil, i
		}
		host = b[i+1 : i+n]
		if _, ok := parseIPv6(host); !ok {
			return nil, i
		}
		return host, i + n + 1
	}
	return nameAt(b, i)
}

// nameAt reads a hostname or an IPv4 address. Empty labels are refused, a last label of digits makes it an address,
// and an address has four numbers.
func nameAt(b []byte, start int) (host []byte, next int) {
	i, label := start, start
	for ; i < len(b) && isHost(b[i]); i++ {
		if b[i] != '.' {
			continue
		}
		if label == i {
			return nil, start
		}
		if i+1 == len(b) || !isHost(b[i+1]) { // RFC 3261 25.1 allows the dot of the root
			i++
			break
		}
		label = i + 1
	}
	if host = b[start:i]; label == i || len(host) > 255 {
		return nil, start
	}
	if isDigit(b[label]) && onlyDigits(b[label:i]) {
		if _, ok := parseIPv4(host); !ok {
			return nil, start
		}
	}
	return host, i
}

// onlyDigits takes a dot at the end too: "192.0.2.1." is no name of the DNS.
func onlyDigits(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) && c != '.' {
			return false
		}
	}
	return true
}

// parseIPv4 reads four numbers and the dots between them. Leading zeros are refused: they mean different numbers to different readers.
func parseIPv4(b []byte) (netip.Addr, bool) {
	var a [4]byte
	part, n, width := 0, 0, 0
	for _, c := range b {
		switch {
		case c == '.':
			if width == 0 || part == 3 {
				return netip.Addr{}, false
			}
			a[part] = byte(n)
			part, n, width = part+1, 0, 0
		case isDigit(c):
			if width > 0 && n == 0 {
				return netip.Addr{}, false
			}
			n, width = n*10+int(c-'0'), width+1
			if n > 255 {
				return netip.Addr{}, false
			}
		default:
			return netip.Addr{}, false
		}
	}
	if part != 3 || width == 0 {
		return netip.Addr{}, false
	}
	a[3] = byte(n)
	return netip.AddrFrom4(a), true
}

// parseIPv6 reads an IPv6 address without brackets and zone. Three colons before an IPv4 tail, which the grammar of RFC
// 3261 made some write (RFC 5118 4.10, RFC 5954 4.1), are taken for two.
func parseIPv6(b []byte) (netip.Addr, bool) {
	var groups [8]uint16
	n, gap := 0, -1
	i := 0
	if len(b) > 1 && b[0] == ':' {
		if b[1] != ':' {
			return netip.Addr{}, false
		}
		gap, i = 0, 2
	}
	for i < len(b) {
		if bytes.IndexByte(b[i:], ':') < 0 && bytes.IndexByte(b[i:], '.') >= 0 {
			tail, ok := parseIPv4(b[i:])
			if !ok || n > 6 {
				return netip.Addr{}, false
			}
			a := tail.As4()
			groups[n], groups[n+1] = uint16(a[0])<<8|uint16(a[1]), uint16(a[2])<<8|uint16(a[3])
			n += 2
			break
		}
		g, width := 0, 0
		for ; i < len(b) && width < 4; i, width = i+1, width+1 {
			d, ok := unhex(b[i])
			if !ok {
				break
			}
			g = g<<4 | int(d)
		}
		if width == 0 || n == 8 {
			return netip.Addr{}, false
		}
		groups[n] = uint16(g)
		n++
		if i == len(b) {
			break
		}
		if b[i] != ':' || i+1 == len(b) { // a single colon at the end too
			return netip.Addr{}, false
		}
		if i++; b[i] == ':' {
			if gap >= 0 {
				return netip.Addr{}, false
			}
			gap = n
			if i++; i < len(b) && b[i] == ':' && bytes.IndexByte(b[i:], '.') > 0 {
				i++
			}
		}
	}
	return packIPv6(groups, n, gap)
}

// packIPv6 makes an address of n groups with zeros put in at gap, if that is not negative.
func packIPv6(groups [8]uint16, n, gap int) (netip.Addr, bool) {
	if gap < 0 && n != 8 || gap >= 0 && n > 7 {
		return netip.Addr{}, false
	}
	var a [16]byte
	for i := range n {
		at := i
		if gap >= 0 && i >= gap {
			at = 8 - n + i
		}
		a[2*at], a[2*at+1] = byte(groups[i]>>8), byte(groups[i])
	}
	return netip.AddrFrom16(a), true
}

// parseAddr reads an IPv4 address or an IPv6 address with or without brackets.
func parseAddr(b []byte) (netip.Addr, bool) {
	if bytes.IndexByte(b, ':') >= 0 {
		return parseIPv6(unbracket(b))
	}
	return parseIPv4(b)
}

// equalHost compares hosts: IPv6 addresses by value (RFC 5954 4.2), everything else without regard to case.
func equalHost(a, b []byte) bool {
	if foldEqualBytes(a, b) {
		return true
	}
	x, okA := parseIPv6(unbracket(a))
	y, okB := parseIPv6(unbracket(b))
	return okA && okB && x == y
}
