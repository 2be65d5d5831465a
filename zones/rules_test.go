package zones

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestRefused(t *testing.T) {
	t.Parallel()
	set := NewSet(load(t, "voip.example", "dns_test.zone"))
	for _, c := range []struct {
		what  string
		query []byte
		rcode int
		aa    bool
		qs    int // questions repeated
	}{
		{"another zone", query(t, "other.example", dns.TypeA), dns.RcodeRefused, false, 1},
		{"a name that ends alike", query(t, "xvoip.example", dns.TypeA), dns.RcodeRefused, false, 1},
		{"the parent", query(t, "example", dns.TypeA), dns.RcodeRefused, false, 1},
		{"class CH", query(t, "version.bind", dns.TypeTXT, class(dns.ClassCHAOS)), dns.RcodeRefused, false, 1},
		{"class HS", query(t, "voip.example", dns.TypeA, class(dns.ClassHESIOD)), dns.RcodeRefused, false, 1},
		{"class ANY", query(t, "edge1.voip.example", dns.TypeA, class(dns.ClassANY)), dns.RcodeSuccess, false, 1},
		{"AXFR", query(t, "voip.example", dns.TypeAXFR), dns.RcodeRefused, false, 1},
		{"IXFR", query(t, "voip.example", dns.TypeIXFR, ixfr), dns.RcodeRefused, false, 1},
		{"type 0", query(t, "voip.example", 0), dns.RcodeFormatError, false, 1},
		{"type OPT", query(t, "voip.example", dns.TypeOPT), dns.RcodeFormatError, false, 1},
		{"type TSIG", query(t, "voip.example", dns.TypeTSIG), dns.RcodeFormatError, false, 1},
		{"an answer in the query", query(t, "voip.example", dns.TypeA, func(m *dns.Msg) { m.Answer = soa() }), dns.RcodeFormatError, false, 1},
		{"an authority in the query", query(t, "voip.example", dns.TypeA, func(m *dns.Msg) { m.Ns = soa() }), dns.RcodeFormatError, false, 1},
		{"a foreign additional record", query(t, "edge1.voip.example", dns.TypeA, func(m *dns.Msg) { m.Extra = soa() }), dns.RcodeSuccess, true, 1},
		{"no question", query(t, "voip.example", dns.TypeA, func(m *dns.Msg) { m.Question = nil }), dns.RcodeFormatError, false, 0},
		{"NOTIFY", query(t, "voip.example", dns.TypeSOA, func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }), dns.RcodeNotImplemented, false, 1},
		{"UPDATE", query(t, "voip.example", dns.TypeSOA, func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate }), dns.RcodeNotImplemented, false, 1},
		{"opcode 15", query(t, "voip.example", dns.TypeSOA, func(m *dns.Msg) { m.Opcode = 15 }), dns.RcodeNotImplemented, false, 1},
	} {
		m := ask(t, set, c.query, UDP)
		if m.Rcode != c.rcode || m.Authoritative != c.aa || len(m.Question) != c.qs || m.Opcode != int(c.query[2]>>3&15) {
			t.Errorf("%s:\n%v", c.what, m)
		}
		if c.rcode != dns.RcodeSuccess && len(m.Answer)+len(m.Ns)+len(m.Extra) > 0 {
			t.Errorf("%s: records\n%v", c.what, m)
		}
	}
}

func class(c uint16) func(*dns.Msg) { return func(m *dns.Msg) { m.Question[0].Qclass = c } }

func soa() []dns.RR {
	return []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: "voip.example.", Rrtype: dns.TypeSOA, Class: dns.ClassINET}, Ns: ".", Mbox: "."}}
}

func ixfr(m *dns.Msg) { m.Ns = soa() }

