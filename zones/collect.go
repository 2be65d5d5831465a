package zones

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// Our bounds on a zone.
const (
	maxRecords = 1_000_000
	maxTTL     = 1<<31 - 1 // RFC 2181 8
)

// collector gathers the records of a zone by name and type, and refuses what a zone must not hold.
type collector struct {
	origin  string // presentation form, lower case, final dot
	wire    []byte // wire form, lower case
	names   map[string]*owner
	records int
	buf     []byte
}

// owner is a name and its RRsets.
type owner struct {
	sets  map[uint16]*collected
	order []uint16
}

// collected is an RRset under way.
type collected struct {
	first string // the record that started it, for messages
	ttl   uint32
	rdata [][]byte
	seen  map[string]bool // of large sets
}

func newCollector(origin string) (*collector, error) {
	wire, err := wireName(origin)
	if err != nil {
		return nil, fmt.Errorf("zone %q: the origin is not a domain name", origin)
	}
	c := &collector{origin: present(wire), wire: wire, names: map[string]*owner{}, buf: make([]byte, 2*maxMessage)}
	c.owner(wire)
	return c, nil
}

func (c *collector) apex() *owner { return c.names[string(c.wire)] }

func (c *collector) owner(name []byte) *owner {
	o := c.names[string(name)]
	if o == nil {
		o = &owner{}
		c.names[string(name)] = o
	}
	return o
}

// add takes one record. where is what an error starts with: "file:line: ", or nothing.
func (c *collector) add(rr dns.RR, where string) error {
	refuse := func(format string, args ...any) error {
		if where == "" {
			where = "zone " + c.origin + ": "
		}
		return fmt.Errorf(where+format, args...)
	}
	if rr == nil {
		return refuse("a record is nil")
	}
	h := rr.Header()
	if h.Class != dns.ClassINET {
		return refuse("class %s in %q: only IN is served", dns.Class(h.Class), text(rr))
	}
	if meta(h.Rrtype) {
		return refuse("type %s in %q cannot stand in a zone", dns.Type(h.Rrtype), text(rr))
	}
	if c.records++; c.records > maxRecords {
		return refuse("more than %d records: split the zone", maxRecords)
	}
	name, rd, err := c.pack(rr)
	if err != nil {
		return refuse("%q cannot be put in wire form: %v", text(rr), err)
	}
	if !within(name, c.wire) {
		return refuse("%q is outside the zone %s", text(rr), c.origin)
	}
	if reason := c.clash(name, rr); reason != "" {
		return refuse("%q %s", text(rr), reason)
	}
	c.owner(name).put(rr, rd)
	return nil
}

// put adds a record to its RRset; a repeated one is dropped (RFC 2181 5).
func (o *owner) put(rr dns.RR, rd []byte) {
	h := rr.Header()
	s := o.sets[h.Rrtype]
	if s == nil {
		if o.sets == nil {
			o.sets = map[uint16]*collected{}
		}
		s = &collected{first: text(rr), ttl: h.Ttl}
		o.sets[h.Rrtype] = s
		o.order = append(o.order, h.Rrtype)
	}
	ttl := h.Ttl
	if ttl > maxTTL {
		ttl = 0 // RFC 2181 8
	}
	s.ttl = min(s.ttl, ttl) // RFC 2181 5.2: one TTL for an RRset
	if !s.has(rd) {
		s.rdata = append(s.rdata, rd)
	}
}

// has reports whether rd is in the set, and keeps that cheap for large sets.
func (s *collected) has(rd []byte) bool {
	const small = 16
	if len(s.rdata) < small {
		for _, have := range s.rdata {
			if bytes.Equal(have, rd) {
				return true
			}
		}
		return false
	}
	if s.seen == nil {
		s.seen = make(map[string]bool, 2*small)
		for _, have := range s.rdata {
			s.seen[string(have)] = true
		}
	}
	if s.seen[string(rd)] {
		return true
	}
	s.seen[string(rd)] = true
	return false
}

