package dispatch

import (
	"sync/atomic"

	"github.com/sipway/sipway/sip"
)

// dropReason is why a request got no answer.
type dropReason uint8

const (
	notDropped dropReason = iota
	droppedResponse
	droppedAck
	droppedUnanswerable
	droppedScanner
	droppedUnbuildable
	numDropReasons
)

func (r dropReason) String() string {
	return [...]string{"none", "response", "ack", "unanswerable", "scanner", "unbuildable"}[r]
}

const (
	methodMask = 15 // sip.Method has fewer values
	shards     = 16
	cacheLine  = 64
)

// shard is one set of counters. A scratch, and so mostly a processor, keeps to one of them, so that counting
// does not move cache lines between processors.
type shard struct {
	requests  [methodMask + 1]atomic.Uint64 // by sip.Method
	answers   [7]atomic.Uint64              // by the first digit of what the dispatcher sent itself
	dropped   [numDropReasons]atomic.Uint64
	registrar atomic.Uint64
	redirect  atomic.Uint64
	panics    atomic.Uint64
	_         [cacheLine]byte
}

// counters are all shards.
type counters struct {
	shard [shards]shard
	turn  atomic.Uint64
}

// next returns the shard for a new scratch.
func (c *counters) next() *shard { return &c.shard[c.turn.Add(1)%shards] }

// Stats are counts since the start. Maps have no entry for zero.
type Stats struct {
	Requests  map[string]uint64 `json:"requests"`  // that arrived, by method; "UNKNOWN" for others and for responses
	Answers   map[string]uint64 `json:"answers"`   // sent by the dispatcher, refusals of the roles included, by class: "4xx"
	Dropped   map[string]uint64 `json:"dropped"`   // not answered, by reason: response, ack, unanswerable, scanner, unbuildable
	Registrar uint64            `json:"registrar"` // taken care of by the registrar: answered, challenged or to be answered
	Redirect  uint64            `json:"redirect"`  // redirected
	Panics    uint64            `json:"panics"`    // of roles, each answered with 500
}

// Stats returns the counts. It takes no lock; counts of requests being served may be in part.
func (d *Dispatcher) Stats() Stats {
	st := Stats{Requests: map[string]uint64{}, Answers: map[string]uint64{}, Dropped: map[string]uint64{}}
	for i := range d.stats.shard {
		s := &d.stats.shard[i]
		for m := range s.requests {
			add(st.Requests, sip.Method(m).String(), &s.requests[m])
		}
		for class := range s.answers {
			add(st.Answers, string(rune('0'+class))+"xx", &s.answers[class])
		}
		for r := range s.dropped {
			add(st.Dropped, dropReason(r).String(), &s.dropped[r])
		}
		st.Registrar += s.registrar.Load()
		st.Redirect += s.redirect.Load()
		st.Panics += s.panics.Load()
	}
	return st
}

func add(to map[string]uint64, name string, n *atomic.Uint64) {
	if v := n.Load(); v > 0 {
		to[name] += v
	}
}
