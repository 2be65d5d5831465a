package transport

import (
	"bytes"
	"sync/atomic"

	"github.com/sipway/sipway/datagram"
)

// shortest is below the length of any request; less is not looked at.
const shortest = 20

// udpServer takes the packets of one address to the handler.
type udpServer struct {
	t     *Transport
	group *datagram.Group
	socks []*udpSocket
}

// udpSocket is what one socket's goroutine works with: one Request, used again for every packet.
type udpSocket struct {
	req   Request
	count udpCounters
}

// udpCounters are a socket's own, so that cores do not fight over them.
type udpCounters struct {
	_                          [64]byte
	requests, bad, keepalives  atomic.Uint64
	junk, malformed, responses atomic.Uint64
	_                          [64]byte
}

func newUDPServer(t *Transport, g *datagram.Group) *udpServer {
	u := &udpServer{t: t, group: g}
	for range g.Sockets() {
		s := &udpSocket{}
		s.req.Kind, s.req.t, s.req.group = UDP, t, g
		u.socks = append(u.socks, s)
	}
	return u
}

// ServePacket implements datagram.Handler.
func (u *udpServer) ServePacket(p *datagram.Packet) {
	s := u.socks[p.Socket]
	b := bytes.TrimLeft(p.Data, "\r\n") // RFC 3261 7.5, and the keepalives of many phones
	switch {
	case len(b) == 0:
		// RFC 5626 4.4.1 is for streams: a datagram of CRLFs only keeps a NAT open and gets no answer.
		s.count.keepalives.Add(1)
		return
	case len(b) < shortest:
		s.count.junk.Add(1)
		return
	case isResponse(b):
		s.count.responses.Add(1)
		return
	}
	r := &s.req
	r.packet, r.Local, r.Remote, r.Now, r.answered = p, p.Local, p.Remote, p.Now, false
	r.Source = p.Remote
	if r.Bad = r.Parse(b); r.Bad != nil {
		if !r.IsRequest() || !r.Answerable() {
			s.count.malformed.Add(1)
			return
		}
		s.count.bad.Add(1)
	}
	s.count.requests.Add(1)
	u.t.h.ServeSIP(r) // a panic is recovered by datagram, packet by packet
	r.packet = nil    // what comes too late goes nowhere rather than to somebody else
}

// isResponse tells by the start line: no method holds a slash (RFC 3261 25.1).
func isResponse(b []byte) bool {
	return len(b) > 4 && b[3] == '/' && bytes.EqualFold(b[:3], []byte("SIP"))
}
