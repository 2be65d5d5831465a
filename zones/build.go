package zones

import "encoding/binary"

// Our bounds on one answer.
const (
	maxLinks  = 16   // CNAME and DNAME steps followed in one answer
	maxMarks  = 96   // names that a message remembers to point at
	maxExtras = 64   // RRsets in an additional section
	maxFull   = 8192 // octets of a message with its additional section; past that it is left out
	maxTarget = 16383 - 2*maxName
)

// mark is a place in a message where a name starts that later names may point at.
type mark struct {
	off uint16
	len uint8 // of the name when uncompressed
}

// builder writes one response. When a zone is compiled it writes those that are prepared; when a query
// leads through a DNAME it writes the response itself.
type builder struct {
	z   *Zone
	msg []byte // the message from its header on

	// floating: the QNAME of the message stands for others which end as it does and may be longer, so
	// pointers behind its first octet move with its length.
	floating bool
	wild     bool     // the QNAME stands for names that a wildcard makes
	relocs   []uint16 // positions of such pointers

	marks  [maxMarks]mark
	nmarks int
	extras [maxExtras]*rrset
	nextra int
	owners [maxLinks + 1]uint16 // the names followed so far
	links  int

	an, ns, ar uint16
	short      int // length of the message without what may be left out
	arShort    uint16
	rcode      uint8
	aa         bool
}

// begin starts a message whose header and question are msg, its QNAME qlen octets long. With wild the
// QNAME is the owner of a wildcard: only the owner of what is synthesised may point at all of it.
func (b *builder) begin(msg []byte, qlen int, wild bool) {
	b.msg, b.aa, b.wild = msg, true, wild
	b.owners[0], b.links = headerLen, 0
	off := headerLen
	for n := qlen; n > 1; {
		l := 1 + int(msg[off])
		if !wild || off > headerLen {
			b.remember(off, n)
		}
		off += l
		n -= l
	}
}

func (b *builder) remember(off, n int) {
	if b.nmarks < maxMarks && off <= maxTarget {
		b.marks[b.nmarks] = mark{uint16(off), uint8(n)}
		b.nmarks++
	}
}

// name writes name, of which it may shorten what stands in the message already (RFC 1035 4.1.4).
func (b *builder) name(name []byte, compress bool) {
	n := nameLen(name)
	for n > 1 {
		off := b.lookup(name, n)
		if off != 0 && compress {
			if b.floating {
				b.relocs = append(b.relocs, uint16(len(b.msg)))
			}
			b.msg = binary.BigEndian.AppendUint16(b.msg, pointerMask<<8|uint16(off))
			return
		}
		if off == 0 {
			b.remember(len(b.msg), n)
		}
		l := 1 + int(name[0])
		b.msg = append(b.msg, name[:l]...)
		name = name[l:]
		n -= l
	}
	b.msg = append(b.msg, 0)
}

// lookup returns where name, n octets long, stands in the message; 0 if it does not.
func (b *builder) lookup(name []byte, n int) int {
	for _, m := range b.marks[:b.nmarks] {
		if int(m.len) == n && equalAt(b.msg, int(m.off), name) {
			return int(m.off)
		}
	}
	return 0
}

// record writes one record. A nil owner is the QNAME.
func (b *builder) record(owner []byte, rtyp uint16, ttl uint32, rd []byte) {
	b.owner(owner)
	b.msg = binary.BigEndian.AppendUint16(b.msg, rtyp)
	b.msg = binary.BigEndian.AppendUint16(b.msg, classIN)
	b.msg = binary.BigEndian.AppendUint32(b.msg, ttl)
	at := len(b.msg)
	b.msg = append(b.msg, 0, 0)
	b.rdata(rtyp, rd)
	binary.BigEndian.PutUint16(b.msg[at:], uint16(len(b.msg)-at-2))
}

func (b *builder) owner(owner []byte) {
	if owner == nil {
		b.msg = append(b.msg, pointerMask, headerLen)
		return
	}
	b.name(owner, true)
}

// rdata writes RDATA. Only names in types of RFC 1035 may be compressed (RFC 3597 4); SRV targets (RFC
// 2782), NAPTR replacements (RFC 3403 4.1) and DNAME targets (RFC 6672 2.5) are written out, but may be
// pointed at.
func (b *builder) rdata(rtyp uint16, rd []byte) {
	switch rtyp {
	case typeNS, typeCNAME, typePTR:
		b.name(rd, true)
	case typeMX:
		b.msg = append(b.msg, rd[:2]...)
		b.name(rd[2:], true)
	case typeSOA:
		n := nameLen(rd)
		b.name(rd, true)
		b.name(rd[n:], true)
		b.msg = append(b.msg, rd[len(rd)-20:]...)
	case typeSRV:
		b.msg = append(b.msg, rd[:6]...)
		b.name(rd[6:], false)
	case typeDNAME:
		b.name(rd, false)
	case typeNAPTR:
		off := 4
		for range 3 {
			off += 1 + int(rd[off])
		}
		b.msg = append(b.msg, rd[:off]...)
		b.name(rd[off:], false)
	default:
		b.msg = append(b.msg, rd...)
	}
}

// rrset writes all records of s and counts them in *section.
func (b *builder) rrset(owner []byte, s *rrset, section *uint16) {
	b.rrsetTTL(owner, s, s.ttl, section)
}

func (b *builder) rrsetTTL(owner []byte, s *rrset, ttl uint32, section *uint16) {
	walk := b.z.rdata(s)
	for rd, ok := walk.next(); ok; rd, ok = walk.next() {
		b.record(owner, s.rtyp, ttl, rd)
		*section++
	}
}

// negative writes the SOA record of a negative answer. RFC 2308 3: its TTL is the smaller of the record's
// own and its MINIMUM field.
func (b *builder) negative() {
	s := b.z.set(&b.z.nodes[0], typeSOA)
	rd := b.z.data[s.off+2 : s.end]
	b.rrsetTTL(b.z.apex, s, min(s.ttl, binary.BigEndian.Uint32(rd[len(rd)-4:])), &b.ns)
}

// seal marks the end of what may not be left out.
func (b *builder) seal() {
	b.short, b.arShort = len(b.msg), b.ar
}

// end finishes the message: an additional section past its bound is left out whole.
func (b *builder) end() {
	if len(b.msg) > maxFull {
		b.msg, b.ar = b.msg[:b.short], b.arShort
	}
}

// hinfoRDATA is CPU "RFC8482" and no OS (RFC 8482 4.2).
const hinfoRDATA = "\x07RFC8482\x00"

// hinfoTTL is long, so that whoever asks for ANY does not ask again soon (RFC 8482 4.2).
const hinfoTTL = 3600
