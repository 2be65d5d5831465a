package transport

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipway/sipway/sip"
)

func TestTCPAnswersInOrder(t *testing.T) {
	t.Parallel()
	_, tcp, stop := start(t, Options{}, func(r *Request) {
		if r.Kind != TCP || r.Source != r.Remote || r.Bad != nil {
			t.Errorf("Kind %v, Source %v, Remote %v, Bad %v", r.Kind, r.Source, r.Remote, r.Bad)
		}
		answer(r)
	})
	c := dial(t, "tcp", tcp)
	const n = 1000
	go func() {
		var b strings.Builder
		for i := range n {
			b.WriteString(options(strconv.Itoa(i)))
		}
		_, _ = io.WriteString(c, b.String())
	}()
	in := bufio.NewReader(c)
	for i := range n {
		m := mustRead(t, in)
		if string(m.CallID()) != strconv.Itoa(i) || m.StatusCode() != 200 {
			t.Fatalf("response %d is %d to %s", i, m.StatusCode(), m.CallID())
		}
		v, _ := m.TopVia()
		if me := c.LocalAddr().(*net.TCPAddr).AddrPort(); string(v.Received) != me.Addr().String() || v.RPort != me.Port() {
			t.Fatalf("received=%s rport=%d", v.Received, v.RPort)
		}
	}
	if s := stop(); s.TCP.Requests != n || s.Accepted != 1 || s.ClosedShutdown != 1 {
		t.Errorf("%+v", s)
	}
}

func TestTCPIPv6(t *testing.T) {
	t.Parallel()
	tr := New(Options{}, handlerFunc(answer), nil)
	at, err := tr.Listen(TCP, netip.MustParseAddrPort("[::1]:0"))
	if err != nil {
		t.Skip(err)
	}
	serve(t, tr)
	c := dial(t, "tcp", at)
	write(t, c, options("1"))
	if m := mustRead(t, bufio.NewReader(c)); m.StatusCode() != 200 {
		t.Errorf("got %d", m.StatusCode())
	}
}

