package nameserver

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/sipway/sipway/zones"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what a test waits for that must come. It is not waited out when all is well.
const patience = 10 * time.Second

// published publishes the zone of the conformance cases.
func published(tb testing.TB) *zones.Published {
	tb.Helper()
	rrs, err := zones.ParseFile("voip.example", filepath.Join("..", "zones", "testdata", "dns_test.zone"))
	if err != nil {
		tb.Fatal(err)
	}
	z, err := zones.Compile("voip.example", rrs)
	if err != nil {
		tb.Fatal(err)
	}
	p := new(zones.Published)
	p.Swap(zones.NewSet(z))
	return p
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// start runs a server on loopback, UDP and TCP on one port, until the test ends.
func start(tb testing.TB, o Options) (*Server, netip.AddrPort) {
	tb.Helper()
	s := New(published(tb), o, quiet())
	addr := listen(tb, s)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("Serve: %v", err)
		}
	})
	return s, addr
}

// listen finds a port that is free for both.
func listen(tb testing.TB, s *Server) netip.AddrPort {
	tb.Helper()
	for range 20 {
		addr, err := s.Listen("tcp", netip.MustParseAddrPort("127.0.0.1:0"))
		if err != nil {
			tb.Fatal(err)
		}
		if _, err = s.Listen("udp", addr); err == nil {
			return addr
		}
	}
	tb.Fatal("no port is free for both UDP and TCP")
	return netip.AddrPort{}
}

func query(tb testing.TB, name string, qtype uint16) []byte {
	tb.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	b, err := m.Pack()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// framed puts the length before messages (RFC 1035 4.2.2).
func framed(messages ...[]byte) (b []byte) {
	for _, m := range messages {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(m))), m...)
	}
	return b
}

// next reads one message from a stream.
func next(r io.Reader) ([]byte, error) {
	var l [2]byte
	if _, err := io.ReadFull(r, l[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint16(l[:]))
	_, err := io.ReadFull(r, b)
	return b, err
}

// dial opens a TCP connection that the test closes.
func dial(tb testing.TB, addr netip.AddrPort) *net.TCPConn {
	tb.Helper()
	c, err := net.Dial("tcp", addr.String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		tb.Fatal(err)
	}
	return c.(*net.TCPConn)
}
