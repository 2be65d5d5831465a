package nameserver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/sipway/sipway/zones"
)

// piped serves one end of an in-memory connection under fake time and gives the other to f.
func piped(t *testing.T, o Options, f func(t *testing.T, s *Server, c net.Conn)) {
	t.Helper()
	p := published(t)
	synctest.Test(t, func(t *testing.T) {
		s := New(p, o, quiet())
		client, server := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.stream(server)
			_ = server.Close()
		}()
		f(t, s, client)
		_ = client.Close()
		<-done
	})
}

// ended reads until the server closes and returns how long that took.
func ended(t *testing.T, c net.Conn) time.Duration {
	t.Helper()
	from := time.Now()
	if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Fatal(err)
	}
	return time.Since(from)
}

func write(t *testing.T, c net.Conn, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

func TestIdleConnectionIsClosed(t *testing.T) {
	t.Parallel()
	piped(t, Options{}, func(t *testing.T, s *Server, c net.Conn) {
		q := framed(query(t, casesOrigin, dns.TypeSOA))
		for range 3 { // each query starts the time anew
			time.Sleep(9 * time.Second)
			write(t, c, q)
			if _, err := next(c); err != nil {
				t.Fatal(err)
			}
		}
		if got := ended(t, c); got != 10*time.Second {
			t.Errorf("closed after %v", got)
		}
		if n := s.Stats().Connections; n.Idle != 1 || n.Drip != 0 {
			t.Errorf("%+v", n)
		}
	})
}

func TestIdleIsShorterWhenBusy(t *testing.T) {
	t.Parallel()
	piped(t, Options{MaxConnections: 10}, func(t *testing.T, s *Server, c net.Conn) {
		s.streams.open.Store(6)
		write(t, c, framed(query(t, casesOrigin, dns.TypeSOA)))
		if _, err := next(c); err != nil {
			t.Fatal(err)
		}
		if got := ended(t, c); got != 2*time.Second {
			t.Errorf("closed after %v", got)
		}
	})
}

// TestDripIsCut sends a query octet by octet, each in good time.
func TestDripIsCut(t *testing.T) {
	t.Parallel()
	piped(t, Options{}, func(t *testing.T, s *Server, c net.Conn) {
		from := time.Now()
		for _, b := range framed(query(t, casesOrigin, dns.TypeSOA)) {
			time.Sleep(time.Second)
			if _, err := c.Write([]byte{b}); err != nil {
				break
			}
		}
		if got := time.Since(from); got > 7*time.Second {
			t.Errorf("cut after %v", got)
		}
		if n := s.Stats().Connections; n.Drip != 1 || n.Idle != 0 {
			t.Errorf("%+v", n)
		}
	})
}

// TestDripBehindQuery shows that answers do not prolong the time of the query behind them for ever.
func TestDripBehindQuery(t *testing.T) {
	t.Parallel()
	piped(t, Options{}, func(t *testing.T, s *Server, c net.Conn) {
		q := framed(query(t, casesOrigin, dns.TypeSOA))
		write(t, c, append(bytes.Clone(q), q[:5]...))
		if _, err := next(c); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second)
		write(t, c, q[5:6])
		if got := ended(t, c); got != time.Second {
			t.Errorf("cut after %v more", got)
		}
		if n := s.Stats().Connections; n.Drip != 1 {
			t.Errorf("%+v", n)
		}
	})
}

func TestReaderThatTakesNothingIsCut(t *testing.T) {
	t.Parallel()
	piped(t, Options{}, func(t *testing.T, s *Server, c net.Conn) {
		write(t, c, framed(query(t, casesOrigin, dns.TypeSOA)))
		time.Sleep(6 * time.Second)
		if n := s.Stats().Connections; n.Slow != 1 {
			t.Errorf("%+v", n)
		}
	})
}

