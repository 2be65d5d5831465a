package registrar

import (
	"bytes"

	"github.com/sipway/sipway/sip"
	"github.com/sipway/sipway/transport"
)

const (
	malformedExpires = 3600      // RFC 3261 10.2.1: malformed values SHOULD be treated as this
	hour             = 3600      // RFC 3261 10.3 step 7: no 423 from here on
	mostExpires      = 1<<32 - 1 // RFC 3261 10.2.1: larger values MAY be treated as this
	defaultQ         = 1000      // no q is as good as 1
)

// contact is one Contact value of the request.
type contact struct {
	text    []byte // the URI
	uri     sip.URI
	params  []byte // those to keep
	q       uint16 // thousandths
	expires int64  // seconds granted; 0 removes the binding
}

// contactsOf reads what the request wants (RFC 3261 10.3 steps 6 and 7) and refuses what no current binding
// can make good.
func (p *pending) contactsOf(r *transport.Request) error {
	seq, _, err := r.CSeq()
	if err != nil {
		return errCSeq
	}
	p.callID, p.cseq = r.CallID(), seq
	if len(p.callID) > maxCallID {
		return errCallID
	}
	p.request = requestID(&r.Message)
	p.source, p.transport, p.now = r.Remote, uint8(r.Kind), r.Now.UnixMilli()
	if r.Count(sip.HeaderContact) == 0 {
		return p.readPath(&r.Message) // a fetch (10.2.3)
	}
	if err := p.wildcardOf(&r.Message); err != nil || p.wildcard {
		return err
	}
	general := p.x.generalExpires(&r.Message)
	for it := r.Values(sip.HeaderContact); it.Next(); {
		if err := p.readContact(it.Value(), general); err != nil {
			return err
		}
	}
	if p.listedTwice() {
		return errContactTwice
	}
	return p.readPath(&r.Message)
}

// wildcardOf looks for "*", which stands alone and with an Expires of zero (RFC 3261 10.2.2 MUST NOT, 10.3
// step 6), and bounds the number of Contacts.
func (p *pending) wildcardOf(m *sip.Message) error {
	n := 0
	it := m.Values(sip.HeaderContact)
	for ; it.Next(); n++ {
		p.wildcard = p.wildcard || bytes.Equal(it.Value(), []byte("*"))
	}
	switch {
	case it.Err() != nil || n == 0:
		return errContact
	case n > maxContacts:
		return errContactMany
	case !p.wildcard:
		return nil
	}
	secs, ok, err := m.Expires()
	if err != nil || !ok || secs != 0 || n != 1 {
		return errWildcard
	}
	return nil
}

// readContact reads one Contact value. general is the expiry of those that name none, in seconds.
func (p *pending) readContact(value []byte, general int64) error {
	a, err := sip.ParseNameAddr(value)
	if err != nil {
		return errContact
	}
	c := contact{text: a.URI, q: defaultQ}
	if len(a.URI) > sip.MaxURI {
		return errContactLong
	}
	if c.uri, err = sip.ParseURI(a.URI); err != nil || !printable(a.URI) {
		return errContact
	}
	if c.uri.Headers != nil {
		return errHeaders
	}
	if ip, ok := c.uri.Addr(); ok {
		if ip = ip.Unmap(); ip.IsMulticast() || ip.IsUnspecified() {
			return errUnreachable
		}
	}
	requested := general
	if err := p.readParams(&c, a.Params, &requested); err != nil {
		return err
	}
	// RFC 3261 10.3 step 7: 423 if and only if the request is above zero, below an hour and below the minimum.
	if requested > 0 && requested < hour && requested < p.x.minExpires {
		return p.x.tooBrief
	}
	c.expires = min(requested, p.x.maxExpires)
	p.contacts = append(p.contacts, c)
	return nil
}

// readParams reads q and expires, which comes before the header and the default (RFC 3261 10.3 step 7), and
// keeps all other parameters, unfolded.
func (p *pending) readParams(c *contact, params sip.Params, requested *int64) error {
	start := len(p.text)
	it := params.Iter()
	for it.Next() {
		switch name := it.Name(); {
		case bytes.EqualFold(name, []byte("q")):
			var ok bool
			if c.q, ok = parseQ(it.Value()); !ok {
				return errContactQ
			}
		case bytes.EqualFold(name, []byte("expires")):
			*requested = parseExpires(it.Value())
		default:
			p.text = append(p.text, ';')
			p.text = sip.AppendUnfolded(p.text, it.Raw())
		}
	}
	c.params = p.text[start:len(p.text):len(p.text)]
	switch {
	case it.Err() != nil || sip.CheckValue(c.params) != nil: // a quoted-pair may hide a control
		return errContact
	case len(c.params) > maxParams:
		return errContactLong
	}
	return nil
}

