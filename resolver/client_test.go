package resolver

import (
	"context"
	"math/bits"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func newTestClient(timeout time.Duration, servers ...netip.AddrPort) *client {
	return &client{servers: servers, timeout: timeout, rounds: 2}
}

var question = Question{"www.example.com.", TypeA}

// reply makes an answer with one address.
func reply(m *dns.Msg, address string) *dns.Msg {
	r := new(dns.Msg).SetReply(m)
	r.RecursionAvailable = true
	rr, err := dns.NewRR("www.example.com. 60 A " + address)
	if err != nil {
		panic(err)
	}
	r.Answer = []dns.RR{rr}
	return r
}

// TestJunkIsIgnored sends everything an answer must not be before the answer.
func TestJunkIsIgnored(t *testing.T) {
	t.Parallel()
	server := (&fakeDNS{reply: func(m *dns.Msg, _ bool) [][]byte {
		forged := func(change func(*dns.Msg)) []byte {
			r := reply(m, "192.0.2.66")
			change(r)
			return pack(r)
		}
		good := pack(reply(m, "192.0.2.1"))
		return [][]byte{
			{},
			{0},
			good[:11], good[:12], good[:len(good)-3],
			forged(func(r *dns.Msg) { r.Id++ }),
			forged(func(r *dns.Msg) { r.Response = false }),
			forged(func(r *dns.Msg) { r.Opcode = dns.OpcodeNotify }),
			forged(func(r *dns.Msg) { r.Question[0].Name = "evil.example.com." }),
			forged(func(r *dns.Msg) { r.Question[0].Qtype = dns.TypeAAAA }),
			forged(func(r *dns.Msg) { r.Question[0].Qclass = dns.ClassCHAOS }),
			forged(func(r *dns.Msg) { r.Question = nil }),
			forged(func(r *dns.Msg) { r.Question = append(r.Question, r.Question[0]) }),
			append(slices.Clone(good[:len(good)-4]), 0xff),
			good,
		}
	}}).start(t)
	set := newTestClient(5*time.Second, server.addr).query(context.Background(), question)
	if len(set.Addrs) != 1 || set.Addrs[0].String() != "192.0.2.1" {
		t.Errorf("got %+v", set)
	}
	if asked := server.queries(); len(asked) != 1 {
		t.Errorf("asked %d times", len(asked))
	}
}

// TestOtherSourceIsIgnored lets a forger who knows everything answer from another port.
func TestOtherSourceIsIgnored(t *testing.T) {
	t.Parallel()
	honest, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	forger, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 512)
		n, from, err := honest.ReadFromUDPAddrPort(buf)
		m := new(dns.Msg)
		if err != nil || m.Unpack(buf[:n]) != nil {
			return
		}
		_, _ = forger.WriteToUDPAddrPort(pack(reply(m, "192.0.2.66")), from)
		_, _ = honest.WriteToUDPAddrPort(pack(reply(m, "192.0.2.1")), from)
	})
	set := newTestClient(5*time.Second, honest.LocalAddr().(*net.UDPAddr).AddrPort()).query(context.Background(), question)
	if len(set.Addrs) != 1 || set.Addrs[0].String() != "192.0.2.1" {
		t.Errorf("got %+v", set)
	}
	honest.Close()
	forger.Close()
	wg.Wait()
}

// TestTruncated goes to TCP and uses nothing of what was cut off.
func TestTruncated(t *testing.T) {
	t.Parallel()
	server := (&fakeDNS{reply: func(m *dns.Msg, tcp bool) [][]byte {
		r := reply(m, "192.0.2.1")
		if !tcp {
			r = reply(m, "192.0.2.66")
			r.Truncated = true
			if m.IsEdns0() == nil || m.IsEdns0().UDPSize() != ednsSize {
				t.Error("no EDNS with 1232")
			}
		}
		return [][]byte{pack(r)}
	}}).start(t)
	set := newTestClient(5*time.Second, server.addr).query(context.Background(), question)
	if len(set.Addrs) != 1 || set.Addrs[0].String() != "192.0.2.1" {
		t.Errorf("got %+v", set)
	}
}