func TestSilence(t *testing.T) {
	t.Parallel()
	set := NewSet(load(t, "voip.example", "dns_test.zone"))
	response := query(t, "voip.example", dns.TypeA, func(m *dns.Msg) { m.Response = true })
	for _, q := range [][]byte{nil, {}, response[:11], response} {
		if got := set.Answer(nil, q, 0, UDP); got != nil {
			t.Errorf("%x gives %x", q, got)
		}
	}
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	set := NewSet(load(t, "voip.example", "dns_test.zone"))
	head := func(qd, an, ns, ar byte) string {
		return string([]byte{1, 2, 1, 0, 0, qd, 0, an, 0, ns, 0, ar})
	}
	const q = "\x04voip\x07example\x00\x00\x01\x00\x01"
	const opt = "\x00\x00\x29\x04\xd0\x00\x00\x00\x00"
	long := strings.Repeat("\x3f"+strings.Repeat("a", 63), 4) + "\x00\x00\x01\x00\x01" // a name of 257 octets
	for what, c := range map[string]struct {
		m  string
		qs int
	}{
		"two questions":              {head(2, 0, 0, 0) + q + q, 0},
		"name cut":                   {head(1, 0, 0, 0) + q[:7], 0},
		"class cut":                  {head(1, 0, 0, 0) + q[:len(q)-1], 0},
		"pointer in the question":    {head(1, 0, 0, 0) + "\xc0\x0c\x00\x01\x00\x01", 0},
		"label type 0x40":            {head(1, 0, 0, 0) + "\x41a\x00\x00\x01\x00\x01", 0},
		"label type 0x80":            {head(1, 0, 0, 0) + "\x81a\x00\x00\x01\x00\x01", 0},
		"name too long":              {head(1, 0, 0, 0) + long, 0},
		"octets behind":              {head(1, 0, 0, 0) + q + "x", 1},
		"record announced, none":     {head(1, 0, 0, 1) + q, 1},
		"OPT cut":                    {head(1, 0, 0, 1) + q + opt, 1},
		"OPT RDATA cut":              {head(1, 0, 0, 1) + q + opt + "\x00\xff", 1},
		"OPT option cut":             {head(1, 0, 0, 1) + q + opt + "\x00\x03\x00\x03\x00", 1},
		"OPT option too long":        {head(1, 0, 0, 1) + q + opt + "\x00\x05\x00\x03\x00\x02a", 1},
		"OPT not at the root":        {head(1, 0, 0, 1) + q + "\x01a" + opt + "\x00\x00", 1},
		"OPT in the authority":       {head(1, 0, 1, 0) + q + opt + "\x00\x00", 1},
		"OPT and octets behind":      {head(1, 0, 0, 1) + q + opt + "\x00\x00x", 1},
		"two OPT":                    {head(1, 0, 0, 2) + q + opt + "\x00\x00" + opt + "\x00\x00", 1},
		"TSIG not last":              {head(1, 0, 0, 2) + q + "\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x00" + opt + "\x00\x00", 1},
		"65535 records announced":    {head(1, 0, 0, 0)[:10] + "\xff\xff" + q + opt + "\x00\x00", 1},
		"record name label type":     {head(1, 0, 0, 1) + q + "\x80\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00", 1},
		"record name runs over":      {head(1, 0, 0, 1) + q + "\x3fa", 1},
		"record name pointer cut":    {head(1, 0, 0, 1) + q + "\xc0", 1},
		"no question, OPT and a key": {head(0, 0, 0, 1) + opt + "\x00\x00", 0},
	} {
		m := ask(t, set, []byte(c.m), UDP)
		if m.Rcode != dns.RcodeFormatError || len(m.Question) != c.qs || !m.RecursionDesired || m.Id != 0x0102 {
			t.Errorf("%s:\n%v", what, m)
		}
	}
}

func TestNameOf255Octets(t *testing.T) {
	t.Parallel()
	set := NewSet(zone(t, "z.test", "* A 192.0.2.1"))
	name := "\x01a" + strings.Repeat("\x3f"+strings.Repeat("a", 63), 3) + "\x34" + strings.Repeat("b", 52) + "\x01z\x04test\x00"
	if len(name) != maxName {
		t.Fatalf("%d octets", len(name))
	}
	q := "\x01\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00" + name + "\x00\x01\x00\x01"
	if m := ask(t, set, []byte(q), UDP); len(m.Answer) != 1 {
		t.Errorf("%v", m)
	}
	deep := strings.Repeat("\x01a", 123) + "\x01z\x04test\x00"
	q = "\x01\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00" + deep + "\x00\x01\x00\x01"
	if m := ask(t, set, []byte(q), UDP); len(m.Answer) != 1 {
		t.Errorf("%v", m)
	}
}

