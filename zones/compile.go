package zones

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Compile checks rrs and prepares every answer of the zone named origin ("example.com", with or without
// the final dot). It needs one SOA and an NS record at the origin, and refuses what RFC 1034, 2181 and
// 6672 do not allow in a zone. The records are not kept. Errors name the record at fault; what is legal and
// probably not meant becomes a warning of the zone.
func Compile(origin string, rrs []dns.RR) (*Zone, error) {
	c, err := collect(origin, rrs)
	if err != nil {
		return nil, err
	}
	z := c.link()
	c.warn(z)
	p := preparer{z: z}
	if err := p.prepare(); err != nil {
		return nil, fmt.Errorf("zone %s: %w", z.origin, err)
	}
	return z, nil
}

func collect(origin string, rrs []dns.RR) (*collector, error) {
	c, err := newCollector(origin)
	if err != nil {
		return nil, err
	}
	for _, rr := range rrs {
		if err := c.add(rr, ""); err != nil {
			return nil, err
		}
	}
	if c.apex().sets[typeSOA] == nil {
		return nil, fmt.Errorf("zone %s: no SOA record at the origin: add one", c.origin)
	}
	if c.apex().sets[typeNS] == nil {
		return nil, fmt.Errorf("zone %s: no NS record at the origin: add one", c.origin)
	}
	return c, nil
}

// sorted returns all names of the zone, empty non-terminals included, parents first.
func (c *collector) sorted() []string {
	for name := range c.names {
		// RFC 4592 2.2.2: a name exists when something below it does.
		for n := []byte(name); len(n) > len(c.wire); {
			n = parent(n)
			c.owner(n)
		}
	}
	all := make([]string, 0, len(c.names))
	for name := range c.names {
		all = append(all, name)
	}
	slices.SortFunc(all, func(a, b string) int {
		if d := labels([]byte(a)) - labels([]byte(b)); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return all
}

// link lays the names and records out and relates them to each other. Node 0 is the apex.
func (c *collector) link() *Zone {
	names := c.sorted()
	z := &Zone{
		origin:  c.origin,
		apex:    c.wire,
		labels:  labels(c.wire),
		records: c.records,
		seed:    maphash.MakeSeed(),
		nodes:   make([]node, 0, len(names)),
	}
	size := 4
	for size < 2*len(names) { // at most half full
		size *= 2
	}
	z.slots, z.mask = make([]slot, size), uint32(size-1)
	for _, name := range names {
		c.node(z, name)
	}
	soa := z.set(&z.nodes[0], typeSOA)
	z.serial = binary.BigEndian.Uint32(z.data[soa.end-20:])
	return z
}

// node adds one name, whose ancestors are there.
func (c *collector) node(z *Zone, name string) {
	o := c.names[name]
	nd := node{
		name:    uint32(len(z.data)),
		nameLen: uint8(len(name)),
		sets:    uint32(len(z.sets)),
		nsets:   uint16(len(o.order)),
		wild:    none,
		cover:   none,
		cname:   o.sets[typeCNAME] != nil,
		dname:   o.sets[typeDNAME] != nil,
	}
	n := int32(len(z.nodes))
	z.data = append(z.data, name...)
	z.depth = max(z.depth, labels([]byte(name)))
	slices.Sort(o.order)
	for _, rtyp := range o.order {
		s := o.sets[rtyp]
		off := uint32(len(z.data))
		for _, rd := range s.rdata {
			z.data = binary.BigEndian.AppendUint16(z.data, uint16(len(rd)))
			z.data = append(z.data, rd...)
		}
		z.sets = append(z.sets, rrset{off: off, end: uint32(len(z.data)), ttl: s.ttl, rtyp: rtyp, n: uint16(len(s.rdata))})
	}
	if n > 0 {
		up := z.find(parent([]byte(name)))
		above := &z.nodes[up]
		switch {
		case above.cover != none:
			nd.cover = above.cover // the highest one hides all others
		case above.dname:
			nd.cover = up
		case nd.sets < uint32(len(z.sets)) && o.sets[typeNS] != nil:
			nd.cover, nd.cut = n, true
		}
		if strings.HasPrefix(name, "\x01*") {
			above.wild = n // RFC 4592 2.1.1: the asterisk label, alone and leftmost
		}
	}
	z.nodes = append(z.nodes, nd)
	h := maphash.String(z.seed, name)
	i := uint32(h) & z.mask
	for z.slots[i].tag != 0 {
		i = (i + 1) & z.mask
	}
	z.slots[i] = slot{tag: uint32(h>>32) | 1, node: n}
}

// warn notes what will never be answered.
func (c *collector) warn(z *Zone) {
	for i := range z.nodes {
		nd := &z.nodes[i]
		if nd.nsets == 0 || nd.cover == none || nd.cover == int32(i) {
			continue
		}
		cut := z.nodes[nd.cover].cut
		for _, s := range z.sets[nd.sets : nd.sets+uint32(nd.nsets)] {
			if cut && (s.rtyp == typeA || s.rtyp == typeAAAA) {
				continue // glue
			}
			what := "delegation"
			if !cut {
				what = "DNAME"
			}
			z.warnings = append(z.warnings, fmt.Sprintf("%s %s is hidden by the %s at %s", present(z.nameOf(int32(i))),
				dns.Type(s.rtyp), what, present(z.nameOf(nd.cover))))
		}
	}
}

// preparer writes the answers of a zone.
type preparer struct {
	z *Zone
	b builder
}

func (p *preparer) prepare() error {
	z := p.z
	var err error
	if z.nodata, err = p.floating(z.apex, (*builder).negative, rcodeNoError); err != nil {
		return err
	}
	if z.nxdomain, err = p.floating(z.apex, (*builder).negative, rcodeNXDomain); err != nil {
		return err
	}
	hinfo := func(b *builder) {
		b.record(nil, typeHINFO, hinfoTTL, []byte(hinfoRDATA))
		b.an++
	}
	if z.hinfo, err = p.floating(z.apex, hinfo, rcodeNoError); err != nil {
		return err
	}
	for i := range z.nodes {
		nd := &z.nodes[i]
		nd.entries = uint32(len(z.entries))
		nd.fallback = z.nodata
		if err := p.node(nd); err != nil {
			return fmt.Errorf("%s: %w", present(z.nameOf(int32(i))), err)
		}
		nd.nentries = uint16(len(z.entries) - int(nd.entries))
	}
	z.bodies, z.answers, z.entries = slices.Clip(z.bodies), slices.Clip(z.answers), slices.Clip(z.entries)
	z.data, z.sets, z.relocs = slices.Clip(z.data), slices.Clip(z.sets), slices.Clip(z.relocs)
	return nil
}

// node prepares what a name answers to every type.
func (p *preparer) node(nd *node) (err error) {
	z := p.z
	name := z.data[nd.name : nd.name+uint32(nd.nameLen)]
	switch {
	case nd.cut:
		if nd.fallback, err = p.referral(name); err != nil {
			return err
		}
		// Of a cut, the DS alone is ours (RFC 4035 3.1.4.1).
		if z.set(nd, typeDS) == nil {
			p.entry(typeDS, z.nodata)
			return nil
		}
		return p.question(name, typeDS)
	case nd.cover != none:
		return nil // reached by its cover only
	case nd.cname:
		return p.alias(nd, name)
	}
	for _, s := range z.sets[nd.sets : nd.sets+uint32(nd.nsets)] {
		if err := p.question(name, s.rtyp); err != nil {
			return err
		}
	}
	switch {
	case z.set(nd, typeHINFO) != nil:
		return p.question(name, typeANY)
	case nd.nsets > 0:
		p.entry(typeANY, z.hinfo)
	}
	return nil
}

// alias prepares the answers of a name with a CNAME: one for each type that the end of the chain has.
func (p *preparer) alias(nd *node, name []byte) (err error) {
	for _, rtyp := range []uint16{typeCNAME, typeANY} {
		if err := p.question(name, rtyp); err != nil {
			return err
		}
	}
	var last int32
	if nd.fallback, last, err = p.ask(name, 0); err != nil || last == none {
		return err
	}
	end := &p.z.nodes[last]
	if end.cut {
		return p.question(name, typeDS)
	}
	for _, s := range p.z.sets[end.sets : end.sets+uint32(end.nsets)] {
		if err := p.question(name, s.rtyp); err != nil {
			return err
		}
	}
	return nil
}

func (p *preparer) entry(rtyp uint16, a uint32) {
	p.z.entries = append(p.z.entries, entry{answer: a, rtyp: rtyp})
}

// question prepares one answer of the node under way.
func (p *preparer) question(name []byte, rtyp uint16) error {
	a, _, err := p.ask(name, rtyp)
	if err == nil {
		p.entry(rtyp, a)
	}
	return err
}

// ask prepares the answer to one question and returns the node that it ended at.
func (p *preparer) ask(name []byte, rtyp uint16) (a uint32, last int32, err error) {
	wild := name[0] == 1 && name[1] == '*'
	p.begin(name, wild, wild)
	last = p.b.answer(name, rtyp)
	a, err = p.store(name)
	return a, last, err
}

// referral prepares the answer to every question at or below a cut.
func (p *preparer) referral(cut []byte) (uint32, error) {
	p.begin(cut, true, false)
	p.b.answer(cut, 0)
	return p.store(cut)
}

// floating prepares an answer for every name at or below base.
func (p *preparer) floating(base []byte, write func(*builder), rcode uint8) (uint32, error) {
	p.begin(base, true, false)
	write(&p.b)
	p.b.rcode = rcode
	p.b.seal()
	return p.store(base)
}

func (p *preparer) begin(name []byte, floating, wild bool) {
	msg := append(p.b.msg[:0], make([]byte, headerLen)...)
	msg = append(append(msg, name...), 0, 0, 0, 0)
	p.b = builder{z: p.z, floating: floating, relocs: p.b.relocs[:0]}
	p.b.begin(msg, len(name), wild)
}

// store keeps the message just written.
func (p *preparer) store(name []byte) (uint32, error) {
	b, z := &p.b, p.z
	b.end()
	start := headerLen + len(name) + 4
	if b.short > maxMessage-maxName-optLen {
		return 0, fmt.Errorf("an answer of %d octets does not fit a DNS message of %d: publish fewer or smaller records there",
			b.short, maxMessage)
	}
	if len(z.bodies)+len(b.msg) > math.MaxUint32 || len(z.relocs) > math.MaxUint32-len(b.relocs) {
		return 0, fmt.Errorf("the prepared answers need more than %d octets: split the zone", uint32(math.MaxUint32))
	}
	a := answer{
		off:   uint32(len(z.bodies)),
		full:  uint16(len(b.msg) - start),
		short: uint16(b.short - start),
		flags: flagQR | uint16(b.rcode),
		an:    b.an, ns: b.ns, ar: b.ar, arShort: b.arShort,
		base:  uint16(len(name)),
		reloc: uint32(len(z.relocs)),
	}
	if b.aa {
		a.flags |= flagAA
	}
	for _, at := range b.relocs {
		if int(at) < len(b.msg) {
			z.relocs = append(z.relocs, at-uint16(start))
			a.nreloc++
		}
	}
	z.bodies = append(z.bodies, b.msg[start:]...)
	z.answers = append(z.answers, a)
	return uint32(len(z.answers) - 1), nil
}