// TestNextServer leaves servers that are silent, closed, broken, refusing, lame or truncating over TCP.
func TestNextServer(t *testing.T) {
	t.Parallel()
	good := func(t *testing.T) netip.AddrPort {
		return (&fakeDNS{reply: func(m *dns.Msg, _ bool) [][]byte { return [][]byte{pack(reply(m, "192.0.2.1"))} }}).start(t).addr
	}
	code := func(rcode int) func(*dns.Msg, bool) [][]byte {
		return func(m *dns.Msg, _ bool) [][]byte { return [][]byte{pack(new(dns.Msg).SetRcode(m, rcode))} }
	}
	for name, bad := range map[string]func(*dns.Msg, bool) [][]byte{
		"silent":   func(*dns.Msg, bool) [][]byte { return nil },
		"servfail": code(dns.RcodeServerFailure),
		"refused":  code(dns.RcodeRefused),
		"notimp":   code(dns.RcodeNotImplemented),
		"formerr":  code(dns.RcodeFormatError),
		"lame": func(m *dns.Msg, _ bool) [][]byte {
			r := new(dns.Msg).SetReply(m)
			rr, _ := dns.NewRR("com. 60 NS ns.example.net.")
			r.Ns = []dns.RR{rr}
			return [][]byte{pack(r)}
		},
		"truncated for ever": func(m *dns.Msg, _ bool) [][]byte {
			r := new(dns.Msg).SetReply(m)
			r.Truncated = true
			return [][]byte{pack(r)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := (&fakeDNS{reply: bad}).start(t)
			// Short for the one that must time out; the good one answers at once, and is asked again if it does not.
			c := newTestClient(300*time.Millisecond, first.addr, good(t))
			set := c.query(context.Background(), question)
			if len(set.Addrs) != 1 {
				t.Fatalf("got %+v", set)
			}
			if asked := first.queries(); len(asked) == 0 {
				t.Error("the first server was not asked")
			}
			// From now on the one that answered comes first.
			if set = c.query(context.Background(), question); len(set.Addrs) != 1 || len(first.queries()) != 0 {
				t.Errorf("asked the bad one again: %+v", set)
			}
		})
	}
}

// TestNobodyAnswers tells who was asked and what came of it.
func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	closed, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	addr := closed.LocalAddr().(*net.UDPAddr).AddrPort()
	closed.Close()
	set := newTestClient(time.Second, addr).query(context.Background(), question)
	if set.RCode != NoAnswer || !strings.Contains(set.Detail, addr.String()) {
		t.Errorf("got %+v", set)
	}
	silent := (&fakeDNS{reply: func(*dns.Msg, bool) [][]byte { return nil }}).start(t)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if set := newTestClient(time.Minute, silent.addr).query(ctx, question); set.RCode != NoAnswer {
		t.Errorf("got %+v", set)
	}
}

// TestSilenceEnds gives up a whole lookup at its limit, with the class for it.
func TestSilenceEnds(t *testing.T) {
	t.Parallel()
	silent := (&fakeDNS{reply: func(*dns.Msg, bool) [][]byte { return nil }}).start(t)
	r := newTestResolver(t, Options{Servers: []netip.AddrPort{silent.addr}, Timeout: 50 * time.Millisecond, Limit: 80 * time.Millisecond, Trace: true})
	res, _ := r.Resolve(context.Background(), "sip:example.com")
	if res.Err == nil || res.Err.Class != DNSFailure {
		t.Errorf("got %v", got(res))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if res, _ = r.Resolve(ctx, "sip:example.net"); res.Err == nil || res.Err.Class != DNSFailure {
		t.Errorf("got %v", got(res))
	}
}

// TestOldServer is asked again without EDNS.
func TestOldServer(t *testing.T) {
	t.Parallel()
	server := (&fakeDNS{reply: func(m *dns.Msg, _ bool) [][]byte {
		if m.IsEdns0() != nil {
			return [][]byte{pack(new(dns.Msg).SetRcode(m, dns.RcodeFormatError))}
		}
		return [][]byte{pack(reply(m, "192.0.2.1"))}
	}}).start(t)
	if set := newTestClient(5*time.Second, server.addr).query(context.Background(), question); len(set.Addrs) != 1 {
		t.Errorf("got %+v", set)
	}
}

// TestUnpredictable looks at the entropy of IDs and source ports.
func TestUnpredictable(t *testing.T) {
	t.Parallel()
	const n = 300
	var (
		mu    sync.Mutex
		ids   = map[uint16]bool{}
		ones  int
		ports = map[uint16]bool{}
	)
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 512)
		for {
			k, from, err := conn.ReadFromUDPAddrPort(buf)
			m := new(dns.Msg)
			if err != nil || m.Unpack(buf[:k]) != nil {
				return
			}
			mu.Lock()
			ids[m.Id], ports[from.Port()] = true, true
			ones += bits.OnesCount16(m.Id)
			mu.Unlock()
			_, _ = conn.WriteToUDPAddrPort(pack(reply(m, "192.0.2.1")), from)
		}
	})
	c := newTestClient(5*time.Second, conn.LocalAddr().(*net.UDPAddr).AddrPort())
	for range n {
		c.query(context.Background(), question)
	}
	conn.Close()
	wg.Wait()
	if len(ids) < n-10 || len(ports) < n-10 {
		t.Errorf("%d IDs and %d ports in %d queries", len(ids), len(ports), n)
	}
	if mean := float64(ones) / n; mean < 7.4 || mean > 8.6 { // 8 of 16 bits, five deviations
		t.Errorf("%.2f bits set on average", mean)
	}
}

