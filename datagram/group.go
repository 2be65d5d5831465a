package datagram

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Group is the sockets that share one UDP address. Listen makes it; all
// methods may be called from any goroutine.
type Group struct {
	o       Options
	addr    netip.AddrPort
	socks   []*socket
	serving atomic.Bool
	closing sync.Once
	done    chan struct{}
	err     error // of closing
}

// Listen opens the sockets of one address. Port 0 lets the system choose;
// Addr tells which. An IPv6 address takes IPv6 only (IPV6_V6ONLY): listen on
// 0.0.0.0 as well for both. When another socket holds the address, the error
// is EADDRINUSE, although the Group's own sockets share it.
//
// Packets wait in the kernel from here on; Serve reads them.
func Listen(addr netip.AddrPort, o Options) (*Group, error) {
	o, err := o.withDefaults(runtime.GOMAXPROCS(0))
	if err != nil {
		return nil, err
	}
	if !addr.IsValid() {
		return nil, errors.New("datagram: listen: no address given; use 0.0.0.0 or :: for all")
	}
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	g := &Group{o: o, addr: addr, done: make(chan struct{})}
	if err := g.open(); err != nil {
		_ = g.Close()
		return nil, fmt.Errorf("datagram: listen on udp %v: %w", addr, err)
	}
	return g, nil
}

// Addr returns the address that is listened on, with the port in use.
func (g *Group) Addr() netip.AddrPort { return g.addr }

// Sockets returns how many sockets, and so goroutines in Serve, there are.
func (g *Group) Sockets() int { return len(g.socks) }

// Serve hands every packet to h until Close is called, and returns nil once
// all its goroutines have ended. Read errors are counted and never end it.
// It can be called once.
func (g *Group) Serve(h Handler) error {
	if g.serving.Swap(true) {
		return errors.New("datagram: Serve was called before on this group")
	}
	var wg sync.WaitGroup
	for _, s := range g.socks {
		wg.Go(func() { s.loop(h) })
	}
	wg.Wait()
	return nil
}

// Close closes the sockets and makes Serve return. It does not wait for it,
// so that a handler may call it. Packets that wait for Flush are lost.
func (g *Group) Close() error {
	g.closing.Do(func() {
		close(g.done)
		for _, s := range g.socks {
			g.err = errors.Join(g.err, s.conn.Close())
		}
	})
	return g.err
}

func (g *Group) closed() bool {
	select {
	case <-g.done:
		return true
	default:
		return false
	}
}

// Send queues a copy of b to a. It goes out when as many as Options.Batch
// wait on that socket, when Flush is called, or behind the batch the socket
// reads next. It never waits for the network longer than a full send buffer
// is given to drain (a few milliseconds); past that, packets are dropped and
// counted. The errors are ErrTooBig, ErrNoAddress and net.ErrClosed.
func (g *Group) Send(a Address, b []byte) error {
	if a.socket == 0 || int(a.socket) > len(g.socks) || a.v4 != g.addr.Addr().Is4() {
		return ErrNoAddress
	}
	s := g.socks[a.socket-1]
	switch {
	case len(b) > g.o.MaxOut:
		s.count.tooBig.Add(1)
		return ErrTooBig
	case g.closed():
		s.count.sendClosed.Add(1)
		return net.ErrClosed
	}
	s.enqueue(a, b)
	return nil
}

// Flush sends what Send queued.
func (g *Group) Flush() {
	for _, s := range g.socks {
		s.flush()
	}
}

// Stats returns the totals.
func (g *Group) Stats() Stats {
	var st Stats
	for _, s := range g.socks {
		s.count.addTo(&st)
		st.KernelDrops += s.kernelDrops()
	}
	return st
}

// loop is the life of one socket.
func (s *socket) loop(h Handler) {
	for failed := 0; ; {
		n, err := s.recv()
		if s.g.closed() {
			return
		}
		if err != nil {
			s.count.readErrors.Add(1)
			if failed++; !s.g.pause(failed) {
				return
			}
			continue
		}
		failed = 0
		now := time.Now() // once per batch
		for i := range n {
			s.packet.Now = now
			if s.fill(i) {
				s.serve(h)
			}
		}
		s.transmit()
		s.flush()
	}
}

// serve runs the handler on the packet in s.packet; a panic costs that packet
// and nothing else.
func (s *socket) serve(h Handler) {
	defer func() {
		if v := recover(); v != nil {
			s.count.panics.Add(1)
			if s.g.o.Panicked != nil {
				s.g.o.Panicked(v)
			}
		}
	}()
	s.count.in.Add(1)
	h.ServePacket(&s.packet)
}

// pause waits before the next read after a failed one and reports whether to
// go on. Errors left by ICMP come one at a time and are worth no wait; a read
// that keeps failing must not take a core.
func (g *Group) pause(failed int) bool {
	if failed < 16 {
		return true
	}
	t := time.NewTimer(min(time.Duration(failed)*time.Millisecond, 100*time.Millisecond))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-g.done:
		return false
	}
}
