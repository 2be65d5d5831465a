package datagram

import (
	"fmt"
	"sync/atomic"
)

// Stats are totals since Listen, over all sockets of a Group.
type Stats struct {
	In          uint64 `json:"in"`           // packets handed to the handler
	Out         uint64 `json:"out"`          // packets the kernel took
	Truncated   uint64 `json:"truncated"`    // received, longer than MaxIn, dropped
	TooBig      uint64 `json:"too_big"`      // replies longer than MaxOut, dropped
	SendFull    uint64 `json:"send_full"`    // replies dropped: the send buffer stayed full
	SendErrors  uint64 `json:"send_errors"`  // replies the kernel refused
	SendClosed  uint64 `json:"send_closed"`  // replies that came after Close
	ReadErrors  uint64 `json:"read_errors"`  // failed reads; none ends a loop
	Panics      uint64 `json:"panics"`       // packets whose handler panicked
	KernelDrops uint64 `json:"kernel_drops"` // packets the kernel dropped before we read them (Linux)
}

// Add adds o to s, for the sum over several groups.
func (s *Stats) Add(o Stats) {
	s.In += o.In
	s.Out += o.Out
	s.Truncated += o.Truncated
	s.TooBig += o.TooBig
	s.SendFull += o.SendFull
	s.SendErrors += o.SendErrors
	s.SendClosed += o.SendClosed
	s.ReadErrors += o.ReadErrors
	s.Panics += o.Panics
	s.KernelDrops += o.KernelDrops
}

// counters belong to one socket and are written by few goroutines. The pad
// keeps two sockets' counters off one cache line.
type counters struct {
	in, out, truncated, tooBig               atomic.Uint64
	sendFull, sendErrors, sendClosed, panics atomic.Uint64
	readErrors                               atomic.Uint64
	_                                        [56]byte
}

func (c *counters) addTo(s *Stats) {
	s.In += c.in.Load()
	s.Out += c.out.Load()
	s.Truncated += c.truncated.Load()
	s.TooBig += c.tooBig.Load()
	s.SendFull += c.sendFull.Load()
	s.SendErrors += c.sendErrors.Load()
	s.SendClosed += c.sendClosed.Load()
	s.ReadErrors += c.readErrors.Load()
	s.Panics += c.panics.Load()
}

type optionError struct {
	name          string
	value, atMost int
}

func (e optionError) Error() string {
	return fmt.Sprintf("datagram: Options.%s is %d; it must be between 0 and %d", e.name, e.value, e.atMost)
}
