package location

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// big is the Change that makes one binding of some 700 bytes, so that logs and tables rotate soon.
func big(cseq uint32) Change {
	b := binding("sip:x@192.0.2.1", far, cseq)
	b.Path = []byte(strings.Repeat("<sip:edge.example.com;lr>,", 20))
	return changeFunc(func(Record) (Record, error) { return NewRecord([]Binding{*b}), nil })
}

// TestFaultAnywhere: the disk begins to fail at the n-th thing that is done to it, for good. The process lives
// and ends when it should; what it acknowledged is served, and is there after a crash and after an orderly end.
func TestFaultAnywhere(t *testing.T) {
	t.Parallel()
	rounds := 16
	if testing.Short() {
		rounds = 6
	}
	for round := range rounds {
		mem := vfs.NewCrashableMem()
		fs := newFaultFS(mem)
		s := open(t, "d", Options{fs: fs})
		stop := serve(t, s)
		fs.failAfter(1 + 4*round*round*round)
		acked := map[string]uint32{}
		for i := uint32(1); i < 12_000; i++ {
			aor := fmt.Sprintf("sip:%d@example.com", i%500)
			if err := do(t, s, aor, big(i)); err != nil {
				if !errors.Is(err, ErrStore) {
					t.Fatal(err)
				}
				break
			}
			acked[aor] = i
		}
		if s.Stats().Failures == 0 {
			t.Errorf("round %d: nothing failed", round)
		}
		crashed := mem.CrashClone(vfs.CrashCloneCfg{})
		want := func(what string, s *Store) {
			t.Helper()
			for aor, cseq := range acked {
				it, b := s.Lookup([]byte(aor)).Bindings(), Binding{}
				if it.Next(&b); b.CSeq < cseq { // at most one change more, which was not acknowledged, may be there
					t.Errorf("round %d, %s: %s has CSeq %d, %d was acknowledged", round, what, aor, b.CSeq, cseq)
				}
			}
		}
		want("served", s)
		if err := stop(); err != nil && !errors.Is(err, ErrStore) {
			t.Errorf("round %d: %v", round, err)
		}
		for what, disk := range map[string]vfs.FS{"after a crash": crashed, "after the end": mem} {
			s := open(t, "d", Options{fs: disk})
			want(what, s)
			if err := s.Close(); err != nil {
				t.Errorf("round %d, %s: %v", round, what, err)
			}
		}
	}
}

// TestRecovers: when the disk works again so does the store, without a restart, and disk has what memory has.
func TestRecovers(t *testing.T) {
	t.Parallel()
	for _, d := range []Durability{Strict, Relaxed} {
		t.Run(d.String(), func(t *testing.T) {
			t.Parallel()
			mem := vfs.NewMem()
			fs := newFaultFS(mem)
			s := open(t, "d", Options{fs: fs, Durability: d, Window: time.Millisecond, Retry: time.Millisecond})
			stop := serve(t, s)
			update := func(aor string, cseq uint32) error { return do(t, s, aor, put("sip:x@192.0.2.1", far, cseq)) }
			if err := errors.Join(update("sip:a@example.com", 1), update("sip:b@example.com", 1)); err != nil {
				t.Fatal(err)
			}
			fs.fail("sync")
			var err error
			for cseq := uint32(2); err == nil; cseq++ { // with Relaxed the failure comes later
				err = update("sip:a@example.com", cseq)
			}
			if !errors.Is(err, ErrStore) {
				t.Fatal(err)
			}
			fs.fail("")
			for err = ErrStore; errors.Is(err, ErrStore); {
				err = update("sip:c@example.com", 1)
			}
			if err != nil {
				t.Fatal(err)
			}
			if st := s.Stats(); st.Failed != nil || st.Failures == 0 || st.AORs != 3 {
				t.Errorf("%+v", st)
			}
			memory := s.Lookup([]byte("sip:a@example.com"))
			if it, b := memory.Bindings(), (Binding{}); !it.Next(&b) || d == Strict && b.CSeq != 1 || d == Relaxed && b.CSeq < 2 {
				t.Errorf("after the failure a has CSeq %d", b.CSeq)
			}
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			s = open(t, "d", Options{fs: mem})
			defer s.Close()
			if string(s.Lookup([]byte("sip:a@example.com"))) != string(memory) || s.Stats().AORs != 3 {
				t.Error("disk is not what memory was")
			}
		})
	}
}

