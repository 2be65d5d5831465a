package zones

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestParseErrorsTellTheLine(t *testing.T) {
	t.Parallel()
	const head = "$TTL 60\n@ SOA ns mail 1 2 3 4 5\n@ NS ns\n" // three lines
	for text, want := range map[string]string{
		"a A 192.0.2.300\n":                                 "f:4:",
		"a A 192.0.2.1\nb BAD x\n":                          "f:5:",
		"a A 192.0.2.1\n\n; remark\nx.other. A 192.0.2.1\n": `f:7: "x.other. 60 IN A 192.0.2.1" is outside the zone z.test.`,
		"a CNAME b\na A 192.0.2.1\n":                        `f:5: "a.z.test. 60 IN A 192.0.2.1" cannot stand beside "a.z.test. 60 IN CNAME b.z.test."`,
		"a A 192.0.2.1\na CNAME b\n":                        `f:5: "a.z.test. 60 IN CNAME b.z.test." cannot stand beside`,
		"a CNAME b\na CNAME c\n":                            "f:5:",
		"a DNAME b\na DNAME c\n":                            "f:5:",
		"@ SOA ns mail 2 2 3 4 5\n":                         "f:4:",
		"a SOA ns mail 2 2 3 4 5\n":                         `f:4: "a.z.test. 60 IN SOA ns.z.test. mail.z.test. 2 2 3 4 5" is an SOA record that is not at the origin`,
		"a SRV ( 1 1\n 5060\n b )\nx.other. A 192.0.2.1":    "f:7:",
		"a SRV ( 1 1\n 5060\n":                              "f:",
		"a CH TXT x\n":                                      "f:4: class CH",
		"*.w NS ns\n":                                       "f:4:",
		"*.w DNAME ns\n":                                    "f:4:",
		"$INCLUDE /etc/passwd\n":                            "$INCLUDE is refused",
		"$INCLUDE other.zone\n":                             "$INCLUDE is refused",
		"a TYPE41 \\# 0\n":                                  "f:4:",
		"a TYPE255 \\# 0\n":                                 "f:4:",
		"a TYPE0 \\# 0\n":                                   "f:4:",
		strings.Repeat("a", 64) + " A 192.0.2.1\n":          "f:4:",
	} {
		_, err := parse("z.test", "z.test", "f", strings.NewReader(head+text))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "f:") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "root:") {
			t.Errorf("%q shows another file: %v", text, err)
		}
	}
}

func TestParseTakesPartsOfZones(t *testing.T) {
	t.Parallel()
	rrs, err := parse("z.test.", "z.test.", "f", strings.NewReader("a A 192.0.2.1\nb 5 IN RRSIG A 13 3 60 20300101000000 20200101000000 1 z.test. aaaa\nb CNAME a\n"))
	if err != nil || len(rrs) != 3 || rrs[0].Header().Ttl != defaultTTL {
		t.Errorf("%v %v", rrs, err)
	}
}

func TestParseFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "z.zone")
	if _, err := ParseFile("z.test", path); !os.IsNotExist(err) {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(path, []byte("a A x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ParseFile("z.test", path); err == nil || !strings.HasPrefix(err.Error(), path+":1:") {
		t.Errorf("%v", err)
	}
	if _, err := ParseFile("z..test", path); err == nil {
		t.Error("a bad origin was taken")
	}
}

// endless is a file that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = "; \n"[i%3]
	}
	return len(p), nil
}

func TestFilesAndZonesAreBounded(t *testing.T) {
	t.Parallel()
	in := &lines{br: nil, left: 0, line: 1}
	if _, err := in.ReadByte(); err == nil {
		t.Error("read past the bound")
	}
	c, err := newCollector("z.test")
	if err != nil {
		t.Fatal(err)
	}
	c.records = maxRecords
	rr, _ := dns.NewRR("a.z.test. A 192.0.2.1")
	if err := c.add(rr, ""); err == nil || !strings.Contains(err.Error(), "1000000 records") {
		t.Errorf("%v", err)
	}
	_, err = parse("z.test", "z.test", "f", io.LimitReader(endless{}, 1000))
	if err != nil {
		t.Error(err)
	}
}

