package nameserver

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// check holds the response against one expectation of a case.
func (r *caseRun) check(x *caseExpect) {
	m := r.m
	// The addresses of authority NS records are optional on positive answers and never counted.
	ignore := map[string]bool{}
	for _, rr := range m.Ns {
		if ns, ok := rr.(*dns.NS); ok && m.Authoritative {
			ignore[strings.ToLower(ns.Ns)] = true
		}
	}
	var extra []dns.RR
	for _, rr := range m.Extra {
		if rr.Header().Rrtype != dns.TypeOPT && !ignore[strings.ToLower(rr.Header().Name)] {
			extra = append(extra, rr)
		}
	}
	r.header(x)
	r.section("answer", m.Answer, x.Answer, x.AnswerIncludes, x.AnswerCount)
	r.section("authority", m.Ns, x.Authority, x.AuthorityIncludes, x.AuthorityCount)
	r.section("additional", extra, x.Additional, x.AdditionalIncludes, x.AdditionalCount)
	r.answer(x)
	r.soa(x)
	r.names(x)
	if x.MaxSize != nil && len(r.raw) > *x.MaxSize {
		r.Errorf("%d octets, want at most %d", len(r.raw), *x.MaxSize)
	}
	if x.EDNS != nil {
		r.edns(x.EDNS)
	}
}

func (r *caseRun) header(x *caseExpect) {
	want, ok := x.Rcode.([]any)
	if !ok && x.Rcode != nil {
		want = []any{x.Rcode}
	}
	got := dns.RcodeToString[r.m.Rcode]
	if r.m.Rcode == dns.RcodeBadVers {
		got = "BADVERS" // the number has two names
	}
	if want != nil && !slices.Contains(want, any(got)) {
		r.Errorf("rcode %s, want %v", got, want)
	}
	bits := int(r.raw[2])<<8 | int(r.raw[3])
	at := map[string]int{"aa": 10, "tc": 9, "rd": 8, "ra": 7, "z": 6, "ad": 5, "cd": 4}
	for name, v := range x.Flags {
		if bits>>at[name]&1 != v {
			r.Errorf("%s=%d", name, 1-v)
		}
	}
}

func (r *caseRun) section(what string, rrs []dns.RR, exact *[]string, includes []string, count *int) {
	var got []string
	for _, rr := range rrs {
		got = append(got, shown(rr))
	}
	if exact != nil {
		want := r.wanted(*exact)
		slices.Sort(want)
		have := slices.Clone(got)
		slices.Sort(have)
		if !slices.Equal(have, want) {
			r.Errorf("%s\n got %q\nwant %q", what, have, want)
		}
	}
	for _, w := range r.wanted(includes) {
		if !slices.Contains(got, w) {
			r.Errorf("%s lacks %q, has %q", what, w, got)
		}
	}
	if count != nil && len(got) != *count {
		r.Errorf("%d records in %s, want %d: %q", len(got), what, *count, got)
	}
}

func (r *caseRun) answer(x *caseExpect) {
	var got, types []string
	for _, rr := range r.m.Answer {
		got = append(got, shown(rr))
		types = append(types, dns.TypeToString[rr.Header().Rrtype])
	}
	if want := r.wanted(x.AnswerOrdered); len(want) > 0 && !slices.Equal(got, want) {
		r.Errorf("answer in order\n got %q\nwant %q", got, want)
	}
	if x.FirstAnswerType != "" && (len(types) == 0 || types[0] != x.FirstAnswerType) {
		r.Errorf("the answer's types are %v, want %s first", types, x.FirstAnswerType)
	}
	for _, w := range x.AnswerTypes {
		if !slices.Contains(types, w) {
			r.Errorf("the answer's types are %v, want a %s", types, w)
		}
	}
	if x.MaxAnswer != nil && len(got) > *x.MaxAnswer {
		r.Errorf("%d answers, want at most %d", len(got), *x.MaxAnswer)
	}
	if x.RdataCase != "" && !slices.ContainsFunc(r.m.Answer, func(rr dns.RR) bool { return strings.Contains(rr.String(), x.RdataCase) }) {
		r.Errorf("no answer spells %q: %v", x.RdataCase, r.m.Answer)
	}
}

