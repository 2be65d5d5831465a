package transport

import (
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipway/sipway/sip"
)

// TestResponsePort is RFC 3261 18.2.2 and RFC 3581 4. The address is always the source's.
func TestResponsePort(t *testing.T) {
	t.Parallel()
	remote := netip.MustParseAddrPort("192.0.2.1:40000")
	for _, tc := range []struct {
		via  string
		want uint16
	}{
		{"192.0.2.1:5070;branch=z9hG4bK1", 5070},
		{"192.0.2.1;branch=z9hG4bK1", 5060},
		{"phone.example.test;branch=z9hG4bK1", 5060},
		{"phone.example.test:5090;branch=z9hG4bK1", 5090},
		{"192.0.2.1:5070;rport;branch=z9hG4bK1", 40000},
		{"192.0.2.1:5070 ; RPORT ; branch=z9hG4bK1", 40000},
		{"192.0.2.1:5070;rport=1;branch=z9hG4bK1", 40000}, // what the client filled in does not count
		{"[2001:db8::1]:5071;branch=z9hG4bK1", 5071},
		{"192.0.2.1:5070;maddr=198.51.100.1;branch=z9hG4bK1", 5070},
		{"192.0.2.1:5070;received=198.51.100.1;branch=z9hG4bK1", 5070},
		{"192.0.2.1:99999;branch=z9hG4bK1", 40000}, // cannot be read: back to where it came from
	} {
		r := NewRequest([]byte(request("OPTIONS", "1", tc.via, "")), UDP, loopback, remote, time.Time{}, nil)
		if got := r.responsePort(); got != tc.want {
			t.Errorf("Via %s: port %d, want %d", tc.via, got, tc.want)
		}
	}
}

func TestUDPAnswer(t *testing.T) {
	t.Parallel()
	var seen atomic.Value
	udp, _, _ := start(t, Options{}, func(r *Request) {
		if r.Kind != UDP || r.Source != r.Remote || time.Since(r.Now) > patience || r.Bad != nil {
			t.Errorf("Kind %v, Source %v, Remote %v, Now %v, Bad %v", r.Kind, r.Source, r.Remote, r.Now, r.Bad)
		}
		seen.Store([2]netip.AddrPort{r.Local, r.Remote})
		b := response(r, 200)
		r.Respond(b)
		r.Respond(b) // only the first counts
	})
	c := dial(t, "udp", udp)
	for _, id := range []string{"a", "b"} {
		write(t, c, "\r\n"+options(id))
		m := readPacket(t, c)
		if m.StatusCode() != 200 || string(m.CallID()) != id {
			t.Fatalf("got %d for %s", m.StatusCode(), m.CallID())
		}
		me := c.LocalAddr().(*net.UDPAddr).AddrPort()
		v, err := m.TopVia()
		if err != nil || string(v.Received) != me.Addr().String() || v.RPort != me.Port() {
			t.Errorf("received=%s rport=%d, want %v (%v)", v.Received, v.RPort, me, err)
		}
		if got := seen.Load(); got != [2]netip.AddrPort{udp, me} {
			t.Errorf("local and remote %v, want %v and %v", got, udp, me)
		}
	}
}

func TestUDPToSentByPort(t *testing.T) {
	t.Parallel()
	udp, _, _ := start(t, Options{}, answer)
	asks, hears := dial(t, "udp", udp), dial(t, "udp", udp)
	port := hears.LocalAddr().(*net.UDPAddr).AddrPort().String()
	write(t, asks, request("OPTIONS", "1", port+";branch=z9hG4bK1", ""))
	if m := readPacket(t, hears); m.StatusCode() != 200 {
		t.Errorf("got %d", m.StatusCode())
	}
}

func TestUDPWhatIsNotAnswered(t *testing.T) {
	t.Parallel()
	udp, _, stop := start(t, Options{UDPSockets: 1}, answer)
	c := dial(t, "udp", udp)
	for _, s := range []string{
		"", "\r\n", "\r\n\r\n", // keepalives
		"\x00\x01", "nineteen bytes long", // junk
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1\r\n\r\n", "sip/2.0 200 whatever it is\r\n", // responses
		"this is no SIP, but long enough\r\n\r\n", "OPTIONS sip:a SIP/2.0\r\nCall-ID: \x00\r\n\r\n", // malformed
		request("ACK", "1", "192.0.2.9;rport;branch=z9hG4bK1", ""),
	} {
		write(t, c, s)
	}
	write(t, c, options("last"))
	if m := readPacket(t, c); string(m.CallID()) != "last" {
		t.Errorf("got an answer to %s", m.CallID())
	}
	s := stop()
	want := MessageStats{Requests: 2, Keepalives: 3, Junk: 2, Responses: 2, Malformed: 2}
	if s.UDP != want || s.AcksUnanswered != 1 {
		t.Errorf("%+v, %d ACKs; want %+v", s.UDP, s.AcksUnanswered, want)
	}
}

