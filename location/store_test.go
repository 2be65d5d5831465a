package location

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// changeFunc lets a function be a Change.
type changeFunc func(old Record) (Record, error)

func (f changeFunc) Apply(old Record) (Record, error) { return f(old) }

// waitFunc lets a function be a Waiter.
type waitFunc func(err error)

func (f waitFunc) Committed(err error) { f(err) }

func binding(uri string, expires int64, cseq uint32) *Binding {
	return &Binding{
		URI: []byte(uri), Params: []byte(`;+sip.instance="<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>"`), Q: 1000,
		Expires: expires, CallID: []byte("f81d4fae-7dec-11d0-a765-00a0c91e6bf6@192.0.2.4"), CSeq: cseq, Transport: 1,
		Source: netip.MustParseAddrPort("192.0.2.4:5060"), Updated: expires - 3600_000,
	}
}

// put is the Change that makes one binding of an AOR.
func put(uri string, expires int64, cseq uint32) Change {
	return changeFunc(func(Record) (Record, error) { return AppendBinding(nil, binding(uri, expires, cseq)), nil })
}

var remove = changeFunc(func(Record) (Record, error) { return nil, nil })

// far is an expiry that no test lives to see.
var far = time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// do is Update and the wait for it.
func do(t testing.TB, s *Store, aor string, c Change) error {
	t.Helper()
	done := make(chan error, 1)
	pending, err := s.Update([]byte(aor), c, waitFunc(func(err error) { done <- err }))
	if err != nil || !pending {
		return err
	}
	return <-done
}

// serve runs s until the returned function is called, which also closes it.
func serve(t testing.TB, s *Store) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	return sync.OnceValue(func() error {
		cancel()
		err := <-served
		return errors.Join(err, s.Close())
	})
}

