package resolver

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// maxFlights bounds the questions under way upstream: each holds a goroutine and a socket.
const maxFlights = 2048

// arrival is a finished answer on its way to a lookup.
type arrival struct {
	set     *RRset
	elapsed time.Duration
	asked   int // questions that it took, more than one when aliases were followed
}

// flights sees to it that a question is asked once for any number of askers (RFC 5452 5: a second one under
// way is a second chance for a forger).
type flights struct {
	source func(context.Context, Question) (set *RRset, asked int)
	done   func(*RRset) // keeps an answer, before anybody hears of it
	limit  time.Duration

	ctx  context.Context //nolint:containedctx // the life of the goroutines, not of a call
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu      sync.Mutex
	waiting map[Question][]chan<- arrival
	closed  bool
}

func newFlights(source func(context.Context, Question) (*RRset, int), limit time.Duration, done func(*RRset)) *flights {
	f := &flights{source: source, done: done, limit: limit, waiting: map[Question][]chan<- arrival{}}
	f.ctx, f.stop = context.WithCancel(context.Background())
	return f
}

// join has the answer to q sent to out, which must have room for it, and asks unless someone already did. It
// reports whether it was the one who asked.
func (f *flights) join(q Question, out chan<- arrival) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	waiting, flying := f.waiting[q]
	switch {
	case flying:
		f.waiting[q] = append(waiting, out)
		return false
	case f.closed:
		out <- arrival{set: failed(q, NoAnswer, "the resolver is closed")}
		return false
	case len(f.waiting) >= maxFlights:
		out <- arrival{set: failed(q, Limit, fmt.Sprintf("%d questions are under way, the most there may be", maxFlights))}
		return false
	}
	f.waiting[q] = []chan<- arrival{out}
	f.wg.Go(func() { f.fly(q) })
	return true
}

// fly asks and tells all who wait. It does not end with the caller who came first: others wait too, and the
// cache gets what arrives.
func (f *flights) fly(q Question) {
	ctx, cancel := context.WithTimeout(f.ctx, f.limit)
	defer cancel()
	began := time.Now()
	set, asked := f.source(ctx, q)
	elapsed := time.Since(began)
	f.done(set)
	f.mu.Lock()
	waiting := f.waiting[q]
	delete(f.waiting, q)
	f.mu.Unlock()
	for _, out := range waiting {
		out <- arrival{set, elapsed, asked}
	}
}

// close ends what is under way and returns when it has ended.
func (f *flights) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.stop()
	f.wg.Wait()
}
