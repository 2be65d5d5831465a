package registrar

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sipway/sipway/location"
	"github.com/sipway/sipway/transport"
)

// reuse is a request in memory that can be given to the registrar again and again.
func reuse(tb testing.TB, raw string) (r *transport.Request, cseq []byte) {
	tb.Helper()
	b := []byte(raw)
	r = transport.NewRequest(b, transport.UDP, netip.MustParseAddrPort("192.0.2.1:5060"),
		netip.MustParseAddrPort("192.0.2.7:5060"), start, func([]byte) {})
	if r.Bad != nil {
		tb.Fatal(r.Bad)
	}
	i := strings.Index(raw, "CSeq: ") + len("CSeq: ")
	return r, b[i : i+9]
}

// next counts the digits up, in place.
func next(digits []byte) {
	for i := len(digits) - 1; ; i-- {
		if digits[i] != '9' {
			digits[i]++
			return
		}
		digits[i] = '0'
	}
}

const refresh = "Contact: <sip:bob@192.0.2.7:5060;transport=udp>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>\""

// TestAllocates: a refresh costs the new Record, a fetch and a refusal cost nothing.
func TestAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("not with -race")
	}
	p := newPhone(t, nil)
	for _, c := range []struct {
		name, raw string
		want      float64
	}{
		{"refresh", p.register("CSeq: 100000000 REGISTER", refresh, "Path: <sip:edge;lr>"), 1},
		{"fetch", p.register("CSeq: 100000000 REGISTER"), 0},
		{"refusal", p.register("CSeq: 100000000 REGISTER", refresh+";expires=1"), 0},
		{"foreign", p.register("CSeq: 100000000 REGISTER", "To: <sip:a@b>"), 0},
	} {
		r, cseq := reuse(t, c.raw)
		tag := []byte("tt")
		got := testing.AllocsPerRun(500, func() {
			next(cseq)
			if err := p.x.ServeSIP(r, tag); err != nil && c.want != 0 {
				t.Fatal(err)
			}
		})
		if got != c.want {
			t.Errorf("%s: %v allocations, want %v", c.name, got, c.want)
		}
	}
}

func BenchmarkRefresh(b *testing.B) {
	store, err := location.Open("", location.Options{Durability: location.None})
	if err != nil {
		b.Fatal(err)
	}
	x, err := New(Options{Domain: "d.test", Store: store})
	if err != nil {
		b.Fatal(err)
	}
	r, cseq := reuse(b, (&phone{}).register("CSeq: 100000000 REGISTER", refresh))
	tag := []byte("tt")
	b.ReportAllocs()
	for b.Loop() {
		next(cseq)
		if err := x.ServeSIP(r, tag); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzServeSIP: whatever stands in the headers that a registrar reads, one answer or refusal comes, and what is
// stored can be read, listed and answered again.
func FuzzServeSIP(f *testing.F) {
	f.Add("<sip:bob@h>;q=0.5;expires=60", "3600", "<sip:p;lr>", "path", "<sip:bob@d.test>")
	f.Add("*", "0", "", "", "sip:%62ob@d.test")
	f.Add("\"a\\\x01\" <sip:a@h>;x=\"\\\x01\",\r\n tel:1", "x", "<sip:p>,", "a b", "<sips:bob:p@D.test.;x>")
	f.Fuzz(func(t *testing.T, contact, expires, path, require, to string) {
		p := newPhone(t, nil)
		p.x.supported = []string{"path"}
		raw := p.register("To: "+to, "Contact: "+contact, "Expires: "+expires, "Path: "+path, "Require: "+require, "Supported: path")
		for range 2 {
			answers := 0
			r := transport.NewRequest([]byte(raw), transport.UDP, netip.AddrPort{}, netip.MustParseAddrPort("[2001:db8::1]:5060"), start,
				func([]byte) { answers++ })
			if r.Bad != nil {
				return // dispatch answers it
			}
			if err := p.x.ServeSIP(r, []byte("tt")); (err == nil) != (answers == 1) {
				t.Fatalf("%d answers and %v", answers, err)
			}
		}
		p.store.Scan(func(aor string, rec location.Record) bool {
			if rec.Check() != nil || rec.Len() == 0 {
				t.Fatalf("%s: a bad record", aor)
			}
			return true
		})
	})
}
