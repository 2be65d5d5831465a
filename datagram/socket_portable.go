//go:build !linux || portable

package datagram

import (
	"net"
	"net/netip"
	"sync"
)

// socket is the one socket of a Group on systems without recvmmsg. Replies
// are sent one by one and from the address the system chooses: bind to an
// address, not to the wildcard, where that matters.
type socket struct {
	g      *Group
	conn   *net.UDPConn
	in     []byte
	outBuf []byte
	n      int
	from   netip.AddrPort
	packet Packet

	mu    sync.Mutex
	later []queued

	count counters
}

type queued struct {
	to netip.AddrPort
	b  []byte
}

func (g *Group) open() error {
	network := "udp6"
	if g.addr.Addr().Is4() {
		network = "udp4"
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(g.addr))
	if err != nil {
		return err
	}
	if g.o.ReadBuffer > 0 {
		_ = conn.SetReadBuffer(g.o.ReadBuffer)
	}
	g.addr = netip.AddrPortFrom(g.addr.Addr(), uint16(conn.LocalAddr().(*net.UDPAddr).Port))
	s := &socket{g: g, conn: conn, in: make([]byte, g.o.MaxIn+1), outBuf: make([]byte, g.o.MaxOut)}
	s.packet = Packet{sock: s}
	g.socks = []*socket{s}
	return nil
}

func (s *socket) recv() (int, error) {
	n, from, err := s.conn.ReadFromUDPAddrPort(s.in)
	if err != nil {
		return 0, err
	}
	s.n, s.from = n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	return 1, nil
}

func (s *socket) fill(int) bool {
	if s.n > s.g.o.MaxIn {
		s.count.truncated.Add(1)
		return false
	}
	p := &s.packet
	p.replied, p.Data, p.Local = false, s.in[:s.n], s.g.addr
	p.Remote = netip.AddrPortFrom(s.from.Addr().WithZone(""), s.from.Port())
	return true
}

func (s *socket) out() []byte { return s.outBuf[:0] }

func (s *socket) reply(_ *Packet, port uint16, b []byte) {
	s.write(netip.AddrPortFrom(s.from.Addr(), port), b)
}

func (s *socket) address(p *Packet) Address {
	a := Address{port: p.Remote.Port(), socket: 1, v4: p.Remote.Addr().Is4()}
	put(&a.remote, p.Remote.Addr())
	return a
}

func (s *socket) write(to netip.AddrPort, b []byte) {
	switch _, err := s.conn.WriteToUDPAddrPort(b, to); {
	case err == nil:
		s.count.out.Add(1)
	case s.g.closed():
		s.count.sendClosed.Add(1)
	default:
		s.count.sendErrors.Add(1)
	}
}

func (s *socket) transmit() {}

func (s *socket) enqueue(a Address, b []byte) {
	s.mu.Lock()
	s.later = append(s.later, queued{a.Remote(), append([]byte(nil), b...)})
	full := len(s.later) >= s.g.o.Batch
	s.mu.Unlock()
	if full {
		s.flush()
	}
}

func (s *socket) flush() {
	s.mu.Lock()
	q := s.later
	s.later = nil
	s.mu.Unlock()
	for _, m := range q {
		s.write(m.to, m.b)
	}
}

func (s *socket) kernelDrops() uint64 { return 0 }