func (r *caseRun) soa(x *caseExpect) {
	var ttls []uint32
	for _, rr := range r.m.Ns {
		if rr.Header().Rrtype == dns.TypeSOA {
			ttls = append(ttls, rr.Header().Ttl)
		}
	}
	if x.SOATTL != nil && !slices.Equal(ttls, []uint32{*x.SOATTL}) {
		r.Errorf("SOA records in authority with TTLs %v, want one with %d", ttls, *x.SOATTL)
	}
	if x.NoSOA && len(ttls) > 0 {
		r.Errorf("an SOA record in authority")
	}
}

// names checks that names of SRV and NAPTR stand in the message written out.
func (r *caseRun) names(x *caseExpect) {
	if !x.Uncompressed {
		return
	}
	for _, rr := range slices.Concat(r.m.Answer, r.m.Extra) {
		name := ""
		switch rr := rr.(type) {
		case *dns.SRV:
			name = rr.Target
		case *dns.NAPTR:
			name = rr.Replacement
		default:
			continue
		}
		var wire [256]byte
		n, err := dns.PackDomainName(name, wire[:], 0, nil, false)
		if err != nil || int(rr.Header().Rdlength) < n || !strings.Contains(string(r.raw), string(wire[:n])) {
			r.Errorf("%s is compressed in %v", name, rr)
		}
	}
}

func (r *caseRun) edns(want any) {
	o := r.m.IsEdns0()
	if want == "absent" {
		if o != nil {
			r.Errorf("an OPT record")
		}
		return
	}
	if o == nil {
		r.Errorf("no OPT record")
		return
	}
	for k, v := range want.(map[string]any) {
		got := map[string]int{
			"version": int(o.Version()), "do": int(o.Hdr.Ttl >> 15 & 1), "z": int(o.Hdr.Ttl & 0x7fff),
			"size": int(o.UDPSize()), "size_min": int(o.UDPSize()),
		}
		switch k {
		case "options_absent":
			for _, code := range v.([]any) {
				if slices.ContainsFunc(o.Option, func(e dns.EDNS0) bool { return fmt.Sprint(e.Option()) == fmt.Sprint(code) }) {
					r.Errorf("option %v in the response", code)
				}
			}
		case "size_min":
			if fmt.Sprint(v) > fmt.Sprint(got[k]) {
				r.Errorf("OPT size %d, want at least %v", got[k], v)
			}
		default:
			if fmt.Sprint(got[k]) != fmt.Sprint(v) {
				r.Errorf("OPT %s is %d, want %v", k, got[k], v)
			}
		}
	}
}

// shown is a record as the cases write it: owner, TTL, type and data.
func shown(rr dns.RR) string {
	h := rr.Header()
	typ := dns.Type(h.Rrtype).String()
	owner := strings.ToLower(h.Name)
	if u, ok := rr.(*dns.RFC3597); ok {
		b, _ := hex.DecodeString(u.Rdata)
		return fmt.Sprintf("%s %d %s %x", owner, h.Ttl, typ, b)
	}
	data := strings.TrimPrefix(rr.String(), h.String())
	if h.Rrtype != dns.TypeTXT && h.Rrtype != dns.TypeNAPTR {
		data = strings.ToLower(data)
	}
	return fmt.Sprintf("%s %d %s %s", owner, h.Ttl, typ, strings.TrimSpace(data))
}

// wanted brings what the cases write into the same form, by way of the zone parser where it is known.
func (r *caseRun) wanted(lines []string) (out []string) {
	for _, l := range lines {
		f := strings.SplitN(l, " ", 4)
		owner := strings.ToLower(absolute(f[0]))
		if strings.HasPrefix(f[2], "TYPE") {
			out = append(out, strings.Join([]string{owner, f[1], f[2], f[3]}, " "))
			continue
		}
		zp := dns.NewZoneParser(strings.NewReader(fmt.Sprintf("%s %s IN %s %s\n", absolute(f[0]), f[1], f[2], f[3])), casesOrigin, "")
		rr, _ := zp.Next()
		if zp.Err() != nil || rr == nil {
			r.Fatalf("%q in the cases: %v", l, zp.Err())
		}
		out = append(out, shown(rr))
	}
	return out
}
