package zones

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// load compiles a zone file of testdata.
func load(tb testing.TB, origin, file string) *Zone {
	tb.Helper()
	rrs, err := ParseFile(origin, filepath.Join("testdata", file))
	if err != nil {
		tb.Fatal(err)
	}
	z, err := Compile(origin, rrs)
	if err != nil {
		tb.Fatal(err)
	}
	return z
}

// zone compiles a zone written out in a test, behind an SOA and an NS record.
func zone(tb testing.TB, origin, text string) *Zone {
	tb.Helper()
	rrs, err := parse(origin, origin, "test.zone", strings.NewReader("$TTL 300\n@ SOA ns mail 1 2 3 4 60\n@ NS ns.elsewhere.\n"+text+"\n"))
	if err != nil {
		tb.Fatal(err)
	}
	z, err := Compile(origin, rrs)
	if err != nil {
		tb.Fatal(err)
	}
	return z
}

// query packs a question.
func query(tb testing.TB, name string, qtype uint16, change ...func(*dns.Msg)) []byte {
	tb.Helper()
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), qtype)
	m.RecursionDesired = false
	m.Id = 4711
	for _, f := range change {
		f(m)
	}
	b, err := m.Pack()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func edns(size uint16, do bool) func(*dns.Msg) {
	return func(m *dns.Msg) { m.SetEdns0(size, do) }
}

// ask asks and unpacks.
func ask(tb testing.TB, s *Set, q []byte, t Transport) *dns.Msg {
	tb.Helper()
	b := s.Answer(nil, q, 0, t)
	if b == nil {
		tb.Fatal("no response")
	}
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		tb.Fatalf("response does not unpack: %v\n%s", err, hex.Dump(b))
	}
	return m
}

// mix is the queries of the benchmark.
func mix(tb testing.TB) [][]byte {
	tb.Helper()
	f, err := os.Open(filepath.Join("testdata", "bench_queries.txt"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var qs [][]byte
	for sc := bufio.NewScanner(f); sc.Scan(); {
		name, rtyp, _ := strings.Cut(sc.Text(), " ")
		qs = append(qs, query(tb, name, dns.StringToType[rtyp]))
	}
	return qs
}

func TestAnswerDoesNotAllocate(t *testing.T) {
	set := NewSet(load(t, "voip.example", "dns_test.zone"), load(t, "sip.test", "bench.zone"))
	qs := mix(t)
	for _, q := range []struct {
		name string
		typ  uint16
	}{
		{"voip.example", dns.TypeNAPTR},
		{"foo.walias.voip.example", dns.TypeA},
		{"c1.voip.example", dns.TypeAAAA},
		{"host.sub.voip.example", dns.TypeA},
		{"edge.old.voip.example", dns.TypeA},
		{"nosuch.voip.example", dns.TypeANY},
		{"other.example", dns.TypeA},
		{"voip.example", dns.TypeAXFR},
		{"voip.example", dns.TypeANY},
	} {
		qs = append(qs, query(t, q.name, q.typ), query(t, q.name, q.typ, edns(1232, true)))
	}
	qs = append(qs, query(t, "voip.example", dns.TypeA)[:20])
	out := make([]byte, 0, 4096)
	for _, q := range qs {
		for _, tr := range []Transport{UDP, TCP} {
			if n := testing.AllocsPerRun(100, func() { set.Answer(out, q, 0, tr) }); n != 0 {
				t.Errorf("%x: %v allocations", q, n)
			}
		}
	}
}

func BenchmarkAnswerMix(b *testing.B) {
	set := NewSet(load(b, "sip.test", "bench.zone"))
	qs := mix(b)
	out := make([]byte, 0, 1232)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		set.Answer(out, qs[i%len(qs)], 1232, UDP)
	}
}

func BenchmarkAnswer(b *testing.B) {
	set := NewSet(load(b, "voip.example", "dns_test.zone"))
	for _, c := range []struct {
		name string
		typ  uint16
	}{{"_sip._udp", dns.TypeSRV}, {"edge1", dns.TypeA}, {"@", dns.TypeNAPTR}, {"nosuch", dns.TypeA}, {"foo.walias", dns.TypeA}, {"edge.old", dns.TypeA}} {
		name := c.name + ".voip.example"
		if c.name == "@" {
			name = "voip.example"
		}
		q := query(b, name, c.typ, edns(1232, false))
		b.Run(fmt.Sprintf("%s/%s", c.name, dns.Type(c.typ)), func(b *testing.B) {
			out := make([]byte, 0, 1232)
			b.ReportAllocs()
			for b.Loop() {
				set.Answer(out, q, 1232, UDP)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	var text strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&text, "h%d A 192.0.2.%d\n_sip._udp.h%d SRV 1 1 5060 h%d\n", i, i%256, i, i)
	}
	rrs, err := parse("big.test", "big.test", "big.zone", strings.NewReader("$TTL 300\n@ SOA ns mail 1 2 3 4 60\n@ NS ns.elsewhere.\n"+text.String()))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile("big.test", rrs); err != nil {
			b.Fatal(err)
		}
	}
}
