package sip

import "bytes"

// Validate checks what every role needs from a message (RFC 3261 8.1.1, 8.2, 16.3 step 1) and returns a static
// *StatusError that says which header is wrong, or nil. It returns the error of Parse first. A Request-URI of
// another scheme than sip and sips is no error here. In a response it checks the headers alone.
func (m *Message) Validate() error {
	if m.err != nil {
		return m.err
	}
	if !m.version {
		return errVersion // RFC 3261 21.5.6
	}
	if err := m.checkURI(); err != nil {
		return err
	}
	if err := m.checkVia(); err != nil {
		return err
	}
	if err := m.checkOnce(); err != nil {
		return err
	}
	if err := m.checkIdentity(); err != nil {
		return err
	}
	if _, _, err := m.MaxForwards(); err != nil {
		return err
	}
	return m.checkAddresses()
}

func (m *Message) checkURI() error {
	if !m.request {
		return nil
	}
	if len(m.uri) > MaxURI {
		return errURITooLong
	}
	var u URI
	if !u.parse(m.uri) {
		return errRequestURI
	}
	if u.Headers != nil {
		return errURIHeaders // RFC 3261 19.1.1 table 1: "not allowed in the Request-URI"
	}
	return nil
}

func (m *Message) checkVia() error {
	n := 0
	it := m.Values(HeaderVia)
	for ; it.Next(); n++ {
		if n == 0 {
			if m.topErr != nil || !foldEqual(m.top.Protocol, "sip") || string(m.top.Version) != "2.0" {
				return errVia
			}
		} else if v := (Via{}); v.parse(it.Value()) != nil {
			return errVia
		}
		if n == MaxVia {
			return errManyVia
		}
	}
	switch {
	case it.Err() != nil:
		return errVia
	case n == 0:
		return errNoVia
	default:
		return nil
	}
}

// checkOnce finds headers that stand more than once and may not (RFC 3261 7.3.1). Which of the two another
// element would take, nobody knows.
func (m *Message) checkOnce() error {
	const once uint64 = 1<<HeaderFrom | 1<<HeaderTo | 1<<HeaderCallID | 1<<HeaderCSeq | 1<<HeaderMaxForwards |
		1<<HeaderContentLength | 1<<HeaderContentType | 1<<HeaderContentDisposition | 1<<HeaderExpires |
		1<<HeaderMinExpires | 1<<HeaderDate | 1<<HeaderTimestamp | 1<<HeaderEvent | 1<<HeaderReferTo |
		1<<HeaderReferredBy | 1<<HeaderSessionExpires
	for i := range m.count {
		l := &m.lines[i]
		if l.next != 0 && once>>l.name&1 != 0 {
			return errDuplicate(l.name)
		}
	}
	return nil
}

// checkIdentity checks From, To, Call-ID and CSeq.
func (m *Message) checkIdentity() error {
	if _, err := m.From(); err != nil { // no tag is RFC 2543, and allowed: RFC 3261 12.1.1
		return err
	}
	if _, err := m.To(); err != nil {
		return err
	}
	id, ok := m.Header(HeaderCallID)
	if !ok {
		return errNoCallID
	}
	if len(id) == 0 || !isWordy(id) {
		return errCallID
	}
	_, method, err := m.CSeq()
	if err != nil {
		return err
	}
	if m.request && !bytes.Equal(method, m.method) {
		return errCSeqMethod // RFC 3261 8.1.1.5: "The method MUST match that of the request."
	}
	return nil
}

// isWordy lets through what has no white space or control: more than RFC 3261 25.1, word, as Call-IDs in the wild do.
func isWordy(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// checkAddresses reads Contact, Route and Record-Route: a role may then take them as they are.
func (m *Message) checkAddresses() error {
	if err := m.checkContact(); err != nil {
		return err
	}
	if err := m.checkRoute(HeaderRoute, errRoute); err != nil {
		return err
	}
	return m.checkRoute(HeaderRecordRoute, errRecordRoute)
}

func (m *Message) checkContact() error {
	star, n := false, 0
	it := m.Values(HeaderContact)
	for ; it.Next(); n++ {
		if v := it.Value(); len(v) == 1 && v[0] == '*' {
			star = true
		} else if _, err := ParseNameAddr(v); err != nil {
			return errContact
		}
	}
	if it.Err() != nil || star && n > 1 { // RFC 3261 20.10: STAR stands alone
		return errContact
	}
	return nil
}

func (m *Message) checkRoute(name HeaderName, malformed error) error {
	n := 0
	it := m.Values(name)
	for ; it.Next(); n++ {
		if n == MaxRoute && name == HeaderRoute {
			return errManyRoute
		}
		v := it.Value() // RFC 3261 25.1: name-addr, so the <> are needed
		if _, err := ParseNameAddr(v); err != nil || bytes.IndexByte(v, '<') < 0 {
			return malformed
		}
	}
	if it.Err() != nil {
		return malformed
	}
	return nil
}
