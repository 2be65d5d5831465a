package resolver

import (
	"context"
	"net/netip"
	"testing"
	"time"
)

const benchZone = `
example.com. NAPTR 10 10 "s" "SIPS+D2T" "" _sips._tcp.example.com.
example.com. NAPTR 20 10 "s" "SIP+D2T" "" _sip._tcp.example.com.
_sips._tcp.example.com. SRV 10 60 5061 edge1.example.com.
_sips._tcp.example.com. SRV 10 40 5061 edge2.example.com.
edge1.example.com. A 192.0.2.1
edge1.example.com. AAAA 2001:db8::1
edge2.example.com. A 192.0.2.2
`

// BenchmarkResolve is a warm lookup: NAPTR, SRV and addresses of two servers from the cache.
func BenchmarkResolve(b *testing.B) {
	for _, c := range []struct{ name, uri string }{
		{"literal", "sip:192.0.2.1"}, {"port", "sip:edge1.example.com:5061"}, {"naptr", "sip:bob@example.com"},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := newTestResolver(b, Options{Source: memory(parseNaiveZone(b, benchZone)), Families: []Family{IP6, IP4}})
			ctx := context.Background()
			if _, err := r.Resolve(ctx, c.uri); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Resolve(ctx, c.uri); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkResolveParallel is the same on all cores.
func BenchmarkResolveParallel(b *testing.B) {
	r := newTestResolver(b, Options{Source: memory(parseNaiveZone(b, benchZone)), Families: []Family{IP6, IP4}})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := r.Resolve(context.Background(), "sip:bob@example.com"); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkCold asks a server on loopback that takes 50 ms for each answer: two round trips are 100 ms.
func BenchmarkCold(b *testing.B) {
	server := (&fakeDNS{zone: parseNaiveZone(b, benchZone), delay: 50 * time.Millisecond}).start(b)
	for b.Loop() {
		r, err := New(Options{Servers: []netip.AddrPort{server.addr}, Families: []Family{IP6, IP4}})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Resolve(context.Background(), "sip:bob@example.com"); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}
