package zones

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// seeds are queries of every shape the package tells apart.
func seeds(tb testing.TB) [][]byte {
	qs := mix(tb)
	for _, f := range []func(*dns.Msg){
		edns(1232, true), edns(100, false),
		func(m *dns.Msg) { m.SetEdns0(4096, false); m.Extra[0].Header().Ttl |= 1 << 16 },
		func(m *dns.Msg) { m.SetEdns0(512, false); m.Extra = append(m.Extra, m.Extra[0]) },
		func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify },
		func(m *dns.Msg) { m.Response = true },
		func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassANY },
		func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS },
		func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) },
		func(m *dns.Msg) { m.Question = nil },
		func(m *dns.Msg) { m.SetTsig("key.", dns.HmacSHA256, 300, 1) },
		func(m *dns.Msg) {
			m.Ns = []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: ".", Rrtype: 6, Class: 1}, Ns: ".", Mbox: "."}}
		},
	} {
		qs = append(qs, query(tb, "voip.example", dns.TypeNAPTR, f))
	}
	for _, name := range []string{"edge.old", "foo.walias", "x.sub", "a.b.c.dyn", strings.Repeat("x.", 100), "xxxxxxxxxxxxxxxxxxxx.toolong", "_sip._udp.many"} {
		qs = append(qs, query(tb, strings.TrimSuffix(name, ".")+".voip.example", dns.TypeA), query(tb, strings.TrimSuffix(name, ".")+".voip.example", dns.TypeSRV, edns(1232, false)))
	}
	qs = append(qs, qs[0][:11], qs[0][:20], append(bytes.Clone(qs[0]), 0xde, 0xad))
	pointer, _ := hex.DecodeString("000100000001000000000000c00c00010001")
	return append(qs, pointer)
}

// FuzzQuestion asks anything. Nothing may panic, every response must be a message within its limit, and
// what we read in a question is what miekg/dns reads.
func FuzzQuestion(f *testing.F) {
	set := NewSet(load(f, "voip.example", "dns_test.zone"), load(f, "sip.test", "bench.zone"))
	for _, q := range seeds(f) {
		f.Add(q, 0)
		f.Add(q, 600)
	}
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		if len(b) > maxMessage {
			return
		}
		for _, tr := range []Transport{UDP, TCP} {
			resp := set.Answer(nil, b, limit, tr)
			if resp == nil {
				if len(b) >= headerLen && b[2]&0x80 == 0 {
					t.Fatalf("silence for %x", b)
				}
				continue
			}
			bound := maxMessage
			if tr == UDP {
				bound = max(minUDP, min(limit, maxMessage))
				if limit <= 0 {
					bound = defaultUDP
				}
			}
			var m dns.Msg
			if err := m.Unpack(resp); err != nil || !m.Response || m.Id != binary.BigEndian.Uint16(b) || len(resp) > bound {
				t.Fatalf("%x\ngives %x of at most %d octets: %v", b, resp, bound, err)
			}
		}
		agree(t, b)
	})
}

