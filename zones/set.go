package zones

import "sync/atomic"

// Transport says how a query came in.
type Transport uint8

// The ways a query can come in.
const (
	UDP       Transport = iota // a datagram: answers are bounded by EDNS and by the caller's limit
	TCP                        // a stream: answers may have up to 65,535 octets
	InProcess                  // a caller in this process: as TCP
)

// Set is an immutable set of zones, asked as one. Any number of goroutines may use it. A nil *Set holds
// no zone and refuses every question.
type Set struct {
	zones []*Zone
}

// NewSet makes a set of zones. Of two zones with one origin the later wins.
func NewSet(zones ...*Zone) *Set {
	return &Set{zones: zones}
}

// Answer appends the response to query to dst and returns the extended slice, or nil when the query must
// be met with silence (not a query, or too short to answer). It never keeps query or dst.
func (s *Set) Answer(dst, query []byte, limit int, t Transport) []byte {
	return nil
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
	return nil
}
