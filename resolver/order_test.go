package resolver

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestWeights counts who is first in 100,000 draws with a fixed seed.
func TestWeights(t *testing.T) {
	t.Parallel()
	const draws = 100_000
	set := []SRV{
		{1, 6000, 1, "a."},
		{1, 3000, 1, "b."},
		{1, 1000, 1, "c."},
		{1, 0, 1, "zero."},
		{2, 65535, 1, "later."},
		{0, 0, 1, "first."},
	}
	g := rand.New(rand.NewPCG(1, 2))
	draw := func(sum uint32) uint32 { return uint32(g.Uint64N(uint64(sum) + 1)) }
	count := map[string]int{}
	for range draws {
		out := orderSRV(set, maxTargets, draw)
		if !slices.IsSortedFunc(out, func(a, b SRV) int { return int(a.Priority) - int(b.Priority) }) {
			t.Fatalf("priorities crossed: %v", out)
		}
		count[out[1].Target]++
	}
	for target, weight := range map[string]float64{"a.": .6, "b.": .3, "c.": .1} {
		if have := float64(count[target]) / draws; math.Abs(have-weight) > .02*weight+.002 {
			t.Errorf("%s first in %.4f, want %.4f", target, have, weight)
		}
	}
	if n := count["zero."]; n == 0 || n > draws/500 {
		t.Errorf("weight 0 first %d times in %d, want seldom and not never", n, draws)
	}
}

// TestAllZero spreads over records that all have weight 0.
func TestAllZero(t *testing.T) {
	t.Parallel()
	set := []SRV{{0, 0, 1, "a."}, {0, 0, 1, "b."}, {0, 0, 1, "c."}}
	g := rand.New(rand.NewPCG(3, 4))
	count := map[string]int{}
	for range 30_000 {
		count[orderSRV(set, 3, func(sum uint32) uint32 { return uint32(g.Uint64N(uint64(sum) + 1)) })[0].Target]++
	}
	for target, n := range count {
		if n < 9500 || n > 10500 {
			t.Errorf("%s first %d times in 30000", target, n)
		}
	}
}

// TestOrderLimit cuts after ordering, and is quick for as many records as a message can hold.
func TestOrderLimit(t *testing.T) {
	t.Parallel()
	var set []SRV
	for i := range 4000 {
		set = append(set, SRV{uint16(4000 - i), 0, 1, fmt.Sprint(i)})
	}
	out := orderSRV(set, maxTargets, func(uint32) uint32 { return 0 })
	if len(out) != maxTargets || out[0].Target != "3999" || out[63].Target != "3936" {
		t.Errorf("%d records, first %v", len(out), out[0])
	}
}

// TestOrderIsPermutation holds for any set and any draws.
func TestOrderIsPermutation(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set := rapid.SliceOfN(rapid.Custom(anySRV), 0, 12).Draw(t, "set")
		before := slices.Clone(set)
		out := orderSRV(set, maxTargets, func(sum uint32) uint32 { return rapid.Uint32Range(0, sum).Draw(t, "draw") })
		if !slices.Equal(set, before) {
			t.Fatal("the set was changed")
		}
		key := func(a, b SRV) int {
			return slices.Compare([]int{int(a.Priority), int(a.Weight), int(a.Port), int(a.Target[0])}, []int{int(b.Priority), int(b.Weight), int(b.Port), int(b.Target[0])})
		}
		sorted := slices.Clone(out)
		slices.SortFunc(sorted, key)
		slices.SortFunc(before, key)
		if !slices.Equal(sorted, before) {
			t.Fatalf("%v is no permutation of %v", out, before)
		}
		if !slices.IsSortedFunc(out, func(a, b SRV) int { return int(a.Priority) - int(b.Priority) }) {
			t.Fatal("priorities crossed")
		}
	})
}

var hosts = []string{"a.", "b.", "c.", ".", "example.com."}

func anySRV(t *rapid.T) SRV {
	return SRV{
		uint16(rapid.IntRange(0, 3).Draw(t, "priority")), rapid.Uint16().Draw(t, "weight"),
		rapid.SampledFrom([]uint16{0, 5060, 5061, 443}).Draw(t, "port"), rapid.SampledFrom(hosts).Draw(t, "target"),
	}
}

func anyNAPTR(t *rapid.T) NAPTR {
	return NAPTR{
		Order: uint16(rapid.IntRange(0, 3).Draw(t, "order")), Preference: uint16(rapid.IntRange(0, 3).Draw(t, "preference")),
		Flags:       rapid.SampledFrom([]string{"s", "S", "a", "u", ""}).Draw(t, "flags"),
		Service:     rapid.SampledFrom([]string{"SIP+D2U", "sip+d2t", "SIPS+D2T", "SIP+D2S", "SIPS+D2W", "SIPS+D2U", "E2U+sip"}).Draw(t, "service"),
		Regexp:      rapid.SampledFrom([]string{"", "", "", "!.*!x!"}).Draw(t, "regexp"),
		Replacement: rapid.SampledFrom([]string{"_sip._udp.example.com.", "_sip._tcp.example.com.", "_sips._tcp.example.com.", "x.", ".", "a."}).Draw(t, "replacement"),
	}
}

