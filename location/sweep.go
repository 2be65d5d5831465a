package location

import (
	"context"
	"time"
)

// sweep removes expired bindings (RFC 3261 10.2.2, "registrations are soft state"), one shard per tick.
func (s *Store) sweep(ctx context.Context) {
	t := time.NewTicker(s.o.SweepRound / shardCount)
	defer t.Stop()
	var due [][]byte
	for i := 0; ; i = (i + 1) % shardCount {
		select {
		case <-t.C:
			due = s.sweepShard(i, s.o.Now().UnixMilli(), due[:0])
		case <-ctx.Done():
			return
		}
	}
}

// sweepShard removes what has expired in one shard, in memory and, by the same way as any Update, on disk.
// What a busy or failed store refuses is left for the next round. due is scratch memory.
func (s *Store) sweepShard(i int, now int64, due [][]byte) [][]byte {
	sh := &s.shards[i]
	sh.mu.RLock()
	for k, e := range sh.m {
		if e.rec.SoonestExpiry() <= now {
			due = append(due, []byte(k))
		}
	}
	sh.mu.RUnlock()
	c := expire{now: now}
	for _, aor := range due {
		c.removed = 0
		if _, err := s.Update(aor, &c, nil); err != nil {
			break
		}
		s.swept.Add(uint64(c.removed))
	}
	return due
}

// expire is the Change that drops expired bindings.
type expire struct {
	now     int64
	removed int
}

func (c *expire) Apply(old Record) (Record, error) {
	var rec Record
	it, b := old.Bindings(), Binding{}
	for it.Next(&b) {
		if b.Expires <= c.now {
			c.removed++
			continue
		}
		rec = AppendBinding(rec, &b)
	}
	if c.removed == 0 {
		return old, nil
	}
	return rec, nil
}
