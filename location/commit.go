package location

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"time"
)

// commitLoop writes what is queued, all of it at a time, until ctx ends; then once more.
func (s *Store) commitLoop(ctx context.Context) {
	retry := time.NewTicker(s.o.Retry)
	defer retry.Stop()
	var done []op
	for ctx.Err() == nil {
		select {
		case <-s.q.wake:
		case <-ctx.Done():
		case <-retry.C:
			s.recover()
			continue
		}
		if s.o.Durability == Relaxed {
			s.gather(ctx)
		}
		done = s.commitQueued(done)
	}
	if rest := s.q.stop(ErrClosed); len(rest) != 0 {
		s.commit(rest, math.MaxUint64)
	}
}

// commitQueued commits until the queue is empty. done is the last batch's slice, to be used again.
func (s *Store) commitQueued(done []op) []op {
	for {
		ops, seq := s.q.take(done)
		if len(ops) == 0 {
			return ops
		}
		s.commit(ops, seq)
		done = ops
	}
}

// gather waits for more to come, at most Options.Window: with Relaxed nobody waits for the sync.
func (s *Store) gather(ctx context.Context) {
	t := time.NewTimer(s.o.Window)
	defer t.Stop()
	for s.q.length() < s.q.full() {
		select {
		case <-t.C:
			return
		case <-ctx.Done():
			return
		case <-s.q.wake:
		}
	}
}

// commit writes ops with one sync and tells their Waiters, in order. On failure it takes all back.
//
// It waits for the sync before it takes the next batch. To overlap the two (pebble.Batch.SyncWait in a second
// goroutine) was measured: some gain with 64 updates in flight, none with 256 and more, where the next batch
// gathers meanwhile anyway. It would make a failure concern several batches, so it is not done.
func (s *Store) commit(ops []op, seq uint64) {
	if err := s.disk.write(ops); err != nil {
		s.o.Logger.Error("bindings cannot be written; REGISTER is refused until they can, calls go on",
			"dir", s.dir, "error", err)
		s.fail(fmt.Errorf("%w: %w", ErrStore, err), ops)
		return
	}
	s.durable.Store(seq)
	s.tell(ops, nil)
}

// fail stops the store from writing because of err: flying and all that is queued is undone in memory in
// reverse order, then the Waiters are told.
func (s *Store) fail(err error, flying []op) {
	queued := s.q.stop(err)
	s.takeBack(queued)
	s.takeBack(flying)
	s.durable.Store(math.MaxUint64) // what is in memory now was acknowledged
	s.tell(flying, err)
	s.tell(queued, err)
}

// takeBack undoes ops, the last one first, and remembers what they were about: they may be on disk or not.
// With Relaxed they were acknowledged, so memory keeps them.
func (s *Store) takeBack(ops []op) {
	if s.unsure == nil {
		s.unsure = make(map[string]*shard)
	}
	for i := len(ops) - 1; i >= 0; i-- {
		o := &ops[i]
		if o.barrier {
			continue
		}
		s.unsure[o.key] = o.sh
		if s.o.Durability == Strict {
			o.undo()
		}
	}
}

// recover opens the database again after a failure, as after a crash, writes what memory has of every AOR
// that the failed changes were about, and accepts updates again. If the disk still fails, all stays as it is.
func (s *Store) recover() {
	if s.q.failure() == nil || s.disk != nil && s.disk.panicked {
		return
	}
	if s.disk != nil {
		_ = s.disk.close() // it is frozen: there is nothing to lose
		s.disk = nil
	}
	d, err := openDisk(s.dir, s.o.fs, s.o.Logger)
	if err != nil {
		s.o.Logger.Warn("bindings still cannot be written", "dir", s.dir, "error", err)
		return
	}
	s.disk = d
	ops := make([]op, 0, len(s.unsure))
	for key, sh := range s.unsure {
		ops = append(ops, op{key: key, rec: sh.record(key)})
	}
	if err := d.write(ops); err != nil {
		s.o.Logger.Warn("bindings still cannot be written", "dir", s.dir, "error", err)
		return
	}
	s.unsure = nil
	s.durable.Store(s.q.resume())
	s.o.Logger.Info("bindings can be written again", "dir", s.dir)
}

// tell calls the Waiters of ops and then OnBatch.
func (s *Store) tell(ops []op, err error) {
	for i := 0; i < len(ops); {
		i = s.tellFrom(ops, i, err)
	}
	if len(ops) != 0 {
		s.o.OnBatch()
	}
}

// tellFrom calls Waiters from i on and returns where to go on: behind the one that panicked, or the end.
// One bad answer must not take the others' with it.
func (s *Store) tellFrom(ops []op, i int, err error) (next int) {
	defer func() {
		if p := recover(); p != nil {
			next = i + 1
			s.o.Logger.Error("an answer to a committed REGISTER failed", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	for ; i < len(ops); i++ {
		if w := ops[i].w; w != nil {
			w.Committed(err)
		}
	}
	return len(ops)
}
