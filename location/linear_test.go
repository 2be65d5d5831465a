package location

import (
	"fmt"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// counter is a Change that adds one to the CSeq of an AOR's only binding, and notes what it made.
type counter struct {
	made uint32
}

func (c *counter) Apply(old Record) (Record, error) {
	it, b := old.Bindings(), Binding{}
	it.Next(&b)
	c.made = b.CSeq + 1
	return AppendBinding(nil, binding("sip:x@192.0.2.1", far, c.made)), nil
}

// TestHistoryIsLinear: many writers of few AORs, with readers and the sweeper beside them. No update is lost,
// each AOR's changes are acknowledged in the order they were made, and disk ends as memory does.
func TestHistoryIsLinear(t *testing.T) {
	t.Parallel()
	const writers, each, aors = 8, 300, 5
	fs := vfs.NewMem()
	s := open(t, "d", Options{fs: fs, SweepRound: shardCount})
	stop := serve(t, s)
	var acked [aors][]uint32 // written by the committer only
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				n := (w + i) % aors
				c := &counter{}
				done := make(chan struct{})
				wait := waitFunc(func(err error) {
					if err != nil {
						t.Error(err)
					}
					acked[n] = append(acked[n], c.made)
					close(done)
				})
				pending, err := s.Update(fmt.Appendf(nil, "sip:%d@example.com", n), c, wait)
				if err != nil || !pending {
					t.Error(pending, err)
					return
				}
				if i%3 == 0 { // some wait, some run ahead
					<-done
				}
			}
		})
		wg.Go(func() {
			last := uint32(0)
			for range each {
				it, b := s.Lookup([]byte("sip:0@example.com")).Bindings(), Binding{}
				if it.Next(&b); b.CSeq < last {
					t.Errorf("a reader saw CSeq %d after %d", b.CSeq, last)
				}
				last = b.CSeq
			}
		})
	}
	wg.Wait()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	s = open(t, "d", Options{fs: fs})
	defer s.Close()
	for n := range acked {
		for i, made := range acked[n] {
			if made != uint32(i+1) {
				t.Fatalf("AOR %d: acknowledgement %d is of change %d", n, i+1, made)
			}
		}
		it, b := s.Lookup(fmt.Appendf(nil, "sip:%d@example.com", n)).Bindings(), Binding{}
		if it.Next(&b); len(acked[n]) != writers*each/aors || b.CSeq != writers*each/aors {
			t.Errorf("AOR %d: %d acknowledged, %d on disk, want %d", n, len(acked[n]), b.CSeq, writers*each/aors)
		}
	}
}
