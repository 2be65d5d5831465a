package zones

import "encoding/binary"

// Answer appends the response to query to dst and returns the extended slice, or nil when the query must
// be met with silence (it is a response, or too short to be answered). It keeps neither query nor dst,
// which must not overlap, and does not allocate when dst has room (but for what lies behind a DNAME and
// is longer than dst).
//
// limit bounds the response in octets. Over UDP it is what the server wants to send at most (0: 1232);
// EDNS may make it less, down to 512, and nothing makes it less than that. Over other transports it is the
// room there is; 0 means 65,535.
func (s *Set) Answer(dst, query []byte, limit int, t Transport) []byte {
	var q question
	rcode := q.parse(query)
	if rcode == silence {
		return nil
	}
	limit = q.limit(limit, t)
	if rcode != proceed {
		return q.refuse(dst, query, rcode, limit)
	}
	switch q.qtype {
	case 0, typeOPT, typeTKEY, typeTSIG: // RFC 6895 3.1: never a question
		return q.refuse(dst, query, rcodeFormErr, limit)
	case typeIXFR, typeAXFR: // RFC 5936 2.2.1: by policy
		return q.refuse(dst, query, rcodeRefused, limit)
	}
	if q.qclass != classIN && q.qclass != classANY {
		return q.refuse(dst, query, rcodeRefused, limit)
	}
	name := q.name[:q.nameLen]
	z := s.closest(name, q.labels)
	if z != nil && q.qtype == typeDS && z.labels == q.labels && q.labels > 0 {
		// RFC 4035 3.1.4.1: DS belongs to the parent's side of a cut, if we have that.
		if up := s.closest(parent(name), q.labels-1); up != nil {
			z = up
		}
	}
	if z == nil {
		return q.refuse(dst, query, rcodeRefused, limit)
	}
	return z.answer(dst, query, &q, limit)
}

// answer finds the prepared answer and sends it off.
func (z *Zone) answer(dst, query []byte, q *question, limit int) []byte {
	out, n := z.locate(q.name[:q.nameLen], q.labels)
	switch out {
	case hit, wildcard:
		return z.send(dst, query, q, z.pick(&z.nodes[n], q.qtype), limit)
	case nxdomain:
		return z.send(dst, query, q, &z.answers[z.nxdomain], limit)
	case delegation:
		nd := &z.nodes[n]
		if q.qtype == typeDS && q.nameLen == int(nd.nameLen) {
			return z.send(dst, query, q, z.pick(nd, typeDS), limit)
		}
		return z.send(dst, query, q, &z.answers[nd.fallback], limit)
	default:
		return z.compose(dst, query, q, limit)
	}
}

// send puts a prepared answer behind the question.
func (z *Zone) send(dst, query []byte, q *question, a *answer, limit int) []byte {
	room := limit - q.end
	if q.edns {
		room -= optLen
	}
	// RFC 2181 9: TC only when something required does not fit; what is not required goes first, whole.
	body, ar := int(a.full), a.ar
	flags, an, ns := a.flags, a.an, a.ns
	if body > room {
		if body, ar = int(a.short), a.arShort; body > room {
			body, an, ns, ar, flags = 0, 0, 0, 0, flags|flagTC
		}
	}
	start := len(dst)
	dst = append(dst, query[:q.end]...)
	at := len(dst)
	dst = append(dst, z.bodies[a.off:a.off+uint32(body)]...)
	if a.nreloc > 0 {
		move(dst[at:], z.relocs[a.reloc:a.reloc+uint32(a.nreloc)], uint16(q.nameLen)-a.base)
	}
	return q.finish(dst, start, flags, an, ns, ar)
}

// move shifts the pointers of body at relocs by delta, the difference of the lengths of the QNAMEs.
func move(body []byte, relocs []uint16, delta uint16) {
	for _, at := range relocs {
		if int(at)+2 > len(body) {
			return // in the part that was left out
		}
		p := body[at : at+2 : at+2]
		binary.BigEndian.PutUint16(p, binary.BigEndian.Uint16(p)+delta)
	}
}

