package resolver

import (
	"net/netip"
	"strings"
)

// special answers for names that must not reach the DNS: RFC 6761 6.3 (localhost) and 6.4 (invalid). It
// returns nil for all others.
func special(q Question) *RRset {
	switch {
	case within(q.Name, "invalid."):
		return &RRset{Question: q, RCode: NXDomain, TTL: maxTTL}
	case !within(q.Name, "localhost."):
		return nil
	case q.Type == TypeA:
		return &RRset{Question: q, TTL: maxTTL, Addrs: []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}}
	case q.Type == TypeAAAA:
		return &RRset{Question: q, TTL: maxTTL, Addrs: []netip.Addr{netip.IPv6Loopback()}}
	default:
		return &RRset{Question: q, TTL: maxTTL}
	}
}

// within reports whether name is zone or below it. Both are canonical.
func within(name, zone string) bool {
	rest, ok := strings.CutSuffix(name, zone)
	return ok && (rest == "" || zone == "." || strings.HasSuffix(rest, "."))
}