func TestUDPBadIsAnswered(t *testing.T) {
	t.Parallel()
	udp, _, stop := start(t, Options{}, answer)
	c := dial(t, "udp", udp)
	// RFC 3261 18.3: a Content-Length beyond the datagram is an error, and a request is answered 400.
	whole := request("OPTIONS", "short", "192.0.2.9;rport;branch=z9hG4bK1", "body")
	write(t, c, whole[:len(whole)-1])
	if m := readPacket(t, c); m.StatusCode() != 400 {
		t.Errorf("got %d", m.StatusCode())
	}
	// Bytes behind the body are ignored.
	write(t, c, options("long")+"garbage")
	if m := readPacket(t, c); m.StatusCode() != 200 {
		t.Errorf("got %d", m.StatusCode())
	}
	if s := stop(); s.UDP.Bad != 1 || s.UDP.Requests != 2 {
		t.Errorf("%+v", s.UDP)
	}
}

func TestDetachedReply(t *testing.T) {
	t.Parallel()
	type detached struct {
		p Reply
		b []byte
	}
	later := make(chan detached, 1)
	tr := New(Options{}, handlerFunc(func(r *Request) {
		later <- detached{r.Detach(), append([]byte(nil), response(r, 200)...)}
	}), nil)
	udp, err := tr.Listen(UDP, loopback)
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := tr.Listen(TCP, loopback)
	if err != nil {
		t.Fatal(err)
	}
	stop := serve(t, tr)
	u, c := dial(t, "udp", udp), dial(t, "tcp", tcp)
	for _, conn := range []net.Conn{u, c} {
		write(t, conn, options("1"))
		d := <-later
		if err := d.p.Send(d.b); err != nil {
			t.Fatal(err)
		}
		tr.Flush()
		if m := readPacket(t, conn); m.StatusCode() != 200 {
			t.Errorf("got %d", m.StatusCode())
		}
		write(t, conn, request("ACK", "2", "192.0.2.9;rport;branch=z9hG4bK1", ""))
		d = <-later
		if err := d.p.Send(d.b); err != nil {
			t.Errorf("reply to an ACK: %v", err)
		}
	}
	write(t, c, options("3"))
	d := <-later
	stop()
	if err := d.p.Send(d.b); err != ErrClosed {
		t.Errorf("reply to a closed connection: %v", err)
	}
	if err := (Reply{}).Send(d.b); err == nil {
		t.Error("the zero Reply was sent")
	}
	if s := tr.Stats(); s.RepliesLost != 1 || s.UDP.Requests != 2 || s.TCP.Requests != 3 {
		t.Errorf("%+v", s)
	}
}

func TestUDPPanic(t *testing.T) {
	t.Parallel()
	udp, _, stop := start(t, Options{}, func(r *Request) {
		if string(r.CallID()) == "boom" {
			panic("boom")
		}
		answer(r)
	})
	c := dial(t, "udp", udp)
	write(t, c, options("boom"))
	write(t, c, options("after"))
	if m := readPacket(t, c); string(m.CallID()) != "after" {
		t.Errorf("got an answer to %s", m.CallID())
	}
	if s := stop(); s.Panics != 1 {
		t.Errorf("%d panics", s.Panics)
	}
}

func TestNewRequest(t *testing.T) {
	t.Parallel()
	remote := netip.MustParseAddrPort("192.0.2.1:40000")
	var got []string
	sink := func(b []byte) { got = append(got, string(b)) }
	now := time.Unix(1, 0)
	r := NewRequest([]byte(options("1")), TCP, loopback, remote, now, sink)
	if r.Bad != nil || r.Kind != TCP || r.Local != loopback || r.Remote != remote || r.Source != remote || r.Now != now {
		t.Errorf("%+v", r)
	}
	if err := r.Detach().Send([]byte("detached")); err != nil {
		t.Error(err)
	}
	r.Respond(nil)
	r.Respond(append(r.Buffer(), "first"...))
	r.Respond([]byte("second"))
	ack := NewRequest([]byte(request("ACK", "1", "a;branch=z9hG4bK1", "")), UDP, loopback, remote, now, sink)
	ack.Respond([]byte("to an ACK"))
	if err := ack.Detach().Send([]byte("to an ACK")); err != nil {
		t.Error(err)
	}
	if len(got) != 2 || got[0] != "detached" || got[1] != "first" {
		t.Errorf("%q", got)
	}
	if r := NewRequest([]byte("x"), UDP, loopback, remote, now, sink); r.Bad == nil {
		t.Error("junk is good")
	}
}

func TestUDPNoAllocation(t *testing.T) {
	var w sip.Response // one socket, so one goroutine
	tag := []byte("t")
	udp, _, _ := start(t, Options{UDPSockets: 1}, func(r *Request) {
		w.Begin(r.Buffer(), &r.Message, 200, "", tag)
		_ = r.Detach()
		r.Respond(w.End())
	})
	c := dial(t, "udp", udp)
	q, b := []byte(options("1")), make([]byte, 2048)
	allocs := testing.AllocsPerRun(500, func() {
		if _, err := c.Write(q); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(b); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations per message", allocs)
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	if UDP.String() != "UDP" || TCP.String() != "TCP" || Kind(0).String() != "unknown" {
		t.Error(UDP, TCP, Kind(0))
	}
}