// finish writes the header and the OPT record of the response that starts at start.
func (q *question) finish(dst []byte, start int, flags, an, ns, ar uint16) []byte {
	if q.qclass == classANY {
		flags &^= flagAA // RFC 1035 6.2
	}
	if q.edns {
		dst = q.appendOPT(dst, 0)
		ar++
	}
	h := dst[start : start+headerLen : start+headerLen]
	// RFC 1035 4.1.1: ID, opcode and RD are the query's. RA, Z, AD and CD are clear.
	h[2] = h[2]&0x79 | byte(flags>>8)
	h[3] = byte(flags)
	binary.BigEndian.PutUint64(h[4:], 1<<48|uint64(an)<<32|uint64(ns)<<16|uint64(ar))
	return dst
}

// appendOPT writes our OPT record (RFC 6891 6.1.3): version 0, the size we take, DO as it came (RFC 3225
// 3), and no options.
func (q *question) appendOPT(dst []byte, extended byte) []byte {
	var do byte
	if q.do {
		do = 0x80
	}
	return append(dst, 0, 0, typeOPT, defaultUDP>>8, defaultUDP&0xff, extended, 0, do, 0, 0, 0)
}

// refuse writes a response without records, with the question if it could be read.
func (q *question) refuse(dst, query []byte, rcode, limit int) []byte {
	start := len(dst)
	dst = append(dst, query[:q.end]...)
	h := dst[start:]
	h[2] = h[2]&0x79 | flagQR>>8
	h[3] = byte(rcode & 15)
	clear(h[4:headerLen])
	if q.end > headerLen {
		h[5] = 1
	}
	if q.edns {
		dst = q.appendOPT(dst, byte(rcode>>4))
		dst[start+11] = 1
	}
	if rcode == rcodeNotAuth {
		return q.appendBadKey(dst, query, start, limit)
	}
	return dst
}

// badKey is the TSIG error of an unknown key (RFC 8945 3).
const badKey = 17

// appendBadKey writes the unsigned TSIG record that says that the key is unknown (RFC 8945 5.2.1 and
// 5.3.2). A record in a shape of its own is answered without one.
func (q *question) appendBadKey(dst, query []byte, start, limit int) []byte {
	m := query[q.tsig:]
	n := nameLen(m)
	if n == 0 || len(m) < n+10 {
		return dst
	}
	rd := m[n+10:]
	alg := nameLen(rd)
	if alg == 0 || len(rd) < alg+10 {
		return dst
	}
	fixed := rd[alg : alg+8]                                  // time signed, fudge
	if len(dst)-start+n+10+alg+8+2+6 > limit || q.tsig == 0 { // MAC size; original ID, error, other
		return dst
	}
	dst = append(dst, m[:n+8]...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(alg+16))
	dst = append(dst, rd[:alg]...)
	dst = append(dst, fixed...)
	dst = append(dst, 0, 0, query[0], query[1], 0, badKey, 0, 0)
	dst[start+11]++
	return dst
}

// compose writes the response to a question below a DNAME, the only kind that cannot be prepared.
func (z *Zone) compose(dst, query []byte, q *question, limit int) []byte {
	start := len(dst)
	dst = append(dst, query[:q.end]...)
	b := builder{z: z}
	b.begin(dst[start:], q.nameLen, false)
	b.answer(q.name[:q.nameLen], q.qtype)
	b.end()
	flags := flagQR | uint16(b.rcode)
	if b.aa {
		flags |= flagAA
	}
	room := limit
	if q.edns {
		room -= optLen
	}
	if len(b.msg) > room {
		if b.msg, b.ar = b.msg[:b.short], b.arShort; len(b.msg) > room {
			b.msg, flags = b.msg[:q.end], flags|flagTC
			b.an, b.ns, b.ar = 0, 0, 0
		}
	}
	// The message is where dst ends, or has moved to make room.
	return q.finish(append(dst[:start], b.msg...), start, flags, b.an, b.ns, b.ar)
}
