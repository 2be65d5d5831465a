// Package nameserver answers DNS queries over UDP and TCP from the published zones.
//
// It owns sockets, connections, their limits and the counters; what an answer says is package zones'
// business, and is the same on every transport but for its size. It is not a resolver, keeps no cache, and
// does not (yet) limit response rates, transfer zones or check TSIG.
//
// It implements RFC 1035 4.2 (transport), RFC 7766 (TCP: pipelining, idle time, limits) and the sizes of
// RFC 6891 and 9715.
//
// Goroutines: those of package datagram for UDP, which answer inline; one for each TCP listener and one
// for each TCP connection. [Server.Serve] starts them and returns when all have ended.
package nameserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipway/sipway/datagram"
	"github.com/sipway/sipway/zones"
)

// maxIn is the longest UDP query taken, in octets.
const maxIn = 4096

// Options are the limits of a Server. Zero values mean the defaults given.
type Options struct {
	UDPSize        int           // largest UDP response in octets, 512 to 4096; 1232
	Sockets        int           // UDP sockets an address; GOMAXPROCS
	MaxConnections int           // TCP connections at once; 1,000
	MaxPerAddress  int           // TCP connections of one IPv4 address or IPv6 /64 at once; 64
	MaxQueries     int           // queries on one TCP connection before it is closed; 100,000
	Idle           time.Duration // a TCP connection without a query is closed after this; 10 s
	Message        time.Duration // a query over TCP must be whole so long after its first octet; 5 s
	Write          time.Duration // responses over TCP must be taken within this; 5 s
}

func (o Options) withDefaults() Options {
	for _, f := range []struct {
		value  *int
		preset int
	}{
		{&o.UDPSize, 1232},
		{&o.MaxConnections, 1000},
		{&o.MaxPerAddress, 64},
		{&o.MaxQueries, 100_000},
	} {
		if *f.value <= 0 {
			*f.value = f.preset
		}
	}
	o.UDPSize = min(max(o.UDPSize, 512), maxIn)
	for _, f := range []struct {
		value  *time.Duration
		preset time.Duration
	}{
		{&o.Idle, 10 * time.Second},
		{&o.Message, 5 * time.Second},
		{&o.Write, 5 * time.Second},
	} {
		if *f.value <= 0 {
			*f.value = f.preset
		}
	}
	return o
}

// Server answers from one published set of zones. Its methods may be called from any goroutine.
type Server struct {
	zones *zones.Published
	o     Options
	log   *slog.Logger

	mu        sync.Mutex
	closed    bool
	done      chan struct{} // closed with it
	serving   bool
	groups    []*group
	listeners []net.Listener
	conns     map[net.Conn]struct{}
	clients   map[netip.Prefix]int // open connections by client

	tcp      answers
	streams  streams
	outBufs  sync.Pool
	panicked atomic.Bool
}

// New makes a server that answers from p, which may be swapped at any time.
func New(p *zones.Published, o Options, log *slog.Logger) *Server {
	s := &Server{
		zones:   p,
		o:       o.withDefaults(),
		log:     log,
		done:    make(chan struct{}),
		conns:   map[net.Conn]struct{}{},
		clients: map[netip.Prefix]int{},
	}
	s.outBufs.New = func() any { return new([]byte) }
	return s
}

// Listen opens a socket, "udp" or "tcp", and returns the address it got; port 0 lets the system choose.
// Queries wait in the kernel until Serve is called, before which all listening must be done.
func (s *Server) Listen(network string, addr netip.AddrPort) (netip.AddrPort, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.serving {
		return netip.AddrPort{}, errors.New("nameserver: Listen must come before Serve and Close")
	}
	switch network {
	case "udp":
		g, err := datagram.Listen(addr, datagram.Options{
			Sockets:  s.o.Sockets,
			MaxIn:    maxIn,
			MaxOut:   s.o.UDPSize,
			Panicked: s.recovered,
		})
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("nameserver: %w", err)
		}
		s.groups = append(s.groups, newGroup(s, g))
		return g.Addr(), nil
	case "tcp":
		family := "tcp6" // only IPv6 also on [::], as with UDP
		if addr.Addr().Unmap().Is4() {
			family = "tcp4"
		}
		l, err := net.ListenTCP(family, net.TCPAddrFromAddrPort(addr))
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("nameserver: %w", err)
		}
		s.listeners = append(s.listeners, l)
		got := l.Addr().(*net.TCPAddr).AddrPort()
		return netip.AddrPortFrom(got.Addr().Unmap(), got.Port()), nil
	}
	return netip.AddrPort{}, fmt.Errorf("nameserver: network %q: want udp or tcp", network)
}

// Serve answers until ctx ends or Close is called, and returns once all goroutines have ended and all
// sockets are closed. It can be called once.
func (s *Server) Serve(ctx context.Context) error {
	s.mu.Lock()
	if s.serving {
		s.mu.Unlock()
		return errors.New("nameserver: Serve was called before")
	}
	s.serving = true
	groups, listeners := s.groups, s.listeners
	s.mu.Unlock()

	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	var wg sync.WaitGroup
	errs := make([]error, len(groups))
	for i, g := range groups {
		wg.Go(func() { errs[i] = g.Serve(g) })
	}
	for _, l := range listeners {
		wg.Go(func() { s.accept(l, &wg) })
	}
	if len(groups)+len(listeners) == 0 {
		<-s.done
	}
	wg.Wait()
	return errors.Join(append(errs, s.Close())...)
}

// Close closes all sockets and connections and makes Serve return. It does not wait for that.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.done)
	var errs []error
	for _, g := range s.groups {
		errs = append(errs, g.Close())
	}
	for _, l := range s.listeners {
		errs = append(errs, l.Close())
	}
	for c := range s.conns {
		_ = c.Close() // its goroutine ends on the failing read
	}
	return errors.Join(errs...)
}

// recovered is told of a panic: one query is lost, the first one is logged, all are counted.
func (s *Server) recovered(v any) {
	if !s.panicked.Swap(true) {
		s.log.Error("a DNS query made the server panic; it was dropped, further ones are only counted", "panic", v)
	}
}
