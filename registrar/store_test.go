package registrar

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipway/sipway/location"
	"github.com/sipway/sipway/transport"
)

// deliver gives raw to x and returns where the answer will come.
func deliver(t *testing.T, x *Registrar, raw string, now time.Time) <-chan string {
	t.Helper()
	answer := make(chan string, 2)
	r := transport.NewRequest([]byte(raw), transport.UDP, netip.MustParseAddrPort("192.0.2.1:5060"),
		netip.MustParseAddrPort("192.0.2.7:5060"), now, func(b []byte) { answer <- string(b) })
	if err := x.ServeSIP(r, []byte("tt")); err != nil {
		t.Error(err)
	}
	clear(r.Bytes()) // a request is good during ServeSIP only
	return answer
}

func openStore(t *testing.T, dir string, d location.Durability) *location.Store {
	t.Helper()
	s, err := location.Open(dir, location.Options{Durability: d, Now: func() time.Time { return start }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDurable: the 200 leaves after the sync only, and Call-ID and CSeq survive a restart (C066).
func TestDurable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStore(t, dir, location.Strict)
	p := newPhone(t, func(o *Options) { o.Store = s })
	answer := deliver(t, p.x, p.register("Contact: <sip:bob@h>", "CSeq: 7 REGISTER"), start)
	select {
	case a := <-answer:
		t.Fatalf("answered before anything was written:\n%s", a)
	default: // no committer runs yet
	}
	stop := serve(t, s)
	if got := brief(<-answer); got != "200 <sip:bob@h>;expires=3600" {
		t.Error(got)
	}
	stop()
	s = openStore(t, dir, location.Strict)
	stop = serve(t, s)
	p = newPhone(t, func(o *Options) { o.Store = s })
	p.want("400", "Contact: <sip:bob@h>", "CSeq: 6 REGISTER")
	p.want("400", "Contact: <sip:bob@h>", "CSeq: 7 REGISTER")
	if got := brief(p.send(strings.Replace(p.register("CSeq: 7 REGISTER", "Contact: <sip:bob@h>"), "z9hG4bK3", "z9hG4bK1", 1))); got != "200 <sip:bob@h>;expires=3600" {
		t.Error("a retransmission after a restart:", got)
	}
	if got := brief(<-deliver(t, p.x, p.register("Contact: <sip:bob@h>;expires=60", "CSeq: 8 REGISTER"), start)); got != "200 <sip:bob@h>;expires=60" {
		t.Error(got)
	}
	stop()
}

// TestStoreFails is C067: 500 and everything as before.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStore(t, dir, location.Strict)
	p := newPhone(t, func(o *Options) { o.Store = s })
	// Queued, but the store ends before it is written.
	answer := deliver(t, p.x, p.register("Contact: <sip:bob@h>", "From: <sip:bob@d.test>;tag=77", "Call-ID: kept"), start)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got := <-answer
	if brief(got) != "500 Retry-After=30" {
		t.Error(got)
	}
	for _, part := range []string{"Via: SIP/2.0/UDP 192.0.2.7:5060;", "branch=z9hG4bK1", ";tag=77\r\n", "To: <sip:bob@d.test>;tag=tt\r\n", "Call-ID: kept\r\n", "CSeq: 1 REGISTER\r\n"} {
		if !strings.Contains(got, part) {
			t.Errorf("the 500 has no %q:\n%s", part, got)
		}
	}
	if s.Lookup([]byte("sip:bob@d.test")) != nil {
		t.Error("the binding stayed")
	}
	p.want("500 Retry-After=30", "Contact: <sip:bob@h>")
}

func TestOverload(t *testing.T) {
	t.Parallel()
	s, err := location.Open(t.TempDir(), location.Options{MaxPending: 1})
	if err != nil {
		t.Fatal(err)
	}
	p := newPhone(t, func(o *Options) { o.Store = s })
	first := deliver(t, p.x, p.register("Contact: <sip:bob@h>"), start)
	p.want("503 Retry-After=5", "Contact: <sip:bob@h>")
	stop := serve(t, s)
	if got := brief(<-first); got != "200 <sip:bob@h>;expires=3600" {
		t.Error(got)
	}
	stop()
}

// TestConcurrent: many phones of few AORs at once, each refreshing its own binding. Every answer is that of its
// request, lists its binding, and in the end all are there.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	const phones, rounds = 16, 50
	s := openStore(t, t.TempDir(), location.Strict)
	stop := serve(t, s)
	p := newPhone(t, func(o *Options) { o.Store = s })
	var wg sync.WaitGroup
	for i := range phones {
		wg.Go(func() {
			for n := range rounds {
				raw := fmt.Sprintf("REGISTER sip:d.test SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%d-%d\r\nFrom: <sip:u@d.test>;tag=%d\r\n"+
					"To: <sip:u%d@d.test>\r\nCall-ID: phone%d\r\nCSeq: %d REGISTER\r\nContact: <sip:phone%d@h>\r\nContent-Length: 0\r\n\r\n",
					i, n, i, i%4, i, n+1, i)
				got := <-deliver(t, p.x, raw, start)
				if !strings.HasPrefix(got, "SIP/2.0 200 ") || !strings.Contains(got, fmt.Sprintf("branch=z9hG4bK%d-%d;", i, n)) ||
					!strings.Contains(got, fmt.Sprintf("<sip:phone%d@h>;expires=3600\r\n", i)) ||
					!strings.Contains(got, fmt.Sprintf("CSeq: %d REGISTER\r\n", n+1)) {
					t.Errorf("phone %d, round %d:\n%s", i, n, got)
					return
				}
			}
		})
	}
	wg.Wait()
	if st := s.Stats(); st.AORs != 4 || st.Bindings != phones {
		t.Errorf("%+v", st)
	}
	stop()
}
