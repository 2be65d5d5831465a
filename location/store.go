package location

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// What Update and Open can say. Update's errors wrap one of the first three unless Apply made them.
var (
	ErrBusy   = errors.New("location: too many updates wait for the disk")
	ErrStore  = errors.New("location: the disk cannot be written to; bindings are read-only for now")
	ErrClosed = errors.New("location: the store is closed")
	ErrLocked = errors.New("in use by another process")
)

// Durability says when an Update counts as done.
type Durability uint8

// The choices there are.
const (
	Strict  Durability = iota // done after a sync to disk: survives power loss
	Relaxed                   // done at once, on disk within Options.Window: a crash may lose that much
	None                      // memory only; nothing is read from or written to disk
)

// String returns the word that the configuration uses.
func (d Durability) String() string {
	switch d {
	case Strict:
		return "strict"
	case Relaxed:
		return "relaxed"
	case None:
		return "none"
	}
	return fmt.Sprintf("Durability(%d)", uint8(d))
}

// ParseDurability reads the word that the configuration uses.
func ParseDurability(s string) (Durability, error) {
	for d := Strict; d <= None; d++ {
		if d.String() == s {
			return d, nil
		}
	}
	return 0, fmt.Errorf("durability %q is none of strict, relaxed, none", s)
}

// Options of a Store. The zero value is good.
type Options struct {
	Durability Durability
	OnBatch    func()           // called by the committer once after each batch's Waiters ran; may be nil
	Logger     *slog.Logger     // for damage and disk failures; nil: silent
	MaxPending int              // updates that may wait for the disk; default 65,536
	Window     time.Duration    // Relaxed: most time between an Update and its write; default 100 ms
	Retry      time.Duration    // time between attempts to write again after a failure; default 5 s
	SweepRound time.Duration    // time for one sweep over all bindings; default 25 s
	Now        func() time.Time // the clock; default time.Now

	fs vfs.FS // tests: a disk that crashes and fails
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxPending <= 0 {
		o.MaxPending = 1 << 16
	}
	if o.Window <= 0 {
		o.Window = 100 * time.Millisecond
	}
	if o.Retry <= 0 {
		o.Retry = 5 * time.Second
	}
	if o.SweepRound <= 0 {
		o.SweepRound = 25 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OnBatch == nil {
		o.OnBatch = func() {}
	}
	if o.fs == nil {
		o.fs = vfs.Default
	}
	return o
}

// Change decides what an AOR's bindings become. Apply is called once, under a lock that other AORs share:
// it must not block nor call the Store. old is the current Record, expired bindings included; nil if there
// are none. It returns old itself for no change; an empty Record removes the AOR; otherwise freshly
// allocated memory, which the Store keeps. After an error nothing changes and Update returns that error.
// Apply may have run although Update returns ErrBusy or ErrStore.
type Change interface {
	Apply(old Record) (Record, error)
}

// Waiter learns when what Apply saw and made is durable. Committed is called once, from the committer's
// goroutine, with nil after the sync, or with an error (wrapping ErrStore) after the change was taken back.
// It must not block and must not call Update.
type Waiter interface {
	Committed(err error)
}

// Store is the location service of one process. Its methods may be called from any goroutine.
type Store struct {
	o       Options
	dir     string
	seed    maphash.Seed
	shards  [shardCount]shard
	q       queue
	disk    *disk             // nil with None; the committer's while Serve runs
	unsure  map[string]*shard // AORs whose record on disk may not be what memory has, after a failure
	durable atomic.Uint64     // the last queued change that is on disk; all ones after a failure, when nothing waits
	swept   atomic.Uint64
	damaged int // records that could not be read at Open
	closed  sync.Once
}

const shardCount = 256

type shard struct {
	mu       sync.RWMutex
	m        map[string]*entry
	bindings int
	removed  uint64 // number of the last queued removal: a fetch of an absent AOR is not durable before it
	_        [8]byte
}

// entry is one AOR. The key is kept so that an update needs no new string.
type entry struct {
	key string
	rec Record
	seq uint64 // number of the last queued change
}

// Open opens the bindings kept in dir, making it if need be, and loads those that have not expired. With
// None dir is not touched. An error says what to do and wraps ErrLocked when another process has dir.
// Updates wait until Serve runs.
func Open(dir string, o Options) (*Store, error) {
	s := &Store{o: o.withDefaults(), dir: dir, seed: maphash.MakeSeed()}
	for i := range s.shards {
		s.shards[i].m = make(map[string]*entry)
	}
	s.q.wake, s.q.max = make(chan struct{}, 1), s.o.MaxPending
	if s.o.Durability == None {
		return s, nil
	}
	d, err := openDisk(dir, s.o.fs, s.o.Logger)
	if err != nil {
		return nil, err
	}
	s.disk = d
	if err := s.load(); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return s, nil
}

// Lookup returns the Record of a canonical AOR, nil if it has none. Bindings in it may have expired: skip
// those whose Expires is not after now. The Record stays valid and unchanged for as long as it is held. A
// change is seen as soon as it is accepted, which with Strict is shortly before its Waiter runs. It
// allocates nothing and never waits for the disk.
func (s *Store) Lookup(aor []byte) Record {
	sh := s.shard(aor)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if e := sh.m[string(aor)]; e != nil {
		return e.rec
	}
	return nil
}

// Scan calls fn for every AOR, in no order, until fn returns false. Changes made meanwhile may or may not
// be seen. fn must not call the Store.
func (s *Store) Scan(fn func(aor string, r Record) bool) {
	for i := range s.shards {
		if !s.shards[i].scan(fn) {
			return
		}
	}
}

func (sh *shard) scan(fn func(aor string, r Record) bool) bool {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	for k, e := range sh.m {
		if !fn(k, e.rec) {
			return false
		}
	}
	return true
}

// Stats is what a Store holds and did since Open.
type Stats struct {
	AORs     int    // with at least one binding, expired ones that were not swept yet included
	Bindings int    // the same
	Pending  int    // updates that wait for the disk
	Updates  uint64 // changes queued
	Batches  uint64 // writes, each with one sync
	Busy     uint64 // updates refused with ErrBusy
	Swept    uint64 // bindings removed because they expired
	Damaged  int    // records that could not be read at Open and were left on disk
	Failures uint64 // times that the disk could not be written to
	Failed   error  // why the store refuses updates now; nil while it works
}

// Stats returns a snapshot.
func (s *Store) Stats() Stats {
	st := Stats{Swept: s.swept.Load(), Damaged: s.damaged}
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.RLock()
		st.AORs += len(sh.m)
		st.Bindings += sh.bindings
		sh.mu.RUnlock()
	}
	s.q.stats(&st)
	return st
}

// Serve commits updates and sweeps expired bindings until ctx ends; then it commits what is queued, refuses
// further Updates with ErrClosed and returns after its goroutines ended. It returns nil, or the error that
// keeps the store from writing. Call it once.
func (s *Store) Serve(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.sweep(ctx)
	}()
	s.commitLoop(ctx)
	<-done
	return s.q.failure()
}

// Close releases the files. Call it after Serve returned (or if it was never called): what still is queued
// then is refused, its Waiters are told. Lookup works on.
func (s *Store) Close() error {
	var err error
	s.closed.Do(func() {
		s.fail(ErrClosed, nil)
		if s.disk != nil {
			err = s.disk.close()
		}
	})
	return err
}

func (s *Store) shard(aor []byte) *shard {
	return &s.shards[maphash.Bytes(s.seed, aor)%shardCount]
}
