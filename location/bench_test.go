package location

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// refresh is the Change of a REGISTER that refreshes one binding: it allocates the new Record only.
type refresh struct {
	b [1]Binding
}

func (c *refresh) Apply(Record) (Record, error) {
	c.b[0].CSeq++
	return NewRecord(c.b[:]), nil
}

func BenchmarkUpdate(b *testing.B) {
	for _, d := range []Durability{Strict, Relaxed, None} {
		for _, flight := range []int{1, 64, 256, 1024} {
			if d != Strict && flight > 1 {
				continue // nobody waits
			}
			b.Run(fmt.Sprintf("%v/inflight=%d", d, flight), func(b *testing.B) { benchUpdate(b, d, flight) })
		}
	}
}

// benchUpdate is one goroutine, as a socket's loop is, that keeps flight updates waiting for the disk.
func benchUpdate(b *testing.B, d Durability, flight int) {
	s, err := Open(filepath.Join(b.TempDir(), "d"), Options{Durability: d})
	if err != nil {
		b.Fatal(err)
	}
	stop := serve(b, s)
	ack := make(chan *slot, flight)
	slots := make([]slot, flight)
	for i := range slots {
		slots[i] = slot{ack: ack, c: refresh{b: [1]Binding{*binding("sip:alice@192.0.2.4:5060;transport=udp", far, 1)}}}
		ack <- &slots[i]
	}
	aors := make([][]byte, 50_000)
	for i := range aors {
		aors[i] = fmt.Appendf(nil, "sip:user%06d@example.com", i)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		sl := <-ack
		pending, err := s.Update(aors[i%len(aors)], &sl.c, sl)
		for errors.Is(err, ErrBusy) {
			runtime.Gosched()
			pending, err = s.Update(aors[i%len(aors)], &sl.c, sl)
		}
		if err != nil {
			b.Fatal(err)
		}
		if !pending {
			ack <- sl
		}
	}
	for range flight {
		<-ack
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
	if st := s.Stats(); st.Batches != 0 {
		b.ReportMetric(float64(st.Updates)/float64(st.Batches), "updates/sync")
	}
	if err := stop(); err != nil {
		b.Fatal(err)
	}
}

type slot struct {
	c   refresh
	ack chan *slot
}

func (s *slot) Committed(error) { s.ack <- s }

func BenchmarkLookup(b *testing.B) {
	s, _ := Open("", Options{Durability: None})
	aors := make([][]byte, 100_000)
	for i := range aors {
		aors[i] = fmt.Appendf(nil, "sip:user%06d@example.com", i)
		if _, err := s.Update(aors[i], put("sip:a@192.0.2.1", far, 1), nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		it, bd := s.Lookup(aors[i%len(aors)]).Bindings(), Binding{}
		it.Next(&bd)
	}
}

// TestMemoryPerBinding measures what a binding costs in memory: one for each AOR, which is the dearest.
func TestMemoryPerBinding(t *testing.T) {
	if testing.Short() {
		t.Skip("measures 200,000 bindings")
	}
	const n = 200_000
	dir := filepath.Join(t.TempDir(), "d")
	o := Options{Durability: Relaxed, MaxPending: 2 * n}
	s := open(t, dir, o)
	stop := serve(t, s)
	for i := range n {
		b := binding(fmt.Sprintf("sip:user%06d@192.0.2.%d:%d;transport=udp", i, i%250, 1024+i%60000), far, 1)
		b.CallID = fmt.Appendf(nil, "%08x-7dec-11d0-a765-00a0c91e6bf6@192.0.2.4", i)
		c := refresh{b: [1]Binding{*b}}
		if _, err := s.Update(fmt.Appendf(nil, "sip:user%06d@example.com", i), &c, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	s = nil
	before := heap()
	started := time.Now()
	s = open(t, dir, o)
	took := time.Since(started)
	per := float64(heap()-before) / n
	if got := s.Stats().Bindings; got != n {
		t.Fatalf("%d bindings after reopening", got)
	}
	t.Logf("%.0f bytes of heap a binding; %d loaded in %v", per, n, took)
	if per > 800 { // the bar is 600
		t.Errorf("%.0f bytes a binding", per)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestLookupAllocates: a redirect looks up every call.
func TestLookupAllocates(t *testing.T) {
	s := open(t, "", Options{Durability: None})
	aor := []byte("sip:a@example.com")
	if _, err := s.Update(aor, put("sip:a@192.0.2.1", far, 1), nil); err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(100, func() {
		it, b := s.Lookup(aor).Bindings(), Binding{}
		it.Next(&b)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestUpdateAllocates: in the steady state an update costs the new Record and nothing else.
func TestUpdateAllocates(t *testing.T) {
	s := open(t, "d", Options{fs: vfs.NewMem(), MaxPending: 1 << 20})
	defer s.Close()
	aor := []byte("sip:a@example.com")
	c := &refresh{b: [1]Binding{*binding("sip:a@192.0.2.1", far, 1)}}
	var told atomic.Int64
	w := waitFunc(func(error) { told.Add(1) })
	var done []op
	n := testing.AllocsPerRun(1000, func() {
		if _, err := s.Update(aor, c, w); err != nil {
			t.Fatal(err)
		}
		done, _ = s.q.take(done)
		s.tell(done, nil)
	})
	if n != 1 {
		t.Errorf("%v allocations an update", n)
	}
}

// BenchmarkOpen is a first start: an empty folder.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	for i := 0; b.Loop(); i++ {
		s, err := Open(filepath.Join(dir, fmt.Sprint(i)), Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
