package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/sipway/sipway/config"
	"github.com/sipway/sipway/zones"
)

// zones compiles everything that is published, for the listeners as they are.
func (p *prepared) zones(sip, names []config.Listener, serial uint32) ([]*zones.Zone, error) {
	all := append([]*zones.Zone(nil), p.plain...)
	for i, d := range p.plansAt {
		plan := p.complete(i, sip, names, serial)
		rrs, err := zones.Generate(plan)
		if err == nil {
			var z *zones.Zone
			if z, err = zones.Compile(plan.Domain, rrs); err == nil {
				all = append(all, z)
				continue
			}
		}
		at := d.At
		if d.DNS.Extra != "" {
			at = d.ExtraAt
		}
		if at.Line == 0 {
			at = config.Position{}
		}
		return nil, &config.Error{Pos: at, Msg: "the records of " + d.Name + " make no zone: " + err.Error()}
	}
	return all, nil
}

// complete returns a plan with what hangs on the listeners.
func (p *prepared) complete(i int, sip, names []config.Listener, serial uint32) zones.Plan {
	plan := p.plans[i]
	plan.Serial, plan.Services = serial, services(sip)
	if len(p.cfg.Edges) == 0 { // what other edges listen on is not known here
		plan.Extra = slices.Concat(plan.Extra, nsAddresses(plan, names))
	}
	return plan
}

// services returns each transport and port once, in the order of the listeners.
func services(sip []config.Listener) []zones.Service {
	var all []zones.Service
	seen := map[zones.Service]bool{}
	for _, l := range sip {
		s := zones.Service{Transport: l.Network, Port: l.Addr.Port()}
		if s.Port == 0 {
			s.Port = 5060 // only while nothing is bound: any port will do for a check
		}
		if !seen[s] {
			seen[s] = true
			all = append(all, s)
		}
	}
	return all
}

// nsAddresses returns the addresses of the domain's name servers where DNS
// is not listened for in every family of the node's addresses: a name server
// that does not answer costs every resolver a timeout. It returns nil where the
// node's addresses will do.
func nsAddresses(plan zones.Plan, names []config.Listener) []dns.RR {
	apex, edge := dns.Fqdn(plan.Domain), plan.Edges[0]
	answering := inFamilies(edge.Addresses, names)
	if len(answering) == 0 || len(answering) == len(edge.Addresses) {
		return nil
	}
	var all []dns.RR
	for _, ns := range plan.NS {
		host := hostIn(apex, ns)
		taken := func(rr dns.RR) bool { return strings.EqualFold(rr.Header().Name, host) }
		if !dns.IsSubDomain(apex, host) || host == apex || host == hostIn(apex, edge.Name) || slices.ContainsFunc(plan.Extra, taken) {
			continue
		}
		for _, a := range answering {
			h := dns.RR_Header{Name: host, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: plan.TTL}
			if a.Is4() {
				all = append(all, &dns.A{Hdr: h, A: a.AsSlice()})
				continue
			}
			h.Rrtype = dns.TypeAAAA
			all = append(all, &dns.AAAA{Hdr: h, AAAA: a.AsSlice()})
		}
	}
	return all
}

// hostIn returns the whole name of a host of a domain.
func hostIn(apex, name string) string {
	if !strings.Contains(name, ".") {
		name += "." + apex
	}
	return strings.ToLower(dns.Fqdn(name))
}

// inFamilies returns the addresses whose family DNS is listened for: on port 53
// if it is at all, since that is where the world asks.
func inFamilies(addresses []netip.Addr, names []config.Listener) []netip.Addr {
	if at53 := onPort(names, 53); len(at53) > 0 {
		names = at53
	}
	var all []netip.Addr
	for _, a := range addresses {
		if hasFamily(names, a) {
			all = append(all, a)
		}
	}
	return all
}

func onPort(ls []config.Listener, port uint16) []config.Listener {
	return slices.DeleteFunc(slices.Clone(ls), func(l config.Listener) bool { return l.Addr.Port() != port })
}

func hasFamily(ls []config.Listener, a netip.Addr) bool {
	return slices.ContainsFunc(ls, func(l config.Listener) bool { return l.Addr.Addr().Is4() == a.Is4() })
}

// warnings says what will not work although all of it can be obeyed.
func (p *prepared) warnings(sip, names []config.Listener) []string {
	var all []string
	if at := p.unserved(sip); at != "" {
		all = append(all, "SRV records point to "+at+", where nothing listens; listen on the same ports of every address")
	}
	if p.hasZones() {
		if l, ok := alone(names, "udp", "tcp"); ok {
			all = append(all, fmt.Sprintf("DNS listens on %s, but not on TCP there; resolvers need both (RFC 7766 5): --dns %s", l, shellWord(l.Addr.String())))
		}
		if l, ok := alone(names, "tcp", "udp"); ok {
			all = append(all, fmt.Sprintf("DNS listens on %s, but not on UDP there; resolvers ask that first: --dns %s", l, shellWord(l.Addr.String())))
		}
	}
	return all
}

// unserved returns a target that SRV and address records make together and that
// no listener serves, "" if there is none. Behind an address that the operator
// names may stand anything, so there only the families are compared.
func (p *prepared) unserved(sip []config.Listener) string {
	if len(p.plans) == 0 {
		return ""
	}
	addresses, named := p.addresses, len(p.cfg.Advertise)+len(p.cfg.Edges) > 0
	if len(p.cfg.Edges) > 0 {
		addresses = nil
	}
	for _, e := range p.cfg.Edges {
		addresses = append(addresses, e.Addresses...)
	}
	for _, s := range services(sip) {
		for _, a := range addresses {
			if named && !hasFamily(sip, a) {
				continue
			}
			serves := func(l config.Listener) bool {
				at := l.Addr.Addr()
				return l.Network == s.Transport && (l.Addr.Port() == s.Port || l.Addr.Port() == 0) && at.Is4() == a.Is4() &&
					(named || at == a || at.IsUnspecified())
			}
			if !slices.ContainsFunc(sip, serves) {
				return s.Transport + " " + netip.AddrPortFrom(a, s.Port).String()
			}
		}
	}
	return ""
}

// alone returns a listener of one network that has none of another beside it.
func alone(ls []config.Listener, network, other string) (config.Listener, bool) {
	for _, l := range ls {
		beside := func(o config.Listener) bool {
			x, y := l.Addr.Addr(), o.Addr.Addr()
			return o.Network == other && o.Addr.Port() == l.Addr.Port() && (x == y || x.Is4() == y.Is4() && y.IsUnspecified())
		}
		if l.Network == network && !slices.ContainsFunc(ls, beside) {
			return l, true
		}
	}
	return config.Listener{}, false
}
