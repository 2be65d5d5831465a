package zones

import "slices"

// answer writes the response to a question for qname, in lower case and at or below the apex (RFC 1034
// 4.3.2 from step 3 on). It returns the node where the chain of aliases ended, or none.
func (b *builder) answer(qname []byte, qtype uint16) int32 {
	var buf [2][maxName]byte
	var owner []byte // nil: the QNAME
	cur := append(buf[0][:0], qname...)
	for {
		out, n := b.z.locate(cur, labels(cur))
		nd := &b.z.nodes[n]
		var next []byte
		switch out {
		case nxdomain:
			b.rcode = rcodeNXDomain // RFC 6604 3: of the last name in the chain
			b.negative()
		case delegation:
			return b.delegated(cur, qtype, n)
		case redirect:
			next = b.redirected(buf[(b.links+1)&1][:0], owner, cur, qtype, nd)
		default:
			if !nd.cname || qtype == typeCNAME || qtype == typeANY {
				b.found(owner, nd, qtype)
				return n
			}
			s := b.z.set(nd, typeCNAME)
			b.rrset(owner, s, &b.an)
			next = appendLower(buf[(b.links+1)&1][:0], b.z.data[s.off+2:s.end])
		}
		if next == nil || !b.follow(next) {
			if b.short == 0 {
				b.seal()
			}
			return none
		}
		cur, owner = next, next
	}
}

// follow reports whether the chain goes on to name: inside the zone, at a name not met yet, and within
// maxLinks.
func (b *builder) follow(name []byte) bool {
	if !within(name, b.z.apex) || b.links == maxLinks {
		return false
	}
	met := b.owners[:b.links+1]
	if b.wild {
		met = met[1:] // the QNAME is not the wildcard's own name
	}
	for _, off := range met {
		if equalAt(b.msg, int(off), name) {
			return false
		}
	}
	b.links++
	off := b.lookup(name, len(name))
	if off == 0 {
		return false // no room to remember it; the client goes on from here
	}
	b.owners[b.links] = uint16(off)
	return true
}

// found writes the RRset of an existing name, or that there is none (RFC 2308 2.2).
func (b *builder) found(owner []byte, nd *node, qtype uint16) {
	s := b.z.set(nd, qtype)
	switch {
	case qtype == typeANY && nd.cname:
		s = b.z.set(nd, typeCNAME) // RFC 8482 4.2: HINFO only where there is no CNAME
	case qtype == typeANY:
		s = b.z.set(nd, typeHINFO)
	}
	switch {
	case s != nil:
		b.rrset(owner, s, &b.an)
		b.seal()
		b.additional(s)
		return
	case qtype == typeANY && nd.nsets > 0:
		b.record(owner, typeHINFO, hinfoTTL, []byte(hinfoRDATA))
		b.an++
	default:
		b.negative()
	}
	b.seal()
}

// delegated writes a referral (RFC 1034 4.3.2 step 3b), or what the parent side of a cut answers itself.
func (b *builder) delegated(cur []byte, qtype uint16, n int32) int32 {
	nd := &b.z.nodes[n]
	// RFC 4035 3.1.4.1: DS at the cut is the parent's.
	if qtype == typeDS && len(cur) == int(nd.nameLen) {
		var owner []byte
		if b.links > 0 {
			owner = cur
		}
		b.found(owner, nd, qtype)
		return n
	}
	b.aa = b.links > 0 // RFC 1035 4.1.1: AA goes with the first name of the answer
	s := b.z.set(nd, typeNS)
	cut := b.z.nameOf(n)
	b.rrset(cut, s, &b.ns)
	// RFC 9471 2.1: glue in the delegated domain may not be left out; 2.2: that of siblings may.
	b.glue(s, cut, true)
	b.seal()
	b.glue(s, cut, false)
	return n
}

// glue writes the addresses of those of the name servers that are, or are not, at or below the cut.
func (b *builder) glue(s *rrset, cut []byte, inDomain bool) {
	var buf [maxName]byte
	walk := b.z.rdata(s)
	for rd, ok := walk.next(); ok; rd, ok = walk.next() {
		host := appendLower(buf[:0], rd)
		if within(host, cut) == inDomain {
			b.address(host, true)
		}
	}
}

