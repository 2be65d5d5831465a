package admin

import (
	"net"
	"sync"
)

// limitListener accepts no more than cap(free) connections at a time; the rest
// waits in the system's queue.
type limitListener struct {
	net.Listener
	free   chan struct{}
	once   sync.Once
	closed chan struct{}
}

// Accept waits for a free place, then for a connection.
func (l *limitListener) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &limitConn{Conn: c, leave: sync.OnceFunc(func() { <-l.free })}, nil
}

// Close ends Accept wherever it waits.
func (l *limitListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// limitConn gives its place back when it is closed, once.
type limitConn struct {
	net.Conn
	leave func()
}

// Close closes the connection and gives its place back.
func (c *limitConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
