package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/net/ipv4"
)

const (
	batch      = 64
	retransmit = 500 * time.Millisecond
	giveUp     = 3 * time.Second
	scanEvery  = 100 * time.Millisecond
)

// slot is one open request. Its buffers are reused: what they hold has left the socket before the next
// datagram is read.
type slot struct {
	request []byte
	ack     []byte
	seq     uint64
	user    int
	start   time.Time
	last    time.Time // of the latest transmission
}

// generator is one socket with its window of open requests.
type generator struct {
	o         *options
	conn      *net.UDPConn
	batches   *ipv4.PacketConn
	requests  *template
	acks      *template
	slots     []slot
	out       []ipv4.Message
	user      int // the next one
	quota     int // final responses to stop after; 0: none
	responses int

	status        [700]int
	lost          int
	retransmitted int
	latency       histogram
}

func newGenerator(o *options, id int) (*generator, error) {
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(o.target))
	if err != nil {
		return nil, err
	}
	if err := conn.SetReadBuffer(4 << 20); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	run := runID(os.Getpid(), id)
	g := &generator{
		o: o, conn: conn, batches: ipv4.NewPacketConn(conn),
		requests: request(o, local, run), acks: ack(o, local, run),
		slots: make([]slot, o.window), out: make([]ipv4.Message, 0, 2*o.window),
		user: id % o.users,
	}
	if o.total > 0 {
		g.quota = max(1, o.total/o.sockets)
	}
	for i := range g.slots {
		g.slots[i].request = append([]byte(nil), g.requests.bytes...)
	}
	return g, nil
}

func (g *generator) close() { _ = g.conn.Close() }

// run sends until the deadline or the quota.
func (g *generator) run(deadline time.Time) error {
	in := make([]ipv4.Message, batch)
	for i := range in {
		in[i].Buffers = [][]byte{make([]byte, 4096)}
	}
	now := time.Now()
	for i := range g.slots {
		g.begin(i, now)
	}
	scanned := now
	for {
		if err := g.flush(); err != nil {
			return err
		}
		if err := g.conn.SetReadDeadline(now.Add(scanEvery)); err != nil {
			return err
		}
		n, err := g.batches.ReadBatch(in, 0)
		now = time.Now()
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("reading from %v: %w", g.o.target, err)
		}
		for _, m := range in[:max(n, 0)] {
			g.receive(m.Buffers[0][:m.N], now)
		}
		if now.After(deadline) || g.quota > 0 && g.responses >= g.quota {
			return g.flush() // the last ACKs
		}
		if now.Sub(scanned) >= scanEvery {
			scanned = now
			g.scan(now)
		}
	}
}

// begin starts the next request in a slot.
func (g *generator) begin(i int, now time.Time) {
	s := &g.slots[i]
	s.seq++
	s.user = g.user
	g.user = (g.user + g.o.sockets) % g.o.users
	s.start, s.last = now, now
	g.requests.fill(s.request, i, s.seq, s.user)
	g.send(s.request)
}

// receive counts a final response and starts the slot's next request. What answers no open request, as the
// answer to a retransmission does, is ignored.
func (g *generator) receive(b []byte, now time.Time) {
	code, i, seq, ok := parseResponse(b)
	if !ok || i >= len(g.slots) || g.slots[i].seq != seq {
		return
	}
	s := &g.slots[i]
	if g.o.mode == redirect {
		s.ack = append(s.ack[:0], g.acks.bytes...)
		g.acks.fill(s.ack, i, s.seq, s.user)
		s.ack = append(s.ack, toLine(b)...)
		s.ack = append(s.ack, lineEnd...)
		g.send(s.ack)
	}
	g.responses++
	g.status[code]++
	g.latency.count(now.Sub(s.start))
	g.begin(i, now)
}

// scan retransmits what waits and gives up what waited too long.
func (g *generator) scan(now time.Time) {
	for i := range g.slots {
		s := &g.slots[i]
		switch {
		case now.Sub(s.start) > giveUp:
			g.lost++
			g.begin(i, now)
		case now.Sub(s.last) > retransmit:
			g.retransmitted++
			s.last = now
			g.send(s.request)
		}
	}
}

// send queues b, which must stay as it is until flush.
func (g *generator) send(b []byte) {
	if len(g.out) < cap(g.out) {
		g.out = g.out[:len(g.out)+1]
	} else {
		g.out = append(g.out, ipv4.Message{})
	}
	m := &g.out[len(g.out)-1]
	if m.Buffers == nil {
		m.Buffers = make([][]byte, 1)
	}
	m.Buffers[0] = b
}

func (g *generator) flush() error {
	for out := g.out; len(out) > 0; {
		n, err := g.batches.WriteBatch(out, 0)
		if err != nil {
			return fmt.Errorf("writing to %v: %w", g.o.target, err)
		}
		out = out[n:]
	}
	g.out = g.out[:0]
	return nil
}

// histogram counts times in steps of 10 us up to a second.
type histogram struct {
	buckets [100_000]uint32
	n       int
}

const bucketWidth = 10 * time.Microsecond

func (h *histogram) count(d time.Duration) {
	h.buckets[min(max(int(d/bucketWidth), 0), len(h.buckets)-1)]++
	h.n++
}

func (h *histogram) add(o *histogram) {
	for i, n := range o.buckets {
		h.buckets[i] += n
	}
	h.n += o.n
}

// quantile returns the q-quantile in microseconds, 0 when nothing was counted.
func (h *histogram) quantile(q float64) int {
	left := int(q * float64(h.n))
	for i, n := range h.buckets {
		if left -= int(n); left < 0 {
			return (i + 1) * int(bucketWidth/time.Microsecond)
		}
	}
	return 0
}
