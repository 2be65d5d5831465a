package zones

import (
	"net/netip"

	"github.com/miekg/dns"
)

// Plan is what a SIP domain publishes.
type Plan struct {
	Domain   string    // "example.com", with or without the final dot
	NS       []string  // the names of its name servers; none: ns1 in the domain
	TTL      uint32    // seconds; 0: 60
	Edges    []Edge    // the servers that answer SIP for the domain
	Services []Service // what they listen on
	Extra    []dns.RR  // further records of the zone
	Serial   uint32    // of the SOA
}

// Edge is one server of the domain.
type Edge struct {
	Name      string       // one label in the domain ("edge1"), or a whole name ("edge1.example.net")
	Addresses []netip.Addr // its addresses, as others see them
	Priority  uint16       // RFC 2782: lower is tried first
	Weight    uint16       // RFC 2782: its share among equals
}

// Service is one way to reach the edges.
type Service struct {
	Transport string // "tls", "tcp" or "udp"
	Port      uint16
}

// Generate makes the records of the zone that p describes.
func Generate(p Plan) ([]dns.RR, error) {
	return nil, nil
}
