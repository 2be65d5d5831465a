package config

import (
	"net/netip"
	"slices"
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

// ParseAlgorithms reads digest algorithms with commas between them, as in
// sha-256,md5.
func ParseAlgorithms(s string) ([]Algorithm, error) {
	var all []Algorithm
	for word := range strings.SplitSeq(s, ",") {
		one, bad := oneOf([]Algorithm{AlgorithmSHA256, AlgorithmMD5})(strings.ToLower(strings.TrimSpace(word)))
		if bad != nil {
			return nil, bad.alone()
		}
		all = append(all, one)
	}
	return all, nil
}

// SetAlgorithms has every domain that authenticates offer these digest
// algorithms. It returns false if there is no such domain.
func (c *Config) SetAlgorithms(all []Algorithm) bool {
	some := false
	for i := range c.Domains {
		if r := &c.Domains[i].Register; r.Auth == AuthDigest {
			r.Algorithms, some = all, true
		}
	}
	return some
}

// OnHost fills in the defaults that hang on the host, where the file did not
// say it: the node is named after the host, and if that has IPv6, sockets on
// 0.0.0.0 get others on [::] beside them. Those take IPv6 alone, so that the
// two do not clash.
func (c *Config) OnHost(name string, ipv6 bool) {
	if c.NodeAt.Line == 0 {
		c.Node = NodeName(name)
	}
	if !ipv6 {
		return
	}
	for _, ls := range []*[]Listener{&c.Listen.SIP, &c.Listen.DNS} {
		for _, l := range *ls {
			if l.At.Line > 0 || l.Addr.Addr() != netip.IPv4Unspecified() {
				continue
			}
			l.Addr = netip.AddrPortFrom(netip.IPv6Unspecified(), l.Addr.Port())
			taken := func(o Listener) bool { return overlap(l, o) }
			if !slices.ContainsFunc(c.Listen.SIP, taken) && !slices.ContainsFunc(c.Listen.DNS, taken) {
				*ls = append(*ls, l)
			}
		}
	}
}
