package nameserver

import (
	"github.com/sipway/sipway/datagram"
	"github.com/sipway/sipway/zones"
)

// group is one UDP address.
type group struct {
	*datagram.Group
	s     *Server
	count []answers // by socket
}

func newGroup(s *Server, g *datagram.Group) *group {
	return &group{Group: g, s: s, count: make([]answers, g.Sockets())}
}

// ServePacket answers inline, in the goroutine of the socket.
func (g *group) ServePacket(p *datagram.Packet) {
	count := &g.count[p.Socket]
	// A query from port 0 cannot be answered.
	if p.Remote.Port() == 0 {
		count.by[silent].Add(1)
		return
	}
	out := g.s.zones.Load().Answer(p.Out(), p.Data, g.s.o.UDPSize, zones.UDP)
	count.note(out)
	if out != nil {
		p.Reply(out)
	}
}
