package transport

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sipway/sipway/sip"
)

// conn is one stream. Its goroutine (serve) owns the reading side and calls the handler, so requests of one
// connection are handled in order; the writing side is behind mu.
//
// What an idle connection holds is this struct and its goroutine: Requests and larger buffers are borrowed
// while there are bytes that need them.
type conn struct {
	t             *Transport
	nc            net.Conn
	raw           syscall.RawConn // nil when the stream has none: writes are then always queued
	local, remote netip.AddrPort
	authenticated bool // its peer has, or it has ended; of the connection's goroutine

	// Reading. buf[r:w] is what was read and not handed on.
	buf      []byte
	borrowed *[]byte // what buf is when it is not idle
	r, w     int
	scanned  int       // bytes of buf[r:w] known to hold no complete header section
	need     int       // length of the message at r, once its headers are complete
	since    time.Time // when its first byte came; zero between messages
	crlf     int       // bytes of a keepalive that is not complete
	idle     [idleBuffer]byte

	// Writing.
	mu       sync.Mutex
	closed   bool
	reasoned bool   // why it is closed, or will be, was counted
	draining bool   // a writer goroutine runs; it alone writes
	queue    []byte // what it takes next
	queued   int    // bytes in queue and in its hands
	try      func(fd uintptr) bool
	tryBytes []byte
	tryN     int
	tryErr   error
}

func newConn(t *Transport, nc net.Conn, local, remote netip.AddrPort) *conn {
	c := &conn{t: t, nc: nc, local: local, remote: remote}
	c.buf = c.idle[:]
	if sc, ok := nc.(syscall.Conn); ok && canTry {
		c.raw, _ = sc.SyscallConn()
		c.try = c.tryWrite
	}
	return c
}

// serve is the life of a connection.
func (c *conn) serve() {
	defer c.t.forget(c)
	why := c.read()
	c.close(why)
	c.giveBack()
}

// read reads until the connection is to be closed and returns the counter of the reason.
func (c *conn) read() *atomic.Uint64 {
	now := time.Now()
	for {
		if err := c.nc.SetReadDeadline(c.deadline(now)); err != nil {
			return c.reason(err)
		}
		n, err := c.nc.Read(c.buf[c.w:])
		now = time.Now()
		if n > 0 {
			full := c.w+n == len(c.buf)
			c.w += n
			if why := c.consume(now); why != nil {
				return why
			}
			if !c.makeRoom(full) {
				return &c.t.count.closedMemory
			}
		}
		if err != nil {
			return c.reason(err)
		}
	}
}

// deadline is until when the next bytes have to come.
func (c *conn) deadline(now time.Time) time.Time {
	switch {
	case c.since.IsZero():
		return now.Add(c.t.o.IdleTimeout)
	case c.need == 0:
		return c.since.Add(c.t.o.HeaderTimeout)
	}
	return c.since.Add(c.t.o.MessageTimeout)
}

// reason sorts an error of the stream.
func (c *conn) reason(err error) *atomic.Uint64 {
	n := &c.t.count
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		switch {
		case c.since.IsZero():
			return &n.closedIdle
		case c.need == 0:
			return &n.closedHeaderTimeout
		}
		return &n.closedMessageTimeout
	case errors.Is(err, io.EOF):
		return &n.closedByPeer
	}
	return &n.closedError
}

// consume hands on every message that is complete. It returns why the connection has to be closed, or nil.
func (c *conn) consume(now time.Time) *atomic.Uint64 {
	limits := sip.FrameLimits{Message: c.t.o.MaxMessage, Headers: c.t.o.MaxHeader}
	for c.r < c.w && c.worthFraming() {
		b := c.buf[c.r:c.w]
		skip, n, headerEnd, err := sip.Frame(b, limits)
		if skip > 0 { // a keepalive is whole: what follows it starts anew
			c.r += skip
			c.keepalive(skip)
			c.since = time.Time{}
		}
		b = b[skip:]
		if err != nil {
			return c.refuse(b, headerEnd, err, now)
		}
		if n == 0 {
			c.scanned = len(b)
			if headerEnd == 0 {
				break
			}
			length, ok := c.t.contentLength(b[:headerEnd])
			if !ok {
				return c.refuse(b, headerEnd, nil, now)
			}
			c.need = headerEnd + length
			break
		}
		c.crlf = 0
		if !c.message(b[:n], nil, now) {
			return &c.t.count.closedPanic
		}
		c.r += n
		c.need, c.scanned, c.since = 0, 0, time.Time{}
	}
	switch {
	case c.r == c.w:
		c.r, c.w, c.scanned, c.since = 0, 0, 0, time.Time{}
	case c.since.IsZero():
		c.since = now
	}
	return nil
}

// worthFraming spares the bytes of a message that comes in small pieces from being looked at again with every
// piece: nothing can be complete without the whole body or, in the headers, without another line end.
func (c *conn) worthFraming() bool {
	have := c.w - c.r
	switch {
	case c.need > 0:
		return have >= c.need
	case c.scanned == 0 || have >= c.t.o.MaxHeader:
		return true
	}
	fresh := c.buf[c.r+c.scanned : c.w]
	c.scanned = have
	return bytes.IndexByte(fresh, '\n') >= 0
}

