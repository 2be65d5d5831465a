package zones

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"
)

// oracle answers from records, top down as RFC 1034 4.3.2 tells it, slowly and without preparation.
type oracle struct {
	origin string
	rrs    []dns.RR
}

// result is a response as sets of text.
type result struct {
	rcode              int
	aa                 bool
	answer, ns         []string
	required, optional []string // extra, split
}

func (o *oracle) at(name string) (rrs []dns.RR) {
	for _, rr := range o.rrs {
		if dns.CanonicalName(rr.Header().Name) == name {
			rrs = append(rrs, rr)
		}
	}
	return rrs
}

func (o *oracle) set(name string, rtyp uint16) (rrs []dns.RR) {
	for _, rr := range o.at(name) {
		if rr.Header().Rrtype == rtyp {
			rrs = append(rrs, rr)
		}
	}
	return rrs
}

func (o *oracle) exists(name string) bool {
	return slices.ContainsFunc(o.rrs, func(rr dns.RR) bool { return dns.IsSubDomain(name, rr.Header().Name) })
}

func (o *oracle) put(list *[]string, owner string, rrs []dns.RR) {
	if len(rrs) == 0 {
		return
	}
	ttl := slices.MinFunc(rrs, func(a, b dns.RR) int { return int(a.Header().Ttl) - int(b.Header().Ttl) }).Header().Ttl
	for _, rr := range rrs {
		rr = dns.Copy(rr)
		rr.Header().Name, rr.Header().Ttl = owner, ttl
		*list = append(*list, line(rr))
	}
}

// line is a record as comparable text.
func line(rr dns.RR) string {
	return strings.ToLower(strings.Join(strings.Fields(rr.String()), " "))
}

// above returns the ancestors of name from the origin down to name itself.
func (o *oracle) above(name string) (names []string) {
	for n := name; ; {
		names = append(names, n)
		if n == o.origin {
			break
		}
		_, n, _ = strings.Cut(n, ".")
	}
	slices.Reverse(names)
	return names
}

// cover returns the first cut or DNAME on the way down to name.
func (o *oracle) cover(name string) (at string, cut bool) {
	for _, n := range o.above(name) {
		if n != o.origin && len(o.set(n, dns.TypeNS)) > 0 {
			return n, true
		}
		if n != name && len(o.set(n, dns.TypeDNAME)) > 0 {
			return n, false
		}
	}
	return "", false
}

// lookup returns the records of name, a wildcard's if that makes them.
func (o *oracle) lookup(name string) (rrs []dns.RR, found bool) {
	if o.exists(name) {
		return o.at(name), true
	}
	names := o.above(name)
	slices.Reverse(names)
	for _, n := range names {
		if o.exists(n) {
			return o.at("*." + n), o.exists("*." + n)
		}
	}
	return nil, false
}

func (o *oracle) negative(r *result) {
	soa := dns.Copy(o.set(o.origin, dns.TypeSOA)[0]).(*dns.SOA)
	soa.Hdr.Ttl = min(soa.Hdr.Ttl, soa.Minttl)
	soa.Hdr.Name = o.origin
	r.ns = append(r.ns, line(soa))
}

func (o *oracle) ask(name string, qtype uint16) *result {
	r := &result{aa: true}
	cur := dns.CanonicalName(name)
	seen := map[string]bool{cur: true}
	dnames := map[string]bool{}
	for links := 0; ; links++ {
		var next string
		at, cut := o.cover(cur)
		rrs, found := o.lookup(cur)
		of := func(rtyp uint16) (set []dns.RR) {
			for _, rr := range rrs {
				if rr.Header().Rrtype == rtyp {
					set = append(set, rr)
				}
			}
			return set
		}
		switch {
		case cut && (qtype != dns.TypeDS || at != cur):
			r.aa = links > 0
			o.put(&r.ns, at, o.set(at, dns.TypeNS))
			o.glue(r, at)
			return r
		case at != "" && !cut:
			d := o.set(at, dns.TypeDNAME)[0].(*dns.DNAME)
			if !dnames[at] {
				o.put(&r.answer, at, []dns.RR{d})
			}
			dnames[at] = true
			to := strings.TrimSuffix(cur, at) + strings.TrimPrefix(d.Target, ".")
			if l, ok := dns.IsDomainName(to); !ok || l == 0 || wireLen(to) > 255 {
				r.rcode = dns.RcodeYXDomain
				return r
			}
			o.put(&r.answer, cur, []dns.RR{&dns.CNAME{
				Hdr: dns.RR_Header{Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: d.Hdr.Ttl}, Target: to,
			}})
			if qtype == dns.TypeCNAME || qtype == dns.TypeANY {
				return r
			}
			next = to
		case !found:
			r.rcode = dns.RcodeNameError
			o.negative(r)
			return r
		case len(of(dns.TypeCNAME)) > 0 && qtype != dns.TypeCNAME && qtype != dns.TypeANY:
			o.put(&r.answer, cur, of(dns.TypeCNAME))
			next = of(dns.TypeCNAME)[0].(*dns.CNAME).Target
		default:
			o.final(r, cur, qtype, rrs, of)
			return r
		}
		cur = dns.CanonicalName(next)
		if !dns.IsSubDomain(o.origin, cur) || seen[cur] || links == maxLinks {
			return r
		}
		seen[cur] = true
	}
}

