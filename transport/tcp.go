package transport

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// listenTCP opens one listener. t.mu is held.
func (t *Transport) listenTCP(addr netip.AddrPort) (netip.AddrPort, error) {
	if !addr.IsValid() {
		return netip.AddrPort{}, fmt.Errorf("transport: listen on tcp: no address given; use 0.0.0.0 or :: for all")
	}
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	network := "tcp6" // sets IPV6_V6ONLY
	if addr.Addr().Is4() {
		network = "tcp4"
	}
	lc := net.ListenConfig{KeepAlive: -1} // IdleTimeout is shorter
	l, err := lc.Listen(context.Background(), network, addr.String())
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("transport: listen on tcp %v: %w", addr, err)
	}
	t.tcp = append(t.tcp, l)
	return addrPort(l.Addr()), nil
}

// accept is the life of a listener. No error but its own closing ends it: running out of descriptors passes.
func (t *Transport) accept(l net.Listener) {
	const least, most = 5 * time.Millisecond, time.Second
	wait := least
	for {
		nc, err := l.Accept()
		if err == nil {
			wait = least
			t.admit(nc)
			continue
		}
		if t.closed() {
			return
		}
		t.count.acceptErrors.Add(1)
		if due(&t.acceptLogged) {
			t.log.Warn("cannot accept connections, trying again; raise the limit of open files (ulimit -n) if that is why",
				"listener", l.Addr().String(), "error", err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-t.done:
			timer.Stop()
			return
		}
		wait = min(2*wait, most)
	}
}

func (t *Transport) closed() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

// admit starts serving a connection, or closes it when there are too many. Refusing by close, rather than by
// leaving it in the backlog, lets the peer try another server at once.
func (t *Transport) admit(nc net.Conn) {
	remote := addrPort(nc.RemoteAddr())
	c := newConn(t, nc, addrPort(nc.LocalAddr()), remote)
	from := client(remote.Addr())
	t.mu.Lock()
	var refused *atomic.Uint64
	switch {
	case t.closing:
		refused = &t.count.closedShutdown
	case len(t.conns) >= t.o.MaxConnections:
		refused = &t.count.refusedTotal
	case t.perAddr[from] >= t.o.MaxConnectionsPerAddress:
		refused = &t.count.refusedPerAddress
	default:
		t.conns[c] = struct{}{}
		t.perAddr[from]++
		t.owners.Add(1)
	}
	t.mu.Unlock()
	if refused != nil {
		refused.Add(1)
		if tcp, ok := nc.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset: no TIME_WAIT kept for those we refuse
		}
		_ = nc.Close()
		return
	}
	t.count.accepted.Add(1)
	go c.serve()
}

// forget is the last thing a connection's goroutine does.
func (t *Transport) forget(c *conn) {
	t.mu.Lock()
	delete(t.conns, c)
	t.uncount(c)
	t.mu.Unlock()
	t.owners.Done()
}

// uncount takes c out of what its client may have. t.mu is held.
func (t *Transport) uncount(c *conn) {
	if c.authenticated {
		return
	}
	c.authenticated = true
	a := client(c.remote.Addr())
	if t.perAddr[a]--; t.perAddr[a] == 0 {
		delete(t.perAddr, a)
	}
}

// client returns what counts as one peer: an IPv4 address or the /64 of an IPv6 address, which is what one host has to
// draw addresses from.
func client(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return a
	}
	site, _ := a.Prefix(64) // fails only for other families
	return site.Addr()
}

// addrPort returns a as a value; zero for what is not an IP address (net.Pipe).
func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
	}
	return netip.AddrPort{}
}
