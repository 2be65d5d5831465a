package location

import (
	"errors"
	"sync"
)

// op is one queued change, or a barrier: a Waiter of an Update that changed nothing but saw something that
// is not yet durable.
type op struct {
	sh       *shard
	key      string
	old, rec Record
	w        Waiter
	barrier  bool
}

// queue holds what waits for the disk, in the order it was accepted.
type queue struct {
	wake chan struct{} // capacity 1: there is work

	mu      sync.Mutex
	ops     []op
	flying  int    // ops the committer has taken and not finished
	seq     uint64 // number of the last op
	max     int
	closed  bool  // no more is accepted
	err     error // why no more is accepted until resume
	fails   uint64
	updates uint64
	batches uint64
	busy    uint64
}

// Update lets c change the bindings of a canonical AOR, atomically and in the order of calls per AOR. When
// pending is true, w will be called from the committer; otherwise what c saw and made is already as durable
// as configured and w is not called. w may be nil. aor is not kept. On error (ErrBusy, ErrStore, ErrClosed
// or what Apply returned) nothing changed and w is not called.
func (s *Store) Update(aor []byte, c Change, w Waiter) (pending bool, err error) {
	if err := s.q.admit(); err != nil {
		return false, err // early, so that an overloaded store does not also do the work
	}
	sh := s.shard(aor)
	sh.mu.Lock()
	defer sh.mu.Unlock() // Apply is foreign code
	e := sh.m[string(aor)]
	var old Record
	seq := sh.removed
	if e != nil {
		old, seq = e.rec, e.seq
	}
	rec, err := c.Apply(old)
	if err != nil {
		return false, err
	}
	if s.o.Durability == None {
		sh.set(aor, e, rec, 0)
		return false, nil
	}
	if s.o.Durability == Relaxed {
		w = nil
	}
	if same(old, rec) {
		if w == nil || seq <= s.durable.Load() {
			return false, nil
		}
		_, err := s.q.push(op{sh: sh, w: w, barrier: true})
		return err == nil, err
	}
	var key string
	if e != nil {
		key = e.key
	} else {
		key = string(aor)
	}
	if seq, err = s.q.push(op{sh: sh, key: key, old: old, rec: rec, w: w}); err != nil {
		return false, err
	}
	// The committer may have written it by now; it looks at the map only to undo, and for that it needs the
	// lock that is held here.
	sh.put(key, e, rec, seq)
	return w != nil, nil
}

// same says whether c returned what it got.
func same(old, rec Record) bool {
	return len(old) == len(rec) && (len(old) == 0 || &old[0] == &rec[0])
}

func (sh *shard) set(aor []byte, e *entry, rec Record, seq uint64) {
	switch {
	case e != nil:
		sh.put(e.key, e, rec, seq)
	case len(rec) != 0:
		sh.put(string(aor), nil, rec, seq)
	}
}

// put makes rec the Record of key, whose entry is e (nil if there is none). The lock is held.
func (sh *shard) put(key string, e *entry, rec Record, seq uint64) {
	switch {
	case len(rec) == 0 && e != nil:
		sh.bindings -= e.rec.Len()
		delete(sh.m, key)
		sh.removed = max(sh.removed, seq)
	case len(rec) == 0:
	case e == nil:
		sh.bindings += rec.Len()
		sh.m[key] = &entry{key: key, rec: rec, seq: seq}
	default:
		sh.bindings += rec.Len() - e.rec.Len()
		e.rec, e.seq = rec, seq
	}
}

// record returns the Record of key.
func (sh *shard) record(key string) Record {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if e := sh.m[key]; e != nil {
		return e.rec
	}
	return nil
}

// undo takes one change back.
func (o *op) undo() {
	o.sh.mu.Lock()
	defer o.sh.mu.Unlock()
	o.sh.put(o.key, o.sh.m[o.key], o.old, 0)
}

// admit says early whether push would refuse.
func (q *queue) admit() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.refuse()
}

func (q *queue) refuse() error {
	if q.closed {
		return ErrClosed
	}
	if q.err != nil {
		return q.err
	}
	if q.max > 0 && len(q.ops)+q.flying >= q.max {
		q.busy++
		return ErrBusy
	}
	return nil
}

// push queues o and returns its number.
func (q *queue) push(o op) (uint64, error) {
	q.mu.Lock()
	if err := q.refuse(); err != nil {
		q.mu.Unlock()
		return 0, err
	}
	q.ops = append(q.ops, o)
	q.seq++
	q.updates++
	seq, n := q.seq, len(q.ops)
	q.mu.Unlock()
	if n == 1 || n == q.full() {
		q.signal()
	}
	return seq, nil
}

// full is the length at which Relaxed does not wait for the window's end.
func (q *queue) full() int { return max(q.max/4, 2) }

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take hands over all that is queued and the number of its last op. done is what it handed over before; its
// memory is used again, unless it is much more than is needed now.
func (q *queue) take(done []op) ([]op, uint64) {
	clear(done) // drop what they point to
	q.mu.Lock()
	defer q.mu.Unlock()
	ops := q.ops
	if cap(done) > 4096 && cap(done) > 8*len(ops) {
		done = nil
	}
	q.ops, q.flying = done[:0], len(ops)
	if len(ops) != 0 {
		q.batches++
	}
	return ops, q.seq
}

// stop refuses all further pushes because of err, with ErrClosed for good, and hands over what is queued.
func (q *queue) stop(err error) []op {
	q.mu.Lock()
	defer q.mu.Unlock()
	if errors.Is(err, ErrClosed) {
		q.closed = true
	} else {
		q.err = err
		q.fails++
	}
	ops := q.ops
	q.ops = nil
	q.flying = 0
	return ops
}

// resume ends a failure. It returns the number of the last op.
func (q *queue) resume() (seq uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.err = nil
	return q.seq
}

// length is how many ops are queued and not taken.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.ops)
}

// failure is why the disk cannot be written to; nil while it can.
func (q *queue) failure() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

func (q *queue) stats(st *Stats) {
	q.mu.Lock()
	defer q.mu.Unlock()
	st.Pending, st.Updates, st.Batches, st.Busy = len(q.ops)+q.flying, q.updates, q.batches, q.busy
	st.Failures = q.fails
	st.Failed = q.err
}