func wireLen(name string) int {
	b, err := wireName(name)
	if err != nil {
		return 256
	}
	return len(b)
}

func (o *oracle) final(r *result, cur string, qtype uint16, rrs []dns.RR, of func(uint16) []dns.RR) {
	set := of(qtype)
	if qtype == dns.TypeANY && len(rrs) > 0 {
		switch {
		case len(of(dns.TypeCNAME)) > 0:
			set = of(dns.TypeCNAME)
		default:
			set = []dns.RR{&dns.HINFO{Hdr: dns.RR_Header{Rrtype: dns.TypeHINFO, Class: dns.ClassINET, Ttl: hinfoTTL}, Cpu: "RFC8482"}}
		}
	}
	if len(set) == 0 {
		o.negative(r)
		return
	}
	o.put(&r.answer, cur, set)
	for _, rr := range set {
		switch rr := rr.(type) {
		case *dns.NS:
			o.addresses(&r.optional, rr.Ns, true)
		case *dns.MX:
			o.addresses(&r.optional, rr.Mx, false)
		case *dns.SRV:
			o.addresses(&r.optional, rr.Target, false)
		case *dns.NAPTR:
			switch strings.ToLower(rr.Flags) {
			case "a":
				o.addresses(&r.optional, rr.Replacement, false)
			case "s":
				name := dns.CanonicalName(rr.Replacement)
				if !dns.IsSubDomain(o.origin, name) {
					continue
				}
				if at, _ := o.cover(name); at != "" {
					continue
				}
				o.put(&r.optional, name, o.set(name, dns.TypeSRV))
				for _, srv := range o.set(name, dns.TypeSRV) {
					o.addresses(&r.optional, srv.(*dns.SRV).Target, false)
				}
			}
		}
	}
}

func (o *oracle) glue(r *result, cut string) {
	for _, rr := range o.set(cut, dns.TypeNS) {
		host := dns.CanonicalName(rr.(*dns.NS).Ns)
		if dns.IsSubDomain(cut, host) {
			o.addresses(&r.required, host, true)
		} else {
			o.addresses(&r.optional, host, true)
		}
	}
}

func (o *oracle) addresses(list *[]string, host string, glue bool) {
	host = dns.CanonicalName(host)
	if !dns.IsSubDomain(o.origin, host) {
		return
	}
	if at, cut := o.cover(host); at != "" && (!cut || !glue) {
		return
	}
	o.put(list, host, o.set(host, dns.TypeA))
	o.put(list, host, o.set(host, dns.TypeAAAA))
}

func unique(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}

func texts(rrs []dns.RR) (lines []string) {
	for _, rr := range rrs {
		if rr.Header().Rrtype != dns.TypeOPT {
			lines = append(lines, line(rr))
		}
	}
	return lines
}

// drawName draws a name in (mostly) the zone from few labels, so that names meet.
func drawName(t *rapid.T, origin, what string) string {
	ls := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "a", "b", "*"}), 0, rapid.SampledFrom([]int{1, 2, 2, 3}).Draw(t, "deep")).Draw(t, what)
	return dns.Fqdn(strings.Join(append(ls, strings.TrimSuffix(origin, ".")), "."))
}

func drawTarget(t *rapid.T, origin string) string {
	if rapid.IntRange(0, 9).Draw(t, "outside") == 0 {
		return rapid.SampledFrom([]string{".", "x.other.", "nota.z.test."}).Draw(t, "target")
	}
	return drawName(t, origin, "target")
}

