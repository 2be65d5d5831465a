package resolver

import (
	"hash/maphash"
	"math"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// How long things are believed, in seconds.
const (
	maxTTL      = 86400 // a day: RFC 2181 8 lets a resolver cap what is absurd
	maxNegative = 300   // of NXDOMAIN and NODATA (RFC 2308 5 suggests one to three hours at most)
	maxFailure  = 5     // of SERVFAIL and of no answer (RFC 2308 7, RFC 9520 3.2: 1 s to 5 min)
)

const cacheShards = 16

// cache keeps RRsets until their TTL is over. It is bounded in bytes; the least recently used go first. It is
// safe for concurrent use, and its shards have nothing in common.
type cache struct {
	seed   maphash.Seed
	shards [cacheShards]cacheShard
}

type cacheShard struct {
	mu    sync.Mutex
	lru   *simplelru.LRU[Question, cached]
	bytes int
	limit int
}

type cached struct {
	set     *RRset
	expires time.Time
}

// overhead is what an entry costs beside its set: map slot, list element, key.
const overhead = 200

func newCache(limit int) *cache {
	c := &cache{seed: maphash.MakeSeed()}
	for i := range c.shards {
		s := &c.shards[i]
		s.limit = limit / cacheShards
		// The bound is in bytes; the count is only as large as it could ever get. NewLRU fails for 0 only.
		s.lru, _ = simplelru.NewLRU(math.MaxInt, func(_ Question, e cached) { s.bytes -= overhead + e.set.size() })
	}
	return c
}

func (c *cache) shard(q Question) *cacheShard {
	return &c.shards[maphash.Comparable(c.seed, q)%cacheShards]
}

// get finds a set that has not expired.
func (c *cache) get(q Question, now time.Time) (Answer, bool) {
	s := c.shard(q)
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.lru.Get(q)
	if !ok {
		return Answer{}, false
	}
	left := e.expires.Sub(now)
	if left <= 0 {
		s.lru.Remove(q)
		return Answer{}, false
	}
	// Rounded up: what lives is never said to have 0 left.
	return Answer{e.set, uint32((left + time.Second - 1) / time.Second)}, true
}

// put keeps a set for as long as its kind may be kept. TTL 0 is for the lookup under way only (RFC 1035 3.2.1).
func (c *cache) put(set *RRset, now time.Time) {
	ttl := lifetime(set)
	cost := overhead + set.size()
	s := c.shard(set.Question)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lru.Remove(set.Question)
	if ttl == 0 || cost > s.limit {
		return
	}
	s.lru.Add(set.Question, cached{set, now.Add(time.Duration(ttl) * time.Second)})
	for s.bytes += cost; s.bytes > s.limit; {
		s.lru.RemoveOldest()
	}
}

// lifetime is for how many seconds a set may be believed.
func lifetime(set *RRset) uint32 {
	switch {
	case set.RCode == Limit: // it says nothing about the name
		return 0
	case set.Failed():
		return maxFailure
	case set.Empty():
		return min(set.TTL, maxNegative)
	default:
		return min(set.TTL, maxTTL)
	}
}