// TestOneQuestionForAll has many askers wait for one answer (D03).
func TestOneQuestionForAll(t *testing.T) {
	t.Parallel()
	var asked, inFlight, most atomic.Int32
	release := make(chan struct{})
	r := newTestResolver(t, Options{Families: []Family{IP4}, Limit: time.Minute, Source: func(_ context.Context, q Question) *RRset {
		asked.Add(1)
		most.Store(max(most.Load(), inFlight.Add(1)))
		<-release
		inFlight.Add(-1)
		return &RRset{Question: q, TTL: 60, Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}
	}})
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(func() {
			if res, err := r.Resolve(context.Background(), "sip:example.com:5060"); err != nil || len(res.Targets) != 1 {
				t.Errorf("got %v", got(res))
			}
		})
	}
	close(release)
	wg.Wait()
	if asked.Load() != 1 || most.Load() != 1 {
		t.Errorf("asked %d times, %d at once", asked.Load(), most.Load())
	}
}

// TestTwoRoundTrips: NAPTR and SRV are asked together, then all addresses.
func TestTwoRoundTrips(t *testing.T) {
	t.Parallel()
	zone := parseNaiveZone(t, `
example.com. NAPTR 10 10 "s" "SIPS+D2T" "" _sips._tcp.example.com.
_sips._tcp.example.com. SRV 0 0 5061 a.example.com.
_sips._tcp.example.com. SRV 1 0 5061 b.example.com.
a.example.com. A 192.0.2.1
b.example.com. A 192.0.2.2
`)
	// A question counts as one trip later than the latest answer that its asker had.
	var mu sync.Mutex
	trip, last := map[Type]int{}, 0
	source := memory(zone)
	barrier := make(chan struct{})
	var waiting atomic.Int32
	r := newTestResolver(t, Options{Families: []Family{IP6, IP4}, Source: func(ctx context.Context, q Question) *RRset {
		mu.Lock()
		trip[q.Type] = last + 1
		mu.Unlock()
		if q.Type == TypeNAPTR || q.Type == TypeSRV {
			if waiting.Add(1) == 4 { // NAPTR and three SRV are under way at once, or this waits for ever
				mu.Lock()
				last = 1
				mu.Unlock()
				close(barrier)
			}
			<-barrier
		}
		return source(ctx, q)
	}})
	res, err := r.Resolve(context.Background(), "sip:example.com")
	if err != nil || len(res.Targets) != 2 {
		t.Fatalf("got %v", got(res))
	}
	if trip[TypeNAPTR] != 1 || trip[TypeSRV] != 1 || trip[TypeA] != 2 || trip[TypeAAAA] != 2 {
		t.Errorf("trips %v", trip)
	}
}

// TestBudget bounds the questions of one lookup, however many servers a domain names (D05).
func TestBudget(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	r := newTestResolver(t, Options{Source: func(_ context.Context, q Question) *RRset {
		asked.Add(1)
		set := &RRset{Question: q, TTL: 60}
		if q.Type == TypeSRV {
			for i := range 1000 {
				set.SRV = append(set.SRV, SRV{uint16(i), 0, 5060, "h" + strings.Repeat("x", i%50) + itoa(i%99+1) + ".example.net."})
			}
		}
		return set
	}})
	res, _ := r.Resolve(context.Background(), "sip:example.com;transport=udp")
	if res.Err == nil || res.Err.Class != LoopOrLimit || asked.Load() > 64 {
		t.Errorf("asked %d: %v", asked.Load(), got(res))
	}
}