func TestCompileErrors(t *testing.T) {
	t.Parallel()
	rr := func(s string) dns.RR {
		r, err := dns.NewRR(s)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	soa, ns := rr("z.test. 1 IN SOA ns. mail. 1 2 3 4 5"), rr("z.test. 1 IN NS ns.")
	for _, c := range []struct {
		origin string
		rrs    []dns.RR
		want   string
	}{
		{"z.test", nil, "no SOA"},
		{"z.test", []dns.RR{soa}, "no NS"},
		{"", []dns.RR{soa, ns}, "not a domain name"},
		{"a..b", []dns.RR{soa, ns}, "not a domain name"},
		{strings.Repeat("a.", 128), []dns.RR{soa, ns}, "not a domain name"},
		{"z.test", []dns.RR{soa, ns, nil}, "nil"},
		{"z.test", []dns.RR{soa, ns, rr("x. 1 IN A 192.0.2.1")}, "outside the zone z.test."},
		{"y.z.test", []dns.RR{soa, ns}, "outside"},
		{"z.test", []dns.RR{soa, ns, &dns.A{Hdr: dns.RR_Header{Name: "a.z.test.", Rrtype: dns.TypeA, Class: 1}}}, "not that of A"},
		{"z.test", []dns.RR{soa, ns, &dns.RFC3597{Hdr: dns.RR_Header{Name: "a.z.test.", Rrtype: dns.TypeSRV, Class: 1}, Rdata: "00"}}, "not that of SRV"},
		{"z.test", []dns.RR{soa, ns, &dns.RFC3597{Hdr: dns.RR_Header{Name: "a.z.test.", Rrtype: dns.TypeNAPTR, Class: 1}, Rdata: "0001000205"}}, "not that of NAPTR"},
		{"z.test", []dns.RR{soa, ns, &dns.RFC3597{Hdr: dns.RR_Header{Name: "z.test.", Rrtype: dns.TypeSOA, Class: 1}, Rdata: "0000"}}, "not that of SOA"},
		{"z.test", []dns.RR{soa, ns, &dns.A{Hdr: dns.RR_Header{Name: "no\\", Rrtype: dns.TypeA, Class: 1}}}, "wire form"},
	} {
		if _, err := Compile(c.origin, c.rrs); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q %v: %v, want %q", c.origin, c.rrs, err, c.want)
		}
	}
}

func TestCompiled(t *testing.T) {
	t.Parallel()
	z := load(t, "VOIP.example", "dns_test.zone")
	if z.Origin() != "voip.example." || z.Serial() != 2026010101 || z.Records() < 200 {
		t.Errorf("%s %d %d", z.Origin(), z.Serial(), z.Records())
	}
	if w := z.Warnings(); len(w) != 0 {
		t.Errorf("%q", w)
	}
	z = zone(t, "z.test", "sub NS ns.sub\nns.sub A 192.0.2.1\nns.sub TXT x\nd DNAME other.\na.d A 192.0.2.1\na 5 A 192.0.2.1\na 9 A 192.0.2.2")
	w := strings.Join(z.Warnings(), "\n")
	if !strings.Contains(w, "ns.sub.z.test. TXT is hidden by the delegation at sub.z.test.") || !strings.Contains(w, "a.d.z.test. A is hidden by the DNAME at d.z.test.") || len(z.Warnings()) != 2 {
		t.Errorf("%s", w)
	}
	m := ask(t, NewSet(z), query(t, "a.z.test", dns.TypeA), UDP)
	for _, rr := range m.Answer { // RFC 2181 5.2
		if rr.Header().Ttl != 5 {
			t.Errorf("%v", rr)
		}
	}
}
