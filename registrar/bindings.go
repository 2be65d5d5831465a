package registrar

import (
	"bytes"
	"net/netip"
	"slices"

	"github.com/sipway/sipway/location"
	"github.com/sipway/sipway/sip"
	"github.com/sipway/sipway/transport"
)

// pending is one REGISTER from its steps 4 on until it is answered: the location.Change that applies it and
// the location.Waiter that answers it. It is pooled; after Update has accepted it, it is the committer's.
type pending struct {
	x *Registrar

	// What the request says. Slices point into it, so they are good until ServeSIP returns.
	aor, user []byte
	callID    []byte
	cseq      uint32
	request   uint64
	wildcard  bool
	contacts  []contact
	path      []byte
	echoPath  bool
	source    netip.AddrPort
	transport uint8
	now       int64 // Unix milliseconds
	text      []byte

	// The AOR's bindings, while Apply runs.
	bindings []location.Binding
	uris     []sip.URI // of bindings, parsed

	// The answer.
	req      *transport.Request // until ServeSIP returns
	toTag    []byte
	reply    transport.Reply
	raw      []byte // the request, for an answer after ServeSIP returned that cannot be the 200
	origin   netip.AddrPort
	response sip.Response
	out      []byte // the 200
	date     []byte
}

// Apply does RFC 3261 10.3 steps 6 and 7 against the current bindings, all or nothing, and builds the 200 of
// step 8. It runs under the lock of the AOR.
func (p *pending) Apply(old location.Record) (location.Record, error) {
	p.load(old)
	before, changed := len(p.bindings), false
	if p.wildcard {
		if err := p.removeAll(); err != nil {
			return nil, err
		}
		changed = before != 0
	}
	for i := range p.contacts {
		did, err := p.register(&p.contacts[i])
		if err != nil {
			return nil, err
		}
		changed = changed || did
	}
	// An AOR that has too many already, because the bound was lowered, may still refresh.
	if n := len(p.bindings); n > p.x.maxBindings && n > before {
		return nil, errBindings
	}
	if err := p.buildOK(); err != nil {
		return nil, err
	}
	if !changed {
		return old, nil
	}
	return location.NewRecord(p.bindings), nil
}

// load reads the bindings that are alive.
func (p *pending) load(old location.Record) {
	p.bindings, p.uris = p.bindings[:0], p.uris[:0]
	var b location.Binding
	for it := old.Bindings(); it.Next(&b); {
		if b.Expires <= p.now {
			continue
		}
		u, _ := sip.ParseURI(b.URI) // it was parsed before it was stored
		p.bindings, p.uris = append(p.bindings, b), append(p.uris, u)
	}
}

// removeAll obeys "*" (RFC 3261 10.3 step 6): bindings of other Call-IDs MUST go, those of this Call-ID only
// if the CSeq is higher; otherwise nothing does.
func (p *pending) removeAll() error {
	for i := range p.bindings {
		if err := p.inOrder(&p.bindings[i]); err != nil {
			return err
		}
	}
	p.bindings, p.uris = p.bindings[:0], p.uris[:0]
	return nil
}

// register adds, updates or removes the binding of one Contact (RFC 3261 10.3 step 7) and says whether it
// changed anything.
func (p *pending) register(c *contact) (changed bool, err error) {
	found := false
	for i := 0; i < len(p.bindings); i++ {
		if !sip.EqualURI(&p.uris[i], &c.uri) {
			continue
		}
		b := &p.bindings[i]
		if p.retransmitted(b) {
			return false, nil
		}
		if err := p.inOrder(b); err != nil {
			return false, err
		}
		changed = true
		if c.expires != 0 && !found {
			p.bindings[i], p.uris[i] = p.binding(c), c.uri
		} else {
			p.bindings, p.uris = slices.Delete(p.bindings, i, i+1), slices.Delete(p.uris, i, i+1)
			i--
		}
		found = true
	}
	if found || c.expires == 0 {
		return changed, nil
	}
	p.bindings, p.uris = append(p.bindings, p.binding(c)), append(p.uris, c.uri)
	return true, nil
}

// retransmitted reports whether b was written by this very request.
func (p *pending) retransmitted(b *location.Binding) bool {
	return b.CSeq == p.cseq && b.Request == p.request && bytes.Equal(b.CallID, p.callID)
}

// inOrder lets a request change b if it has another Call-ID or a higher CSeq (RFC 3261 10.3 steps 6 and 7).
// Call-IDs are compared byte by byte (RFC 3261 20.8).
func (p *pending) inOrder(b *location.Binding) error {
	if bytes.Equal(b.CallID, p.callID) && p.cseq <= b.CSeq {
		return outOfOrder(p.cseq, b.CSeq)
	}
	return nil
}

// binding is what c becomes. It points into the request.
func (p *pending) binding(c *contact) location.Binding {
	return location.Binding{
		URI: c.text, Params: c.params, Q: c.q, Expires: p.now + c.expires*1000,
		CallID: p.callID, CSeq: p.cseq, Request: p.request, Path: p.path,
		Transport: p.transport, Source: p.source, Updated: p.now,
	}
}