// agree compares parse with miekg/dns where both speak of the same: no records but an OPT.
func agree(t *testing.T, b []byte) {
	var q question
	verdict := q.parse(b)
	if len(b) < headerLen || b[2]&0xf8 != 0 || binary.BigEndian.Uint32(b[6:]) != 0 || b[10] != 0 || b[11] > 1 {
		return
	}
	var m dns.Msg
	err := m.Unpack(b)
	if verdict == proceed && b[11] == 0 && err != nil {
		t.Fatalf("%x is read here and not by miekg/dns: %v", b, err)
	}
	if err != nil || len(m.Question) != 1 {
		return
	}
	if verdict != proceed {
		// We refuse more: compression in the question, octets behind the message, a foreign record.
		if again, err := m.Pack(); err == nil && bytes.Equal(again, b) && len(m.Extra) == 0 {
			t.Fatalf("%x is refused with %d and plain to miekg/dns: %v", b, verdict, &m)
		}
		return
	}
	wire, err := wireName(m.Question[0].Name)
	if err != nil || !bytes.Equal(wire, q.name[:q.nameLen]) || q.qtype != m.Question[0].Qtype || q.qclass != m.Question[0].Qclass {
		t.Fatalf("%x: we read %x %d %d, miekg/dns %v", b, q.name[:q.nameLen], q.qtype, q.qclass, m.Question)
	}
	if labels(wire) != q.labels {
		t.Fatalf("%x: %d labels, counted %d", b, labels(wire), q.labels)
	}
	if o := m.IsEdns0(); (o != nil) != q.edns || o != nil && (o.Do() != q.do || max(minUDP, o.UDPSize()) != q.size || o.Version() != q.version) {
		t.Fatalf("%x: we read EDNS %v %v %d %d, miekg/dns %v", b, q.edns, q.do, q.size, q.version, o)
	}
}

// FuzzZoneFile reads any zone file. Nothing may panic, and a zone that compiles answers all of its names.
func FuzzZoneFile(f *testing.F) {
	for _, file := range []string{"dns_test.zone", "bench.zone"} {
		b, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b[:min(len(b), 6000)]))
	}
	const head = "$TTL 60\n@ SOA ns mail 1 2 3 4 5\n@ NS ns\n"
	for _, s := range []string{
		"$INCLUDE /etc/passwd\n", "$GENERATE 1-4 h$ A 192.0.2.$\n", "a SRV \\# 7 00010001000100\n", "a NAPTR \\# 2 0001\n",
		"* CNAME *\n", "a DNAME a.a\n", "a CNAME b.a\na DNAME c\n", "\\000 TXT \"\\255\"\n", "a NS b.a\nb.a A 192.0.2.1\n", "a HINFO x y\n",
	} {
		f.Add(head + s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 10_000 || strings.Count(strings.ToUpper(text), "$GENERATE") > 1 {
			return // slow, not wrong
		}
		rrs, err := parse("fuzz.test", "fuzz.test", "f", strings.NewReader(text))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f:") {
				t.Fatalf("an error without a place: %v", err)
			}
			return
		}
		if len(rrs) > 500 {
			return
		}
		z, err := Compile("fuzz.test", rrs)
		if err != nil {
			return
		}
		set := NewSet(z)
		for _, rr := range rrs {
			h := rr.Header()
			for _, qtype := range []uint16{h.Rrtype, dns.TypeA, dns.TypeANY} {
				for _, prefix := range []string{"\x00", "\x01x\x00", "\x01*\x00"} {
					wire, err := wireName(h.Name)
					if err != nil {
						t.Fatal(err)
					}
					name := append([]byte(prefix[:len(prefix)-1]), wire...)
					if len(name) > maxName {
						continue
					}
					q := append(append([]byte{1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, name...), byte(qtype>>8), byte(qtype), 0, 1)
					resp := set.Answer(nil, q, 0, TCP)
					if end := walk(resp); end != len(resp) {
						t.Fatalf("%s %d: the response ends at %d of %d: %x", h.Name, qtype, end, len(resp), resp)
					}
				}
			}
		}
	})
}

// walk reads a message by its counts, with every name and RDATA length, and returns where it ends. It does
// not look into RDATA, in which a zone may hold what its type does not allow (RFC 3597).
func walk(b []byte) int {
	off := headerLen + nameLen(b[headerLen:]) + 4
	for n := binary.BigEndian.Uint16(b[6:]) + binary.BigEndian.Uint16(b[8:]) + binary.BigEndian.Uint16(b[10:]); n > 0; n-- {
		_, next, err := dns.UnpackDomainName(b, off)
		if err != nil || next+10 > len(b) {
			return -1
		}
		off = next + 10 + int(binary.BigEndian.Uint16(b[next+8:]))
	}
	return off
}
