package registrar

import (
	"errors"
	"net/netip"

	"github.com/sipway/sipway/location"
	"github.com/sipway/sipway/sip"
	"github.com/sipway/sipway/transport"
)

// rfc1123 is the SIP-date of RFC 3261 20.17, which is always GMT.
const rfc1123 = "Mon, 02 Jan 2006 15:04:05 GMT"

// keptMemory bounds what a pooled pending holds on to, in bytes per buffer.
const keptMemory = 16 << 10

// maxUnverified bounds a 200 over UDP, in bytes, that is longer than its request, where nobody has to log in: what fits a datagram that is not
// fragmented (RFC 3261 18.1.1).
const maxUnverified = 1300

// update applies p to the AOR's bindings and answers r, at once or when the change is durable.
func (p *pending) update(r *transport.Request, toTag []byte) error {
	// All that Committed needs is set before Update: it may run before Update returns.
	p.req, p.reply = r, r.Detach()
	p.raw, p.origin = append(p.raw[:0], r.Bytes()...), r.Source
	p.toTag = append(p.toTag[:0], toTag...)
	wait, err := p.x.store.Update(p.aor, p, p)
	if wait {
		return nil // p is the committer's now
	}
	defer p.release()
	if err != nil {
		return refusal(err)
	}
	r.Respond(p.out)
	return nil
}

// buildOK builds the 200 (RFC 3261 10.3 step 8). Apply calls it, so what it lists is what is committed.
func (p *pending) buildOK() error {
	w := &p.response
	w.Begin(p.out[:0], &p.req.Message, 200, "OK", p.toTag)
	for i := range p.bindings {
		p.putContact(&p.bindings[i]) // MUST: all current bindings, each with expires
	}
	if p.echoPath {
		w.Add("Path", p.path) // RFC 3327 5.3
	}
	p.date = p.req.Now.UTC().AppendFormat(p.date[:0], rfc1123)
	w.Add("Date", p.date) // SHOULD
	// A Record-Route of the request MUST be ignored and MUST NOT be in the response (10.3): nothing copies it.
	b := w.End()
	if b == nil {
		return w.Err()
	}
	if p.x.verifier == nil && p.req.Kind == transport.UDP && len(b) > max(maxUnverified, len(p.req.Bytes())) {
		return errLarge // whoever forges its source must not aim it at another
	}
	p.out = b
	return nil
}

// putContact writes one binding, always in the <> form (RFC 3261 20.10).
func (p *pending) putContact(b *location.Binding) {
	w := &p.response
	w.Open("Contact")
	w.PutString("<")
	w.Put(b.URI)
	w.PutString(">")
	w.Put(b.Params)
	if b.Q < defaultQ {
		var q [5]byte
		w.PutString(";q=")
		w.Put(sip.AppendQ(q[:0], b.Q))
	}
	w.PutString(";expires=")
	w.PutInt(int(max((b.Expires-p.now)/1000, 1)))
	w.Close()
}

// Committed answers the request after the sync (location.Waiter).
func (p *pending) Committed(err error) {
	defer p.release()
	if err == nil {
		_ = p.reply.Send(p.out) // counted by the transport; the client will retransmit
		return
	}
	p.refuse(err)
}

// refuse answers after ServeSIP has returned, when the change was taken back: the response is made from the
// copied request.
func (p *pending) refuse(err error) {
	var m sip.Message
	if m.Parse(p.raw) != nil {
		return
	}
	m.Source = p.origin
	s, ok := errors.AsType[*sip.StatusError](refusal(err))
	if !ok {
		return
	}
	w := &p.response
	w.Begin(p.out[:0], &m, s.Code, s.Reason, p.toTag)
	for _, f := range s.Extra {
		w.AddString(f.Name, f.Value)
	}
	_ = p.reply.Send(w.End())
}

// release gives p back to the pool without what it points to.
func (p *pending) release() {
	clear(p.contacts)
	clear(p.bindings[:cap(p.bindings)])
	clear(p.uris[:cap(p.uris)])
	p.contacts, p.bindings, p.uris = p.contacts[:0], p.bindings[:0], p.uris[:0]
	p.callID, p.path, p.req, p.reply = nil, nil, nil, transport.Reply{}
	p.wildcard, p.echoPath = false, false
	p.source, p.origin = netip.AddrPort{}, netip.AddrPort{}
	if cap(p.text) > keptMemory || cap(p.raw) > keptMemory || cap(p.out) > keptMemory {
		p.text, p.raw, p.out = nil, nil, nil
	}
	p.text = p.text[:0]
	p.x.pending.Put(p)
}
