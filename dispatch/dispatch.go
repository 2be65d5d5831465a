// Package dispatch gives one request to one role: the checks of RFC 3261 section 8.2 in order, then the
// registrar for REGISTER, the redirect server for every other request for a user of a domain, and its own
// answers for what is sent to the domain itself (OPTIONS).
//
// It keeps no state and no transaction (RFC 3261 8.2.7): the same request gets the same To tag again, made
// by a keyed hash. ACK is absorbed. CANCEL gets 200 (8.3), because the final response of whatever it cancels
// was sent at once. Merged requests (8.2.2.2) are those that match an ongoing transaction; as none is ever
// ongoing here, none is refused with 482. It forwards nothing, so it cannot be an open relay.
//
// It is the one place where errors become responses. It is not a role itself: it knows nothing of bindings
// or credentials. It owns no goroutine, runs in those of the transport and allocates nothing per request.
package dispatch

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/sipway/sipway/sip"
	"github.com/sipway/sipway/transport"
)

// Role serves the requests of one kind. A nil error means that the request was answered, or detached to be
// answered later. A *sip.StatusError is answered by the dispatcher, any other error with 500. The toTag is
// valid only during the call. *registrar.Registrar and *redirect.Redirect are Roles.
type Role interface {
	ServeSIP(r *transport.Request, toTag []byte) error
}

// Options of a dispatcher.
type Options struct {
	// Domains are served; the first one also answers for requests to our names and addresses.
	Domains []Domain
	// Names are host names that denote this server, beside the domains.
	Names []string
	// Addresses are ours, as others see them; port 0 means any port. The address that a request arrived at
	// is always ours.
	Addresses []netip.AddrPort
	// Secret keys the To tags; keep it over restarts. At least 16 bytes.
	Secret []byte
	// Supported are the option-tags that requests to the domain itself may require, listed in the 200 to
	// OPTIONS.
	Supported []string
	// DropUserAgents are prefixes of User-Agent values, without regard to case, whose requests are dropped
	// without an answer. Nil means those of known scanners; empty and not nil drops none.
	DropUserAgents []string
	// OnPanic is told what a role panicked with, in the goroutine of the request, which gets 500. May be nil.
	OnPanic func(value any)
}

// Dispatcher implements transport.Handler. It is safe for any number of goroutines.
type Dispatcher struct {
	names     []string
	addresses []netip.AddrPort
	tags      tagKey
	supported []string
	scanners  []string
	onPanic   func(value any)

	domains atomic.Pointer[domains]
	scratch sync.Pool // of *scratch
	stats   counters
}

// scratch is the memory of one request.
type scratch struct {
	count    *shard
	tag      []byte
	text     []byte
	response sip.Response
}

// New returns a dispatcher, or an error that says which option is wrong.
func New(o Options) (*Dispatcher, error) {
	d := &Dispatcher{addresses: unmapped(o.Addresses), supported: o.Supported, onPanic: o.OnPanic}
	var err error
	if d.tags, err = newTagKey(o.Secret); err != nil {
		return nil, err
	}
	for _, n := range o.Names {
		d.names = append(d.names, canonicalHost(n))
	}
	d.scanners = scanners(o.DropUserAgents)
	if err := d.SetDomains(o.Domains); err != nil {
		return nil, err
	}
	d.scratch.New = func() any { return &scratch{count: d.stats.next()} }
	return d, nil
}

// ServeSIP answers, detaches or drops r. A panic of a role costs its request a 500 and nothing else.
func (d *Dispatcher) ServeSIP(r *transport.Request) {
	s, _ := d.scratch.Get().(*scratch)
	defer d.done(r, s)
	s.count.requests[r.Method()&methodMask].Add(1)
	if why := d.drop(r); why != notDropped {
		s.count.dropped[why].Add(1)
		return
	}
	bad := check(r)
	if bad != nil && !r.Answerable() {
		// RFC 3261 8.2.6: nothing to make a response of. What passed the check can always be answered.
		s.count.dropped[droppedUnanswerable].Add(1)
		return
	}
	s.tag = d.tags.appendTag(s, &r.Message)
	if bad != nil {
		d.refuse(r, s, bad)
		return
	}
	if err := d.serve(r, s); err != nil {
		d.refuse(r, s, err)
	}
}

// check returns what is wrong with r as a message, whoever it is for.
func check(r *transport.Request) error {
	if r.Bad == nil {
		return r.Validate()
	}
	if _, ok := errors.AsType[*sip.StatusError](r.Bad); ok {
		return r.Bad
	}
	return errBadMessage
}

// done ends a request: it puts the scratch back, and turns a panic into a 500.
func (d *Dispatcher) done(r *transport.Request, s *scratch) {
	value := recover()
	if value == nil {
		d.scratch.Put(s)
		return
	}
	// The scratch may be half-written: it is not used again.
	s.count.panics.Add(1)
	defer func() { _ = recover() }() // if even the response cannot be built, the request goes unanswered
	if d.onPanic != nil {
		d.onPanic(value)
	}
	d.refuse(r, &scratch{count: s.count, tag: s.tag}, errInternal)
}

// drop tells which requests get no answer whatever they ask.
func (d *Dispatcher) drop(r *transport.Request) dropReason {
	switch {
	case !r.IsRequest():
		return droppedResponse // RFC 6026 8.2: it matches no transaction
	case r.Method() == sip.MethodAck:
		return droppedAck // RFC 3261 8.2.7: MUST ignore; 17.1.1.3: nothing answers an ACK
	case d.isScanner(&r.Message):
		return droppedScanner
	}
	return notDropped
}

// serve is RFC 3261 8.2 in order, as far as it is common to all roles. Authentication, which comes first
// there, is the registrar's: it is the only role that asks for it, and 10.3 gives it an order of its own.
func (d *Dispatcher) serve(r *transport.Request, s *scratch) error {
	method := r.Method()
	if method == sip.MethodCancel {
		// RFC 3261 8.3: SHOULD return a 2xx. Its Require is ignored (8.2.2.3) and it is never challenged (22.1).
		d.answer(r, s, 200)
		return nil
	}
	target, err := sip.ParseURI(r.RequestURI())
	if err != nil {
		return errBadURI
	}
	if !target.IsSIP {
		return errScheme // RFC 3261 8.2.2.1
	}
	domain := d.domainOf(&target, r, s)
	if domain == nil {
		return errNotOurs // RFC 3261 8.2.2.1; 10.3 step 1 for REGISTER, which we do not proxy
	}
	switch {
	case method == sip.MethodRegister:
		if domain.Registrar == nil {
			return domain.notAllowed
		}
		return d.give(r, s, domain.Registrar, &s.count.registrar)
	case len(target.User) == 0:
		return d.serveElement(r, s, domain)
	}
	// RFC 3261 8.1.1.6: a request that may not be sent on is not sent on by way of its sender either.
	if n, ok, _ := r.MaxForwards(); ok && n == 0 {
		return errTooManyHops
	}
	if domain.Redirect == nil {
		return errNotOurs
	}
	// RFC 3261 8.3: unknown methods, header fields and option-tags in Require do not stop a redirection.
	return d.give(r, s, domain.Redirect, &s.count.redirect)
}

// give hands r to a role and counts what the role took care of.
func (d *Dispatcher) give(r *transport.Request, s *scratch, role Role, n *atomic.Uint64) error {
	err := role.ServeSIP(r, s.tag)
	if err == nil {
		n.Add(1)
	}
	return err
}
