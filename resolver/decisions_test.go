package resolver

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// memory answers from a zone without a network.
func memory(z *naiveZone) Source {
	return func(_ context.Context, q Question) *RRset {
		m := new(dns.Msg).SetQuestion(q.Name, uint16(q.Type))
		m.Response, m.RecursionAvailable = true, true
		z.answer(m)
		set, err := parseAnswer(pack(m), q)
		if err != nil {
			return failed(q, ServFail, err.Error())
		}
		return set
	}
}

func newTestResolver(t testing.TB, o Options) *Resolver {
	t.Helper()
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// TestDecisions holds what design and RFCs say and the vectors do not show.
func TestDecisions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, zone, uri string
		transports      []Transport
		size            int
		want            string
	}{
		{name: "NAPTR to a missing SRV: the next usable one", uri: "sip:example.com", want: "tcp 192.0.2.1:5060", zone: `
			example.com. NAPTR 10 10 "s" "SIPS+D2T" "" _sips._tcp.example.com.
			example.com. NAPTR 20 10 "s" "SIP+D2T" "" _sip._tcp.example.com.
			_sip._tcp.example.com. SRV 0 0 5060 t.example.com.
			t.example.com. A 192.0.2.1`},
		{name: "every NAPTR to a missing SRV: no addresses of the domain", uri: "sip:example.com", want: "no_address", zone: `
			example.com. NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp.example.com.
			example.com. A 192.0.2.1`},
		{name: "an SRV whose servers are dead is a match all the same", uri: "sip:example.com", want: "no_address", zone: `
			example.com. NAPTR 10 10 "s" "SIPS+D2T" "" _sips._tcp.example.com.
			example.com. NAPTR 20 10 "s" "SIP+D2T" "" _sip._tcp.example.com.
			_sips._tcp.example.com. SRV 0 0 5061 dead.example.com.
			_sip._tcp.example.com. SRV 0 0 5060 t.example.com.
			t.example.com. A 192.0.2.1`},
		{name: "one transport says no, the others nothing", uri: "sip:example.com", want: "service_not_available", zone: `
			_sip._udp.example.com. SRV 0 0 0 .
			example.com. A 192.0.2.1`},
		{name: "one transport says no, another has servers", uri: "sip:example.com", want: "tcp 192.0.2.1:5060", zone: `
			_sip._udp.example.com. SRV 0 0 0 .
			_sip._tcp.example.com. SRV 0 0 5060 t.example.com.
			t.example.com. A 192.0.2.1`},
		{name: "sip may go to TLS when the domain prefers it", uri: "sip:example.com", want: "tls 192.0.2.1:5061", zone: `
			example.com. NAPTR 10 10 "S" "sips+d2t" "" _sips._tcp.example.com.
			_sips._tcp.example.com. SRV 0 0 5061 t.example.com.
			t.example.com. A 192.0.2.1`},
		{name: "WSS by either SRV name", uri: "sips:example.com;transport=ws", transports: []Transport{WSS}, want: "wss 192.0.2.1:8443", zone: `
			_sips._wss.example.com. SRV 0 0 8443 t.example.com.
			_sips._ws.example.com. SRV 0 0 8444 t.example.com.
			t.example.com. A 192.0.2.1`},
		{name: "WSS by the other SRV name", uri: "sip:example.com;transport=wss", transports: []Transport{WSS}, want: "wss 192.0.2.1:8444", zone: `
			_sips._ws.example.com. SRV 0 0 8444 t.example.com.
			t.example.com. A 192.0.2.1`},
		{name: "WS by default port", uri: "sip:example.com;transport=ws", transports: []Transport{WS}, want: "ws 192.0.2.1:80", zone: `
			example.com. A 192.0.2.1`},
		{name: "a client without UDP uses what it has", uri: "sip:example.com:5070", transports: []Transport{TLS, TCP}, want: "tls 192.0.2.1:5070", zone: `
			example.com. A 192.0.2.1`},
		{name: "sips without TLS", uri: "sips:example.com", transports: []Transport{UDP, TCP}, want: "unsupported_transport"},
		{name: "sips over UDP", uri: "sips:example.com;transport=udp", want: "secure_transport_required"},
		{name: "sips over SCTP is TLS over SCTP", uri: "sips:192.0.2.1;transport=sctp", transports: []Transport{SCTP, TLSSCTP}, want: "tls-sctp 192.0.2.1:5061"},
		{name: "a large request", uri: "sip:example.com", size: 1301, want: "tcp 192.0.2.2:5060, tcp 192.0.2.1:5060, udp 192.0.2.1:5060", zone: `
			_sip._udp.example.com. SRV 0 0 5060 u.example.com.
			_sip._tcp.example.com. SRV 0 0 5060 t.example.com.
			u.example.com. A 192.0.2.1
			t.example.com. A 192.0.2.2`},
		{name: "a request of exactly 1300", uri: "sip:192.0.2.1", size: 1300, want: "udp 192.0.2.1:5060"},
		{name: "a large request with transport=udp", uri: "sip:192.0.2.1;transport=udp", size: 1301, want: "tcp 192.0.2.1:5060, udp 192.0.2.1:5060"},
		{name: "maddr is TARGET", uri: "sip:bob@example.com;maddr=192.0.2.7", want: "udp 192.0.2.7:5060"},
		{name: "maddr keeps the port", uri: "sip:bob@example.com:5066;maddr=192.0.2.7", want: "udp 192.0.2.7:5066"},
		{name: "maddr that is no host", uri: "sip:bob@example.com;maddr=..", want: "invalid_uri"},
		{name: "an IPv6 literal", uri: "sip:[2001:DB8::1]:5070;transport=tcp", want: "tcp [2001:db8::1]:5070"},
		{name: ".invalid is never asked", uri: "sip:x.invalid", want: "no_such_domain", zone: `*.invalid. A 192.0.2.1`},
		{name: "localhost is this machine", uri: "sip:localhost:5070;transport=tcp", want: "tcp [::1]:5070, tcp 127.0.0.1:5070", zone: `localhost. A 192.0.2.1`},
		{name: "SRV with port 0 is no server", uri: "sip:example.com;transport=udp", want: "no_address", zone: `
			_sip._udp.example.com. SRV 0 0 0 t.example.com.
			t.example.com. A 192.0.2.1
			example.com. A 192.0.2.2`},
		{name: "an IPv4-mapped AAAA is not used", uri: "sip:example.com:5060", want: "udp 192.0.2.1:5060", zone: `
			example.com. AAAA ::ffff:192.0.2.9
			example.com. A 192.0.2.1`},
		{name: "the same hop by two SRV", uri: "sip:example.com;transport=udp", want: "udp 192.0.2.1:5060", zone: `
			_sip._udp.example.com. SRV 0 0 5060 a.example.com.
			_sip._udp.example.com. SRV 1 0 5060 b.example.com.
			a.example.com. A 192.0.2.1
			b.example.com. A 192.0.2.1`},
		{name: "non-terminal NAPTR is outside RFC 3263", uri: "sip:example.com", want: "udp 192.0.2.1:5060", zone: `
			example.com. NAPTR 1 1 "" "SIP+D2T" "" example.com.
			example.com. A 192.0.2.1`},
		{name: "CNAME loop", uri: "sip:a.example.com:5060", want: "loop_or_limit", zone: `
			a.example.com. CNAME b.example.com.
			b.example.com. CNAME a.example.com.`},
		{name: "eight CNAMEs", uri: "sip:c1.example.com:5060", want: "udp 192.0.2.1:5060", zone: chain(8)},
		{name: "nine CNAMEs", uri: "sip:c1.example.com:5060", want: "loop_or_limit", zone: chain(9)},
		{name: "a scheme that is not ours", uri: "tel:+12025550100", want: "invalid_uri"},
		{name: "no host", uri: "sip:", want: "invalid_uri"},
		{name: "neither address nor name", uri: "sip:192.0.2.300", want: "invalid_uri"},
		{name: "a label too long", uri: "sip:" + strings.Repeat("a", 64) + ".example", want: "invalid_uri"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newTestResolver(t, Options{
				Source: memory(parseNaiveZone(t, strings.ReplaceAll(c.zone, "\t", ""))), Transports: c.transports,
				Families: []Family{IP6, IP4}, Trace: true,
			})
			res, err := r.Lookup(context.Background(), Query{URI: c.uri, Size: c.size})
			have := strings.Join(got(res), ", ")
			if err != nil {
				have = string(res.Err.Class)
			}
			if have != c.want {
				t.Errorf("got %s, want %s\n%s", have, c.want, describe(res))
			}
			if (len(res.Targets) == 0) != (err != nil) {
				t.Errorf("targets %v with error %v", res.Targets, err)
			}
		})
	}
}

