// Package transport is RFC 3261 section 18 on the server's side: it receives requests over UDP and TCP, hands
// them to a [Handler], and sends each response where sections 18.2.2 and RFC 3581 section 4 say, from the socket
// and the address that got the request. TCP streams are framed by Content-Length (18.3), in any chunking, with
// the CRLF keepalive of RFC 5626 section 4.4.1.
//
// It keeps no transactions and sends no requests: responses that arrive match nothing, so they are counted and
// dropped (RFC 6026 section 8). TLS, WS and WSS come later. Everything a peer can make it hold has a bound in
// [Options], and every shed message or connection is counted by reason in [Stats].
//
// Goroutines, all started by [Transport.Serve] and ended before it returns: one per UDP socket (in package
// datagram), one per TCP listener, one per connection that reads it and calls the handler, and one more per
// connection only while its peer does not take what is written.
package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipway/sipway/datagram"
)

// Kind is a transport protocol of RFC 3261, named as in a Via's sent-protocol.
type Kind uint8

// The kinds there are. The zero Kind is none of them.
const (
	UDP Kind = iota + 1
	TCP
)

// String returns "UDP", "TCP" or "unknown".
func (k Kind) String() string {
	switch k {
	case UDP:
		return "UDP"
	case TCP:
		return "TCP"
	}
	return "unknown"
}

// Handler is given every request that Parse and framing accept, and with [Request.Bad] set those they do not but
// that can be answered. sip.Message.Validate is the handler's to call. ServeSIP runs in the goroutine of the UDP socket or of
// the connection: while it runs, the other requests of that socket or connection wait, so what has to wait
// longer than a lookup in memory is detached ([Request.Detach]). It is called from many goroutines at once. A
// panic in it is recovered, counted and logged; on TCP it closes the connection.
type Handler interface {
	ServeSIP(r *Request)
}

// Transport is the listeners and the connections of one process.
type Transport struct {
	o     Options
	h     Handler
	log   *slog.Logger
	count counters

	requests sync.Pool // *Request, for connections with bytes to parse
	buffers  [2]sync.Pool
	memory   atomic.Int64 // bytes that connections hold beyond their idle buffer

	panicLogged  atomic.Int64 // when last, Unix nanoseconds
	acceptLogged atomic.Int64

	mu      sync.Mutex
	udp     []*udpServer
	tcp     []net.Listener
	conns   map[*conn]struct{}
	perAddr map[netip.Addr]int
	serving bool
	closing bool

	done   chan struct{}
	owners sync.WaitGroup // connections and their writers
}

// New makes a Transport that hands requests to h. It opens nothing yet. A nil log discards.
func New(o Options, h Handler, log *slog.Logger) *Transport {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	t := &Transport{
		o: o.withDefaults(), h: h, log: log,
		conns: make(map[*conn]struct{}), perAddr: make(map[netip.Addr]int), done: make(chan struct{}),
	}
	t.requests.New = func() any { return &Request{out: make([]byte, 0, responseBuffer)} }
	return t
}

// Listen opens a listener, before Serve, and returns its address with the port in use. An IPv6 address takes
// IPv6 only: listen on 0.0.0.0 as well for both. RFC 3261 18.2.1 wants TCP on every address and port that has
// UDP; that is the caller's to ask for.
func (t *Transport) Listen(kind Kind, addr netip.AddrPort) (netip.AddrPort, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.serving || t.closing:
		return netip.AddrPort{}, errors.New("transport: Listen must come before Serve")
	case kind == UDP:
		return t.listenUDP(addr)
	case kind == TCP:
		return t.listenTCP(addr)
	}
	return netip.AddrPort{}, fmt.Errorf("transport: cannot listen on %v for %v: only UDP and TCP are there", addr, kind)
}

// Serve receives until ctx is done, then closes every listener and connection and returns nil once its
// goroutines have ended. Nothing a peer does ends it. It can be called once.
func (t *Transport) Serve(ctx context.Context) error {
	t.mu.Lock()
	if t.serving || t.closing {
		t.mu.Unlock()
		return errors.New("transport: Serve was called before, or after Close")
	}
	t.serving = true
	udp, tcp := t.udp, t.tcp
	t.mu.Unlock()

	var wg sync.WaitGroup
	for _, u := range udp {
		wg.Go(func() { _ = u.group.Serve(u) }) // fails only when called twice
	}
	for _, l := range tcp {
		wg.Go(func() { t.accept(l) })
	}
	select {
	case <-ctx.Done():
	case <-t.done:
	}
	err := t.Close()
	wg.Wait()
	t.owners.Wait()
	return err
}

// Close sends what is queued, closes everything and makes Serve return, without waiting for it. It is for a
// Transport that was never served, too.
func (t *Transport) Close() error {
	t.mu.Lock()
	if t.closing {
		t.mu.Unlock()
		return nil
	}
	t.closing = true
	close(t.done)
	conns := make([]*conn, 0, len(t.conns))
	for c := range t.conns {
		conns = append(conns, c)
	}
	t.mu.Unlock()

	var err error
	for _, l := range t.tcp {
		err = errors.Join(err, l.Close())
	}
	for _, u := range t.udp {
		u.group.Flush()
		err = errors.Join(err, u.group.Close())
	}
	for _, c := range conns {
		c.close(&t.count.closedShutdown)
	}
	return err
}

// Flush sends what detached replies queued on UDP. Who sends many of them calls it once behind them.
func (t *Transport) Flush() {
	for _, u := range t.udp { // fixed once Serve was called
		u.group.Flush()
	}
}

// serve calls the handler; false when it panicked.
func (t *Transport) serve(r *Request) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			t.count.panics.Add(1)
			t.logPanic(v)
		}
	}()
	t.h.ServeSIP(r)
	return true
}

// logPanic is called in the deferred function, so that the stack shows the culprit.
func (t *Transport) logPanic(v any) {
	if due(&t.panicLogged) {
		t.log.Error("a request made its handler panic; please report it", "panic", v, "stack", string(debug.Stack()))
	}
}

// due reports, once in ten seconds at most, that an event is to be logged: peers may be able to cause it at will.
func due(last *atomic.Int64) bool {
	now, then := time.Now().UnixNano(), last.Load()
	return now-then >= int64(10*time.Second) && last.CompareAndSwap(then, now)
}

// reserve takes n bytes of the memory that connections share, if there are as many.
func (t *Transport) reserve(n int) bool {
	if t.memory.Add(int64(n)) > t.o.BufferMemory {
		t.memory.Add(int64(-n))
		return false
	}
	return true
}

func (t *Transport) release(n int) { t.memory.Add(int64(-n)) }

// listenUDP opens the sockets of one address. t.mu is held.
func (t *Transport) listenUDP(addr netip.AddrPort) (netip.AddrPort, error) {
	g, err := datagram.Listen(addr, datagram.Options{
		Sockets: t.o.UDPSockets, Batch: t.o.UDPBatch, ReadBuffer: t.o.UDPReadBuffer, Panicked: t.logPanic,
	})
	if err != nil {
		return netip.AddrPort{}, err
	}
	t.udp = append(t.udp, newUDPServer(t, g))
	return g.Addr(), nil
}