func TestEDNS(t *testing.T) {
	t.Parallel()
	set := NewSet(load(t, "voip.example", "dns_test.zone"))
	m := ask(t, set, query(t, "voip.example", dns.TypeSOA, edns(4096, true)), UDP)
	o := m.IsEdns0()
	if o == nil || !o.Do() || o.UDPSize() != 1232 || o.Version() != 0 || len(o.Option) != 0 {
		t.Errorf("%v", m)
	}
	m = ask(t, set, query(t, "voip.example", dns.TypeSOA, edns(1232, false), func(m *dns.Msg) { m.Extra[0].Header().Ttl |= 7 << 16 }), UDP)
	if o = m.IsEdns0(); m.Rcode != dns.RcodeBadVers || o == nil || o.Version() != 0 || len(m.Answer) != 0 || m.Authoritative {
		t.Errorf("%v", m)
	}
	m = ask(t, set, query(t, "voip.example", dns.TypeSOA, edns(1232, false), func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }), UDP)
	if m.Rcode != dns.RcodeNotImplemented || m.IsEdns0() == nil {
		t.Errorf("%v", m)
	}
}

// TestUnknownKey checks the unsigned BADKEY of RFC 8945 5.2.1, and that it is left out where it does not fit.
func TestUnknownKey(t *testing.T) {
	t.Parallel()
	set := NewSet(load(t, "voip.example", "dns_test.zone"))
	signed := func(key string) []byte {
		return query(t, "voip.example", dns.TypeAXFR, func(m *dns.Msg) { m.SetTsig(key, dns.HmacSHA256, 300, 1700000000) })
	}
	m := ask(t, set, signed("some.key."), TCP)
	ts := m.IsTsig()
	if m.Rcode != dns.RcodeNotAuth || ts == nil || ts.Error != dns.RcodeBadKey || ts.MACSize != 0 || ts.Hdr.Name != "some.key." ||
		ts.Algorithm != dns.HmacSHA256 || ts.TimeSigned != 1700000000 || ts.OrigId != m.Id {
		t.Errorf("%v", m)
	}
	long := strings.Repeat(strings.Repeat("k", 62)+".", 4)
	if b := set.Answer(nil, signed(long), 300, TCP); len(b) > 300 {
		t.Errorf("%d octets", len(b))
	}
	// A record that is cut short inside gets the code alone.
	q := append(query(t, "voip.example", dns.TypeA), "\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x01\x00"...)
	q[11] = 1
	if m := ask(t, set, q, UDP); m.Rcode != dns.RcodeNotAuth || len(m.Extra) != 0 {
		t.Errorf("%v", m)
	}
}

func TestDSBelongsToParent(t *testing.T) {
	t.Parallel()
	parent := zone(t, "z.test", "sub NS ns.sub\nns.sub A 192.0.2.1\nsub DS 1 13 2 49FD46E6C4B45C55D4AC69CBD3CD34AC1AFE51DE1AF2B6E6C9A7B7A1C1B1D3F0\nplain NS ns.sub")
	child := zone(t, "sub.z.test", "a A 192.0.2.2")
	both := NewSet(child, parent, zone(t, "plain.z.test", ""))
	m := ask(t, both, query(t, "sub.z.test", dns.TypeDS), UDP)
	if len(m.Answer) != 1 || !m.Authoritative {
		t.Errorf("%v", m)
	}
	m = ask(t, both, query(t, "plain.z.test", dns.TypeDS), UDP)
	if len(m.Answer) != 0 || !m.Authoritative || len(m.Ns) != 1 || m.Ns[0].Header().Name != "z.test." {
		t.Errorf("%v", m)
	}
	if m := ask(t, both, query(t, "sub.z.test", dns.TypeSOA), UDP); len(m.Answer) != 1 || m.Answer[0].Header().Name != "sub.z.test." {
		t.Errorf("%v", m)
	}
	alone := NewSet(child)
	if m := ask(t, alone, query(t, "sub.z.test", dns.TypeDS), UDP); len(m.Answer) != 0 || !m.Authoritative || m.Ns[0].Header().Name != "sub.z.test." {
		t.Errorf("%v", m)
	}
}

func TestPublishedAnswersOnlyWhatItKnows(t *testing.T) {
	t.Parallel()
	var p Published
	q := query(t, "a.z.test", dns.TypeA)
	if p.Answer(q) != nil {
		t.Error("an answer from nothing")
	}
	if old := p.Swap(NewSet(zone(t, "z.test", "a A 192.0.2.1\nsub NS ns.other."))); old != nil {
		t.Errorf("replaced %v", old)
	}
	for name, known := range map[string]bool{"a.z.test": true, "nosuch.z.test": true, "x.sub.z.test": false, "other.test": false} {
		if got := p.Answer(query(t, name, dns.TypeA)) != nil; got != known {
			t.Errorf("%s: known %v", name, got)
		}
	}
}

