package resolver

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// slow delays the answers whose question has an entry.
func slow(source Source, delays map[string]time.Duration) Source {
	return func(ctx context.Context, q Question) *RRset {
		select {
		case <-time.After(delays[q.String()]):
			return source(ctx, q)
		case <-ctx.Done():
			return failed(q, NoAnswer, "no answer in time")
		}
	}
}

// TestPatience holds how long things are waited for, to the millisecond.
func TestPatience(t *testing.T) {
	t.Parallel()
	const zone = `
example.com. A 192.0.2.1
example.com. AAAA 2001:db8::1
_sip._udp.two.example. SRV 0 0 5060 a.two.example.
_sip._udp.two.example. SRV 1 0 5060 b.two.example.
a.two.example. A 192.0.2.11
b.two.example. A 192.0.2.12
n.example. NAPTR 10 10 "s" "SIPS+D2T" "" _sips._tcp.n.example.
_sips._tcp.n.example. SRV 0 0 5061 a.two.example.
`
	const ms = time.Millisecond
	for _, c := range []struct {
		name, uri string
		delays    map[string]time.Duration
		want      string
		took      time.Duration
	}{
		{
			"AAAA a little late", "sip:example.com:5060",
			map[string]time.Duration{"example.com. AAAA": 200 * ms},
			"udp [2001:db8::1]:5060, udp 192.0.2.1:5060", 200 * ms,
		},
		{"AAAA too late", "sip:example.com:5060", map[string]time.Duration{"example.com. AAAA": 3000 * ms}, "udp 192.0.2.1:5060", 250 * ms},
		{"A too late", "sip:example.com:5060", map[string]time.Duration{"example.com. A": 3000 * ms}, "udp [2001:db8::1]:5060", 250 * ms},
		{
			"both late", "sip:example.com:5060",
			map[string]time.Duration{"example.com. A": 1000 * ms, "example.com. AAAA": 1200 * ms},
			"udp [2001:db8::1]:5060, udp 192.0.2.1:5060", 1200 * ms,
		},
		{"both never", "sip:example.com:5060", map[string]time.Duration{"example.com. A": time.Hour, "example.com. AAAA": time.Hour}, "dns_failure", 4000 * ms},
		{
			"a backup that is slow is waited for", "sip:two.example;transport=udp",
			map[string]time.Duration{"b.two.example. A": 1000 * ms},
			"udp 192.0.2.11:5060, udp 192.0.2.12:5060", 1000 * ms,
		},
		{
			"a backup that never answers", "sip:two.example;transport=udp",
			map[string]time.Duration{"b.two.example. A": time.Hour, "b.two.example. AAAA": time.Hour},
			"udp 192.0.2.11:5060", 4000 * ms,
		},
		{
			"an SRV that NAPTR makes useless is not waited for", "sip:n.example",
			map[string]time.Duration{"_sip._udp.n.example. SRV": time.Hour},
			"tls 192.0.2.11:5061", 0,
		},
		{"NAPTR never answers: no guess", "sip:two.example", map[string]time.Duration{"two.example. NAPTR": time.Hour}, "dns_failure", 4000 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r, err := New(Options{Source: slow(memory(parseNaiveZone(t, zone)), c.delays), Families: []Family{IP6, IP4}, Trace: true})
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				began := time.Now()
				res, err := r.Resolve(t.Context(), c.uri)
				have := strings.Join(got(res), ", ")
				if err != nil {
					have = string(res.Err.Class)
				}
				if took := time.Since(began); have != c.want || took != c.took {
					t.Errorf("got %s after %v, want %s after %v\n%s", have, took, c.want, c.took, describe(res))
				}
			})
		})
	}
}

// TestLateAnswerIsKept: what nobody waits for any more is in the cache for the next one.
func TestLateAnswerIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		zone := parseNaiveZone(t, "example.com. A 192.0.2.1\nexample.com. AAAA 2001:db8::1\n")
		r, err := New(Options{Source: slow(memory(zone), map[string]time.Duration{"example.com. AAAA": time.Second}), Families: []Family{IP6, IP4}})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for _, want := range []int{1, 2} {
			res, err := r.Resolve(t.Context(), "sip:example.com:5060")
			if err != nil || len(res.Targets) != want {
				t.Errorf("got %v, want %d", got(res), want)
			}
			time.Sleep(2 * time.Second)
		}
		time.Sleep(300 * time.Second) // TTL over: asked anew
		if res, _ := r.Resolve(t.Context(), "sip:example.com:5060"); len(res.Targets) != 1 {
			t.Errorf("got %v", got(res))
		}
	})
}

// TestClose ends what is under way.
func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, err := New(Options{Source: slow(nil, map[string]time.Duration{"example.com. A": time.Hour, "example.com. AAAA": time.Hour})})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan *Result)
		go func() {
			res, _ := r.Resolve(context.Background(), "sip:example.com:5060")
			done <- res
		}()
		synctest.Wait()
		r.Close()
		if res := <-done; res.Err == nil || res.Err.Class != DNSFailure {
			t.Errorf("got %v", got(res))
		}
		if res, _ := r.Resolve(context.Background(), "sip:example.com:5070"); res.Err == nil || res.Err.Class != DNSFailure {
			t.Errorf("after Close: %v", got(res))
		}
	})
}
