package zones

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// What a generated zone says unless told otherwise, in seconds.
const (
	planTTL     = 60
	planRefresh = 3600
	planRetry   = 600
	planExpire  = 604800
	planMinimum = 60 // how long a negative answer lasts at most (RFC 2308 4)
)

// Our bounds on a plan.
const (
	maxEdges    = 1000
	maxServices = 100
	maxNS       = 100
)

// Plan is what a SIP domain publishes.
type Plan struct {
	Domain   string    // "example.com", with or without the final dot
	NS       []string  // its name servers, written as Edge.Name; none: ns1 in the domain
	TTL      uint32    // of every generated record, in seconds; 0: 60
	Edges    []Edge    // the servers that answer SIP for the domain; at least one
	Services []Service // what every edge listens on; at least one
	Extra    []dns.RR  // further records of the zone, which Generate does not change
	Serial   uint32    // of the SOA
}

// Edge is one server of the domain.
type Edge struct {
	Name      string       // one label ("edge1") is in the domain; with a dot it is a whole name
	Addresses []netip.Addr // as others see them; published if the name is in the domain
	Priority  uint16       // RFC 2782: lower is tried first
	Weight    uint16       // RFC 2782: its share among equals
}

// Service is one way to reach the edges.
type Service struct {
	Transport string // "tls", "tcp" or "udp"
	Port      uint16
}

// transports are the NAPTR services of RFC 3263 4.1 and the SRV names of its section 4.2, in the order in
// which a domain wants to be reached: TLS, TCP, UDP.
func transports() []struct{ name, service, srv string } {
	return []struct{ name, service, srv string }{
		{"tls", "SIPS+D2T", "_sips._tcp"},
		{"tcp", "SIP+D2T", "_sip._tcp"},
		{"udp", "SIP+D2U", "_sip._udp"},
	}
}

// Generate makes the records of the zone that p describes: SOA, NS, NAPTR for the transports served, SRV
// for every edge, and addresses: of the edges, of name servers in the domain (each those of an edge, in
// turn) and of the domain itself (those of the edges tried first, for clients that know no SRV). Equal plans
// give equal records in equal order.
//
// Extra records are added behind. They take the place of the generated addresses of name servers and of the
// domain; where they contradict another generated RRset the error names both records.
func Generate(p Plan) ([]dns.RR, error) {
	g, err := newGenerator(p)
	if err != nil {
		return nil, err
	}
	for _, step := range []func() error{g.authority, g.services, g.edges, g.servers, g.apex} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("domain %s: %w", g.domain, err)
		}
	}
	return g.merge()
}

// generator makes one zone.
type generator struct {
	p      Plan
	domain string // final dot, lower case
	ns     []string
	hosts  []string // the edges' names
	rrs    []dns.RR
	extra  map[string]bool // owner and type of Extra
}

func newGenerator(p Plan) (*generator, error) {
	wire, err := wireName(p.Domain)
	if err != nil || len(wire) == 1 {
		return nil, fmt.Errorf("domain %q: not a domain name", p.Domain)
	}
	g := &generator{p: p, domain: present(wire), extra: map[string]bool{}}
	if p.TTL == 0 {
		g.p.TTL = planTTL
	}
	if len(p.Edges) == 0 || len(p.Services) == 0 {
		return nil, fmt.Errorf("domain %s: nothing to publish: it needs an edge and a service", g.domain)
	}
	if len(p.Edges) > maxEdges || len(p.Services) > maxServices || len(p.NS) > maxNS {
		return nil, fmt.Errorf("domain %s: more than %d edges, %d services or %d name servers", g.domain, maxEdges, maxServices, maxNS)
	}
	for _, rr := range p.Extra {
		if rr == nil {
			return nil, fmt.Errorf("domain %s: an extra record is nil", g.domain)
		}
		g.extra[key(rr.Header().Name, rr.Header().Rrtype)] = true
	}
	names := p.NS
	if len(names) == 0 {
		names = []string{"ns1"}
	}
	for _, n := range names {
		host, err := g.host(n)
		if err != nil {
			return nil, fmt.Errorf("domain %s: name server %w", g.domain, err)
		}
		g.ns = append(g.ns, host)
	}
	for i, e := range p.Edges {
		host, err := g.host(e.Name)
		if err != nil {
			return nil, fmt.Errorf("domain %s: edge %w", g.domain, err)
		}
		if j := slices.Index(g.hosts, host); j >= 0 {
			return nil, fmt.Errorf("domain %s: edges %d and %d are both named %s", g.domain, j+1, i+1, host)
		}
		g.hosts = append(g.hosts, host)
	}
	return g, nil
}