// TestServeEndsWhileFailed: a store that cannot write does not keep the process from ending.
func TestServeEndsWhileFailed(t *testing.T) {
	t.Parallel()
	fs := newFaultFS(vfs.NewMem())
	s := open(t, "d", Options{fs: fs, Retry: time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	fs.fail("create") // what opening it again needs
	var err error
	for i := uint32(0); err == nil; i++ {
		err = do(t, s, "sip:a@example.com", big(i))
	}
	cancel()
	if err := <-done; !errors.Is(err, ErrStore) {
		t.Errorf("Serve: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

var errDisk = errors.New("test: the disk is gone")

// faultFS is a disk that can be made to fail or hang.
type faultFS struct {
	vfs.FS
	mu      sync.Mutex
	failing string // "sync", "write", "create", or "all"
	left    int    // things to be done before all fail, if it is above 0
	reached chan struct{}
	release chan struct{}
}

func newFaultFS(fs vfs.FS) *faultFS { return &faultFS{FS: fs} }

// fail makes one kind of operation fail from now on, or none.
func (f *faultFS) fail(op string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failing = op
}

// failAfter makes everything fail from the n-th operation on.
func (f *faultFS) failAfter(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = n
}

// blockSync makes the next sync hang until release is closed; reached is closed when it does.
func (f *faultFS) blockSync() (reached, release chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reached, f.release = make(chan struct{}), make(chan struct{})
	return f.reached, f.release
}

func (f *faultFS) check(op string) error {
	f.mu.Lock()
	if f.left > 0 {
		if f.left--; f.left == 0 {
			f.failing = "all"
		}
	}
	failing, reached, release := f.failing, f.reached, f.release
	if op == "sync" {
		f.reached = nil
	}
	f.mu.Unlock()
	if op == "sync" && reached != nil {
		close(reached)
		<-release
	}
	if failing == op || failing == "all" {
		return errDisk
	}
	return nil
}

func (f *faultFS) file(op string, open func() (vfs.File, error)) (vfs.File, error) {
	if err := f.check(op); err != nil {
		return nil, err
	}
	file, err := open()
	if err != nil {
		return nil, err
	}
	return &faultFile{File: file, fs: f}, nil
}

func (f *faultFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.file("create", func() (vfs.File, error) { return f.FS.Create(name, c) })
}

func (f *faultFS) ReuseForWrite(o, n string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.file("create", func() (vfs.File, error) { return f.FS.ReuseForWrite(o, n, c) })
}

func (f *faultFS) OpenDir(name string) (vfs.File, error) {
	return f.file("opendir", func() (vfs.File, error) { return f.FS.OpenDir(name) })
}

func (f *faultFS) Remove(name string) error {
	if err := f.check("remove"); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

func (f *faultFS) Rename(o, n string) error {
	if err := f.check("rename"); err != nil {
		return err
	}
	return f.FS.Rename(o, n)
}

type faultFile struct {
	vfs.File
	fs *faultFS
}

var _ io.Writer = (*faultFile)(nil)

func (f *faultFile) Write(p []byte) (int, error) {
	if err := f.fs.check("write"); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f *faultFile) Sync() error {
	if err := f.fs.check("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultFile) SyncData() error {
	if err := f.fs.check("sync"); err != nil {
		return err
	}
	return f.File.SyncData()
}

func (f *faultFile) SyncTo(n int64) (bool, error) {
	if err := f.fs.check("sync"); err != nil {
		return false, err
	}
	return f.File.SyncTo(n)
}

// TestOpenOnAFailingDisk: whatever fails while the database is opened, Open returns and says so, and nothing
// that was there is lost.
func TestOpenOnAFailingDisk(t *testing.T) {
	t.Parallel()
	mem := vfs.NewCrashableMem()
	s := open(t, "d", Options{fs: mem})
	stop := serve(t, s)
	for i := range uint32(50) {
		if err := do(t, s, fmt.Sprintf("sip:%d@example.com", i), big(i)); err != nil {
			t.Fatal(err)
		}
	}
	crashed := mem.CrashClone(vfs.CrashCloneCfg{}) // so that opening it has to replay the log
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	for n := 1; ; n++ {
		disk := vfs.NewMem()
		if _, err := vfs.Clone(crashed, disk, "d", "d"); err != nil {
			t.Fatal(err)
		}
		fs := newFaultFS(disk)
		fs.failAfter(n)
		s, err := Open("d", Options{fs: fs})
		if err == nil {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if n < 10 {
				t.Errorf("only %d things are done at Open", n)
			}
			return
		}
		if !errors.Is(err, errDisk) {
			t.Fatalf("%d: %v", n, err)
		}
		s = open(t, "d", Options{fs: disk})
		if got := s.Stats().AORs; got != 50 {
			t.Errorf("%d: %d of 50 AORs are left", n, got)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
