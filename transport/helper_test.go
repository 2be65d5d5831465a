package transport

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sipway/sipway/sip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// patience is how long a test waits for what must happen; it is never waited out.
const patience = 20 * time.Second

type handlerFunc func(r *Request)

func (f handlerFunc) ServeSIP(r *Request) { f(r) }

// answer responds 200, or what Bad says.
func answer(r *Request) {
	code := 200
	if se, ok := r.Bad.(*sip.StatusError); ok {
		code = se.Code
	}
	r.Respond(response(r, code))
}

func response(r *Request, code int) []byte {
	var w sip.Response
	w.Begin(r.Buffer(), &r.Message, code, "", []byte("t"))
	return w.End()
}

// request builds a request; via is what follows "SIP/2.0/UDP ", more are header lines and the body.
func request(method, callID, via, body string, more ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s sip:example.test SIP/2.0\r\nVia: SIP/2.0/UDP %s\r\n", method, via)
	fmt.Fprintf(&b, "From: <sip:a@example.test>;tag=1\r\nTo: <sip:b@example.test>\r\nCall-ID: %s\r\n", callID)
	fmt.Fprintf(&b, "CSeq: 1 %s\r\nMax-Forwards: 70\r\n", method)
	for _, l := range more {
		b.WriteString(l + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

func options(callID string) string {
	return request("OPTIONS", callID, "192.0.2.9:5070;branch=z9hG4bK"+callID+";rport", "")
}

// start serves h on UDP and TCP of the loopback and returns both addresses and a function that ends it and
// returns the totals.
func start(t testing.TB, o Options, h handlerFunc) (udp, tcp netip.AddrPort, stop func() Stats) {
	t.Helper()
	tr := New(o, h, nil)
	var err error
	if udp, err = tr.Listen(UDP, loopback); err != nil {
		t.Fatal(err)
	}
	if tcp, err = tr.Listen(TCP, loopback); err != nil {
		t.Fatal(err)
	}
	return udp, tcp, serve(t, tr)
}

func serve(t testing.TB, tr *Transport) (stop func() Stats) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- tr.Serve(ctx) }()
	stop = sync.OnceValue(func() Stats {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		s := tr.Stats()
		if s.Connections != 0 || s.BufferMemory != 0 || len(tr.perAddr) != 0 {
			t.Errorf("left behind: %d connections, %d bytes, %d addresses", s.Connections, s.BufferMemory, len(tr.perAddr))
		}
		return s
	})
	t.Cleanup(func() { stop() })
	return stop
}

func dial(t testing.TB, network string, to netip.AddrPort) net.Conn {
	t.Helper()
	c, err := net.Dial(network, to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

func write(t testing.TB, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

func readPacket(t testing.TB, c net.Conn) *sip.Message {
	t.Helper()
	b := make([]byte, 65536)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, b[:n])
}

func parse(t testing.TB, b []byte) *sip.Message {
	t.Helper()
	m := new(sip.Message)
	if err := m.Parse(b); err != nil {
		t.Fatalf("%v in:\n%s", err, b)
	}
	return m
}

// readMessage reads one message from a stream, with the CRLFs before it.
func readMessage(r *bufio.Reader) (*sip.Message, error) {
	var b bytes.Buffer
	length := 0
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if line == "\r\n" && b.Len() == 0 {
			continue
		}
		b.WriteString(line)
		if v, ok := strings.CutPrefix(line, "Content-Length:"); ok {
			length, _ = strconv.Atoi(strings.TrimSpace(v))
		}
		if line == "\r\n" {
			break
		}
	}
	if _, err := io.CopyN(&b, r, int64(length)); err != nil {
		return nil, err
	}
	m := new(sip.Message)
	return m, m.Parse(b.Bytes())
}

func mustRead(t testing.TB, r *bufio.Reader) *sip.Message {
	t.Helper()
	m, err := readMessage(r)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