func TestMaxQueries(t *testing.T) {
	t.Parallel()
	piped(t, Options{MaxQueries: 3}, func(t *testing.T, s *Server, c net.Conn) {
		q := query(t, casesOrigin, dns.TypeSOA)
		go func() { _, _ = c.Write(framed(q, q, q, q, q)) }() // the last two are not taken
		for i := range 3 {
			if _, err := next(c); err != nil {
				t.Fatalf("response %d: %v", i, err)
			}
		}
		if got := ended(t, c); got != 0 {
			t.Errorf("closed after %v", got)
		}
		if n := s.Stats().Connections; n.MaxQueries != 1 {
			t.Errorf("%+v", n)
		}
	})
}

func TestJunkEndsConnection(t *testing.T) {
	t.Parallel()
	response := query(t, casesOrigin, dns.TypeSOA)
	response[2] |= 0x80
	for name, junk := range map[string][]byte{
		"length 0":   {0, 0},
		"length 11":  append([]byte{0, 11}, make([]byte, 11)...),
		"a response": framed(response),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			piped(t, Options{}, func(t *testing.T, s *Server, c net.Conn) {
				go func() { _, _ = c.Write(append(framed(query(t, casesOrigin, dns.TypeSOA)), junk...)) }()
				if _, err := next(c); err != nil { // what came before is answered
					t.Fatal(err)
				}
				if got := ended(t, c); got != 0 {
					t.Errorf("closed after %v", got)
				}
				if n := s.Stats().Connections; n.Junk != 1 {
					t.Errorf("%+v", n)
				}
			})
		})
	}
}

// TestLongestMessage sends the longest message there is, in pieces; it is malformed and answered so.
func TestLongestMessage(t *testing.T) {
	t.Parallel()
	_, addr := start(t, Options{})
	c := dial(t, addr)
	q := append(query(t, casesOrigin, dns.TypeSOA), make([]byte, 65535)...)[:65535]
	ok := query(t, casesOrigin, dns.TypeSOA)
	write(t, c, framed(q, ok))
	for _, want := range []int{dns.RcodeFormatError, dns.RcodeSuccess} {
		b, err := next(c)
		if err != nil {
			t.Fatal(err)
		}
		if int(b[3]&15) != want {
			t.Errorf("rcode %d, want %d", b[3]&15, want)
		}
	}
}

// TestPipelineInOrder sends many queries at once, more than one buffer of responses.
func TestPipelineInOrder(t *testing.T) {
	t.Parallel()
	s, addr := start(t, Options{})
	c := dial(t, addr)
	const n = 500
	var all []byte
	for i := range n {
		q := query(t, "_sip._udp.many."+casesOrigin, dns.TypeSRV)
		q[0], q[1] = byte(i>>8), byte(i)
		all = append(all, framed(q)...)
	}
	go func() { _, _ = c.Write(all) }()
	for i := range n {
		b, err := next(c)
		if err != nil {
			t.Fatal(err)
		}
		if int(b[0])<<8|int(b[1]) != i || b[7] != 40 {
			t.Fatalf("response %d has ID %x and %d answers", i, b[:2], b[7])
		}
	}
	if got := s.Stats().TCP.Answered; got != n {
		t.Errorf("%d counted, want %d", got, n)
	}
}

// TestUrgentData sends an octet out of band, which is no part of the stream.
func TestUrgentData(t *testing.T) {
	t.Parallel()
	_, addr := start(t, Options{})
	c := dial(t, addr)
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	f := framed(query(t, casesOrigin, dns.TypeSOA))
	write(t, c, f[:7])
	var sent error
	if err := raw.Control(func(fd uintptr) {
		sent = syscall.Sendto(int(fd), []byte{'!'}, syscall.MSG_OOB, nil)
	}); err != nil || sent != nil && !errors.Is(sent, syscall.EISCONN) {
		t.Skipf("no urgent data here: %v %v", err, sent)
	}
	write(t, c, f[7:])
	b, err := next(c)
	if err != nil || b[3]&15 != dns.RcodeSuccess {
		t.Errorf("%x %v", b, err)
	}
}

func TestConnectionLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		o    Options
		got  func(Connections) int64
	}{
		{"all", Options{MaxConnections: 2}, func(n Connections) int64 { return n.Full }},
		{"one address", Options{MaxPerAddress: 2}, func(n Connections) int64 { return n.PerAddress }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, addr := start(t, c.o)
			q := framed(query(t, casesOrigin, dns.TypeSOA))
			served := func() bool {
				conn := dial(t, addr)
				_, _ = conn.Write(q)
				_, err := next(conn)
				return err == nil
			}
			for range 2 {
				if !served() {
					t.Fatal("refused below the limit")
				}
			}
			if served() {
				t.Error("served past the limit")
			}
			if st := s.Stats().Connections; c.got(st) != 1 || st.Open != 2 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// TestPlaceIsFreed shows that a connection which ends makes room, by the server's own count.
func TestPlaceIsFreed(t *testing.T) {
	t.Parallel()
	s := New(published(t), Options{MaxConnections: 1}, quiet())
	one, other := net.Pipe()
	defer other.Close()
	client := netip.MustParsePrefix("192.0.2.1/32")
	for range 3 {
		if !s.admit(one, client) {
			t.Fatal("no room")
		}
		s.leave(one, client)
	}
	if len(s.conns) != 0 || len(s.clients) != 0 || s.streams.open.Load() != 0 {
		t.Errorf("left behind: %v %v", s.conns, s.clients)
	}
}

func TestClientOf(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"192.0.2.7":               "192.0.2.7/32",
		"::ffff:192.0.2.7":        "192.0.2.7/32",
		"2001:db8:1:2:3:4:5:6":    "2001:db8:1:2::/64",
		"fe80::1%lo":              "fe80::/64",
		"2001:db8:1:2:ffff::ffff": "2001:db8:1:2::/64",
	} {
		got := clientOf(net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(in), 1)))
		if got.String() != want {
			t.Errorf("%s: %v, want %s", in, got, want)
		}
	}
}

// failing is a listener that fails a few times, as one without file descriptors does.
type failing struct {
	net.Listener
	left int
}

func (f *failing) Accept() (net.Conn, error) {
	if f.left--; f.left >= 0 {
		return nil, syscall.EMFILE
	}
	return nil, net.ErrClosed
}

func TestAcceptErrorsDoNotEndListener(t *testing.T) {
	t.Parallel()
	p := published(t)
	synctest.Test(t, func(t *testing.T) {
		s := New(p, Options{}, quiet())
		s.accept(&failing{left: 20}, nil)
		if got := s.Stats().Connections.AcceptErrors; got != 20 {
			t.Errorf("%d errors counted", got)
		}
		go func() {
			time.Sleep(time.Millisecond)
			_ = s.Close()
		}()
		s.accept(&failing{left: 1 << 30}, nil) // Close ends the pause
	})
}

func TestListenErrors(t *testing.T) {
	t.Parallel()
	_, addr := start(t, Options{})
	s := New(new(zones.Published), Options{}, quiet())
	for _, network := range []string{"udp", "tcp"} {
		if _, err := s.Listen(network, addr); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("%s: %v", network, err)
		}
	}
	if _, err := s.Listen("sctp", addr); err == nil {
		t.Error("sctp was taken")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Listen("udp", netip.MustParseAddrPort("127.0.0.1:0")); err == nil {
		t.Error("Listen after Close")
	}
	if err := s.Serve(context.Background()); err != nil {
		t.Errorf("Serve after Close: %v", err)
	}
	if err := s.Serve(context.Background()); err == nil {
		t.Error("a second Serve")
	}
}

// TestEndWithOpenConnections shows that nothing stays behind: goleak looks when all tests are done.
func TestEndWithOpenConnections(t *testing.T) {
	t.Parallel()
	s := New(published(t), Options{}, quiet())
	addr := listen(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	for range 5 {
		c := dial(t, addr)
		write(t, c, framed(query(t, casesOrigin, dns.TypeSOA)))
		if _, err := next(c); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := s.Stats().Connections; n.Open != 0 || n.Accepted != 5 {
		t.Errorf("%+v", n)
	}
}
