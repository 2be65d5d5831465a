package datagram

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// patience is how long a test waits for what must happen; it is never waited out.
const patience = 20 * time.Second

type handlerFunc func(p *Packet)

func (f handlerFunc) ServePacket(p *Packet) { f(p) }

func echo(p *Packet) { p.Reply(append(p.Out(), p.Data...)) }

// start serves h on addr and returns the group and a function that ends it and returns its totals.
func start(t testing.TB, addr netip.AddrPort, o Options, h handlerFunc) (*Group, func() Stats) {
	t.Helper()
	g, err := Listen(addr, o)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(h) }()
	stop := sync.OnceValue(func() Stats {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		return g.Stats()
	})
	t.Cleanup(func() { stop() })
	return g, stop
}

func dial(t testing.TB, to netip.AddrPort) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

func write(t testing.TB, c *net.UDPConn, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, c *net.UDPConn) []byte {
	t.Helper()
	b := make([]byte, maxPacket)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

func ask(t testing.TB, c *net.UDPConn, q string) string {
	t.Helper()
	write(t, c, []byte(q))
	return string(read(t, c))
}

func haveIPv6() bool {
	c, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

func TestAnswersFromTheAddressThatWasAsked(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ listen, ask string }{
		{"127.0.0.1:0", "127.0.0.1"},
		{"0.0.0.0:0", "127.0.0.1"},
		{"0.0.0.0:0", "127.0.0.77"},
		{"[::1]:0", "::1"},
		{"[::]:0", "::1"},
		{"[::ffff:127.0.0.1]:0", "127.0.0.1"},
	} {
		t.Run(tc.listen+" "+tc.ask, func(t *testing.T) {
			listen, asked := netip.MustParseAddrPort(tc.listen), netip.MustParseAddr(tc.ask)
			if asked.Is6() && !haveIPv6() {
				t.Skip("no IPv6 loopback here")
			}
			if listen.Addr().IsUnspecified() && !packetInfoWorks {
				t.Skip("no packet information on this system")
			}
			var local, remote atomic.Value
			g, _ := start(t, listen, Options{}, func(p *Packet) {
				local.Store(p.Local)
				remote.Store(p.Remote)
				if a := p.Address(); a.Remote() != p.Remote || a != p.Address() {
					t.Errorf("Address %v for %v", a.Remote(), p.Remote)
				}
				if time.Since(p.Now) > patience {
					t.Errorf("Now is %v", p.Now)
				}
				echo(p)
				if err := p.sock.g.Send(p.Address(), []byte("later")); err != nil {
					t.Error(err)
				}
			})
			to := netip.AddrPortFrom(asked, g.Addr().Port())
			c := dial(t, to) // connected: it only hears what comes from there
			if got := ask(t, c, "hello"); got != "hello" {
				t.Fatalf("got %q", got)
			}
			if got := string(read(t, c)); got != "later" {
				t.Fatalf("got %q", got)
			}
			if got := local.Load(); got != to {
				t.Errorf("Local is %v, want %v", got, to)
			}
			if want := c.LocalAddr().(*net.UDPAddr).AddrPort(); remote.Load() != want {
				t.Errorf("Remote is %v, want %v", remote.Load(), want)
			}
		})
	}
}

func TestSecondListenerIsRefused(t *testing.T) {
	t.Parallel()
	g, err := Listen(loopback, Options{Sockets: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, err := Listen(g.Addr(), Options{Sockets: 3}); !errors.Is(err, errInUse) {
		t.Fatalf("second Listen: %v", err)
	}
}

func TestListenRefuses(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{
		{Sockets: -1}, {Sockets: maxSockets + 1}, {Batch: maxBatch + 1}, {MaxIn: maxPacket + 1}, {MaxOut: -1}, {MaxOut: maxPacket + 1},
	} {
		if g, err := Listen(loopback, o); err == nil {
			_ = g.Close()
			t.Errorf("%+v was taken", o)
		}
	}
	if _, err := Listen(netip.AddrPort{}, Options{}); err == nil {
		t.Error("the zero address was taken")
	}
	if _, err := Listen(netip.MustParseAddrPort("192.0.2.1:0"), Options{}); err == nil {
		t.Error("an address of nobody's was taken")
	}
}

func TestSizesAtTheBounds(t *testing.T) {
	t.Parallel()
	g, stop := start(t, loopback, Options{Sockets: 1, MaxIn: 1000, MaxOut: 1200}, func(p *Packet) {
		switch string(p.Data) {
		case "most":
			p.Reply(append(p.Out(), make([]byte, 1200)...))
		case "over":
			p.Reply(append(p.Out(), make([]byte, 1201)...)) // grown past the slot
		case "nothing":
			p.Reply(p.Out())
		default:
			p.Reply(fmt.Appendf(nil, "%d", len(p.Data))) // not in Out: copied
		}
	})
	c := dial(t, g.Addr())
	if got := ask(t, c, string(make([]byte, 1000))); got != "1000" {
		t.Errorf("1000 bytes: %q", got)
	}
	if got := ask(t, c, ""); got != "0" {
		t.Errorf("empty packet: %q", got)
	}
	write(t, c, make([]byte, 1001)) // no answer
	write(t, c, []byte("over"))     // no answer
	write(t, c, []byte("nothing"))  // no answer
	if got := ask(t, c, "most"); len(got) != 1200 {
		t.Errorf("%d bytes came, want 1200", len(got))
	}
	if st := stop(); st.Truncated != 1 || st.TooBig != 1 || st.In != 5 || st.Out != 3 {
		t.Errorf("%+v", st)
	}
}

func TestLargestPacket(t *testing.T) {
	t.Parallel()
	g, _ := start(t, loopback, Options{Sockets: 1}, echo)
	c := dial(t, g.Addr())
	big := bytes.Repeat([]byte("x"), 65_507) // all that fits behind an IPv4 and a UDP header
	if got := ask(t, c, string(big)); got != string(big) {
		t.Errorf("%d bytes came back", len(got))
	}
}

func TestReplyToPortAndTwice(t *testing.T) {
	t.Parallel()
	other := dial(t, netip.MustParseAddrPort("127.0.0.1:9"))
	port := other.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	third, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer third.Close()
	_ = third.SetDeadline(time.Now().Add(patience))
	to := third.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	if to == port {
		t.Fatal("one port twice")
	}
	g, _ := start(t, loopback, Options{Sockets: 1, Batch: 1}, func(p *Packet) {
		p.ReplyToPort(to, append(p.Out(), "elsewhere"...))
		if out := p.Out(); len(out) != 0 {
			t.Errorf("Out of %d bytes", len(out))
		}
		p.Reply([]byte("second"))
		p.Reply([]byte("third"))
	})
	c := dial(t, g.Addr())
	if got := ask(t, c, "x"); got != "second" {
		t.Errorf("got %q", got)
	}
	if got := string(read(t, c)); got != "third" {
		t.Errorf("got %q", got)
	}
	if got := string(read(t, third)); got != "elsewhere" {
		t.Errorf("got %q", got)
	}
}

func TestPanicCostsOnePacket(t *testing.T) {
	t.Parallel()
	var told atomic.Value
	g, stop := start(t, loopback, Options{Sockets: 1, Panicked: func(v any) { told.Store(v) }}, func(p *Packet) {
		if string(p.Data) == "boom" {
			panic("boom")
		}
		echo(p)
	})
	c := dial(t, g.Addr())
	write(t, c, []byte("boom"))
	if got := ask(t, c, "after"); got != "after" {
		t.Errorf("got %q", got)
	}
	if st := stop(); st.Panics != 1 || st.In != 2 || told.Load() != "boom" {
		t.Errorf("%+v, told %v", st, told.Load())
	}
}

func TestSendWaitsForAFullBatchOrFlush(t *testing.T) {
	t.Parallel()
	const batch = 4
	addr := make(chan Address, 1)
	g, _ := start(t, loopback, Options{Sockets: 1, Batch: batch}, func(p *Packet) { addr <- p.Address() })
	c := dial(t, g.Addr())
	write(t, c, []byte("x"))
	a := <-addr
	// A second packet through the loop: when it is handled, the loop is done with the first batch and its flush.
	write(t, c, []byte("x"))
	<-addr
	write(t, c, []byte("x"))
	<-addr
	send := func(s string) {
		t.Helper()
		if err := g.Send(a, []byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range batch {
		send(string(rune('a' + i)))
	}
	for i := range batch {
		if got := string(read(t, c)); got != string(rune('a'+i)) {
			t.Fatalf("packet %d is %q", i, got)
		}
	}
	send("flushed")
	g.Flush()
	g.Flush()
	if got := string(read(t, c)); got != "flushed" {
		t.Fatalf("got %q", got)
	}
}

func TestSendRefuses(t *testing.T) {
	t.Parallel()
	addr := make(chan Address, 1)
	g, stop := start(t, loopback, Options{Sockets: 1, MaxOut: 100}, func(p *Packet) { addr <- p.Address() })
	c := dial(t, g.Addr())
	write(t, c, []byte("x"))
	a := <-addr
	for _, tc := range []struct {
		a    Address
		n    int
		want error
	}{
		{Address{}, 1, ErrNoAddress},
		{Address{socket: 2, v4: true}, 1, ErrNoAddress},
		{Address{socket: 1}, 1, ErrNoAddress}, // IPv6 through an IPv4 socket
		{a, 101, ErrTooBig},
		{a, 100, nil},
	} {
		if err := g.Send(tc.a, make([]byte, tc.n)); !errors.Is(err, tc.want) {
			t.Errorf("Send of %d bytes: %v, want %v", tc.n, err, tc.want)
		}
	}
	stop()
	if err := g.Send(a, []byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	g.Flush()
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	g, err := Listen(loopback, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(g.Close(), g.Close()); err != nil {
		t.Error(err)
	}
	if err := g.Serve(handlerFunc(echo)); err != nil {
		t.Errorf("Serve after Close: %v", err)
	}
	if g.Serve(handlerFunc(echo)) == nil {
		t.Error("Serve twice")
	}
}

func TestCloseInsideHandler(t *testing.T) {
	t.Parallel()
	g, err := Listen(loopback, Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, g.Addr())
	write(t, c, []byte("x"))
	if err := g.Serve(handlerFunc(func(p *Packet) {
		p.Reply([]byte("lost")) // Close comes first
		_ = g.Close()
	})); err != nil {
		t.Error(err)
	}
}

func TestEverybodySends(t *testing.T) {
	t.Parallel()
	const senders, each = 8, 16 // all fit into the client's receive buffer
	addr := make(chan Address, 1)
	g, _ := start(t, loopback, Options{}, func(p *Packet) { addr <- p.Address() })
	c := dial(t, g.Addr())
	write(t, c, []byte("x"))
	a := <-addr
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for range each {
				if err := g.Send(a, []byte("y")); err != nil {
					t.Error(err)
				}
			}
			g.Flush()
		})
	}
	for range senders * each {
		if got := string(read(t, c)); got != "y" {
			t.Fatalf("got %q", got)
		}
	}
	wg.Wait()
}

func TestNoAllocationPerPacket(t *testing.T) {
	g, _ := start(t, netip.MustParseAddrPort("0.0.0.0:0"), Options{Sockets: 1}, func(p *Packet) {
		_ = p.Address()
		echo(p)
	})
	c := dial(t, netip.AddrPortFrom(loopback.Addr(), g.Addr().Port()))
	q, b := []byte("OPTIONS"), make([]byte, 100)
	allocs := testing.AllocsPerRun(500, func() {
		if _, err := c.Write(q); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(b); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 && packetInfoWorks {
		t.Errorf("%v allocations per packet", allocs)
	}
}
