//go:build linux && !portable

package datagram

import (
	"net/netip"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	packetInfoWorks = true
	errInUse        = unix.EADDRINUSE
)

func TestLoadSpreadsOverSockets(t *testing.T) {
	t.Parallel()
	const sockets = 4
	var in [sockets]atomic.Int32
	g, _ := start(t, loopback, Options{Sockets: sockets}, func(p *Packet) {
		in[p.Socket].Add(1)
		echo(p)
	})
	if g.Sockets() != sockets {
		t.Fatalf("%d sockets", g.Sockets())
	}
	for range 128 { // the kernel hashes source ports
		ask(t, dial(t, g.Addr()), "x")
	}
	for i := range in {
		if in[i].Load() == 0 {
			t.Errorf("socket %d got none of 128 flows", i)
		}
	}
}

// script is a sendmmsg that does what is written: n > 0 takes that many, an error is returned.
type script struct {
	steps []any
	sent  []string
}

func (s *script) sendmmsg(_ uintptr, h []mmsghdr) (int, unix.Errno) {
	if len(s.steps) == 0 {
		return 0, unix.EBADF
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	if err, ok := step.(unix.Errno); ok {
		return -1, err
	}
	n := min(step.(int), len(h))
	for i := range n {
		b := h[i].hdr.Iov
		s.sent = append(s.sent, string(unsafeBytes(b)))
	}
	return n, 0
}

func TestSendmmsg(t *testing.T) {
	t.Parallel()
	full := []any{}
	for range 100 {
		full = append(full, unix.EAGAIN)
	}
	for name, tc := range map[string]struct {
		steps      []any
		sent       string
		full, errs uint64
	}{
		"whole":                        {[]any{4}, "abcd", 0, 0},
		"in parts":                     {[]any{1, 2, 1}, "abcd", 0, 0},
		"first refused":                {[]any{unix.EPERM, 3}, "bcd", 0, 1},
		"one in the middle refused":    {[]any{2, unix.EINVAL, 1}, "abd", 0, 1},
		"last refused":                 {[]any{3, unix.ENETUNREACH}, "abc", 0, 1},
		"all refused":                  {[]any{unix.EPERM, unix.EPERM, unix.EPERM, unix.EPERM}, "", 0, 4},
		"error of an earlier packet":   {[]any{unix.ECONNREFUSED, 4}, "abcd", 0, 0},
		"refused, not once":            {[]any{unix.ECONNREFUSED, unix.ECONNREFUSED, 3}, "bcd", 0, 1},
		"full for a moment":            {[]any{2, unix.EAGAIN, 2}, "abcd", 0, 0},
		"full and stays so":            {append([]any{1}, full...), "a", 3, 0},
		"takes none and says no error": {[]any{0, 3}, "bcd", 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := Listen(loopback, Options{Sockets: 1, Batch: 8})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			s := g.socks[0]
			sc := &script{steps: tc.steps}
			s.later.sendmmsg = sc.sendmmsg
			a := Address{port: 9, socket: 1, v4: true}
			put(&a.remote, loopback.Addr())
			for _, b := range []string{"a", "b", "c", "d"} {
				if err := g.Send(a, []byte(b)); err != nil {
					t.Fatal(err)
				}
			}
			g.Flush()
			got := ""
			for _, b := range sc.sent {
				got += b
			}
			st := g.Stats()
			if got != tc.sent || st.SendFull != tc.full || st.SendErrors != tc.errs || st.Out != uint64(len(tc.sent)) {
				t.Errorf("sent %q; %+v", got, st)
			}
			if s.later.n != 0 || s.waiting.Load() {
				t.Error("something still waits")
			}
		})
	}
}

func TestReadErrorsDoNotEndTheLoop(t *testing.T) {
	t.Parallel()
	const failures = 20 // past those that are retried at once
	g, err := Listen(loopback, Options{Sockets: 1})
	if err != nil {
		t.Fatal(err)
	}
	left := failures
	g.socks[0].recvmmsg = func(fd uintptr, h []mmsghdr) (int, unix.Errno) {
		if left > 0 {
			left--
			return -1, unix.ECONNREFUSED
		}
		return recvmmsg(fd, h)
	}
	ended := make(chan error)
	go func() { ended <- g.Serve(handlerFunc(echo)) }()
	c := dial(t, g.Addr())
	if got := ask(t, c, "still here"); got != "still here" {
		t.Errorf("got %q", got)
	}
	if st := g.Stats(); st.ReadErrors != failures {
		t.Errorf("%+v", st)
	}
	_ = g.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestICMPErrors sends to a port nobody has, on a socket that asked to be told (IP_RECVERR).
func TestICMPErrors(t *testing.T) {
	t.Parallel()
	g, _ := start(t, loopback, Options{Sockets: 1}, echo)
	if err := control(g.socks[0].raw, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
	}); err != nil {
		t.Skip(err)
	}
	nobody := dial(t, g.Addr())
	a := Address{port: nobody.LocalAddr().(interface{ AddrPort() netip.AddrPort }).AddrPort().Port(), socket: 1, v4: true}
	put(&a.remote, loopback.Addr())
	_ = nobody.Close()
	c := dial(t, g.Addr())
	for range 10 {
		if err := g.Send(a, []byte("x")); err != nil {
			t.Fatal(err)
		}
		g.Flush()
		if got := ask(t, c, "y"); got != "y" {
			t.Fatalf("got %q", got)
		}
	}
}

func TestKernelDropsAreSeen(t *testing.T) {
	t.Parallel()
	g, err := Listen(loopback, Options{Sockets: 1, ReadBuffer: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	c := dial(t, g.Addr())
	for range 64 { // nobody reads, and there is room for few
		write(t, c, make([]byte, 1400))
	}
	if st := g.Stats(); st.KernelDrops == 0 {
		t.Errorf("%+v", st)
	}
}

func TestKernelForms(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"192.0.2.7:5060", "[2001:db8::7]:65535", "[fe80::1]:1"} {
		ap := netip.MustParseAddrPort(s)
		v4 := ap.Addr().Is4()
		a := Address{port: ap.Port(), scope: 3, socket: 1, v4: v4}
		put(&a.remote, ap.Addr())
		put(&a.local, ap.Addr())
		var n name
		n.set(&a)
		if got := n.addrPort(v4); got != ap || !v4 && n.scope(v4) != 3 {
			t.Errorf("%v came back as %v", ap, got)
		}
		if a.Remote() != ap || a.Local() != ap.Addr() || a.WithPort(7).Remote().Port() != 7 {
			t.Errorf("%v came back as %v", ap, a.Remote())
		}
		var c packetInfo
		length := c.set(ap.Addr(), 3)
		if got := c.local(v4, length); got != ap.Addr() {
			t.Errorf("%v: packet info says %v", ap, got)
		}
		if got := c.local(v4, 3); !got.IsUnspecified() {
			t.Errorf("%v: short packet info says %v", ap, got)
		}
		if got := c.local(!v4, length); !got.IsUnspecified() {
			t.Errorf("%v: packet info of the other family says %v", ap, got)
		}
	}
	var c packetInfo
	if c.set(netip.Addr{}, 0) != 0 || c.set(netip.IPv4Unspecified(), 0) != 0 {
		t.Error("packet info for no address")
	}
	multicast := netip.MustParseAddr("ff02::1")
	length := c.set(multicast, 0)
	if got := c.local(false, length); !got.IsUnspecified() {
		t.Errorf("would answer from %v", got)
	}
	if (Address{}).Local().IsValid() {
		t.Error("the zero Address has a local address")
	}
}