// host makes a host's whole name: one label is relative to the domain. RFC 1123 2.1 says which characters.
func (g *generator) host(name string) (string, error) {
	full := name
	if !strings.Contains(name, ".") {
		full = name + "." + g.domain
	}
	wire, err := wireName(full)
	if err != nil || name == "" || len(wire) == 1 {
		return "", fmt.Errorf("%q: not a host name", name)
	}
	full = present(wire)
	for label := range strings.SplitSeq(strings.TrimSuffix(full, "."), ".") {
		if strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || label[0] == '-' || label[len(label)-1] == '-' {
			return "", fmt.Errorf("%q: label %q of a host name may hold letters, digits and inner hyphens only", name, label)
		}
	}
	return full, nil
}

func (g *generator) inside(host string) bool { return dns.IsSubDomain(g.domain, host) }

func (g *generator) header(name string, rtyp uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rtyp, Class: dns.ClassINET, Ttl: g.p.TTL}
}

// authority makes SOA and NS.
func (g *generator) authority() error {
	mbox := "hostmaster." + g.domain
	if len(mbox) > 253 {
		return errors.New("the name is too long for a zone")
	}
	g.rrs = append(g.rrs, &dns.SOA{
		Hdr: g.header(g.domain, dns.TypeSOA), Ns: g.ns[0], Mbox: mbox, Serial: g.p.Serial,
		Refresh: planRefresh, Retry: planRetry, Expire: planExpire, Minttl: min(planMinimum, g.p.TTL),
	})
	for _, ns := range g.ns {
		g.rrs = append(g.rrs, &dns.NS{Hdr: g.header(g.domain, dns.TypeNS), Ns: ns})
	}
	return nil
}

// services makes NAPTR and SRV. The orders differ, so that every client tries the transports in ours.
func (g *generator) services() error {
	for _, s := range g.p.Services {
		if s.Port == 0 {
			return fmt.Errorf("service %s: port 0", s.Transport)
		}
		if !slices.ContainsFunc(transports(), func(t struct{ name, service, srv string }) bool { return t.name == s.Transport }) {
			return fmt.Errorf("service %q: want tls, tcp or udp", s.Transport)
		}
	}
	var srvs []dns.RR
	var order uint16
	for _, t := range transports() {
		var made int
		for _, s := range g.p.Services {
			if s.Transport != t.name {
				continue
			}
			made++
			for j, e := range g.p.Edges {
				srvs = append(srvs, &dns.SRV{
					Hdr:      g.header(t.srv+"."+g.domain, dns.TypeSRV),
					Priority: e.Priority, Weight: e.Weight, Port: s.Port, Target: g.hosts[j],
				})
			}
		}
		if made > 0 {
			order += 10
			g.rrs = append(g.rrs, &dns.NAPTR{
				Hdr:   g.header(g.domain, dns.TypeNAPTR),
				Order: order, Preference: 50, Flags: "s", Service: t.service, Replacement: t.srv + "." + g.domain,
			})
		}
	}
	g.rrs = append(g.rrs, srvs...)
	return nil
}

// edges makes the addresses of the edges.
func (g *generator) edges() error {
	for i, host := range g.hosts {
		if !g.inside(host) {
			continue // its own zone has them
		}
		if len(g.p.Edges[i].Addresses) == 0 && !g.hasAddress(host) {
			return fmt.Errorf("edge %s has no address: no client could reach it", host)
		}
		if err := g.addresses(host, g.p.Edges[i].Addresses); err != nil {
			return err
		}
	}
	return nil
}