// clash says why a record cannot stand where it is; "" if it can.
func (c *collector) clash(name []byte, rr dns.RR) string {
	rtyp := rr.Header().Rrtype
	o := c.owner(name)
	with := func(other uint16) string {
		if s := o.sets[other]; s != nil {
			return fmt.Sprintf("cannot stand beside %q", s.first)
		}
		return ""
	}
	switch rtyp {
	case typeSOA:
		if !bytes.Equal(name, c.wire) {
			return "is an SOA record that is not at the origin"
		}
	case typeNS, typeDNAME:
		// RFC 4592 4.2 and 4.4 leave open what these would mean.
		if name[0] == 1 && name[1] == '*' {
			return "has a wildcard owner, which NS and DNAME must not have here"
		}
	}
	switch rtyp {
	case typeSOA, typeDNAME: // RFC 6672 2.4: one DNAME at a name
		if s := with(rtyp); s != "" && !o.same(rr) {
			return s
		}
	case typeCNAME: // RFC 1034 3.6.2, 2181 10.1: a CNAME stands alone
		for _, other := range o.order {
			if !besideCNAME(other) && (other != typeCNAME || !o.same(rr)) {
				return with(other)
			}
		}
		return ""
	}
	if !besideCNAME(rtyp) {
		return with(typeCNAME)
	}
	return ""
}

// same reports whether the only record of rr's type is rr.
func (o *owner) same(rr dns.RR) bool {
	s := o.sets[rr.Header().Rrtype]
	return s != nil && s.first == text(rr)
}

// besideCNAME reports whether a type may share a name with a CNAME (RFC 4034 3 and 4).
func besideCNAME(rtyp uint16) bool {
	return rtyp == dns.TypeRRSIG || rtyp == dns.TypeNSEC
}

// meta reports whether a type number names no record (RFC 6895 3.1).
func meta(rtyp uint16) bool {
	return rtyp == 0 || rtyp == typeOPT || rtyp >= 128 && rtyp <= 255
}

// pack returns owner (lower case) and RDATA of a record in wire form.
func (c *collector) pack(rr dns.RR) (name, rd []byte, err error) {
	n, err := dns.PackRR(rr, c.buf, 0, nil, false)
	if err != nil {
		return nil, nil, err
	}
	l := nameLen(c.buf[:n])
	if l == 0 || n < l+10 || n-l-10 > maxMessage {
		return nil, nil, fmt.Errorf("bad length")
	}
	rd = bytes.Clone(c.buf[l+10 : n])
	if !sound(rr.Header().Rrtype, rd) {
		return nil, nil, fmt.Errorf("the data is not that of %s", dns.Type(rr.Header().Rrtype))
	}
	return appendLower(nil, c.buf[:l]), rd, nil
}

// sound reports whether RDATA has the shape that the answer path relies on.
func sound(rtyp uint16, rd []byte) bool {
	one := func(off int) bool { return len(rd) > off && nameLen(rd[off:]) == len(rd)-off }
	switch rtyp {
	case typeA:
		return len(rd) == 4
	case typeAAAA:
		return len(rd) == 16
	case typeNS, typeCNAME, typePTR, typeDNAME:
		return one(0)
	case typeMX:
		return one(2)
	case typeSRV:
		return one(6)
	case typeSOA:
		if len(rd) < 22 {
			return false
		}
		n := nameLen(rd)
		return n > 0 && n < len(rd)-20 && nameLen(rd[n:len(rd)-20]) == len(rd)-20-n
	case typeNAPTR:
		off := 4
		for range 3 {
			if off >= len(rd) {
				return false
			}
			off += 1 + int(rd[off])
		}
		return one(off)
	}
	return true
}

// wireName returns a name in wire form and lower case.
func wireName(s string) ([]byte, error) {
	if s == "" {
		return nil, fmt.Errorf("empty name")
	}
	var buf [maxName + 1]byte
	n, err := dns.PackDomainName(dns.Fqdn(s), buf[:], 0, nil, false)
	if err != nil {
		return nil, err
	}
	if nameLen(buf[:n]) != n {
		return nil, fmt.Errorf("not a name")
	}
	return appendLower(nil, buf[:n]), nil
}

// present returns a name in wire form as text.
func present(wire []byte) string {
	s, _, err := dns.UnpackDomainName(wire, 0)
	if err != nil {
		return fmt.Sprintf("%q", wire)
	}
	return s
}

// text is a record on one line, for messages.
func text(rr dns.RR) string {
	s := strings.ReplaceAll(rr.String(), "\t", " ")
	if len(s) > 200 {
		s = s[:200] + "..."
	}
	return s
}
