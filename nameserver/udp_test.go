package nameserver

import (
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sipway/sipway/zones"
)

// TestCounters asks one question of each kind over both transports: the decisions are the same.
func TestCounters(t *testing.T) {
	t.Parallel()
	s, addr := start(t, Options{})
	transfer := query(t, casesOrigin, dns.TypeAXFR)
	notify := query(t, casesOrigin, dns.TypeSOA)
	notify[2] |= 4 << 3
	short := query(t, casesOrigin, dns.TypeSOA)[:20]
	queries := [][]byte{
		query(t, casesOrigin, dns.TypeNAPTR), query(t, casesOrigin, dns.TypeLOC),
		query(t, "host.sub."+casesOrigin, dns.TypeA), query(t, "nosuch."+casesOrigin, dns.TypeA),
		query(t, "other.example.", dns.TypeA), transfer, notify, short,
		query(t, "xxxxxxxxxxxxxxxxxxxx.toolong."+casesOrigin, dns.TypeA),
	}
	u, err := net.Dial("udp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	if err := u.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	c := dial(t, addr)
	buf := make([]byte, 4096)
	for _, q := range queries {
		write(t, u, q)
		n, err := u.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		write(t, c, framed(q))
		b, err := next(c)
		if err != nil {
			t.Fatal(err)
		}
		if string(b) != string(buf[:n]) {
			t.Errorf("UDP and TCP differ:\n%x\n%x", buf[:n], b)
		}
	}
	want := Queries{Answered: 2, Referral: 1, NXDomain: 1, Refused: 2, NotImp: 1, FormErr: 1, Other: 1}
	st := s.Stats()
	if st.UDP != want || st.TCP != want {
		t.Errorf("UDP %+v\nTCP %+v\nwant %+v", st.UDP, st.TCP, want)
	}
	write(t, u, []byte("no query"))
	write(t, u, query(t, "_sip._udp.many."+casesOrigin, dns.TypeSRV))
	if n, err := u.Read(buf); err != nil || n > 512 || buf[2]&2 == 0 {
		t.Errorf("want a truncated response, got %x, %v", buf[:n], err)
	}
	want.Silent, want.Truncated = 1, 1
	if got := s.Stats().UDP; got != want {
		t.Errorf("UDP %+v\nwant %+v", got, want)
	}
}

// TestSwap publishes another zone while the server runs.
func TestSwap(t *testing.T) {
	t.Parallel()
	s, addr := start(t, Options{})
	c := dial(t, addr)
	q := framed(query(t, casesOrigin, dns.TypeSOA))
	for _, want := range []int{dns.RcodeSuccess, dns.RcodeRefused} {
		write(t, c, q)
		b, err := next(c)
		if err != nil || int(b[3]&15) != want {
			t.Fatalf("rcode %d, want %d, %v", b[3]&15, want, err)
		}
		s.zones.Swap(zones.NewSet())
	}
	s.zones.Swap(nil)
	write(t, c, q)
	if b, err := next(c); err != nil || b[3]&15 != dns.RcodeRefused {
		t.Fatalf("nothing published: %x %v", b, err)
	}
}