// contentLength reads the length from headers that sip.Frame has checked, so that a body in small pieces is
// waited for by its length, not by framing it again with every piece. It is not ok when there are more header
// lines than Parse takes, so that the message will be refused anyway.
func (t *Transport) contentLength(headers []byte) (n int, ok bool) {
	r := t.requests.Get().(*Request)
	defer t.recycle(r)
	_ = r.Parse(headers) // complains that the body is missing
	v, _ := r.Header(sip.HeaderContentLength)
	n, err := strconv.Atoi(string(v))
	return n, err == nil && n > 0 && n <= t.o.MaxMessage
}

// keepalive answers the pings among n bytes of CRLF in front of a message: each two CRLF get one (RFC 5626
// 4.4.1), however the stream cut them.
func (c *conn) keepalive(n int) {
	c.crlf += n
	pongs := c.crlf / 4
	c.crlf %= 4
	c.t.count.keepalives.Add(uint64(pongs))
	const pong = "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"
	for ; pongs > 0; pongs -= len(pong) / 2 {
		if c.send([]byte(pong[:2*min(pongs, len(pong)/2)])) != nil {
			return
		}
	}
}

// message hands one message to the handler; false when that panicked. bad is what framing said.
func (c *conn) message(b []byte, bad error, now time.Time) bool {
	n := &c.t.count
	if isResponse(b) {
		n.responses.Add(1)
		return true
	}
	r := c.t.requests.Get().(*Request)
	defer c.t.recycle(r)
	r.Kind, r.Local, r.Remote, r.Now, r.answered = TCP, c.local, c.remote, now, false
	r.t, r.conn, r.Source = c.t, c, c.remote
	r.Bad = r.Parse(b)
	if bad != nil {
		r.Bad = bad
	}
	if r.Bad != nil {
		if !r.IsRequest() || !r.Answerable() {
			n.malformed.Add(1)
			return true
		}
		n.bad.Add(1)
	}
	n.requests.Add(1)
	return c.t.serve(r)
}

func (t *Transport) recycle(r *Request) {
	r.conn = nil
	t.requests.Put(r)
}

// refuse ends a stream whose next message cannot be told from what follows it: that message is answered if its
// headers suffice, and no byte behind it is believed. err is what framing said; nil leaves it to Parse.
func (c *conn) refuse(b []byte, headerEnd int, err error, now time.Time) *atomic.Uint64 {
	if headerEnd > 0 && headerEnd <= len(b) {
		b = b[:headerEnd]
	}
	if !c.message(b, err, now) {
		return &c.t.count.closedPanic
	}
	c.linger(now, &c.t.count.closedFraming)
	return &c.t.count.closedFraming
}

// linger gives the peer time to read our last response, before the connection is closed for the reason that why
// counts. Closing with bytes unread makes the kernel send a reset, which may overtake the response.
func (c *conn) linger(now time.Time, why *atomic.Uint64) {
	c.r, c.w = 0, 0
	if c.nc.SetReadDeadline(now.Add(c.t.o.LingerTimeout)) != nil {
		return
	}
	c.mu.Lock()
	c.giveReason(why)
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok && !c.draining {
		_ = half.CloseWrite()
	}
	c.mu.Unlock()
	for left := lingerBytes; left > 0; {
		n, err := c.nc.Read(c.buf)
		if err != nil {
			return
		}
		left -= n
	}
}

// makeRoom fits the buffer to what is on its way, when buf[r:w] holds no whole message: small when nothing is,
// larger when a message is longer or, full, the peer has more to say than one read took. It reports false when
// there is no memory left for it.
func (c *conn) makeRoom(full bool) bool {
	have := c.w - c.r
	size := max(c.need, have+1)
	if full {
		size = max(size, min(2*len(c.buf), busyBuffer))
	}
	switch {
	case size <= idleBuffer:
		size = idleBuffer
	case size <= busyBuffer:
		size = busyBuffer
	default:
		size = c.t.o.MaxMessage
	}
	if size == len(c.buf) {
		copy(c.buf, c.buf[c.r:c.w])
		c.r, c.w = 0, have
		return have < len(c.buf)
	}
	old := c.borrowed
	rest := c.buf[c.r:c.w]
	if size == idleBuffer {
		c.buf, c.borrowed = c.idle[:], nil
	} else {
		if !c.t.reserve(size) {
			return false
		}
		c.borrowed = c.t.borrow(size)
		c.buf = *c.borrowed
	}
	copy(c.buf, rest)
	c.r, c.w = 0, have
	c.t.takeBack(old)
	return true
}

func (c *conn) giveBack() {
	c.t.takeBack(c.borrowed)
	c.buf, c.borrowed = c.idle[:], nil
}

// borrow returns a buffer of one of the two sizes larger than idle.
func (t *Transport) borrow(size int) *[]byte {
	class := 0
	if size > busyBuffer {
		class = 1
	}
	if b, ok := t.buffers[class].Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, size)
	return &b
}

func (t *Transport) takeBack(b *[]byte) {
	if b == nil {
		return
	}
	t.release(len(*b))
	class := 0
	if len(*b) > busyBuffer {
		class = 1
	}
	t.buffers[class].Put(b)
}
