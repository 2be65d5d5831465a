package transport

import (
	"sync/atomic"

	"github.com/sipway/sipway/datagram"
)

// Stats are totals since New, and what is open now.
type Stats struct {
	UDP     MessageStats   `json:"udp"`
	TCP     MessageStats   `json:"tcp"`
	Packets datagram.Stats `json:"packets"` // of all UDP listeners

	Connections  int    `json:"connections"`   // open now
	BufferMemory int64  `json:"buffer_memory"` // bytes that connections hold now beyond their idle buffers
	Accepted     uint64 `json:"accepted"`
	AcceptErrors uint64 `json:"accept_errors"`
	// Connections refused by bound.
	RefusedTotal      uint64 `json:"refused_total"`
	RefusedPerAddress uint64 `json:"refused_per_address"`
	// Connections closed, by the first reason there was.
	ClosedByPeer         uint64 `json:"closed_by_peer"`
	ClosedIdle           uint64 `json:"closed_idle"`
	ClosedHeaderTimeout  uint64 `json:"closed_header_timeout"`
	ClosedMessageTimeout uint64 `json:"closed_message_timeout"`
	ClosedSlow           uint64 `json:"closed_slow"` // write queue over its bound, or not moving
	ClosedMemory         uint64 `json:"closed_memory"`
	ClosedFraming        uint64 `json:"closed_framing"`
	ClosedPanic          uint64 `json:"closed_panic"`
	ClosedError          uint64 `json:"closed_error"` // reset by the peer and the like
	ClosedShutdown       uint64 `json:"closed_shutdown"`

	AcksUnanswered uint64 `json:"acks_unanswered"` // responses to an ACK, which go nowhere
	RepliesLost    uint64 `json:"replies_lost"`    // detached replies that could not be sent
	Panics         uint64 `json:"panics"`
}

// MessageStats count what was read, by what became of it.
type MessageStats struct {
	Requests   uint64 `json:"requests"`   // handed to the handler
	Bad        uint64 `json:"bad"`        // of these, those with Request.Bad set
	Keepalives uint64 `json:"keepalives"` // CRLF
	Junk       uint64 `json:"junk"`       // too short to be SIP
	Malformed  uint64 `json:"malformed"`  // cannot even be answered; dropped
	Responses  uint64 `json:"responses"`  // match no transaction; dropped
}

// counters of connections. UDP's are per socket.
type counters struct {
	requests, bad, keepalives, malformed, responses          atomic.Uint64
	accepted, acceptErrors, refusedTotal, refusedPerAddress  atomic.Uint64
	closedByPeer, closedIdle, closedSlow, closedMemory       atomic.Uint64
	closedHeaderTimeout, closedMessageTimeout, closedFraming atomic.Uint64
	closedPanic, closedError, closedShutdown                 atomic.Uint64
	acksUnanswered, repliesLost, panics                      atomic.Uint64
}

// Stats returns the totals.
func (t *Transport) Stats() Stats {
	n := &t.count
	t.mu.Lock()
	open, udp := len(t.conns), t.udp
	t.mu.Unlock()
	s := Stats{
		TCP: MessageStats{
			Requests: n.requests.Load(), Bad: n.bad.Load(), Keepalives: n.keepalives.Load(),
			Malformed: n.malformed.Load(), Responses: n.responses.Load(),
		},
		Connections: open, BufferMemory: t.memory.Load(),
		Accepted: n.accepted.Load(), AcceptErrors: n.acceptErrors.Load(),
		RefusedTotal: n.refusedTotal.Load(), RefusedPerAddress: n.refusedPerAddress.Load(),
		ClosedByPeer: n.closedByPeer.Load(), ClosedIdle: n.closedIdle.Load(),
		ClosedHeaderTimeout: n.closedHeaderTimeout.Load(), ClosedMessageTimeout: n.closedMessageTimeout.Load(),
		ClosedSlow: n.closedSlow.Load(), ClosedMemory: n.closedMemory.Load(), ClosedFraming: n.closedFraming.Load(),
		ClosedPanic: n.closedPanic.Load(), ClosedError: n.closedError.Load(), ClosedShutdown: n.closedShutdown.Load(),
		AcksUnanswered: n.acksUnanswered.Load(), RepliesLost: n.repliesLost.Load(), Panics: n.panics.Load(),
	}
	for _, u := range udp {
		s.Packets.Add(u.group.Stats())
		for _, k := range u.socks {
			k.count.addTo(&s.UDP)
		}
	}
	s.Panics += s.Packets.Panics
	return s
}

func (c *udpCounters) addTo(s *MessageStats) {
	s.Requests += c.requests.Load()
	s.Bad += c.bad.Load()
	s.Keepalives += c.keepalives.Load()
	s.Junk += c.junk.Load()
	s.Malformed += c.malformed.Load()
	s.Responses += c.responses.Load()
}