func open(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func uris(r Record) string {
	var out []string
	it, b := r.Bindings(), Binding{}
	for it.Next(&b) {
		out = append(out, string(b.URI))
	}
	return strings.Join(out, " ")
}

func TestUpdateLookupReopen(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "deep", "bindings")
	batches := 0
	s := open(t, dir, Options{OnBatch: func() { batches++ }})
	stop := serve(t, s)
	for _, c := range []struct {
		aor    string
		change Change
		want   string
	}{
		{"sip:alice@example.com", put("sip:alice@192.0.2.1", far, 1), "sip:alice@192.0.2.1"},
		{"sip:bob@example.com", put("sip:bob@192.0.2.2", far, 1), "sip:bob@192.0.2.2"},
		{"sip:alice@example.com", put("sip:alice@192.0.2.3", far, 2), "sip:alice@192.0.2.3"},
		{"sip:bob@example.com", remove, ""},
		{"sip:carol@example.com", remove, ""},
	} {
		if err := do(t, s, c.aor, c.change); err != nil {
			t.Fatal(err)
		}
		if got := uris(s.Lookup([]byte(c.aor))); got != c.want {
			t.Errorf("%s: %q, want %q", c.aor, got, c.want)
		}
	}
	refused := errors.New("no")
	if err := do(t, s, "sip:alice@example.com", changeFunc(func(Record) (Record, error) { return nil, refused })); !errors.Is(err, refused) {
		t.Errorf("Apply's error became %v", err)
	}
	if st := s.Stats(); st.AORs != 1 || st.Bindings != 1 || st.Failed != nil {
		t.Errorf("stats: %+v", st)
	}
	if err := List(dir, nil); !errors.Is(err, ErrLocked) {
		t.Errorf("List of an open store: %v", err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if batches == 0 {
		t.Error("OnBatch never ran")
	}
	if _, err := s.Update([]byte("sip:x@example.com"), remove, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Update after Close: %v", err)
	}

	var listed []string
	err := List(dir, func(aor string, r Record) bool { listed = append(listed, aor+" "+uris(r)); return true })
	if err != nil || len(listed) != 1 || listed[0] != "sip:alice@example.com sip:alice@192.0.2.3" {
		t.Errorf("List: %q, %v", listed, err)
	}
	s = open(t, dir, Options{})
	defer s.Close()
	if got := uris(s.Lookup([]byte("sip:alice@example.com"))); got != "sip:alice@192.0.2.3" {
		t.Errorf("after reopening: %q", got)
	}
	if s.Lookup([]byte("sip:bob@example.com")) != nil {
		t.Error("a removed AOR came back")
	}
}

// TestOpenErrors: a person must be able to act on what Open says.
func TestOpenErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, Options{})
	_, err := Open(dir, Options{})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "stop the other sipway") {
		t.Errorf("second Open: %v", err)
	}
	if err := s.disk.db.Set([]byte(formatKey), []byte("7"), nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "newer sipway") {
		t.Errorf("Open of a later format: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, Options{}); err == nil {
		t.Error("Open on a file succeeded")
	}
	if err := List(filepath.Join(dir, "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("List of no folder: %v", err)
	}
	if err := List(t.TempDir(), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("List of an empty folder: %v", err)
	}
}

// TestOnlySyncedIsAcked: whatever the crash, what was acknowledged is there and nothing younger replaces it.
func TestOnlySyncedIsAcked(t *testing.T) {
	t.Parallel()
	mem := vfs.NewCrashableMem()
	s := open(t, "d", Options{fs: mem})
	defer serve(t, s)()
	for round := range 20 {
		acked := map[string]uint32{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range 40 {
			aor := fmt.Sprintf("sip:u%d@example.com", i%25)
			cseq := uint32(round*100 + i)
			wg.Add(1)
			_, err := s.Update([]byte(aor), put("sip:u@192.0.2.1", far, cseq), waitFunc(func(err error) {
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					acked[aor] = cseq
				}
				wg.Done()
			}))
			if err != nil {
				t.Fatal(err)
			}
		}
		wg.Wait()
		// Changes in flight while the power goes: they may or may not survive.
		for i := range 10 {
			if _, err := s.Update([]byte("sip:flying@example.com"), put("sip:f@192.0.2.1", far, uint32(i)), nil); err != nil {
				t.Fatal(err)
			}
		}
		after := open(t, "d", Options{fs: mem.CrashClone(vfs.CrashCloneCfg{})})
		for aor, cseq := range acked {
			it, b := after.Lookup([]byte(aor)).Bindings(), Binding{}
			if !it.Next(&b) || b.CSeq != cseq {
				t.Fatalf("round %d: %s was acknowledged with CSeq %d, after the crash it has %d", round, aor, cseq, b.CSeq)
			}
		}
		if err := after.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUnsyncedIsNotAcked: with a disk whose sync never returns, no Waiter runs.
func TestUnsyncedIsNotAcked(t *testing.T) {
	t.Parallel()
	fs := newFaultFS(vfs.NewCrashableMem())
	s := open(t, "d", Options{fs: fs})
	stop := serve(t, s)
	if err := do(t, s, "sip:a@example.com", put("sip:a@192.0.2.1", far, 1)); err != nil {
		t.Fatal(err)
	}
	reached, release := fs.blockSync()
	acked := make(chan error, 2)
	ack := waitFunc(func(err error) { acked <- err })
	if pending, err := s.Update([]byte("sip:a@example.com"), put("sip:a@192.0.2.1", far, 2), ack); !pending || err != nil {
		t.Fatal(pending, err)
	}
	<-reached
	// A fetch sees the change, so it may not be answered before it either.
	fetch := changeFunc(func(old Record) (Record, error) { return old, nil })
	if pending, err := s.Update([]byte("sip:a@example.com"), fetch, ack); !pending || err != nil {
		t.Fatal("a fetch of an undurable binding did not wait:", pending, err)
	}
	if pending, err := s.Update([]byte("sip:b@example.com"), fetch, ack); pending || err != nil {
		t.Fatal("a fetch of another AOR waited:", pending, err)
	}
	after := open(t, "d", Options{fs: fs.FS.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{})})
	it, b := after.Lookup([]byte("sip:a@example.com")).Bindings(), Binding{}
	if !it.Next(&b) || b.CSeq != 1 {
		t.Errorf("the crash left CSeq %d, only 1 was synced", b.CSeq)
	}
	after.Close()
	select {
	case err := <-acked:
		t.Fatal("acknowledged before the sync:", err)
	default:
	}
	close(release)
	for range 2 {
		if err := <-acked; err != nil {
			t.Fatal(err)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// TestRemovalIsDurableBeforeAFetchSaysSo: an AOR that is gone in memory only must not be reported as empty.
func TestRemovalIsDurableBeforeAFetchSaysSo(t *testing.T) {
	t.Parallel()
	s := open(t, "d", Options{fs: vfs.NewMem()})
	defer s.Close()
	aor := []byte("sip:a@example.com")
	must := func(pending bool, err error) bool {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return pending
	}
	ignore := waitFunc(func(error) {})
	must(s.Update(aor, put("sip:a@192.0.2.1", far, 1), nil)) // no committer runs: all stays queued
	must(s.Update(aor, remove, nil))
	if !must(s.Update(aor, changeFunc(func(old Record) (Record, error) { return old, nil }), ignore)) {
		t.Error("a fetch of an AOR whose removal is not durable did not wait")
	}
}

func TestFailedSyncIsTakenBack(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"sync", "write"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			fs := newFaultFS(vfs.NewMem())
			s := open(t, "d", Options{fs: fs, MaxPending: 1000})
			stop := serve(t, s)
			if err := do(t, s, "sip:a@example.com", put("sip:a@192.0.2.1", far, 1)); err != nil {
				t.Fatal(err)
			}
			fs.fail(op)
			var failed sync.WaitGroup
			var mu sync.Mutex
			var errs []error
			note := waitFunc(func(err error) {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
				failed.Done()
			})
			accepted := 0
			for i := range 50 {
				aor := fmt.Sprintf("sip:%c@example.com", 'a'+i%3)
				c := put("sip:x@192.0.2.9", far, uint32(10+i))
				if i%7 == 6 {
					c = remove
				}
				failed.Add(1)
				pending, err := s.Update([]byte(aor), c, note)
				if err == nil && pending {
					accepted++
					continue
				}
				failed.Done()
				if err != nil && !errors.Is(err, ErrStore) {
					t.Fatal(err)
				}
			}
			failed.Wait()
			for _, err := range errs {
				if !errors.Is(err, ErrStore) || !errors.Is(err, errDisk) {
					t.Fatalf("a Waiter was told %v", err)
				}
			}
			if len(errs) != accepted {
				t.Errorf("%d Waiters for %d accepted updates", len(errs), accepted)
			}
			if got := uris(s.Lookup([]byte("sip:a@example.com"))); got != "sip:a@192.0.2.1" {
				t.Errorf("a after the failure: %q", got)
			}
			if s.Lookup([]byte("sip:b@example.com")) != nil || s.Lookup([]byte("sip:c@example.com")) != nil {
				t.Error("an undurable AOR stayed")
			}
			if _, err := s.Update([]byte("sip:a@example.com"), remove, note); !errors.Is(err, ErrStore) {
				t.Errorf("Update after the failure: %v", err)
			}
			st := s.Stats()
			if st.Failed == nil || st.AORs != 1 || st.Bindings != 1 || st.Pending != 0 {
				t.Errorf("stats: %+v", st)
			}
			fs.fail("")
			if err := stop(); !errors.Is(err, ErrStore) {
				t.Errorf("Serve returned %v", err)
			}
		})
	}
}

// TestFailedRotation: the log cannot be continued in a new file, which Pebble answers with a panic or worse.
// The process lives, and ends when it should.
func TestFailedRotation(t *testing.T) {
	t.Parallel()
	fs := newFaultFS(vfs.NewMem())
	s := open(t, "d", Options{fs: fs})
	stop := serve(t, s)
	fs.fail("create")
	var err error
	updates := 0
	for ; err == nil && updates < 20_000; updates++ {
		err = do(t, s, fmt.Sprintf("sip:%d@example.com", updates), put("sip:x@192.0.2.1", far, 1))
	}
	if !errors.Is(err, ErrStore) {
		t.Fatalf("after %d updates: %v", updates, err)
	}
	if n := s.Stats().AORs; n != updates-1 {
		t.Errorf("%d of %d AORs are still served", n, updates-1)
	}
	fs.fail("")
	if err := stop(); !errors.Is(err, ErrStore) {
		t.Errorf("Serve returned %v", err)
	}
}

func TestBusy(t *testing.T) {
	t.Parallel()
	s := open(t, "d", Options{fs: vfs.NewMem(), MaxPending: 8})
	for i := range 8 { // no committer runs
		if _, err := s.Update(fmt.Appendf(nil, "sip:%d@example.com", i), put("sip:x@192.0.2.1", far, 1), nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Update([]byte("sip:9@example.com"), put("sip:x@192.0.2.1", far, 1), nil); !errors.Is(err, ErrBusy) {
		t.Fatalf("past the bound: %v", err)
	}
	if st := s.Stats(); st.Pending != 8 || st.Busy != 1 || st.AORs != 8 {
		t.Errorf("stats: %+v", st)
	}
	stop := serve(t, s)
	for errors.Is(do(t, s, "sip:9@example.com", put("sip:x@192.0.2.1", far, 1)), ErrBusy) {
		runtime.Gosched() // until the committer has caught up
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if s.Stats().AORs != 9 {
		t.Error("an update was lost")
	}
}

// TestWaiterPanic: one answer that cannot be sent must not take the batch with it.
func TestWaiterPanic(t *testing.T) {
	t.Parallel()
	s := open(t, "d", Options{fs: vfs.NewMem()})
	told := 0
	for i := range 3 {
		w := waitFunc(func(error) { told++ })
		if i == 1 {
			w = func(error) { panic("test") }
		}
		if _, err := s.Update([]byte("sip:a@example.com"), put("sip:x@192.0.2.1", far, uint32(i)), w); err != nil {
			t.Fatal(err)
		}
	}
	if err := serve(t, s)(); err != nil {
		t.Fatal(err)
	}
	if told != 2 {
		t.Errorf("%d of the 2 other Waiters were told", told)
	}
}

func TestNoneTouchesNoDisk(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "never")
	s := open(t, dir, Options{Durability: None})
	stop := serve(t, s)
	pending, err := s.Update([]byte("sip:a@example.com"), put("sip:x@192.0.2.1", far, 1), waitFunc(func(error) { t.Error("called") }))
	if pending || err != nil || uris(s.Lookup([]byte("sip:a@example.com"))) != "sip:x@192.0.2.1" {
		t.Error(pending, err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder was made: %v", err)
	}
}

func TestRelaxed(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	s := open(t, "d", Options{Durability: Relaxed, fs: fs, Window: time.Hour})
	stop := serve(t, s)
	for i := range 100 {
		pending, err := s.Update(fmt.Appendf(nil, "sip:%d@example.com", i), put("sip:x@192.0.2.1", far, 1),
			waitFunc(func(error) { t.Error("called") }))
		if pending || err != nil {
			t.Fatal(pending, err)
		}
	}
	if err := stop(); err != nil { // an orderly end loses nothing, however long the window
		t.Fatal(err)
	}
	s = open(t, "d", Options{fs: fs})
	defer s.Close()
	if n := s.Stats().AORs; n != 100 {
		t.Errorf("%d of 100 AORs after an orderly end", n)
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	fs, now := vfs.NewMem(), time.UnixMilli(1_000_000)
	s := open(t, "d", Options{fs: fs, Now: func() time.Time { return now }, SweepRound: time.Hour})
	two := changeFunc(func(Record) (Record, error) {
		return AppendBinding(AppendBinding(nil, binding("sip:old@192.0.2.1", 2_000_000, 1)), binding("sip:new@192.0.2.1", 3_000_000, 1)), nil
	})
	stop := serve(t, s)
	if err := errors.Join(do(t, s, "sip:a@example.com", two), do(t, s, "sip:b@example.com", put("sip:b@192.0.2.1", 2_000_000, 1))); err != nil {
		t.Fatal(err)
	}
	round := func(ms int64) {
		for i := range s.shards {
			s.sweepShard(i, ms, nil)
		}
	}
	round(1_999_999)
	if st := s.Stats(); st.Bindings != 3 || st.Swept != 0 {
		t.Errorf("before expiry: %+v", st)
	}
	round(2_000_000) // Expires is the end: not alive at that very moment
	if st := s.Stats(); st.Bindings != 1 || st.AORs != 1 || st.Swept != 2 {
		t.Errorf("after expiry: %+v", st)
	}
	if got := uris(s.Lookup([]byte("sip:a@example.com"))); got != "sip:new@192.0.2.1" {
		t.Error(got)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	n := 0
	s = open(t, "d", Options{fs: fs, Now: func() time.Time { return now }})
	s.Scan(func(string, Record) bool { n++; return true })
	s.Close()
	if n != 1 {
		t.Errorf("%d AORs on disk after the sweep", n)
	}
	// What expired while we were down is neither loaded nor kept.
	now = time.UnixMilli(3_000_001)
	s = open(t, "d", Options{fs: fs, Now: func() time.Time { return now }})
	if s.Stats().AORs != 0 {
		t.Error("an expired AOR was loaded")
	}
	left := 0
	if err := scanDB(s.disk.db, func(_, _ []byte) bool { left++; return true }); err != nil || left != 0 {
		t.Errorf("%d expired records left on disk, %v", left, err)
	}
	s.Close()
}

// TestSweeperRuns: Serve itself sweeps, and its round takes no longer than asked.
func TestSweeperRuns(t *testing.T) {
	t.Parallel()
	s := open(t, "d", Options{fs: vfs.NewMem(), SweepRound: 20 * time.Millisecond})
	defer serve(t, s)()
	if err := do(t, s, "sip:a@example.com", put("sip:b@192.0.2.1", 1, 1)); err != nil {
		t.Fatal(err)
	}
	for s.Stats().Swept == 0 { // ends with the test's own time limit if the sweeper does not run
		time.Sleep(time.Millisecond)
	}
}

func TestScanStops(t *testing.T) {
	t.Parallel()
	s := open(t, "", Options{Durability: None})
	for i := range 10 {
		if _, err := s.Update(fmt.Appendf(nil, "%d", i), put("sip:a@b", far, 1), nil); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	s.Scan(func(string, Record) bool { n++; return n < 4 })
	if n != 4 {
		t.Errorf("fn ran %d times", n)
	}
}

func TestDurabilityWords(t *testing.T) {
	t.Parallel()
	for _, d := range []Durability{Strict, Relaxed, None} {
		if got, err := ParseDurability(d.String()); got != d || err != nil {
			t.Error(d, got, err)
		}
	}
	if _, err := ParseDurability("fast"); err == nil {
		t.Error("fast is a durability")
	}
}

// TestDamagedRecordIsSkipped: one bad value must not keep the others from being served.
func TestDamagedRecordIsSkipped(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	s := open(t, "d", Options{fs: fs})
	good := AppendBinding(nil, binding("sip:a@192.0.2.1", far, 1))
	for k, v := range map[string][]byte{"bgood": good, "bcut": good[:20], "bempty": nil, "bnewer": {9, 9, 9}} {
		if err := s.disk.db.Set([]byte(k), v, nil); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	s = open(t, "d", Options{fs: fs})
	defer s.Close()
	if st := s.Stats(); st.AORs != 1 || st.Damaged != 3 {
		t.Errorf("stats: %+v", st)
	}
}
