package resolver

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// naiveZone is one authoritative zone with origin ".", read straight from RFC 1034 4.3.2 and RFC 4592,
// without any regard to speed. It has nothing in common with package zones, on purpose.
type naiveZone struct {
	records map[string][]dns.RR // by canonical owner, in file order
}

func parseNaiveZone(t testing.TB, text string) *naiveZone {
	t.Helper()
	z := &naiveZone{records: map[string][]dns.RR{}}
	apex := "$ORIGIN .\n$TTL 300\n@ 300 SOA ns. hostmaster. 1 3600 600 86400 60\n@ NS ns.\n"
	p := dns.NewZoneParser(strings.NewReader(apex+text), ".", "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		name := dns.CanonicalName(rr.Header().Name)
		z.records[name] = append(z.records[name], rr)
	}
	if err := p.Err(); err != nil {
		t.Fatalf("zone: %v", err)
	}
	return z
}

func (z *naiveZone) exists(name string) bool {
	for owner := range z.records {
		if within(owner, name) {
			return true
		}
	}
	return false
}

// at gives the records of a name, by wildcard if need be; ok is false for NXDOMAIN.
func (z *naiveZone) at(name string) (rrs []dns.RR, ok bool) {
	if z.exists(name) {
		return z.records[name], true
	}
	for parent := name; parent != "."; {
		if _, parent, _ = strings.Cut(parent, "."); parent == "" {
			parent = "."
		}
		if !z.exists(parent) {
			continue
		}
		rrs, ok = z.records["*."+strings.TrimPrefix(parent, ".")]
		out := make([]dns.RR, 0, len(rrs))
		for _, rr := range rrs {
			rr = dns.Copy(rr)
			rr.Header().Name = name
			out = append(out, rr)
		}
		return out, ok
	}
	return nil, false
}

func (z *naiveZone) answer(m *dns.Msg) {
	q := m.Question[0]
	name := dns.CanonicalName(q.Name)
	for range 20 {
		rrs, ok := z.at(name)
		if !ok {
			m.Rcode = dns.RcodeNameError
			break
		}
		found, alias := false, ""
		for _, rr := range rrs {
			if rr.Header().Rrtype == q.Qtype {
				m.Answer, found = append(m.Answer, rr), true
			} else if c, ok := rr.(*dns.CNAME); ok {
				m.Answer, alias = append(m.Answer, rr), dns.CanonicalName(c.Target)
			}
		}
		if found {
			return
		}
		if alias == "" {
			break
		}
		name = alias
	}
	for _, rr := range z.records["."] {
		if rr.Header().Rrtype == dns.TypeSOA {
			m.Ns = append(m.Ns, rr)
		}
	}
}

// fault is what a case of the vectors wants to go wrong.
type fault struct {
	Owner      string   `yaml:"owner"`
	Type       string   `yaml:"type"`
	RCode      string   `yaml:"rcode"`
	UDP        string   `yaml:"udp"`
	Until      float64  `yaml:"until"`
	Additional []string `yaml:"additional_forged"`
}

// fakeDNS is a name server on loopback, UDP and TCP, with faults and a memory of what it was asked.
type fakeDNS struct {
	addr    netip.AddrPort
	zone    *naiveZone
	faults  []fault
	elapsed func() float64 // seconds on the test's clock, for faults that end
	// reply, when set, takes over: it returns the packets to send, none to stay silent.
	reply func(query *dns.Msg, tcp bool) [][]byte
	delay time.Duration

	mu    sync.Mutex
	asked []string
}

func (f *fakeDNS) start(t testing.TB) *fakeDNS {
	t.Helper()
	var udp *net.UDPConn
	var tcp *net.TCPListener
	for range 20 { // the same port has to be free for both
		u, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: u.LocalAddr().(*net.UDPAddr).Port})
		if err == nil {
			udp, tcp = u, l
			break
		}
		u.Close()
	}
	if udp == nil {
		t.Fatal("no port is free for UDP and TCP")
	}
	f.addr = udp.LocalAddr().(*net.UDPAddr).AddrPort()
	var wg sync.WaitGroup
	wg.Go(func() { f.serveUDP(&wg, udp) })
	wg.Go(func() { f.serveTCP(&wg, tcp) })
	t.Cleanup(func() { udp.Close(); tcp.Close(); wg.Wait() })
	return f
}

func (f *fakeDNS) serveUDP(wg *sync.WaitGroup, conn *net.UDPConn) {
	buf := make([]byte, 65535)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		query := slices.Clone(buf[:n])
		wg.Go(func() {
			for _, b := range f.handle(query, false) {
				_, _ = conn.WriteToUDPAddrPort(b, from)
			}
		})
	}
}

func (f *fakeDNS) serveTCP(wg *sync.WaitGroup, l *net.TCPListener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		wg.Go(func() {
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			var n [2]byte
			if _, err := io.ReadFull(conn, n[:]); err != nil {
				return
			}
			query := make([]byte, binary.BigEndian.Uint16(n[:]))
			if _, err := io.ReadFull(conn, query); err != nil {
				return
			}
			for _, b := range f.handle(query, true) {
				_, _ = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
			}
		})
	}
}

func (f *fakeDNS) handle(b []byte, tcp bool) [][]byte {
	m := new(dns.Msg)
	if m.Unpack(b) != nil || len(m.Question) != 1 {
		return nil
	}
	q := m.Question[0]
	f.mu.Lock()
	f.asked = append(f.asked, dns.CanonicalName(q.Name)+" "+dns.TypeToString[q.Qtype])
	f.mu.Unlock()
	if f.delay > 0 {
		time.Sleep(f.delay)
	}
	if f.reply != nil {
		return f.reply(m, tcp)
	}
	r := new(dns.Msg).SetReply(m)
	r.RecursionAvailable = true
	for _, x := range f.faults {
		if x.Owner != dns.CanonicalName(q.Name) || x.Type != dns.TypeToString[q.Qtype] || f.over(x) {
			continue
		}
		switch {
		case x.RCode == "TIMEOUT":
			return nil
		case x.RCode != "":
			r.Rcode = dns.StringToRcode[x.RCode]
			return [][]byte{pack(r)}
		case x.UDP == "truncate_empty" && !tcp:
			r.Truncated = true
			return [][]byte{pack(r)}
		}
		for _, text := range x.Additional {
			rr, err := dns.NewRR(text)
			if err != nil {
				panic(err)
			}
			r.Extra = append(r.Extra, rr)
		}
	}
	f.zone.answer(r)
	if !tcp && r.Len() > 1232 {
		r.Answer, r.Truncated = nil, true
	}
	return [][]byte{pack(r)}
}

func (f *fakeDNS) over(x fault) bool {
	return x.Until > 0 && f.elapsed != nil && f.elapsed() > x.Until
}

func pack(m *dns.Msg) []byte {
	m.Compress = true
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

// queries returns what was asked since the last call.
func (f *fakeDNS) queries() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.asked
	f.asked = nil
	return out
}