// anyAnswer is what the DNS might say to q, all the ways it can go wrong included.
func anyAnswer(t *rapid.T, q Question) Answer {
	set := &RRset{Question: q, TTL: rapid.Uint32Range(0, maxTTL).Draw(t, "ttl")}
	set.RCode = rapid.SampledFrom([]RCode{NoError, NoError, NoError, NoError, NoError, NXDomain, ServFail, NotImp, NoAnswer, Limit}).Draw(t, "rcode")
	if set.RCode == NoError {
		switch q.Type {
		case TypeNAPTR:
			set.NAPTR = rapid.SliceOfN(rapid.Custom(anyNAPTR), 0, 5).Draw(t, "naptr")
		case TypeSRV:
			set.SRV = rapid.SliceOfN(rapid.Custom(anySRV), 0, 5).Draw(t, "srv")
		default:
			set.Addrs = rapid.SliceOfN(rapid.Custom(anyAddr), 0, 3).Draw(t, "addrs")
		}
	}
	return Answer{set, set.TTL}
}

func anyAddr(t *rapid.T) netip.Addr {
	return netip.MustParseAddr(rapid.SampledFrom([]string{"192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "::ffff:192.0.2.1"}).Draw(t, "addr"))
}

// TestSelectProperties: whatever the DNS says, no hop twice, none of a family or transport that the client
// lacks, none in clear for sips, nothing asked that must not be, and the end comes.
func TestSelectProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		uri := rapid.SampledFrom([]string{
			"sip:example.com", "sips:example.com", "sip:example.com:5060", "sips:example.com:5061", "sip:example.com;transport=tcp",
			"sip:example.com;transport=tls", "sips:example.com;transport=tcp", "sip:192.0.2.9", "sips:[2001:db8::9]", "sip:b@x.test;maddr=example.com",
			"sips:example.com;transport=ws",
		}).Draw(t, "uri")
		d, err := ParseDestination(uri)
		if err != nil {
			t.Fatal(err)
		}
		p := &Policy{
			Transports: rapid.SliceOfNDistinct(rapid.SampledFrom([]Transport{UDP, TCP, TLS, SCTP, TLSSCTP, WS, WSS}), 1, 7, rapid.ID).Draw(t, "transports"),
			Families:   rapid.SliceOfNDistinct(rapid.SampledFrom([]Family{IP4, IP6}), 1, 2, rapid.ID).Draw(t, "families"),
			Size:       rapid.SampledFrom([]int{0, 1300, 1301}).Draw(t, "size"),
		}
		seed := rapid.Uint64().Draw(t, "seed")
		facts := map[Question]Answer{}
		known := func(q Question) (Answer, bool) { a, ok := facts[q]; return a, ok }
		pass := func() Selection {
			g := rand.New(rand.NewPCG(seed, 0))
			return Select(&d, p, known, func(sum uint32) uint32 { return uint32(g.Uint64N(uint64(sum) + 1)) }, nil)
		}
		sel := pass()
		for rounds := 0; len(sel.Need) > 0; rounds++ {
			if rounds > 10 {
				t.Fatalf("no end: %v", sel.Need)
			}
			for _, q := range slices.Concat(sel.Need, sel.Ahead) {
				checkQuestion(t, &d, q)
				if _, ok := facts[q]; !ok {
					facts[q] = anyAnswer(t, q)
				}
			}
			sel = pass()
		}
		checkSelection(t, &d, p, sel)
		if again := pass(); !slices.Equal(sel.Targets, again.Targets) {
			t.Fatal("not the same with the same draws")
		}
	})
}

func checkQuestion(t *rapid.T, d *Destination, q Question) {
	inClear := slices.Contains([]string{"_sip._udp.example.com.", "_sip._tcp.example.com.", "_sip._sctp.example.com.", "_sip._ws.example.com."}, q.Name)
	if d.Secure && inClear && d.Transport != NoTransport {
		t.Fatalf("%s asked for %s", q, d.URI)
	}
	if d.Addr.IsValid() || d.Port != 0 && q.Type != TypeA && q.Type != TypeAAAA || q.Name == "." {
		t.Fatalf("%s asked for %s", q, d.URI)
	}
}

func checkSelection(t *rapid.T, d *Destination, p *Policy, sel Selection) {
	if (sel.Err == nil) == (len(sel.Targets) == 0) {
		t.Fatalf("targets %v, error %v", sel.Targets, sel.Err)
	}
	type hop struct {
		t Transport
		a netip.AddrPort
	}
	seen := map[hop]bool{}
	for i := range sel.Targets {
		x := &sel.Targets[i]
		h := hop{x.Transport, x.AddrPort()}
		switch {
		case seen[h]:
			t.Fatalf("%s twice", x)
		case d.Secure && !x.Transport.Secure():
			t.Fatalf("%s for a sips URI", x)
		case !slices.Contains(p.Transports, x.Transport):
			t.Fatalf("%s: the client has %v", x, p.Transports)
		case !slices.Contains(p.Families, familyOf(x.Address)) || x.Address.Is4In6():
			t.Fatalf("%s: the client has %v", x, p.Families)
		case x.Port == 0 || d.Port != 0 && x.Port != d.Port:
			t.Fatalf("%s: wrong port", x)
		}
		seen[h] = true
	}
}