// listedTwice reports whether two Contacts of the request are equal by RFC 3261 19.1.4: one of them would
// have to have the higher CSeq.
func (p *pending) listedTwice() bool {
	for i := range p.contacts {
		for j := range p.contacts[:i] {
			if sip.EqualURI(&p.contacts[i].uri, &p.contacts[j].uri) {
				return true
			}
		}
	}
	return false
}

// readPath takes the Path vector to keep with each binding, in order (RFC 3327 5.3). Missing ;lr and a
// missing "Supported: path" are let through: phones behind an edge proxy often do not know of it.
func (p *pending) readPath(m *sip.Message) error {
	if m.Count(sip.HeaderPath) == 0 {
		return nil
	}
	start, n := len(p.text), 0
	it := m.Values(sip.HeaderPath)
	for it.Next() {
		if n++; n > sip.MaxRoute {
			return errPathLong
		}
		a, err := sip.ParseNameAddr(it.Value())
		if err != nil {
			return errPath
		}
		if u, err := sip.ParseURI(a.URI); err != nil || !u.IsSIP {
			return errPath
		}
		if len(p.text) > start {
			p.text = append(p.text, ", "...)
		}
		p.text = sip.AppendUnfolded(p.text, it.Value())
	}
	p.path = p.text[start:]
	switch {
	case it.Err() != nil || sip.CheckValue(p.path) != nil:
		return errPath
	case len(p.path) > maxPath:
		return errPathLong
	}
	p.echoPath = listsPath(m)
	return nil
}

// listsPath reports whether the client knows Path: only then may the response have it (RFC 3261 8.2.4).
func listsPath(m *sip.Message) bool {
	for _, h := range [...]sip.HeaderName{sip.HeaderSupported, sip.HeaderRequire} {
		for it := m.Values(h); it.Next(); {
			if bytes.EqualFold(it.Value(), []byte("path")) {
				return true
			}
		}
	}
	return false
}

// generalExpires is the expiry of Contacts that name none, in seconds.
func (x *Registrar) generalExpires(m *sip.Message) int64 {
	secs, ok, err := m.Expires()
	switch {
	case err != nil:
		return malformedExpires
	case ok:
		return int64(secs)
	}
	return x.defaultExpires
}

// parseExpires reads the expires parameter, in seconds.
func parseExpires(b []byte) int64 {
	if len(b) == 0 {
		return malformedExpires
	}
	n := int64(0)
	for _, c := range b {
		if c < '0' || c > '9' {
			return malformedExpires
		}
		n = min(n*10+int64(c-'0'), mostExpires)
	}
	return n
}

// parseQ reads a qvalue (RFC 3261 25.1): "0" or "1" and up to three decimals, those of "1" zero. It returns
// thousandths.
func parseQ(b []byte) (q uint16, ok bool) {
	if len(b) == 0 || b[0] != '0' && b[0] != '1' || len(b) > 1 && b[1] != '.' || len(b) > 5 {
		return 0, false
	}
	q = uint16(b[0]-'0') * 1000
	for i, unit := 2, uint16(100); i < len(b); i, unit = i+1, unit/10 {
		if b[i] < '0' || b[i] > '9' {
			return 0, false
		}
		q += uint16(b[i]-'0') * unit
	}
	return q, q <= 1000
}

// printable reports whether a URI can stand between < and > in a response, whatever its scheme.
func printable(uri []byte) bool {
	for _, c := range uri {
		if c <= ' ' || c == 0x7f || c == '<' || c == '>' || c == '"' {
			return false
		}
	}
	return true
}

// requestID tells a REGISTER from others with its Call-ID and CSeq: a retransmission has the same branch and
// sent-by (RFC 3261 17.2.3). It is a hash (FNV-1a), the same after a restart.
func requestID(m *sip.Message) uint64 {
	via, _ := m.TopVia() // what could not be read is empty, and empty in a retransmission too
	h := uint64(14695981039346656037)
	for _, part := range [...][]byte{via.Branch, via.Host, {byte(via.Port >> 8), byte(via.Port)}} {
		for _, c := range part {
			h = (h ^ uint64(c)) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211
	}
	return h
}
