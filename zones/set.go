package zones

import (
	"hash/maphash"
	"sync/atomic"
)

// Transport says how a query came in.
type Transport uint8

// The ways a query can come in.
const (
	UDP       Transport = iota // a datagram: EDNS and the server bound the response
	TCP                        // a stream: a response may have up to 65,535 octets
	InProcess                  // a caller in this process: as TCP
)

// Set is an immutable set of zones, asked as one. Any number of goroutines may use it. A nil *Set holds
// no zone and refuses every question.
type Set struct {
	zones  []*Zone
	seed   maphash.Seed
	mask   uint32
	slots  []slot
	depths [2]uint64 // bit n: a zone's name has n labels
}

// NewSet makes a set of zones. Of two zones with one origin the later is served.
func NewSet(zones ...*Zone) *Set {
	s := &Set{seed: maphash.MakeSeed()}
	size := 4
	for size < 2*len(zones) {
		size *= 2
	}
	s.slots, s.mask = make([]slot, size), uint32(size-1)
	for _, z := range zones {
		if z == nil {
			continue
		}
		if have := s.find(z.apex); have != nil {
			for i := range s.zones {
				if s.zones[i] == have {
					s.zones[i] = z
				}
			}
			continue
		}
		s.depths[z.labels>>6] |= 1 << (z.labels & 63)
		h := maphash.Bytes(s.seed, z.apex)
		i := uint32(h) & s.mask
		for s.slots[i].tag != 0 {
			i = (i + 1) & s.mask
		}
		s.slots[i] = slot{tag: uint32(h>>32) | 1, node: int32(len(s.zones))}
		s.zones = append(s.zones, z)
	}
	return s
}

// Zones returns the zones of the set, which the caller must not change.
func (s *Set) Zones() []*Zone {
	if s == nil {
		return nil
	}
	return s.zones
}

// find returns the zone whose apex is name; nil if there is none.
func (s *Set) find(name []byte) *Zone {
	h := maphash.Bytes(s.seed, name)
	tag := uint32(h>>32) | 1
	for i := uint32(h) & s.mask; ; i = (i + 1) & s.mask {
		at := s.slots[i]
		if at.tag == 0 {
			return nil
		}
		if z := s.zones[at.node]; at.tag == tag && string(z.apex) == string(name) {
			return z
		}
	}
}

// closest returns the zone with the longest name that is name, of n labels, or an ancestor of it (RFC 1034
// 4.3.2 step 2); nil if there is none.
func (s *Set) closest(name []byte, n int) *Zone {
	if s == nil {
		return nil
	}
	for ; ; n-- {
		if s.depths[n>>6&1]&(1<<(n&63)) != 0 {
			if z := s.find(name); z != nil {
				return z
			}
		}
		if n == 0 {
			return nil
		}
		name = parent(name)
	}
}

// Published is where the zones of a process are published: one atomic pointer. The zero value holds none.
type Published struct {
	set atomic.Pointer[Set]
}

// Load returns the set that answers now; nil before the first Swap.
func (p *Published) Load() *Set { return p.set.Load() }

// Swap publishes s and returns the set it replaces. Queries under way finish on the old one.
func (p *Published) Swap(s *Set) *Set { return p.set.Swap(s) }

// Answer answers a query of this process from the published zones; nil means that they do not know: the
// name is in none of them, or below a delegation. The result is the caller's.
func (p *Published) Answer(query []byte) []byte {
	resp := p.Load().Answer(nil, query, 0, InProcess)
	if len(resp) < headerLen || resp[2]&(flagAA>>8) == 0 {
		return nil
	}
	return resp
}
