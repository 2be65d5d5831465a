package transport

import (
	"errors"
	"net/netip"
	"time"

	"github.com/sipway/sipway/datagram"
	"github.com/sipway/sipway/sip"
)

// defaultPort is the port of a sent-by that names none (RFC 3261 18.1.1), on UDP and TCP.
const defaultPort = 5060

// Request is one request as it was received. It and its bytes are valid only during ServeSIP, in that
// goroutine; what is needed later is copied, or in the Reply that Detach returns.
type Request struct {
	sip.Message

	Kind   Kind
	Local  netip.AddrPort // the address it was sent to, also on wildcard sockets
	Remote netip.AddrPort // where it came from; IPv4 is never in mapped form
	Now    time.Time      // when it was read
	// Bad is what is wrong with it if it could not be parsed or framed whole, usually a *sip.StatusError. It
	// can be answered (sip.Message.Answerable) and should be, with nothing else done. A connection whose
	// framing went wrong is closed behind the answer.
	Bad error

	t        *Transport
	packet   *datagram.Packet // UDP
	group    *datagram.Group
	conn     *conn // TCP
	sink     func([]byte)
	out      []byte
	answered bool
}

// NewRequest parses raw and returns it as if it had come that way, for tests and dry runs. What Respond or the
// detached Reply are given goes to sink, except for an ACK, which is never answered.
func NewRequest(raw []byte, kind Kind, local, remote netip.AddrPort, now time.Time, sink func([]byte)) *Request {
	r := &Request{Kind: kind, Local: local, Remote: remote, Now: now, sink: sink, out: make([]byte, 0, responseBuffer)}
	r.Source = remote
	r.Bad = r.Parse(raw)
	return r
}

// Buffer returns memory to build the response in, of length 0. Appending past its capacity is allowed.
func (r *Request) Buffer() []byte {
	if r.packet != nil {
		return r.packet.Out()
	}
	return r.out[:0]
}

// Respond sends the response b to where RFC 3261 18.2.2 and RFC 3581 4 say. Only the first call does anything,
// an ACK is never answered (RFC 3261 17), b is not kept. It does not wait for the peer: on UDP the response
// leaves with the batch, on TCP what the peer does not take at once is queued.
func (r *Request) Respond(b []byte) {
	if r.answered || len(b) == 0 {
		return
	}
	r.answered = true
	switch {
	case r.Method() == sip.MethodAck:
		if r.t != nil {
			r.t.count.acksUnanswered.Add(1)
		}
	case r.sink != nil:
		r.sink(b)
	case r.conn != nil:
		_ = r.conn.send(b) // counted there; the peer is gone and there is nobody to tell
	case r.packet != nil:
		r.packet.ReplyToPort(r.responsePort(), b)
	}
}

// Authenticated says that the sender of r has proved who it is. Its connection no longer counts among the
// Options.MaxConnectionsPerAddress of its address, since a company behind one NAT may have many phones. On UDP
// it does nothing.
func (r *Request) Authenticated() {
	if r.conn == nil || r.conn.authenticated {
		return
	}
	t := r.conn.t
	t.mu.Lock()
	defer t.mu.Unlock()
	t.uncount(r.conn)
}

// responsePort is the port a response over UDP goes to. Its address is always the source address: that is what
// "received" holds (RFC 3261 18.2.1, 18.2.2), whether or not it had to be written into the Via.
//
// maddr is not obeyed: it is for multicast, which we do not listen to, and would let anybody aim our responses
// at a third party.
func (r *Request) responsePort() uint16 {
	v, err := r.TopVia()
	switch {
	case err != nil || v.HasRPort:
		return r.Remote.Port() // RFC 3581 4
	case v.Port != 0:
		return v.Port
	}
	return defaultPort
}

// Detach returns a way to answer after ServeSIP has returned.
func (r *Request) Detach() Reply {
	p := Reply{t: r.t}
	switch {
	case r.Method() == sip.MethodAck:
		p.never = true
	case r.sink != nil:
		p.sink = r.sink
	case r.conn != nil:
		p.conn = r.conn
	case r.packet != nil:
		p.group = r.group
		p.addr = r.packet.Address().WithPort(r.responsePort())
	}
	return p
}

// Errors of Reply.Send, besides those of datagram.Group.Send.
var (
	// ErrClosed says that the connection the request came on is gone.
	ErrClosed = errors.New("transport: the connection is closed")
	// ErrSlow says that the peer did not read what was queued for it, so that its connection is now closed.
	ErrSlow = errors.New("transport: the peer does not read; connection closed")

	errNoReply = errors.New("transport: reply does not come from Request.Detach")
)

// Reply is where the responses to one request go. It is a small value, valid as long as the Transport, for any
// goroutine.
type Reply struct {
	t     *Transport
	group *datagram.Group
	addr  datagram.Address
	conn  *conn
	sink  func([]byte)
	never bool // the request was an ACK
}

// Send sends a response; b is not kept. It never waits for the peer. On UDP the response may be queued until
// Transport.Flush. The reply to an ACK goes nowhere, without error.
//
// When the connection of the request is closed, Send returns ErrClosed and counts it: RFC 3261 18.2.2 then
// SHOULD have a new connection opened to the received address and the sent-by port, which comes with the
// client side of this package.
func (p Reply) Send(b []byte) error {
	var err error
	switch {
	case p.never || len(b) == 0:
	case p.sink != nil:
		p.sink(b)
	case p.conn != nil:
		err = p.conn.send(b)
	case p.group != nil:
		err = p.group.Send(p.addr, b)
	default:
		err = errNoReply
	}
	if err != nil && p.t != nil {
		p.t.count.repliesLost.Add(1)
	}
	return err
}
