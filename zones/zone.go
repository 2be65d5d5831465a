package zones

import (
	"encoding/binary"
	"hash/maphash"
)

// none stands for no node.
const none = -1

// Zone is a compiled zone. It is immutable; any number of goroutines may use it.
//
// All of it lies in a few slices without pointers, which the garbage collector does not walk.
type Zone struct {
	origin   string // presentation form, lower case, final dot
	apex     []byte // wire form, lower case
	labels   int    // of the apex
	depth    int    // labels of the deepest name
	serial   uint32
	records  int
	warnings []string

	seed    maphash.Seed
	mask    uint32
	slots   []slot
	nodes   []node
	sets    []rrset
	entries []entry
	answers []answer
	data    []byte   // names and RDATA
	bodies  []byte   // prepared answers
	relocs  []uint16 // where prepared answers hold pointers to be moved

	nodata, nxdomain, hinfo uint32 // prepared answers of the whole zone
}

// slot is one place of the hash table.
type slot struct {
	tag  uint32 // high bits of the hash, never 0 when taken
	node int32
}

// node is a name of the zone, an empty non-terminal included.
type node struct {
	name     uint32 // offset in data, lower case
	sets     uint32 // first RRset
	entries  uint32 // first prepared answer
	fallback uint32 // prepared answer for types without an entry
	wild     int32  // the "*" child, or none
	cover    int32  // the highest cut or DNAME above the name, or none; a cut covers itself
	nsets    uint16
	nentries uint16
	nameLen  uint8
	cut      bool // has NS and is not the apex
	dname    bool
	cname    bool
}

// rrset is a set of records: RDATA in order, each behind its length in two octets.
type rrset struct {
	off  uint32 // in data
	end  uint32
	ttl  uint32
	rtyp uint16
	n    uint16
}

// entry leads from a type to its prepared answer.
type entry struct {
	answer uint32
	rtyp   uint16
}

// answer is a prepared response: all that follows the question, and the header that says so.
type answer struct {
	off     uint32 // in bodies
	full    uint16 // octets with the additional section
	short   uint16 // octets without what may be left out
	flags   uint16 // QR, AA, RCODE
	an, ns  uint16
	ar      uint16 // with all of the additional section
	arShort uint16 // with what may not be left out
	base    uint16 // length of the QNAME it was prepared for
	reloc   uint32 // first in relocs
	nreloc  uint16
}

// Origin is the zone's name in lower case, with the final dot.
func (z *Zone) Origin() string { return z.origin }

// Serial is the serial number of the zone's SOA record.
func (z *Zone) Serial() uint32 { return z.serial }

// Records is how many records the zone holds.
func (z *Zone) Records() int { return z.records }

// Warnings tells what in the zone is legal and probably not meant: one sentence each. The caller must not
// change it.
func (z *Zone) Warnings() []string { return z.warnings }

// find returns the node with the given name, or none.
func (z *Zone) find(name []byte) int32 {
	h := maphash.Bytes(z.seed, name)
	tag := uint32(h>>32) | 1
	for i := uint32(h) & z.mask; ; i = (i + 1) & z.mask {
		s := z.slots[i]
		if s.tag == 0 {
			return none
		}
		if s.tag == tag && string(z.nameOf(s.node)) == string(name) {
			return s.node
		}
	}
}

func (z *Zone) nameOf(n int32) []byte {
	nd := &z.nodes[n]
	return z.data[nd.name : nd.name+uint32(nd.nameLen)]
}

// outcome is where the walk down from the apex ends (RFC 1034 4.3.2 step 3, RFC 4592 4.1, RFC 6672 3.2).
type outcome uint8

const (
	hit        outcome = iota // the name exists
	wildcard                  // it does not; the node is the source of synthesis
	nxdomain                  // neither
	delegation                // at or below the cut that is the node
	redirect                  // below the DNAME that is the node
)

// locate finds name, in lower case and at or below the apex, with nlabels labels. It goes bottom-up, which
// needs one step for a name that exists; the node's cover tells what a walk down would have met first.
func (z *Zone) locate(name []byte, nlabels int) (outcome, int32) {
	n := int32(none)
	if nlabels <= z.depth {
		n = z.find(name)
	}
	if n != none {
		nd := &z.nodes[n]
		if nd.cover == none {
			return hit, n
		}
		return z.covered(nd.cover)
	}
	// The closest encloser is the longest existing ancestor (RFC 4592 3.3.1). The apex always exists.
	for n == none {
		name = parent(name)
		if nlabels--; nlabels <= z.depth {
			n = z.find(name)
		}
	}
	nd := &z.nodes[n]
	switch {
	case nd.cover != none:
		return z.covered(nd.cover)
	case nd.dname:
		return redirect, n
	case nd.wild != none:
		return wildcard, nd.wild
	}
	return nxdomain, n
}

func (z *Zone) covered(cover int32) (outcome, int32) {
	if z.nodes[cover].cut {
		return delegation, cover
	}
	return redirect, cover
}

// pick returns the node's prepared answer for a type.
func (z *Zone) pick(nd *node, qtype uint16) *answer {
	for _, e := range z.entries[nd.entries : nd.entries+uint32(nd.nentries)] {
		if e.rtyp == qtype {
			return &z.answers[e.answer]
		}
	}
	return &z.answers[nd.fallback]
}

// set returns the node's RRset of a type, or nil.
func (z *Zone) set(nd *node, rtyp uint16) *rrset {
	sets := z.sets[nd.sets : nd.sets+uint32(nd.nsets)]
	for i := range sets {
		if sets[i].rtyp == rtyp {
			return &sets[i]
		}
	}
	return nil
}

// rdata is a walk over the records of an RRset.
type rdata struct{ rest []byte }

func (z *Zone) rdata(s *rrset) rdata { return rdata{z.data[s.off:s.end]} }

func (r *rdata) next() ([]byte, bool) {
	if len(r.rest) < 2 {
		return nil, false
	}
	n := 2 + int(binary.BigEndian.Uint16(r.rest))
	rd := r.rest[2:n]
	r.rest = r.rest[n:]
	return rd, true
}

// target returns the name that a record leads to, in wire form as written, and nil if there is none: of
// NAPTR only what a terminal flag says (RFC 3403 4.1, RFC 3404 4.3.1), in kind 's' or 'a'.
func target(rtyp uint16, rd []byte) (name []byte, kind byte) {
	switch rtyp {
	case typeNS, typeCNAME, typeDNAME:
		return rd, 'a'
	case typeMX:
		return rd[2:], 'a'
	case typeSRV:
		return rd[6:], 'a'
	case typeNAPTR:
		flags := rd[5 : 5+rd[4]]
		off := 4
		for range 3 { // flags, services, regexp
			off += 1 + int(rd[off])
		}
		if len(flags) != 1 {
			return nil, 0
		}
		switch flags[0] | 0x20 {
		case 's', 'a':
			return rd[off:], flags[0] | 0x20
		}
	}
	return nil, 0
}
