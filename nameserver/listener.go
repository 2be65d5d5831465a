package nameserver

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// How long accept waits after an error: doubled from the first up to the last.
const (
	firstPause = 5 * time.Millisecond
	lastPause  = time.Second
)

// accept takes connections until the listener is closed. Errors, such as a lack of file descriptors, make it
// wait and go on.
func (s *Server) accept(l net.Listener, wg *sync.WaitGroup) {
	pause := firstPause
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			if s.streams.errors.Add(1) == 1 {
				s.log.Warn("cannot accept DNS connections; trying again, further errors are only counted", "err", err)
			}
			select {
			case <-time.After(pause):
			case <-s.done:
				return
			}
			pause = min(2*pause, lastPause)
			continue
		}
		pause = firstPause
		client := clientOf(c.RemoteAddr())
		if !s.admit(c, client) {
			_ = c.Close() // RFC 7766 6.2.3: the server may close at any time
			continue
		}
		wg.Go(func() {
			defer s.leave(c, client)
			s.stream(c)
		})
	}
}

// clientOf is whom a connection counts for: an IPv4 address, or an IPv6 /64, which one client can fill.
func clientOf(a net.Addr) netip.Prefix {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := t.AddrPort().Addr().Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	p, _ := ip.Prefix(bits) // the zero Prefix for an invalid address
	return p
}

// admit registers a connection if the limits allow it.
func (s *Server) admit(c net.Conn, client netip.Prefix) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return false
	case len(s.conns) >= s.o.MaxConnections:
		s.streams.full.Add(1)
		return false
	case s.clients[client] >= s.o.MaxPerAddress:
		s.streams.perAddress.Add(1)
		return false
	}
	s.conns[c] = struct{}{}
	s.clients[client]++
	s.streams.accepted.Add(1)
	s.streams.open.Add(1)
	return true
}

// leave closes a connection and forgets it.
func (s *Server) leave(c net.Conn, client netip.Prefix) {
	_ = c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.clients[client]--; s.clients[client] <= 0 {
		delete(s.clients, client)
	}
	s.streams.open.Add(-1)
}
