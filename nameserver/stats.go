package nameserver

import (
	"sync/atomic"

	"github.com/sipway/sipway/datagram"
)

// kind is how a query ended.
type kind uint8

const (
	answered kind = iota // NOERROR with authority
	referral             // NOERROR without: a delegation, or BADVERS
	truncated
	nxdomain
	refused
	formErr
	notImp
	other // any other response code
	silent
	kinds
)

// answers counts queries by how they ended. The pad keeps two sockets' counters off one cache line.
type answers struct {
	by [kinds]atomic.Uint64
	_  [56]byte
}

// note counts the response to one query.
func (a *answers) note(resp []byte) { a.by[kindOf(resp)].Add(1) }

// kindOf reads the header (RFC 1035 4.1.1) of a response.
func kindOf(resp []byte) kind {
	if len(resp) < 4 {
		return silent
	}
	if resp[2]&0x02 != 0 {
		return truncated
	}
	switch resp[3] & 15 {
	case 0:
		if resp[2]&0x04 == 0 {
			return referral
		}
		return answered
	case 1:
		return formErr
	case 3:
		return nxdomain
	case 4:
		return notImp
	case 5:
		return refused
	}
	return other
}

func (a *answers) addTo(q *Queries) {
	for i, to := range [kinds]*uint64{
		answered: &q.Answered, referral: &q.Referral, truncated: &q.Truncated, nxdomain: &q.NXDomain,
		refused: &q.Refused, formErr: &q.FormErr, notImp: &q.NotImp, other: &q.Other, silent: &q.Silent,
	} {
		*to += a.by[i].Load()
	}
}

// Queries counts queries by how they ended.
type Queries struct {
	Answered  uint64 `json:"answered"`  // NOERROR with authority, also without records
	Referral  uint64 `json:"referral"`  // NOERROR without authority, and BADVERS
	Truncated uint64 `json:"truncated"` // TC: the client asks again over TCP
	NXDomain  uint64 `json:"nxdomain"`
	Refused   uint64 `json:"refused"` // not our zone, or a transfer
	FormErr   uint64 `json:"formerr"`
	NotImp    uint64 `json:"notimp"`
	Other     uint64 `json:"other"`  // another response code
	Silent    uint64 `json:"silent"` // dropped: no query at all
}

// streams counts TCP connections by what became of them.
type streams struct {
	open, accepted, full, perAddress     atomic.Int64
	idle, drip, slow, junk, worn, errors atomic.Int64
	panics                               atomic.Int64
}

// Connections counts TCP connections.
type Connections struct {
	Open         int64 `json:"open"`          // now
	Accepted     int64 `json:"accepted"`      // since the start
	Full         int64 `json:"full"`          // closed at once: MaxConnections
	PerAddress   int64 `json:"per_address"`   // closed at once: MaxPerAddress
	Idle         int64 `json:"idle"`          // closed: no query for too long
	Drip         int64 `json:"drip"`          // closed: a query that did not become whole
	Slow         int64 `json:"slow"`          // closed: responses were not taken
	Junk         int64 `json:"junk"`          // closed: what came was no query
	MaxQueries   int64 `json:"max_queries"`   // closed: MaxQueries answered
	AcceptErrors int64 `json:"accept_errors"` // the listener went on
	Panics       int64 `json:"panics"`        // closed: a query made the server panic
}

// Stats are totals since the start.
type Stats struct {
	UDP         Queries        `json:"udp"`
	TCP         Queries        `json:"tcp"`
	Connections Connections    `json:"connections"`
	Packets     datagram.Stats `json:"packets"` // of all UDP sockets
}

// Stats reads the counters.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	groups := s.groups
	s.mu.Unlock()
	var st Stats
	for _, g := range groups {
		for i := range g.count {
			g.count[i].addTo(&st.UDP)
		}
		p := g.Stats()
		st.Packets.In += p.In
		st.Packets.Out += p.Out
		st.Packets.Truncated += p.Truncated
		st.Packets.TooBig += p.TooBig
		st.Packets.SendFull += p.SendFull
		st.Packets.SendErrors += p.SendErrors
		st.Packets.SendClosed += p.SendClosed
		st.Packets.ReadErrors += p.ReadErrors
		st.Packets.Panics += p.Panics
		st.Packets.KernelDrops += p.KernelDrops
	}
	s.tcp.addTo(&st.TCP)
	n := &s.streams
	st.Connections = Connections{
		Open: n.open.Load(), Accepted: n.accepted.Load(), Full: n.full.Load(), PerAddress: n.perAddress.Load(),
		Idle: n.idle.Load(), Drip: n.drip.Load(), Slow: n.slow.Load(), Junk: n.junk.Load(),
		MaxQueries: n.worn.Load(), AcceptErrors: n.errors.Load(), Panics: n.panics.Load(),
	}
	return st
}
