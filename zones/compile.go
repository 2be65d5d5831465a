package zones

import "github.com/miekg/dns"

// Zone is a compiled zone. It is immutable.
type Zone struct {
	origin string
	serial uint32
}

// Compile checks rrs and prepares every answer of the zone named origin.
func Compile(origin string, rrs []dns.RR) (*Zone, error) {
	return &Zone{origin: origin}, nil
}

// Origin is the zone's name in lower case, with the final dot.
func (z *Zone) Origin() string { return z.origin }

// Serial is the serial number of the zone's SOA record.
func (z *Zone) Serial() uint32 { return z.serial }