// chain is n CNAMEs in a row, from c1 to an address.
func chain(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		b.WriteString(strings.ReplaceAll("cX.example.com. CNAME c", "X", itoa(i)) + itoa(i+1) + ".example.com.\n")
	}
	return b.String() + "c" + itoa(n+1) + ".example.com. A 192.0.2.1\n"
}

func itoa(n int) string {
	return strings.TrimLeft(string([]byte{'0' + byte(n/10), '0' + byte(n%10)}), "0")
}

// TestOpenChain follows aliases that each answer leaves open, up to the same bound.
func TestOpenChain(t *testing.T) {
	t.Parallel()
	step := func(n int) Source {
		z := parseNaiveZone(t, chain(n))
		return func(_ context.Context, q Question) *RRset {
			m := new(dns.Msg).SetQuestion(q.Name, uint16(q.Type))
			m.Response = true
			rrs, _ := z.at(q.Name)
			for _, rr := range rrs {
				if Type(rr.Header().Rrtype) == q.Type || rr.Header().Rrtype == dns.TypeCNAME {
					m.Answer = append(m.Answer, rr)
				}
			}
			set, err := parseAnswer(pack(m), q)
			if err != nil {
				t.Error(err)
			}
			return set
		}
	}
	for n, want := range map[int]string{1: "udp 192.0.2.1:5060", 8: "udp 192.0.2.1:5060", 9: "loop_or_limit"} {
		r := newTestResolver(t, Options{Source: step(n), Families: []Family{IP4}})
		res, _ := r.Resolve(context.Background(), "sip:c1.example.com:5060")
		if have := strings.Join(got(res), ", "); !strings.HasPrefix(have, want) {
			t.Errorf("%d: got %s, want %s", n, have, want)
		}
	}
}