// servers makes the addresses of the name servers: the edges answer DNS too.
func (g *generator) servers() error {
	for i, host := range g.ns {
		if !g.inside(host) || slices.Contains(g.hosts, host) || g.hasAddress(host) {
			continue
		}
		addrs := g.p.Edges[i%len(g.p.Edges)].Addresses
		if len(addrs) == 0 {
			return fmt.Errorf("name server %s has no address: give the edges theirs, or add an A or AAAA record", host)
		}
		if err := g.addresses(host, addrs); err != nil {
			return err
		}
	}
	return nil
}

// apex makes the addresses of the domain itself, for clients without SRV (RFC 3263 4.2, last resort).
func (g *generator) apex() error {
	if g.hasAddress(g.domain) || slices.Contains(g.hosts, g.domain) || slices.Contains(g.ns, g.domain) {
		return nil
	}
	first := slices.MinFunc(g.p.Edges, func(a, b Edge) int { return int(a.Priority) - int(b.Priority) }).Priority
	for _, e := range g.p.Edges {
		if e.Priority != first {
			continue
		}
		if err := g.addresses(g.domain, e.Addresses); err != nil {
			return err
		}
	}
	return nil
}

// hasAddress reports whether Extra gives name an address, or makes it an alias.
func (g *generator) hasAddress(name string) bool {
	return g.extra[key(name, dns.TypeA)] || g.extra[key(name, dns.TypeAAAA)] || g.extra[key(name, dns.TypeCNAME)]
}

func (g *generator) addresses(host string, addrs []netip.Addr) error {
	for _, a := range addrs {
		a = a.Unmap()
		switch {
		case !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a.Zone() != "":
			return fmt.Errorf("%s: address %q cannot be published: give the one that others reach it at", host, a)
		case a.Is4():
			g.rrs = append(g.rrs, &dns.A{Hdr: g.header(host, dns.TypeA), A: a.AsSlice()})
		default:
			g.rrs = append(g.rrs, &dns.AAAA{Hdr: g.header(host, dns.TypeAAAA), AAAA: a.AsSlice()})
		}
	}
	return nil
}

// merge adds Extra to what was generated.
func (g *generator) merge() ([]dns.RR, error) {
	byKey, byName := map[string]dns.RR{}, map[string]dns.RR{}
	for _, rr := range g.rrs {
		byKey[key(rr.Header().Name, rr.Header().Rrtype)] = rr
		byName[strings.ToLower(rr.Header().Name)] = rr
	}
	out := slices.Clip(g.rrs)
	for _, rr := range g.p.Extra {
		h := rr.Header()
		if !g.inside(h.Name) {
			return nil, fmt.Errorf("domain %s: extra record %q is outside the domain", g.domain, text(rr))
		}
		have, clash := byKey[key(h.Name, h.Rrtype)]
		if h.Rrtype == dns.TypeCNAME {
			have, clash = byName[strings.ToLower(h.Name)]
		}
		if clash && !g.compatible(rr) {
			return nil, fmt.Errorf("domain %s: extra record %q contradicts the generated %q: remove it, or publish: false and a zone file",
				g.domain, text(rr), text(have))
		}
		out = append(out, rr)
	}
	return out, nil
}

// compatible reports whether an extra record may join a generated RRset: a NAPTR for another application
// than SIP, or a repetition.
func (g *generator) compatible(rr dns.RR) bool {
	if n, ok := rr.(*dns.NAPTR); ok {
		s := strings.ToUpper(n.Service)
		return !strings.HasPrefix(s, "SIP+") && !strings.HasPrefix(s, "SIPS+")
	}
	return slices.ContainsFunc(g.rrs, func(have dns.RR) bool { return dns.IsDuplicate(have, rr) })
}

// key names an RRset.
func key(name string, rtyp uint16) string {
	return strings.ToLower(dns.Fqdn(name)) + " " + dns.Type(rtyp).String()
}