func drawRecord(t *rapid.T, origin string) dns.RR {
	owner := drawName(t, origin, "owner")
	ttl := rapid.SampledFrom([]int{60, 300, 3600}).Draw(t, "ttl")
	n := rapid.IntRange(1, 3).Draw(t, "n")
	var rest string
	switch rapid.SampledFrom([]string{"A", "A", "AAAA", "AAAA", "TXT", "NS", "CNAME", "DNAME", "SRV", "SRV", "SRV", "MX", "NAPTR", "NAPTR", "DS"}).Draw(t, "type") {
	case "A":
		rest = fmt.Sprintf("A 192.0.2.%d", n)
	case "AAAA":
		rest = fmt.Sprintf("AAAA 2001:db8::%d", n)
	case "TXT":
		rest = fmt.Sprintf("TXT \"t%d%s\"", n, strings.Repeat("x", rapid.SampledFrom([]int{0, 0, 150, 240}).Draw(t, "long")))
	case "NS":
		rest = "NS " + drawTarget(t, origin)
	case "CNAME":
		rest = "CNAME " + drawTarget(t, origin)
	case "DNAME":
		rest = "DNAME " + drawTarget(t, origin)
	case "SRV":
		rest = fmt.Sprintf("SRV %d 1 5060 %s", n, drawTarget(t, origin))
	case "MX":
		rest = fmt.Sprintf("MX %d %s", n, drawTarget(t, origin))
	case "NAPTR":
		rest = fmt.Sprintf(`NAPTR %d 1 "%s" "SIP+D2U" "" %s`, n, rapid.SampledFrom([]string{"s", "s", "S", "a", "u", ""}).Draw(t, "flag"), drawTarget(t, origin))
	case "DS":
		rest = "DS 1 13 2 49FD46E6C4B45C55D4AC69CBD3CD34AC1AFE51DE1AF2B6E6C9A7B7A1C1B1D3F0"
	}
	rr, err := dns.NewRR(fmt.Sprintf("%s %d IN %s", owner, ttl, rest))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return rr
}

// drawZone draws a zone that Compile accepts.
func drawZone(t *rapid.T, origin string) []dns.RR {
	var rrs []dns.RR
	c, err := newCollector(origin)
	if err != nil {
		t.Fatal(err)
	}
	keep := func(rr dns.RR) {
		if c.add(rr, "") == nil {
			rrs = append(rrs, rr)
		}
	}
	for _, s := range []string{" 600 IN SOA ns mail 1 2 3 4 300", " 300 IN NS ns.other."} {
		rr, err := dns.NewRR(origin + strings.ReplaceAll(s, " ns mail", " a."+origin+" mail."+origin))
		if err != nil {
			t.Fatal(err)
		}
		keep(rr)
	}
	for range rapid.IntRange(0, 50).Draw(t, "records") {
		keep(drawRecord(t, origin))
	}
	return rrs
}

// TestPreparedEqualsNaive holds the compiled answers against the oracle's, for random zones and questions.
func TestPreparedEqualsNaive(t *testing.T) {
	t.Parallel()
	const origin = "z.test."
	rapid.Check(t, func(t *rapid.T) {
		rrs := drawZone(t, origin)
		z, err := Compile(origin, rrs)
		if err != nil {
			t.Fatalf("%v", err)
		}
		set, o := NewSet(z), &oracle{origin: origin, rrs: rrs}
		for range 20 {
			name := drawName(t, origin, "qname")
			qtype := rapid.SampledFrom([]uint16{
				dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeNS, dns.TypeCNAME, dns.TypeDNAME,
				dns.TypeSRV, dns.TypeMX, dns.TypeNAPTR, dns.TypeDS, dns.TypeSOA, dns.TypeANY, 65280,
			}).Draw(t, "qtype")
			compare(t, set, o, name, qtype, rapid.IntRange(0, 1500).Draw(t, "size"))
		}
	})
}