func TestSetOfOneOrigin(t *testing.T) {
	t.Parallel()
	one, two := zone(t, "z.test", "a A 192.0.2.1"), zone(t, "Z.test.", "a A 192.0.2.2")
	set := NewSet(one, nil, two)
	if got := set.Zones(); len(got) != 1 || got[0] != two {
		t.Errorf("%v", got)
	}
	var none *Set
	if m := ask(t, none, query(t, "a.z.test", dns.TypeA), UDP); m.Rcode != dns.RcodeRefused || none.Zones() != nil {
		t.Errorf("%v", m)
	}
}

func TestRootZone(t *testing.T) {
	t.Parallel()
	set := NewSet(zone(t, ".", "a A 192.0.2.1"))
	for name, rcode := range map[string]int{"a.": 0, ".": 0, "b.c.": dns.RcodeNameError} {
		if m := ask(t, set, query(t, name, dns.TypeA), UDP); m.Rcode != rcode {
			t.Errorf("%v", m)
		}
	}
}

// TestAppends shows that what stands in dst stays, and that the pointers count from the response's start.
func TestAppends(t *testing.T) {
	t.Parallel()
	set := NewSet(load(t, "voip.example", "dns_test.zone"))
	for _, name := range []string{"c1.voip.example", "edge.old.voip.example", "foo.walias.voip.example", "nosuch.voip.example"} {
		q := query(t, name, dns.TypeA)
		alone := set.Answer(nil, q, 0, TCP)
		for _, room := range []int{0, 4096} {
			got := set.Answer(append(make([]byte, 0, room), "keep"...), q, 0, TCP)
			if string(got) != "keep"+string(alone) {
				t.Errorf("%s: %x", name, got)
			}
		}
	}
}

func TestChainsEnd(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 30 {
		fmt.Fprintf(&text, "c%d CNAME c%d\n", i, i+1)
	}
	text.WriteString("c30 A 192.0.2.1\nd DNAME d.d\nx.e CNAME x.f\nf DNAME e\n")
	set := NewSet(zone(t, "z.test", text.String()))
	for name, want := range map[string]struct{ answers, rcode int }{
		"c0.z.test": {maxLinks + 1, 0}, "c14.z.test": {maxLinks + 1, 0}, "c15.z.test": {maxLinks, 0},
		"x.d.z.test": {maxLinks + 2, 0}, "x.f.z.test": {3, 0}, "x.e.z.test": {3, 0},
		strings.Repeat("y", 60) + "." + strings.Repeat("y", 60) + "." + strings.Repeat("y", 60) + "." + strings.Repeat("y", 40) + ".d.z.test": {10, dns.RcodeYXDomain},
	} {
		m := ask(t, set, query(t, name, dns.TypeA), TCP)
		if len(m.Answer) != want.answers && want.rcode == 0 || m.Rcode != want.rcode {
			t.Errorf("%s: %d answers\n%v", name, len(m.Answer), m)
		}
	}
}

func TestAny(t *testing.T) {
	t.Parallel()
	set := NewSet(zone(t, "z.test", "a A 192.0.2.1\nh HINFO real thing\nc CNAME a\na.ent A 192.0.2.1\n*.w A 192.0.2.1"))
	for name, want := range map[string][]string{
		"a": {"HINFO RFC8482"}, "h": {"HINFO real"}, "c": {"CNAME a.z.test."}, "ent": nil, "foo.w": {"HINFO RFC8482"},
	} {
		m := ask(t, set, query(t, name+".z.test", dns.TypeANY), UDP)
		if m.Rcode != 0 || len(m.Answer) != len(want) || m.Authoritative != true {
			t.Errorf("%s: %v", name, m)
			continue
		}
		for i, w := range want {
			if got := strings.Join(strings.Fields(strings.ReplaceAll(m.Answer[i].String(), `"`, "")), " "); !strings.Contains(got, w) {
				t.Errorf("%s: %q, want %q", name, got, w)
			}
		}
	}
}

