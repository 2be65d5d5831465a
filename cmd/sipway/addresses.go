package main

import (
	"net"
	"net/netip"
	"slices"

	"github.com/sipway/sipway/config"
)

// publishedAddresses returns the addresses under which others reach the SIP
// listeners: what the operator says, else the addresses listened on, where a
// wildcard stands for those this host would use to reach the world.
func publishedAddresses(c *config.Config, local func() []netip.Addr) []netip.Addr {
	if len(c.Advertise) > 0 {
		return c.Advertise
	}
	var found, alone []netip.Addr
	add := func(to []netip.Addr, a netip.Addr) []netip.Addr {
		if slices.Contains(to, a) {
			return to
		}
		return append(to, a)
	}
	for _, l := range c.Listen.SIP {
		a := l.Addr.Addr()
		if !a.IsUnspecified() {
			found = add(found, a)
			continue
		}
		alone = add(alone, loopback(a))
		for _, own := range local() {
			if own.Is4() == a.Is4() { // a socket on [::] takes IPv6 alone
				found = add(found, own)
			}
		}
	}
	if len(found) == 0 { // This host reaches nobody: then it is for programs on it.
		return alone
	}
	return found
}

func loopback(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

// localAddresses returns the source addresses of this host's default routes, or
// the global addresses of its interfaces if it has no default route. No packet
// is sent: connecting a UDP socket only asks the routing table.
func localAddresses() []netip.Addr {
	var found []netip.Addr
	for _, probe := range []struct{ network, to string }{{"udp4", "192.0.2.1:9"}, {"udp6", "[2001:db8::1]:9"}} {
		c, err := net.Dial(probe.network, probe.to)
		if err != nil {
			continue
		}
		if at, ok := c.LocalAddr().(*net.UDPAddr); ok {
			if a := at.AddrPort().Addr().Unmap(); a.IsGlobalUnicast() && a.Zone() == "" {
				found = append(found, a)
			}
		}
		_ = c.Close()
	}
	if len(found) > 0 {
		return found
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, one := range all {
		if p, err := netip.ParsePrefix(one.String()); err == nil && p.Addr().IsGlobalUnicast() {
			found = append(found, p.Addr().Unmap())
		}
	}
	return found
}

// reachable returns the address at which a program on this host reaches a listener.
func reachable(at netip.AddrPort) netip.AddrPort {
	if at.Addr().IsUnspecified() {
		return netip.AddrPortFrom(loopback(at.Addr()), at.Port())
	}
	return at
}