func compare(t *rapid.T, set *Set, o *oracle, name string, qtype uint16, size int) {
	asked := name
	if rapid.Bool().Draw(t, "case") {
		asked = strings.ToUpper(name)
	}
	q := new(dns.Msg)
	q.SetQuestion(asked, qtype)
	if size > 0 {
		q.SetEdns0(uint16(size), size&1 == 1)
	}
	packed, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	want := o.ask(name, qtype)
	whole := set.Answer(nil, packed, 0, TCP)
	full := unpack(t, whole)
	for _, c := range []struct {
		what      string
		got, want []string
	}{
		{"answer", unique(texts(full.Answer)), unique(want.answer)},
		{"authority", unique(texts(full.Ns)), unique(want.ns)},
		{"additional", unique(texts(full.Extra)), unique(want.required, want.optional)},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Fatalf("%s %s: %s\n got %q\nwant %q", name, dns.Type(qtype), c.what, c.got, c.want)
		}
	}
	if full.Rcode != want.rcode || full.Authoritative != want.aa || full.Truncated || full.Question[0].Name != asked {
		t.Fatalf("%s %s: header\n%v\nwant %+v", name, dns.Type(qtype), full, want)
	}

	if udp := set.Answer(nil, packed, 1232, UDP); len(udp) > max(512, min(size, 1232)) {
		t.Fatalf("%s %s: %d octets for a client that takes %d", name, dns.Type(qtype), len(udp), size)
	}
	limit := rapid.IntRange(len(packed), len(whole)).Draw(t, "limit")
	raw := set.Answer(nil, packed, limit, TCP)
	if len(raw) > limit {
		t.Fatalf("%s %s: %d octets, limit %d", name, dns.Type(qtype), len(raw), limit)
	}
	cut := unpack(t, raw)
	switch extra := unique(texts(cut.Extra)); {
	case cut.Rcode != want.rcode || (cut.IsEdns0() != nil) != (size > 0):
		t.Fatalf("%s %s: header\n%v", name, dns.Type(qtype), cut)
	case cut.Truncated:
		// RFC 2181 9: only when what is required does not fit.
		need := endOf(t, whole, len(full.Answer)+len(full.Ns)+len(unique(want.required)))
		if size > 0 {
			need += optLen
		}
		if len(cut.Answer)+len(cut.Ns)+len(extra) != 0 || need <= limit {
			t.Fatalf("%s %s: truncated at %d octets, needs %d\n%v", name, dns.Type(qtype), limit, need, cut)
		}
	case !slices.Equal(texts(cut.Answer), texts(full.Answer)) || !slices.Equal(texts(cut.Ns), texts(full.Ns)):
		t.Fatalf("%s %s: required records lost\n%v", name, dns.Type(qtype), cut)
	case !slices.Equal(extra, unique(texts(full.Extra))) && !slices.Equal(extra, unique(want.required)):
		t.Fatalf("%s %s: part of an additional section\n%v", name, dns.Type(qtype), cut)
	}
}

// endOf returns where the n-th record of a message ends.
func endOf(t *rapid.T, b []byte, n int) int {
	off := headerLen + nameLen(b[headerLen:]) + 4
	for range n {
		var err error
		if _, off, err = dns.UnpackRR(b, off); err != nil {
			t.Fatal(err)
		}
	}
	return off
}

func unpack(t *rapid.T, b []byte) *dns.Msg {
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		t.Fatalf("response does not unpack: %v\n%x", err, b)
	}
	return m
}

// TestLongestZone holds the choice of a zone against a look at all of them.
func TestLongestZone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		labels := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "xa", "A", `a\.b`}), 0, 4)
		name := func(what string) string { return dns.Fqdn(strings.Join(labels.Draw(t, what), ".")) }
		var zs []*Zone
		var origins []string
		for range rapid.IntRange(0, 8).Draw(t, "zones") {
			origin := name("origin")
			soa, _ := dns.NewRR(origin + " 1 IN SOA . . 1 1 1 1 1")
			ns, _ := dns.NewRR(origin + " 1 IN NS ns.other.")
			z, err := Compile(origin, []dns.RR{soa, ns})
			if err != nil {
				t.Fatal(err)
			}
			zs, origins = append(zs, z), append(origins, dns.CanonicalName(origin))
		}
		set := NewSet(zs...)
		for range 10 {
			qname := name("qname")
			want := ""
			for _, o := range origins {
				if dns.IsSubDomain(o, qname) && (want == "" || dns.CountLabel(o) >= dns.CountLabel(want)) {
					want = o
				}
			}
			wire, err := wireName(qname)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if z := set.closest(wire, dns.CountLabel(qname)); z != nil {
				got = z.Origin()
			}
			if got != want {
				t.Fatalf("%s in %q: got %q, want %q", qname, origins, got, want)
			}
		}
	})
}
