package datagram

import (
	"net/netip"
	"testing"
)

// BenchmarkEcho keeps a window of packets on the way through loopback, so that batches form. What is measured
// is the server and the client; the client sends and receives one by one.
func BenchmarkEcho(b *testing.B) {
	for _, bind := range []string{"127.0.0.1:0", "0.0.0.0:0"} {
		b.Run(bind, func(b *testing.B) {
			g, stop := start(b, netip.MustParseAddrPort(bind), Options{Sockets: 1}, echo)
			c := dial(b, netip.AddrPortFrom(loopback.Addr(), g.Addr().Port()))
			const window = 64
			q, in := make([]byte, 400), make([]byte, 2048)
			b.ReportAllocs()
			b.ResetTimer()
			sent := 0
			for got := 0; got < b.N; got++ {
				for sent < b.N && sent-got < window {
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
		})
	}
}
