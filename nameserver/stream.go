package nameserver

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"time"

	"github.com/sipway/sipway/zones"
)

const (
	prefixLen = 2         // RFC 1035 4.2.2: the length before each message
	minQuery  = 12        // a header
	firstRead = 1024      // what a connection's read buffer starts with; it grows with what really comes
	flushAt   = 16 * 1024 // responses waiting that are sent before more queries are read
)

// stream is one TCP connection (RFC 7766): queries are answered in the order they came, those that came
// together in one write.
type stream struct {
	s       *Server
	c       net.Conn
	in      []byte // what was read and not yet answered
	out     []byte // what was answered and not yet written
	queries int
}

// errEnd ends a connection whose end has been counted.
var errEnd = errors.New("connection ended")

// stream serves a connection until it ends; the caller closes it.
func (s *Server) stream(c net.Conn) {
	defer func() {
		if v := recover(); v != nil {
			s.streams.panics.Add(1)
			s.recovered(v)
		}
	}()
	st := &stream{s: s, c: c, in: make([]byte, 0, firstRead)}
	begun := false // the deadline is that of a query under way
	for wait := s.idle(); ; {
		// The time to the next query runs anew after each; that of a query under way does not.
		if wait > 0 {
			if c.SetReadDeadline(time.Now().Add(wait)) != nil {
				return
			}
		}
		if err := st.read(); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				st.expired()
			}
			return
		}
		n, err := st.answer()
		if err != nil {
			return
		}
		switch {
		case len(st.in) == 0:
			wait, begun = s.idle(), false
		case n > 0 || !begun:
			wait, begun = s.o.Message, true
		default:
			wait = 0
		}
	}
}

// idle is how long a connection may wait for a query: shorter when half of all connections are taken.
func (s *Server) idle() time.Duration {
	if s.streams.open.Load() > int64(s.o.MaxConnections/2) {
		return s.o.Idle / 5
	}
	return s.o.Idle
}

// expired counts a connection that let its time run out.
func (st *stream) expired() {
	if len(st.in) > 0 {
		st.s.streams.drip.Add(1)
		return
	}
	st.s.streams.idle.Add(1)
}

// read reads once.
func (st *stream) read() error {
	if len(st.in) == cap(st.in) {
		// Only a message longer than the buffer fills it: answer leaves nothing else behind.
		grown := make([]byte, len(st.in), min(2*cap(st.in), prefixLen+1<<16))
		copy(grown, st.in)
		st.in = grown
	}
	n, err := st.c.Read(st.in[len(st.in):cap(st.in)])
	st.in = st.in[:len(st.in)+n]
	if n > 0 {
		return nil // an error comes again
	}
	return err
}

// answer answers all whole queries read and returns how many there were.
func (st *stream) answer() (n int, err error) {
	set := st.s.zones.Load()
	buf := st.s.outBufs.Get().(*[]byte)
	st.out = (*buf)[:0]
	defer func() {
		*buf, st.out = st.out, nil
		st.s.outBufs.Put(buf)
	}()
	rest := st.in
	for len(rest) >= prefixLen {
		l := int(binary.BigEndian.Uint16(rest))
		if l < minQuery {
			st.s.streams.junk.Add(1)
			return n, errors.Join(errEnd, st.flush())
		}
		if len(rest) < prefixLen+l {
			break
		}
		if err := st.one(set, rest[prefixLen:prefixLen+l]); err != nil {
			return n, err
		}
		rest = rest[prefixLen+l:]
		n++
	}
	st.in = st.in[:copy(st.in, rest)]
	return n, st.flush()
}

// one answers one query.
func (st *stream) one(set *zones.Set, query []byte) error {
	at := len(st.out)
	out := set.Answer(append(st.out, 0, 0), query, 0, zones.TCP)
	if out == nil {
		// Whoever sends responses to a server is no client.
		st.s.tcp.note(nil)
		st.s.streams.junk.Add(1)
		return errors.Join(errEnd, st.flush())
	}
	st.out = out
	binary.BigEndian.PutUint16(out[at:], uint16(len(out)-at-prefixLen))
	st.s.tcp.note(out[at+prefixLen:])
	if st.queries++; st.queries >= st.s.o.MaxQueries {
		st.s.streams.worn.Add(1)
		return errors.Join(errEnd, st.flush())
	}
	if len(st.out) >= flushAt {
		return st.flush()
	}
	return nil
}

// flush writes what waits. A client that does not take it in time is cut off.
func (st *stream) flush() error {
	if len(st.out) == 0 {
		return nil
	}
	if err := st.c.SetWriteDeadline(time.Now().Add(st.s.o.Write)); err != nil {
		return err
	}
	_, err := st.c.Write(st.out)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		st.s.streams.slow.Add(1)
	}
	st.out = st.out[:0]
	return err
}
