package resolver

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// FuzzResponse takes any bytes for what a name server sends. Nothing panics, and what comes out is sane.
func FuzzResponse(f *testing.F) {
	m := new(dns.Msg).SetQuestion("example.com.", dns.TypeNAPTR)
	m.Response = true
	for _, text := range []string{
		`example.com. 60 NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp.example.com.`, `example.com. 60 CNAME a.example.com.`,
		`a.example.com. 60 CNAME example.com.`, `example.com. 60 SRV 0 0 5060 .`, `example.com. 60 A 192.0.2.1`,
	} {
		rr, err := dns.NewRR(text)
		if err != nil {
			f.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
		f.Add(pack(m), uint16(m.Id))
	}
	loop, _ := hex.DecodeString("000084000001000100000000c00cc00c00230001")
	f.Add(loop, uint16(0))
	f.Fuzz(func(t *testing.T, b []byte, id uint16) {
		for _, typ := range []Type{TypeA, TypeAAAA, TypeSRV, TypeNAPTR} {
			q := Question{"example.com.", typ}
			_, _ = matches(b, q, id)
			set, err := parseAnswer(b, q)
			if err != nil {
				continue
			}
			if set.Question != q || set.TTL > maxTTL || len(set.Aliases) > maxChain {
				t.Fatalf("%+v", set)
			}
			for _, r := range set.Records() {
				for i := range len(r) {
					if r[i] < ' ' || r[i] > '~' {
						t.Fatalf("not printable: %q", r)
					}
				}
			}
		}
	})
}

// FuzzNAPTR takes any fields for a NAPTR of the domain asked for, and any URI.
func FuzzNAPTR(f *testing.F) {
	f.Add("sip:example.com", "s", "SIP+D2T", "", "_sip._tcp.example.com.", uint16(1), uint16(5060))
	f.Add("sips:bob@example.com", "S", "sips+d2t", "!^.*$!sip:x!", ".", uint16(0), uint16(0))
	f.Add("sip:b\xfccher.example;transport=tls;maddr=x", "a", "SIPS+D2W", "", "\\000.", uint16(9), uint16(443))
	f.Fuzz(func(t *testing.T, uri, flags, service, regexp, replacement string, n, port uint16) {
		source := func(_ context.Context, q Question) *RRset {
			set := &RRset{Question: q, TTL: 60}
			switch q.Type {
			case TypeNAPTR:
				r := NAPTR{n, port, printable(flags), printable(service), printable(regexp), dns.CanonicalName(replacement)}
				set.NAPTR = []NAPTR{r, {n + 1, 0, "s", "SIP+D2U", "", "_sip._udp.example.com."}}
			case TypeSRV:
				set.SRV = []SRV{{n, port, port, dns.CanonicalName(replacement)}}
			case TypeA:
				set.Addrs = someAddr
			case TypeAAAA:
			}
			return set
		}
		r, err := New(Options{Source: source, Trace: true})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		res, err := r.Resolve(context.Background(), uri)
		if (err == nil) != (len(res.Targets) > 0) || (err == nil) != (res.Err == nil) {
			t.Fatalf("%v with %v", res.Targets, err)
		}
		text, err := json.Marshal(res)
		if err != nil || !json.Valid(text) {
			t.Fatalf("%v: %s", err, text)
		}
		d, err := ParseDestination(uri)
		if err == nil && d.Secure && slices.ContainsFunc(res.Targets, func(x Target) bool { return !x.Transport.Secure() }) {
			t.Fatalf("clear: %v", res.Targets)
		}
	})
}
