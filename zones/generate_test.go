package zones

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func addrs(s ...string) (out []netip.Addr) {
	for _, a := range s {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

func plan(change ...func(*Plan)) Plan {
	p := Plan{
		Domain: "Example.test",
		NS:     []string{"ns1", "ns2", "ns.other.example."},
		TTL:    120,
		Edges: []Edge{
			{Name: "edge1", Addresses: addrs("192.0.2.11", "2001:db8::11"), Priority: 10, Weight: 60},
			{Name: "edge2", Addresses: addrs("192.0.2.12"), Priority: 10, Weight: 40},
			{Name: "edge3.other.example", Addresses: addrs("198.51.100.3"), Priority: 20},
		},
		Services: []Service{{"udp", 5060}, {"tls", 5061}, {"tcp", 5060}},
		Serial:   7,
	}
	for _, f := range change {
		f(&p)
	}
	return p
}

func extra(tb testing.TB, records ...string) func(*Plan) {
	tb.Helper()
	rrs, err := parse("example.test", "example.test", "extra", strings.NewReader(strings.Join(records, "\n")+"\n"))
	if err != nil {
		tb.Fatal(err)
	}
	return func(p *Plan) { p.Extra = rrs }
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	want := strings.Split(`example.test. 120 IN SOA ns1.example.test. hostmaster.example.test. 7 3600 600 604800 60
example.test. 120 IN NS ns1.example.test.
example.test. 120 IN NS ns2.example.test.
example.test. 120 IN NS ns.other.example.
example.test. 120 IN NAPTR 10 50 "s" "SIPS+D2T" "" _sips._tcp.example.test.
example.test. 120 IN NAPTR 20 50 "s" "SIP+D2T" "" _sip._tcp.example.test.
example.test. 120 IN NAPTR 30 50 "s" "SIP+D2U" "" _sip._udp.example.test.
_sips._tcp.example.test. 120 IN SRV 10 60 5061 edge1.example.test.
_sips._tcp.example.test. 120 IN SRV 10 40 5061 edge2.example.test.
_sips._tcp.example.test. 120 IN SRV 20 0 5061 edge3.other.example.
_sip._tcp.example.test. 120 IN SRV 10 60 5060 edge1.example.test.
_sip._tcp.example.test. 120 IN SRV 10 40 5060 edge2.example.test.
_sip._tcp.example.test. 120 IN SRV 20 0 5060 edge3.other.example.
_sip._udp.example.test. 120 IN SRV 10 60 5060 edge1.example.test.
_sip._udp.example.test. 120 IN SRV 10 40 5060 edge2.example.test.
_sip._udp.example.test. 120 IN SRV 20 0 5060 edge3.other.example.
edge1.example.test. 120 IN A 192.0.2.11
edge1.example.test. 120 IN AAAA 2001:db8::11
edge2.example.test. 120 IN A 192.0.2.12
ns1.example.test. 120 IN A 192.0.2.11
ns1.example.test. 120 IN AAAA 2001:db8::11
ns2.example.test. 120 IN A 192.0.2.12
example.test. 120 IN A 192.0.2.11
example.test. 120 IN AAAA 2001:db8::11
example.test. 120 IN A 192.0.2.12`, "\n")
	for range 2 { // equal plans, equal records
		rrs, err := Generate(plan())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, rr := range rrs {
			got = append(got, text(rr))
		}
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s", strings.Join(got, "\n"))
		}
		if _, err := Compile("example.test", rrs); err != nil {
			t.Error(err)
		}
	}
}

// TestGeneratedIsOneAnswer shows that a client with EDNS learns all it needs from the NAPTR query.
func TestGeneratedIsOneAnswer(t *testing.T) {
	t.Parallel()
	rrs, err := Generate(plan())
	if err != nil {
		t.Fatal(err)
	}
	z, err := Compile("example.test", rrs)
	if err != nil {
		t.Fatal(err)
	}
	m := ask(t, NewSet(z), query(t, "example.test", dns.TypeNAPTR, edns(1232, false)), UDP)
	if len(m.Answer) != 3 || len(m.Extra) != 9+3+1 || m.Truncated {
		t.Errorf("%v", m)
	}
}

func TestGenerateDefaults(t *testing.T) {
	t.Parallel()
	rrs, err := Generate(Plan{
		Domain: "example.test", Edges: []Edge{{Name: "edge1", Addresses: addrs("::ffff:127.0.0.1")}}, Services: []Service{{"udp", 5060}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, rr := range rrs {
		got = append(got, text(rr))
	}
	want := []string{
		"example.test. 60 IN SOA ns1.example.test. hostmaster.example.test. 0 3600 600 604800 60",
		"example.test. 60 IN NS ns1.example.test.",
		`example.test. 60 IN NAPTR 10 50 "s" "SIP+D2U" "" _sip._udp.example.test.`,
		"_sip._udp.example.test. 60 IN SRV 0 0 5060 edge1.example.test.",
		"edge1.example.test. 60 IN A 127.0.0.1", "ns1.example.test. 60 IN A 127.0.0.1", "example.test. 60 IN A 127.0.0.1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func TestGenerateExtra(t *testing.T) {
	t.Parallel()
	rrs, err := Generate(plan(extra(t, "@ A 203.0.113.1", "ns1 A 203.0.113.2", "www CNAME @", "@ MX 10 mail", "mail A 203.0.113.3",
		"edge1 120 A 192.0.2.11", `@ NAPTR 100 10 "s" "x-eduroam:radius.tls" "" _radsec._tcp`, "sub NS ns.sub", "ns.sub A 203.0.113.4")))
	if err != nil {
		t.Fatal(err)
	}
	z, err := Compile("example.test", rrs)
	if err != nil {
		t.Fatal(err)
	}
	set := NewSet(z)
	for name, want := range map[string]string{"example.test": "203.0.113.1", "ns1.example.test": "203.0.113.2", "ns2.example.test": "192.0.2.12", "edge1.example.test": "192.0.2.11"} {
		m := ask(t, set, query(t, name, dns.TypeA), UDP)
		if len(m.Answer) != 1 || m.Answer[0].(*dns.A).A.String() != want {
			t.Errorf("%s: %v", name, m.Answer)
		}
	}
	if m := ask(t, set, query(t, "example.test", dns.TypeNAPTR), UDP); len(m.Answer) != 4 {
		t.Errorf("%v", m)
	}
}

func TestGenerateErrors(t *testing.T) {
	t.Parallel()
	edge := func(e Edge) func(*Plan) { return func(p *Plan) { p.Edges = []Edge{e} } }
	for _, c := range []struct {
		change func(*Plan)
		want   string
	}{
		{func(p *Plan) { p.Domain = "" }, "not a domain name"},
		{func(p *Plan) { p.Domain = "." }, "not a domain name"},
		{func(p *Plan) { p.Domain = strings.Repeat("a", 64) + ".test" }, "not a domain name"},
		{func(p *Plan) { p.Domain = strings.Repeat(strings.Repeat("a", 60)+".", 4) }, "too long"},
		{func(p *Plan) { p.Edges = nil }, "nothing to publish"},
		{func(p *Plan) { p.Services = nil }, "nothing to publish"},
		{func(p *Plan) { p.Edges = make([]Edge, maxEdges+1) }, "more than 1000 edges"},
		{func(p *Plan) { p.Services = []Service{{"sctp", 5060}} }, `service "sctp": want tls, tcp or udp`},
		{func(p *Plan) { p.Services = []Service{{"udp", 0}} }, "port 0"},
		{func(p *Plan) { p.NS = []string{"bad_name"} }, `"bad_name"`},
		{edge(Edge{Name: "", Addresses: addrs("192.0.2.1")}), "not a host name"},
		{edge(Edge{Name: "-a", Addresses: addrs("192.0.2.1")}), "inner hyphens"},
		{edge(Edge{Name: "a"}), "edge a.example.test. has no address"},
		{edge(Edge{Name: "a.other."}), "name server ns1.example.test. has no address"},
		{edge(Edge{Name: "a", Addresses: addrs("0.0.0.0")}), "cannot be published"},
		{edge(Edge{Name: "a", Addresses: []netip.Addr{{}}}), "cannot be published"},
		{edge(Edge{Name: "a", Addresses: addrs("fe80::1%eth0")}), "cannot be published"},
		{func(p *Plan) { p.Edges[1].Name = "EDGE1" }, "both named edge1.example.test."},
		{func(p *Plan) { p.Extra = []dns.RR{nil} }, "nil"},
		{extra(t, "@ SOA a b 1 2 3 4 5"), `"example.test. 120 IN SOA`},
		{extra(t, "@ NS ns9"), `contradicts the generated "example.test. 120 IN NS`},
		{extra(t, `@ NAPTR 5 5 "s" "sip+d2u" "" _sip._udp`), `contradicts the generated "example.test. 120 IN NAPTR`},
		{extra(t, "_sip._udp SRV 1 1 5060 edge9"), `"_sip._udp.example.test. 3600 IN SRV 1 1 5060 edge9.example.test." contradicts the generated "_sip._udp.example.test. 120 IN SRV`},
		{extra(t, "EDGE1 A 192.0.2.99"), `contradicts the generated "edge1.example.test. 120 IN A 192.0.2.11"`},
		{extra(t, "edge1 CNAME www"), `contradicts the generated "edge1.example.test. 120 IN`},
		{func(p *Plan) {
			rr, _ := dns.NewRR("x.other. A 192.0.2.1")
			p.Extra = []dns.RR{rr}
		}, "outside the domain"},
	} {
		if _, err := Generate(plan(c.change)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
