package transport

import (
	"errors"
	"os"
	"sync/atomic"
	"time"
)

// send writes b or queues what the peer does not take at once. b is not kept. It never waits: a peer that
// leaves more than Options.WriteQueue unread loses its connection.
func (c *conn) send(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	if !c.draining && c.raw != nil {
		n, err := c.writeNow(b)
		if err != nil {
			c.closeLocked(&c.t.count.closedError)
			return ErrClosed
		}
		if b = b[n:]; len(b) == 0 {
			return nil
		}
	}
	if c.queued+len(b) > c.t.o.WriteQueue {
		c.closeLocked(&c.t.count.closedSlow)
		return ErrSlow
	}
	if !c.t.reserve(len(b)) {
		c.closeLocked(&c.t.count.closedMemory)
		return ErrSlow
	}
	c.queue = append(c.queue, b...)
	c.queued += len(b)
	if !c.draining {
		c.draining = true
		c.t.owners.Add(1) // the connection's goroutine is still counted: it closes the connection before it ends
		go c.drain()
	}
	return nil
}

// writeNow writes what the socket takes without waiting. c.mu is held and nobody else writes.
func (c *conn) writeNow(b []byte) (int, error) {
	c.tryBytes, c.tryN, c.tryErr = b, 0, nil
	err := c.raw.Write(c.try)
	c.tryBytes = nil
	if err != nil {
		return 0, err
	}
	return c.tryN, c.tryErr
}

// drain is the writer goroutine: it lives while the peer is behind.
func (c *conn) drain() {
	defer c.t.owners.Done()
	for {
		c.mu.Lock()
		b := c.queue
		c.queue = nil
		if len(b) == 0 || c.closed {
			_ = c.nc.SetWriteDeadline(time.Time{})
			c.draining = false
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()

		err := c.nc.SetWriteDeadline(time.Now().Add(c.t.o.WriteTimeout))
		if err == nil {
			_, err = c.nc.Write(b)
		}
		c.mu.Lock()
		c.queued -= len(b)
		c.t.release(len(b))
		if err != nil {
			why := &c.t.count.closedError
			if errors.Is(err, os.ErrDeadlineExceeded) {
				why = &c.t.count.closedSlow
			}
			c.closeLocked(why)
		}
		c.mu.Unlock()
	}
}

// close closes the connection for the reason counted by why; only the first reason counts. Its goroutine
// then ends by itself.
func (c *conn) close(why *atomic.Uint64) {
	c.mu.Lock()
	c.closeLocked(why)
	c.mu.Unlock()
}

func (c *conn) closeLocked(why *atomic.Uint64) {
	if c.closed {
		return
	}
	c.closed = true
	c.t.release(len(c.queue))
	c.queued -= len(c.queue)
	c.queue = nil
	c.giveReason(why)
	_ = c.nc.Close()
}

// giveReason counts the first reason for closing. c.mu is held.
func (c *conn) giveReason(why *atomic.Uint64) {
	if !c.reasoned {
		c.reasoned = true
		why.Add(1)
	}
}