// TestGlueIsRequired shows that in-domain glue makes TC where it does not fit, and sibling glue does not
// (RFC 9471 2).
func TestGlueIsRequired(t *testing.T) {
	t.Parallel()
	var in, sib strings.Builder
	for i := range 20 {
		fmt.Fprintf(&in, "in NS n%d.in\nn%d.in A 192.0.2.%d\nn%d.in AAAA 2001:db8::%d\n", i, i, i, i, i)
		fmt.Fprintf(&sib, "sib NS n%d.in\n", i)
	}
	set := NewSet(zone(t, "z.test", in.String()+sib.String()))
	for name, tc := range map[string]bool{"x.in.z.test": true, "x.sib.z.test": false} {
		m := ask(t, set, query(t, name, dns.TypeA), UDP)
		if m.Truncated != tc || m.Authoritative || len(m.Extra) != 0 || (len(m.Ns) == 20) == tc {
			t.Errorf("%s: %v", name, m)
		}
		if m = ask(t, set, query(t, name, dns.TypeA), TCP); m.Truncated || len(m.Ns) != 20 || len(m.Extra) != 40 {
			t.Errorf("%s over TCP: %v", name, m)
		}
	}
}

// TestSpelling shows that RDATA which is not compressed keeps its case.
func TestSpelling(t *testing.T) {
	t.Parallel()
	set := NewSet(zone(t, "z.test", "_sip._udp SRV 1 1 5060 EdGe.Z.Test.\nedge A 192.0.2.1"))
	m := ask(t, set, query(t, "_sip._udp.z.test", dns.TypeSRV), UDP)
	if m.Answer[0].(*dns.SRV).Target != "EdGe.Z.Test." || len(m.Extra) != 1 {
		t.Errorf("%v", m)
	}
}

// TestLargeAnswers goes to what a message can hold.
func TestLargeAnswers(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 240 {
		fmt.Fprintf(&text, "big TXT \"%03d%s\"\n", i, strings.Repeat("x", 250))
	}
	z := zone(t, "z.test", text.String())
	m := ask(t, NewSet(z), query(t, "big.z.test", dns.TypeTXT), TCP)
	if len(m.Answer) != 240 || m.Truncated {
		t.Errorf("%d answers", len(m.Answer))
	}
	for i := range 10 {
		fmt.Fprintf(&text, "big TXT \"%03d%s\"\n", 300+i, strings.Repeat("x", 250))
	}
	rrs, err := parse("z.test", "z.test", "f", strings.NewReader("@ 1 SOA ns mail 1 2 3 4 60\n@ 1 NS ns.\n"+text.String()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Compile("z.test", rrs); err == nil || !strings.Contains(err.Error(), "does not fit") || !strings.Contains(err.Error(), "big.z.test.") {
		t.Errorf("%v", err)
	}
	// Past maxExtras sets and maxFull octets an additional section is never partly there.
	text.Reset()
	for i := range 200 {
		fmt.Fprintf(&text, "s SRV 1 1 5060 h%d\nh%d A 192.0.2.%d\n", i, i, i)
	}
	m = ask(t, NewSet(zone(t, "z.test", text.String())), query(t, "s.z.test", dns.TypeSRV), TCP)
	if len(m.Answer) != 200 || len(m.Extra) > maxExtras {
		t.Errorf("%d answers, %d additional", len(m.Answer), len(m.Extra))
	}
}

// TestOrderIsStable shows that records come in the order of the zone file.
func TestOrderIsStable(t *testing.T) {
	t.Parallel()
	set := NewSet(zone(t, "z.test", "s SRV 30 1 1 .\ns SRV 10 1 1 .\ns SRV 20 1 1 .\ns SRV 10 1 1 ."))
	m := ask(t, set, query(t, "s.z.test", dns.TypeSRV), UDP)
	var got []uint16
	for _, rr := range m.Answer {
		got = append(got, rr.(*dns.SRV).Priority)
	}
	if !slices.Equal(got, []uint16{30, 10, 20}) { // the repeated one is dropped (RFC 2181 5)
		t.Errorf("%v", got)
	}
}

func TestLower(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		var b nameBuf
		for i := range 20 {
			b[i] = byte(c)
		}
		lowerWords(&b, 20)
		want := appendLower(nil, []byte{byte(c)})[0]
		for i := range 20 {
			if b[i] != want {
				t.Fatalf("%#x becomes %#x", c, b[i])
			}
		}
		if binary.BigEndian.Uint64(b[24:]) != 0 {
			t.Fatal("ran over")
		}
	}
}
