//go:build linux && !portable

package datagram

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is one of a Group's sockets. rx, tx and packet belong to its loop;
// later, under mu, to everybody.
type socket struct {
	g      *Group
	conn   *net.UDPConn
	raw    syscall.RawConn
	index  uint16
	v4     bool
	info   bool // the bind is to the wildcard: packet info both ways
	rx, tx *batch
	packet Packet

	// The result of the last recvmmsg. The closure is made once, so that the
	// read does not allocate.
	read     func(fd uintptr) bool
	recvmmsg func(fd uintptr, h []mmsghdr) (int, unix.Errno)
	received int
	readErr  error

	mu      sync.Mutex
	later   *batch
	waiting atomic.Bool // something is in later

	count counters
}

// open binds the first socket without SO_REUSEPORT, so that the kernel refuses
// an address another process or Group holds, and only then lets the others
// share it. Both steps being binds, no other process can come between.
func (g *Group) open() error {
	for i := range g.o.Sockets {
		s, err := g.openSocket(i)
		if err != nil {
			return err
		}
		g.socks = append(g.socks, s)
		if i == 0 {
			g.addr = netip.AddrPortFrom(g.addr.Addr(), uint16(s.conn.LocalAddr().(*net.UDPAddr).Port))
		}
	}
	return nil
}

func (g *Group) openSocket(i int) (*socket, error) {
	v4 := g.addr.Addr().Is4()
	network := "udp6" // sets IPV6_V6ONLY
	if v4 {
		network = "udp4"
	}
	s := &socket{g: g, index: uint16(i), v4: v4, info: g.addr.Addr().IsUnspecified()}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return control(c, func(fd int) error { return s.setOptions(fd, i > 0) })
	}}
	pc, err := lc.ListenPacket(context.Background(), network, g.addr.String())
	if err != nil {
		return nil, err
	}
	s.conn = pc.(*net.UDPConn)
	if g.o.ReadBuffer > 0 {
		_ = s.conn.SetReadBuffer(g.o.ReadBuffer) // the kernel caps it; less is no error
	}
	if s.raw, err = s.conn.SyscallConn(); err == nil && i == 0 && g.o.Sockets > 1 {
		err = control(s.raw, func(fd int) error {
			return os.NewSyscallError("setsockopt SO_REUSEPORT", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
		})
	}
	if err != nil {
		_ = s.conn.Close()
		return nil, err
	}
	s.rx = newBatch(s, g.o.Batch, g.o.MaxIn)
	s.tx = newBatch(s, g.o.Batch, g.o.MaxOut)
	s.later = newBatch(s, g.o.Batch, g.o.MaxOut)
	s.read, s.recvmmsg = s.readBatch, recvmmsg
	s.packet = Packet{sock: s, Socket: i}
	return s, nil
}

// control runs f on the descriptor of c and returns whichever error there is.
func control(c syscall.RawConn, f func(fd int) error) error {
	var err error
	if cerr := c.Control(func(fd uintptr) { err = f(int(fd)) }); cerr != nil {
		return cerr
	}
	return err
}

func (s *socket) setOptions(fd int, share bool) error {
	if share {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return os.NewSyscallError("setsockopt SO_REUSEPORT", err)
		}
	}
	// Neither set DF nor believe ICMP about the path MTU: replies that are
	// longer are fragmented, and nobody can make us fragment short ones. An old
	// kernel without it serves as well.
	if s.v4 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_OMIT)
	} else {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_OMIT)
	}
	switch {
	case s.info && s.v4:
		return os.NewSyscallError("setsockopt IP_PKTINFO", unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1))
	case s.info:
		return os.NewSyscallError("setsockopt IPV6_RECVPKTINFO", unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1))
	}
	return nil
}

// recv waits for packets and returns how many of s.rx are filled.
func (s *socket) recv() (int, error) {
	s.rx.rearm(s.received)
	s.received, s.readErr = 0, nil
	if err := s.raw.Read(s.read); err != nil {
		return 0, err // closed
	}
	return s.received, s.readErr
}

// readBatch is the body of raw.Read: false parks the goroutine until the socket
// is readable.
func (s *socket) readBatch(fd uintptr) bool {
	n, err := s.recvmmsg(fd, s.rx.hdrs)
	if err == unix.EAGAIN {
		return false
	}
	if err != 0 {
		s.readErr = err
		return true
	}
	s.received = n
	return true
}

// fill makes s.packet the i-th of s.rx; false when it cannot be served.
func (s *socket) fill(i int) bool {
	h := &s.rx.hdrs[i]
	if h.hdr.Flags&unix.MSG_TRUNC != 0 {
		s.count.truncated.Add(1)
		return false
	}
	p := &s.packet
	p.slot, p.replied = i, false
	p.Data = s.rx.slot(i)[:h.n]
	p.Remote = s.rx.names[i].addrPort(s.v4)
	p.Local = s.g.addr
	if s.info {
		p.Local = netip.AddrPortFrom(s.rx.controls[i].local(s.v4, int(h.hdr.Controllen)), s.g.addr.Port())
	}
	return true
}

func (s *socket) out() []byte {
	if s.tx.n == len(s.tx.hdrs) {
		return nil // the handler asks for a slot behind the last reply
	}
	return s.tx.slot(s.tx.n)[:0]
}

// reply puts b into the next slot of s.tx, addressed by the kernel's own
// address of the packet. There are as many slots as packets.
func (s *socket) reply(p *Packet, port uint16, b []byte) {
	k := s.tx.n
	s.tx.names[k] = s.rx.names[p.slot]
	s.tx.names[k].setPort(port)
	var local netip.Addr
	if s.info {
		local = p.Local.Addr()
	}
	s.tx.add(local, s.rx.names[p.slot].scope(s.v4), b)
}

func (s *socket) address(p *Packet) Address {
	a := Address{port: p.Remote.Port(), socket: s.index + 1, v4: s.v4, scope: s.rx.names[p.slot].scope(s.v4)}
	put(&a.remote, p.Remote.Addr())
	if s.info && !p.Local.Addr().IsUnspecified() {
		put(&a.local, p.Local.Addr())
	}
	return a
}

// transmit sends the replies of the batch.
func (s *socket) transmit() { s.tx.flush(s) }

// enqueue copies b into s.later and sends that when it is full.
func (s *socket) enqueue(a Address, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.later.names[s.later.n].set(&a)
	s.later.add(a.Local(), a.scope, b)
	s.waiting.Store(true)
	if s.later.n == len(s.later.hdrs) {
		s.later.flush(s)
		s.waiting.Store(false)
	}
}

func (s *socket) flush() {
	if !s.waiting.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.later.flush(s)
	s.waiting.Store(false)
}

// kernelDrops asks the kernel how many packets found the receive buffer full.
// A getsockopt when somebody looks costs less than a control message with
// every packet (SO_RXQ_OVFL).
func (s *socket) kernelDrops() uint64 {
	const drops = 8 // SK_MEMINFO_DROPS
	var info [9]uint32
	var n uint64
	_ = s.raw.Control(func(fd uintptr) {
		size := uint32(unsafe.Sizeof(info))
		_, _, err := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		if err == 0 && size > 4*drops {
			n = uint64(info[drops])
		}
	})
	return n
}
