package config

import (
	"net/netip"
	"strings"
)

// What the command line says in place of the file is read by the same rules.

// ParseListeners reads udp://ADDRESS:PORT, tcp://ADDRESS:PORT, or ADDRESS:PORT
// for both.
func ParseListeners(s string) ([]Listener, error) {
	both := []string{s}
	if !strings.Contains(s, "://") {
		both = []string{"udp://" + s, "tcp://" + s}
	}
	var all []Listener
	for _, one := range both {
		l, bad := listener(one)
		if bad != nil {
			return nil, bad.alone()
		}
		all = append(all, l)
	}
	return all, nil
}

// ParseAdmin reads the address of the admin API: loopback alone, or off, which
// is the zero AddrPort.
func ParseAdmin(s string) (netip.AddrPort, error) {
	if s == "off" {
		return netip.AddrPort{}, nil
	}
	at, bad := adminAddress(s)
	if bad != nil {
		return at, bad.alone()
	}
	return at, nil
}

// ParseAdvertise reads an address that others see.
func ParseAdvertise(s string) (netip.Addr, error) {
	a, bad := publicAddress(s)
	if bad != nil {
		return a, bad.alone()
	}
	return a, nil
}

// CheckListeners finds listeners that need the same socket, after some were
// replaced.
func (c *Config) CheckListeners() error {
	r := &reader{file: c.File}
	r.checkListeners("sip", c.Listen.SIP, c)
	r.checkListeners("dns", c.Listen.DNS, c)
	if len(r.errs) == 0 {
		return nil
	}
	return r.errs[0]
}

// alone is a problem without a place.
func (p *problem) alone() error { return &Error{Msg: p.what, Hint: p.todo} }

// AddIPv6 adds beside each listener on 0.0.0.0 one on [::], for a host that has
// both families. A socket on [::] takes IPv6 alone, so the two do not clash.
func (c *Config) AddIPv6() {
	for _, ls := range []*[]Listener{&c.Listen.SIP, &c.Listen.DNS} {
		for _, l := range *ls {
			if l.Addr.Addr() == netip.IPv4Unspecified() {
				l.Addr = netip.AddrPortFrom(netip.IPv6Unspecified(), l.Addr.Port())
				*ls = append(*ls, l)
			}
		}
	}
}