// TestTCPFramingErrors: the answer arrives whole, although bytes behind the request are never read, and then
// the connection ends.
func TestTCPFramingErrors(t *testing.T) {
	t.Parallel()
	via := "192.0.2.9;branch=z9hG4bK1;rport"
	noLength := strings.Replace(options("1"), "Content-Length: 0\r\n", "", 1)
	long := strings.Repeat("x", 1<<12)
	fill := func(header int) string { // a request whose header section is that long
		s := request("OPTIONS", "1", via, "", "X: ")
		return request("OPTIONS", "1", via, "", "X: "+strings.Repeat("x", header-len(s)))
	}
	body := func(total int) string {
		s := request("OPTIONS", "1", via, strings.Repeat("x", 60_000))
		return request("OPTIONS", "1", via, strings.Repeat("x", 60_000+total-len(s)))
	}
	for name, tc := range map[string]struct {
		send   string
		status int // 0: closed without an answer
		open   bool
	}{
		"no Content-Length":        {noLength, 400, false},
		"two Content-Lengths":      {request("OPTIONS", "1", via, "", "Content-Length: 0"), 400, false},
		"Content-Length no number": {strings.Replace(options("1"), "Length: 0", "Length: -1", 1), 400, false},
		"bare LF":                  {request("OPTIONS", "1", via, "", "X: a\nb"), 400, false},
		"header at the bound":      {fill(sip.MaxHeaderSection), 200, true},
		"header over the bound":    {fill(sip.MaxHeaderSection + 1), 513, false},
		"header without end":       {options("1")[:100] + "\r\nX: " + strings.Repeat(long, 5), 513, false},
		"message at the bound":     {body(sip.MaxMessage), 200, true},
		"message over the bound":   {body(sip.MaxMessage + 1), 413, false},
		"Content-Length of 10^12":  {strings.Replace(options("1"), "Length: 0", "Length: 1000000000000", 1), 413, false},
		"128 header lines":         {request("OPTIONS", "1", via, "", lines(128-7)...), 200, true},
		"129 header lines":         {request("OPTIONS", "1", via, "", lines(129-7)...), -1, true},
		"HTTP":                     {"GET / HTTP/1.1\r\nHost: example.test\r\n\r\n", 0, false},
		"TLS":                      {"\x16\x03\x01\x02\x00\x01\x00", 0, false},
		"response":                 {"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n" + options("1"), 200, true},
		"malformed":                {"OPTIONS sip:a SIP/2.0\r\nVia: \x00\r\nContent-Length: 0\r\n\r\n", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, tcp, stop := start(t, Options{}, answer)
			c := dial(t, "tcp", tcp)
			go func() {
				_, _ = io.WriteString(c, tc.send)
				if tc.status > 0 && !tc.open {
					_, _ = io.WriteString(c, strings.Repeat(options("never"), 20))
				}
			}()
			in := bufio.NewReader(c)
			switch m, err := readMessage(in); {
			case tc.status == 0 && err == nil:
				t.Fatalf("answered %d", m.StatusCode())
			case tc.status != 0 && err != nil:
				t.Fatal(err)
			case tc.status > 0 && m.StatusCode() != tc.status, tc.status < 0 && m.StatusCode() < 400:
				t.Fatalf("answered %d, want %d", m.StatusCode(), tc.status)
			}
			if tc.open {
				write(t, c, options("next"))
				if m := mustRead(t, in); string(m.CallID()) != "next" {
					t.Errorf("got an answer to %s", m.CallID())
				}
				return
			}
			if _, err := readMessage(in); !errors.Is(err, io.EOF) && (tc.status != 0 || !errors.Is(err, syscall.ECONNRESET)) {
				t.Errorf("then %v", err)
			}
			if s := stop(); s.ClosedFraming != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func lines(n int) []string {
	l := make([]string, n)
	for i := range l {
		l[i] = "X: " + strconv.Itoa(i)
	}
	return l
}

// TestTCPConnectionBounds: at the bound a connection is served, one more is closed, and when one ends there is
// room again.
func TestTCPConnectionBounds(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		o       Options
		refused func(Stats) uint64
		other   bool // another address is still served
	}{
		"total":       {Options{MaxConnections: 3}, func(s Stats) uint64 { return s.RefusedTotal }, false},
		"per address": {Options{MaxConnectionsPerAddress: 3}, func(s Stats) uint64 { return s.RefusedPerAddress }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, tcp, stop := start(t, tc.o, answer)
			try := func(from string) (net.Conn, error) {
				d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
				c, err := d.Dial("tcp", tcp.String())
				if err != nil {
					return nil, err
				}
				t.Cleanup(func() { _ = c.Close() })
				_ = c.SetDeadline(time.Now().Add(patience))
				if _, err := io.WriteString(c, options("1")); err != nil {
					return c, err
				}
				_, err = readMessage(bufio.NewReader(c))
				return c, err
			}
			var open []net.Conn
			for range 3 {
				c, err := try("127.0.0.1")
				if err != nil {
					t.Fatal(err)
				}
				open = append(open, c)
			}
			if _, err := try("127.0.0.1"); err == nil {
				t.Error("one more was served")
			}
			if _, err := try("127.0.0.2"); (err == nil) != tc.other {
				t.Errorf("another address: %v", err)
			}
			for _, c := range open { // still served
				write(t, c, options("2"))
				mustRead(t, bufio.NewReader(c))
			}
			_ = open[0].Close()
			for end := time.Now().Add(patience); ; {
				if _, err := try("127.0.0.1"); err == nil {
					break
				}
				if time.Now().After(end) {
					t.Fatal("no room after one was closed")
				}
			}
			if tc.refused(stop()) == 0 {
				t.Error("not counted")
			}
		})
	}
}

// stubborn is a listener that cannot accept for a while.
type stubborn struct {
	net.Listener // nil
	fail         int
	conns        chan net.Conn
	closed       chan struct{}
	once         sync.Once
}

func (l *stubborn) Accept() (net.Conn, error) {
	if l.fail > 0 {
		l.fail--
		return nil, syscall.EMFILE
	}
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *stubborn) Addr() net.Addr { return net.TCPAddrFromAddrPort(loopback) }

func (l *stubborn) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func TestAcceptErrorsBackOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const failures = 10
		l := &stubborn{fail: failures, conns: make(chan net.Conn), closed: make(chan struct{})}
		tr := New(Options{}, handlerFunc(answer), nil)
		tr.tcp = append(tr.tcp, l)
		stop := serve(t, tr)
		began := time.Now()
		us, them := net.Pipe()
		l.conns <- us
		// 5 ms, doubled up to a second: 5+10+...+640 and then twice 1 s.
		if took := time.Since(began); took != 3275*time.Millisecond {
			t.Errorf("accepted after %v", took)
		}
		go func() { _, _ = io.WriteString(them, options("1")) }()
		if _, err := readMessage(bufio.NewReader(them)); err != nil {
			t.Error(err)
		}
		if s := stop(); s.AcceptErrors != failures {
			t.Errorf("%d accept errors", s.AcceptErrors)
		}
		_ = them.Close()
	})
}

func TestShutdownWhileAcceptFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &stubborn{fail: 1 << 30, closed: make(chan struct{})}
		tr := New(Options{}, handlerFunc(answer), nil)
		tr.tcp = append(tr.tcp, l)
		stop := serve(t, tr)
		time.Sleep(time.Minute) // of the bubble's clock
		if s := stop(); s.AcceptErrors < 60 || s.AcceptErrors > 70 {
			t.Errorf("%d accept errors in a minute", s.AcceptErrors)
		}
	})
}

func TestSilentPeerDelaysNobody(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 8<<10)
	_, tcp, stop := start(t, Options{}, func(r *Request) {
		if string(r.CallID()) != "big" {
			answer(r)
			return
		}
		var w sip.Response
		w.Begin(r.Buffer(), &r.Message, 200, "", []byte("t"))
		w.Body("text/plain", []byte(big))
		r.Respond(w.End())
	})
	deaf, other := dial(t, "tcp", tcp), dial(t, "tcp", tcp)
	in := bufio.NewReader(other)
	// Ask until our connection is taken away: kernel buffers and the queue are full then.
	for i := 0; ; i++ {
		if _, err := io.WriteString(deaf, strings.Repeat(options("big"), 16)); err != nil {
			break
		}
		if i > 100_000 {
			t.Fatal("nothing bounds what is queued")
		}
		write(t, other, options("x"))
		mustRead(t, in)
	}
	write(t, other, options("x"))
	mustRead(t, in)
	if s := stop(); s.ClosedSlow != 1 {
		t.Errorf("%+v", s)
	}
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	tr := New(Options{}, handlerFunc(answer), nil)
	at, err := tr.Listen(TCP, loopback)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Listen(UDP, at); err != nil { // the same port, as 18.2.1 wants
		t.Fatal(err)
	}
	for _, k := range []Kind{TCP, UDP} {
		if _, err := New(Options{}, nil, nil).Listen(k, at); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("second listener on %v: %v", k, err)
		}
		if _, err := tr.Listen(k, netip.AddrPort{}); err == nil {
			t.Errorf("%v listens nowhere", k)
		}
	}
	if _, err := tr.Listen(Kind(0), loopback); err == nil {
		t.Error("listens with an unknown transport")
	}
	tr.Flush()
	if err := errors.Join(tr.Close(), tr.Close()); err != nil {
		t.Error(err)
	}
	if tr.Serve(context.Background()) == nil {
		t.Error("Serve after Close")
	}
	if _, err := tr.Listen(TCP, loopback); err == nil {
		t.Error("Listen after Close")
	}

	tr = New(Options{}, handlerFunc(answer), nil)
	ended := make(chan error, 1)
	go func() { ended <- tr.Serve(t.Context()) }()
	_ = tr.Close() // before or after Serve began
	if err := <-ended; err != nil && !strings.Contains(err.Error(), "after Close") {
		t.Error(err)
	}
}

// TestClient: an IPv6 host cannot have more connections by using more of its addresses.
func TestClient(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"2001:db8::1", "2001:db8::ffff:1", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
	} {
		if same := client(netip.MustParseAddr(c.a)) == client(netip.MustParseAddr(c.b)); same != c.same {
			t.Errorf("%s and %s: %v", c.a, c.b, same)
		}
	}
	if client(netip.Addr{}).IsValid() {
		t.Error("no address became one")
	}
}
