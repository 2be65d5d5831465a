package resolver

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

var someAddr = []netip.Addr{netip.MustParseAddr("192.0.2.1")}

// TestLifetime holds the bounds on how long things are believed (D06).
func TestLifetime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wire uint32 // as received
		soa  string // negative: SOA TTL and MINIMUM
		want uint32
	}{
		{wire: 0, want: 0},
		{wire: 1, want: 1},
		{wire: 300, want: 300},
		{wire: 86400, want: 86400},
		{wire: 86401, want: 86400},
		{wire: 1<<31 - 1, want: 86400},
		{wire: 1 << 31, want: 0}, // RFC 2181 8
		{wire: 1<<32 - 1, want: 0},
		{soa: "3600 60", want: 60},
		{soa: "60 3600", want: 60},
		{soa: "86400 86400", want: 300},
		{soa: "2147483647 4294967295", want: 0},
		{soa: "0 60", want: 0},
	} {
		m := new(dns.Msg).SetQuestion(question.Name, dns.TypeA)
		m.Response = true
		if c.soa == "" {
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: question.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: c.wire}, A: someAddr[0].AsSlice()}}
		} else {
			ttl, minimum, _ := strings.Cut(c.soa, " ")
			rr, err := dns.NewRR("example.com. " + ttl + " SOA a. b. 1 2 3 4 " + minimum)
			if err != nil {
				t.Fatal(err)
			}
			m.Ns = []dns.RR{rr}
		}
		set, err := parseAnswer(pack(m), question)
		if err != nil {
			t.Fatal(err)
		}
		if have := lifetime(set); have != c.want {
			t.Errorf("%d %q: %d, want %d", c.wire, c.soa, have, c.want)
		}
	}
	for code, want := range map[RCode]uint32{ServFail: 5, Refused: 5, NoAnswer: 5, Limit: 0} {
		if have := lifetime(&RRset{RCode: code, TTL: 1000}); have != want {
			t.Errorf("%s: %d, want %d", code, have, want)
		}
	}
}

// TestForeignSOA: an SOA of a zone that cannot hold the name says nothing about it.
func TestForeignSOA(t *testing.T) {
	t.Parallel()
	m := new(dns.Msg).SetQuestion(question.Name, dns.TypeA)
	m.Response, m.Rcode = true, dns.RcodeNameError
	rr, _ := dns.NewRR("ample.com. 300 SOA a. b. 1 2 3 4 300")
	m.Ns = []dns.RR{rr}
	if set, err := parseAnswer(pack(m), question); err != nil || set.RCode != NXDomain || set.TTL != 0 {
		t.Errorf("got %+v, %v", set, err)
	}
}

// TestCacheAges counts TTLs down, never up, and forgets in time.
func TestCacheAges(t *testing.T) {
	t.Parallel()
	c, now := newCache(1<<20), time.Unix(1e9, 0)
	set := &RRset{Question: question, TTL: 10, Addrs: someAddr}
	c.put(set, now)
	for _, s := range []struct {
		after time.Duration
		left  uint32
	}{{0, 10}, {time.Second, 9}, {9500 * time.Millisecond, 1}, {10*time.Second - 1, 1}, {10 * time.Second, 0}, {0, 0}} {
		a, ok := c.get(question, now.Add(s.after))
		if ok != (s.left > 0) || a.Left != s.left {
			t.Errorf("after %v: %d left, %v; want %d", s.after, a.Left, ok, s.left)
		}
		if ok && a.RRset != set {
			t.Error("another set")
		}
	}
	c.put(set, now)
	c.put(&RRset{Question: question, TTL: 0, Addrs: someAddr}, now)
	if _, ok := c.get(question, now); ok {
		t.Error("TTL 0 left something behind")
	}
}

// TestCacheBound holds the memory of the cache under a flood of names, and keeps count.
func TestCacheBound(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	c, now := newCache(limit), time.Unix(1e9, 0)
	for i := range 20_000 {
		c.put(&RRset{Question: Question{fmt.Sprintf("%d.example.com.", i), TypeA}, TTL: 60, Addrs: someAddr}, now)
	}
	entries := 0
	for i := range c.shards {
		s := &c.shards[i]
		entries += s.lru.Len()
		if s.bytes > s.limit {
			t.Errorf("shard %d: %d bytes, %d allowed", i, s.bytes, s.limit)
		}
		for s.lru.Len() > 0 {
			s.lru.RemoveOldest()
		}
		if s.bytes != 0 {
			t.Errorf("shard %d: %d bytes when empty", i, s.bytes)
		}
	}
	if entries < 1000 {
		t.Errorf("only %d entries in %d bytes", entries, limit)
	}
	c.put(&RRset{Question: question, TTL: 60, SRV: make([]SRV, limit/16)}, now)
	if _, ok := c.get(question, now); ok {
		t.Error("a set larger than a shard was kept")
	}
}

// TestCacheConcurrent is for the race detector.
func TestCacheConcurrent(t *testing.T) {
	t.Parallel()
	c, now := newCache(1<<16), time.Unix(1e9, 0)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 1000 {
				q := Question{fmt.Sprintf("%d.example.com.", (i*g)%97), TypeA}
				c.put(&RRset{Question: q, TTL: 60, Addrs: someAddr}, now)
				if a, ok := c.get(q, now); ok && a.Question != q {
					t.Errorf("asked %s, got %s", q, a.Question)
				}
			}
		})
	}
	wg.Wait()
}