// wireZone answers as the zones of this process do.
type wireZone struct {
	z     *naiveZone
	below string
}

func (w wireZone) Answer(query []byte) []byte {
	m := new(dns.Msg)
	if m.Unpack(query) != nil || !within(dns.CanonicalName(m.Question[0].Name), w.below) {
		return nil
	}
	r := new(dns.Msg).SetReply(m)
	r.Authoritative = true
	w.z.answer(r)
	// What an alias leads to outside of the zone is not there.
	r.Answer = slices.DeleteFunc(r.Answer, func(rr dns.RR) bool { return !within(dns.CanonicalName(rr.Header().Name), w.below) })
	return pack(r)
}

// TestOwnZones asks our own zones first and leaves them by an alias.
func TestOwnZones(t *testing.T) {
	t.Parallel()
	own := parseNaiveZone(t, `
_sip._udp.example.test. SRV 0 0 5060 edge.example.test.
edge.example.test. A 192.0.2.1
away.example.test. CNAME host.example.net.
host.example.net. A 192.0.2.66
`)
	own.records["."] = nil // the SOA would say that the alias leads to nothing
	world := parseNaiveZone(t, "host.example.net. A 192.0.2.2\nedge.example.test. A 192.0.2.67\n")
	r := newTestResolver(t, Options{Source: memory(world), Own: wireZone{own, "example.test."}, Families: []Family{IP4}, Trace: true})
	for uri, want := range map[string]string{
		"sip:example.test;transport=udp": "udp 192.0.2.1:5060",
		"sip:away.example.test:5060":     "udp 192.0.2.2:5060",
		"sip:host.example.net:5060":      "udp 192.0.2.2:5060",
	} {
		res, err := r.Resolve(context.Background(), uri)
		if err != nil || strings.Join(got(res), ", ") != want {
			t.Errorf("%s: got %v, want %s\n%s", uri, got(res), want, describe(res))
		}
	}
}

// TestManySets: a domain that answers with many large sets costs no more than one large set.
func TestManySets(t *testing.T) {
	t.Parallel()
	r := newTestResolver(t, Options{Trace: true, Source: func(_ context.Context, q Question) *RRset {
		set := &RRset{Question: q, TTL: 60}
		switch q.Type {
		case TypeNAPTR:
			for i := range 1000 {
				set.NAPTR = append(set.NAPTR, NAPTR{Order: 1, Flags: "s", Service: "SIP+D2T", Replacement: strconv.Itoa(i) + ".example.com."})
			}
		case TypeA, TypeAAAA: // none
		case TypeSRV:
			for i := range 1000 {
				set.SRV = append(set.SRV, SRV{Port: 5060, Target: strconv.Itoa(i) + "." + q.Name})
			}
		}
		return set
	}})
	res, err := r.Resolve(t.Context(), "sip:example.com")
	if !errors.Is(err, &Error{Class: LoopOrLimit}) {
		t.Errorf("got %v", err)
	}
	// Which set is there first is chance: each of those the rules name may have been the first.
	if most := 1 + 1 + 3 + maxRules + 2*maxTargets*maxRules; len(res.Trace) > most {
		t.Errorf("%d questions came up, %d would be the most", len(res.Trace)-1, most)
	}
}

// TestNoteForged: a record cannot make a note of its own.
func TestNoteForged(t *testing.T) {
	t.Parallel()
	r := newTestResolver(t, Options{Trace: true, Source: func(_ context.Context, q Question) *RRset {
		set := &RRset{Question: q, TTL: 60}
		if q.Type == TypeNAPTR {
			set.NAPTR = []NAPTR{{Flags: "s", Service: "x; use 1 1 SIPS+D2T", Replacement: "a."}}
		}
		return set
	}})
	res, _ := r.Resolve(t.Context(), "sip:example.com")
	for _, s := range res.Trace {
		if strings.Contains(s.Note, "; use") {
			t.Errorf("forged: %s", s.Note)
		}
	}
}