// redirected writes a DNAME, the CNAME made from it, and returns where that leads; nil if the response
// ends here (RFC 6672 3.2).
func (b *builder) redirected(dst, owner, cur []byte, qtype uint16, nd *node) []byte {
	s := b.z.set(nd, typeDNAME)
	at := b.z.data[nd.name : nd.name+uint32(nd.nameLen)]
	if !b.added(s) {
		b.rrset(at, s, &b.an)
	}
	prefix := cur[:len(cur)-len(at)]
	to := b.z.data[s.off+2 : s.end]
	if len(prefix)+len(to) > maxName {
		b.rcode = rcodeYXDomain // RFC 6672 2.2
		return nil
	}
	dst = append(append(dst, prefix...), to...)
	b.record(owner, typeCNAME, s.ttl, dst) // RFC 6672 3.1: with the DNAME's TTL
	b.an++
	if qtype == typeCNAME || qtype == typeANY {
		return nil
	}
	for i, c := range dst {
		if 'A' <= c && c <= 'Z' {
			dst[i] = c + 'a' - 'A'
		}
	}
	return dst
}

// additional writes what the client will ask for next. None of it is required (RFC 2181 9), all of it is
// left out together.
func (b *builder) additional(s *rrset) {
	// RFC 3403 4.2 permits for NAPTR what RFC 3263 4.1 asks for next: SRV records, then addresses.
	for phase := range 2 {
		walk := b.z.rdata(s)
		for rd, ok := walk.next(); ok; rd, ok = walk.next() {
			name, kind := target(s.rtyp, rd)
			switch {
			case s.rtyp == typeCNAME || s.rtyp == typeDNAME:
			case kind == 'a' && phase == 1:
				b.address(name, s.rtyp == typeNS)
			case kind == 's' && phase == 0:
				b.services(name)
			case kind == 's':
				b.servers(name)
			}
		}
	}
}

// lowered finds the node of a name in any case; nil if it is not ours, or covered and glue is not wanted.
func (b *builder) lowered(name []byte, glue bool) (*node, int32) {
	var buf [maxName]byte
	lower := appendLower(buf[:0], name)
	n := b.z.find(lower)
	if n == none {
		return nil, none
	}
	nd := &b.z.nodes[n]
	if nd.cover != none && (!glue || !b.z.nodes[nd.cover].cut) {
		return nil, none
	}
	return nd, n
}

// services writes the SRV records of name.
func (b *builder) services(name []byte) {
	if nd, n := b.lowered(name, false); nd != nil {
		b.extra(b.z.nameOf(n), nd, typeSRV)
	}
}

// servers writes the addresses of the targets of the SRV records of name.
func (b *builder) servers(name []byte) {
	nd, _ := b.lowered(name, false)
	if nd == nil {
		return
	}
	s := b.z.set(nd, typeSRV)
	if s == nil {
		return
	}
	walk := b.z.rdata(s)
	for rd, ok := walk.next(); ok; rd, ok = walk.next() {
		b.address(rd[6:], false)
	}
}

// address writes the addresses of a host, if they are ours to give.
func (b *builder) address(name []byte, glue bool) {
	if nd, n := b.lowered(name, glue); nd != nil {
		b.extra(b.z.nameOf(n), nd, typeA)
		b.extra(b.z.nameOf(n), nd, typeAAAA)
	}
}

// extra writes the node's RRset of a type into the additional section, once and whole.
func (b *builder) extra(owner []byte, nd *node, rtyp uint16) {
	s := b.z.set(nd, rtyp)
	if s == nil || len(b.msg) > maxFull || b.added(s) {
		return
	}
	b.rrset(owner, s, &b.ar)
}

// added reports whether s is in the message already, or no more is to be added, and notes that it is.
func (b *builder) added(s *rrset) bool {
	if slices.Contains(b.extras[:b.nextra], s) || b.nextra == maxExtras {
		return true
	}
	b.extras[b.nextra] = s
	b.nextra++
	return false
}
