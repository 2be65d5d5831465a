package transport

import (
	"bufio"
	"bytes"
	"io"
	"testing"

	"github.com/sipway/sipway/sip"
)

// okHandler answers 200 as a role would, without allocating, in one goroutine.
func okHandler() handlerFunc {
	w := new(sip.Response)
	tag := []byte("0123456789abcdef")
	return func(r *Request) {
		w.Begin(r.Buffer(), &r.Message, 200, "", tag)
		w.AddString("Allow", "INVITE, ACK, CANCEL, OPTIONS, REGISTER")
		r.Respond(w.End())
	}
}

// BenchmarkUDP answers OPTIONS with 200 through loopback, 64 on the way. The client, which shares the cores,
// sends and receives one by one.
func BenchmarkUDP(b *testing.B) {
	udp, _, stop := start(b, Options{UDPSockets: 1}, okHandler())
	c := dial(b, "udp", udp)
	q, in := []byte(options("benchmark")), make([]byte, 2048)
	b.ReportAllocs()
	b.ResetTimer()
	sent := 0
	for got := 0; got < b.N; got++ {
		for sent < b.N && sent-got < 64 {
			if _, err := c.Write(q); err != nil {
				b.Fatal(err)
			}
			sent++
		}
		if _, err := c.Read(in); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	stop()
}

// BenchmarkTCP is the same over one connection, with as many requests in one write as the client pleases.
func BenchmarkTCP(b *testing.B) {
	_, tcp, stop := start(b, Options{}, okHandler())
	c := dial(b, "tcp", tcp)
	q := bytes.Repeat([]byte(options("benchmark")), 64)
	one := len(q) / 64
	c2 := bufio.NewReaderSize(c, 64<<10)
	// The length of a response, to read them without parsing.
	write(b, c, options("benchmark"))
	m := mustRead(b, c2)
	length := len(m.Bytes())
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; {
		n := min(left, 64)
		if _, err := c.Write(q[:n*one]); err != nil {
			b.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, c2, int64(n*length)); err != nil {
			b.Fatal(err)
		}
		left -= n
	}
	b.StopTimer()
	stop()
}
