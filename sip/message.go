package sip

import "net/netip"

// Message is one SIP message: its bytes and an index of where the headers stand. It is made by Parse, may be
// used again by another Parse, and is about 2 KB: keep it by value in what owns it and pass a pointer. It
// points into the bytes given to Parse and is good for as long as these are not altered. Any number of
// goroutines may read it.
type Message struct {
	// Source is where the transport got the message from. It stamps the top Via of a response (RFC 3261
	// 18.2.1, RFC 3581 4). The zero value, for a message made here, stamps nothing. Parse leaves it alone.
	Source netip.AddrPort

	raw    []byte // start line to the end of the body
	body   []byte
	method []byte
	uri    []byte
	reason []byte

	err    error // what Parse said
	top    Via   // the top Via and what is wrong with it: all who check, stamp or send read it
	topErr error

	status  int
	kind    Method
	request bool
	version bool // the start line says SIP/2.0

	count   int // indexed header lines
	section int // length of the header section with its empty line, 0 if it has no end
	first   [headerNames]uint8
	last    [headerNames]uint8
	lines   [MaxHeaders]line
}

// line is where a header stands in raw. The header section is below 64 KB, so 16 bits hold an offset.
type line struct {
	start    uint16 // of the name
	nameEnd  uint16
	value    uint16 // of the value, white space trimmed
	valueEnd uint16
	end      uint16 // behind the CRLF
	name     HeaderName
	next     uint8 // the next line of the same name, plus one; 0 if there is none
}

// Header is one header line, folded or not.
type Header struct {
	Name  HeaderName
	Raw   []byte // the name as written
	Value []byte // white space cut from both ends; folds inside it stay
}

// Bytes returns the message from the start line to the end of the body; what follows in a datagram is not part of it.
func (m *Message) Bytes() []byte { return m.raw }

// IsRequest reports whether the start line is that of a request. A start line that is neither is taken for a
// request unless it begins with "SIP/", so that it can be answered.
func (m *Message) IsRequest() bool { return m.request }

// Method returns the request's method, MethodUnknown for one that sipway does not know and in a response.
func (m *Message) Method() Method { return m.kind }

// MethodBytes returns the request's method as written, nil in a response.
func (m *Message) MethodBytes() []byte { return m.method }

// RequestURI returns the Request-URI as written, nil in a response.
func (m *Message) RequestURI() []byte { return m.uri }

// StatusCode returns the status code of a response, 100 to 699, and 0 in a request.
func (m *Message) StatusCode() int { return m.status }

// Reason returns the reason phrase of a response, which may be empty and may hold any UTF-8.
func (m *Message) Reason() []byte { return m.reason }

// Body returns the body: Content-Length bytes, or the rest of a datagram without Content-Length (RFC 3261 18.3).
func (m *Message) Body() []byte { return m.body }

// NumHeaders returns how many header lines are indexed, at most MaxHeaders.
func (m *Message) NumHeaders() int { return m.count }

// HeaderAt returns header line i, 0 to NumHeaders()-1, in the order of the message; the zero Header otherwise.
func (m *Message) HeaderAt(i int) Header {
	if i < 0 || i >= m.count {
		return Header{}
	}
	l := &m.lines[i]
	return Header{Name: l.name, Raw: m.raw[l.start:l.nameEnd], Value: m.raw[l.value:l.valueEnd]}
}

// Header returns the value of the first line of that name. Use Values where a header may hold several.
func (m *Message) Header(n HeaderName) (value []byte, ok bool) {
	if n >= headerNames {
		return nil, false
	}
	i := m.first[n]
	if i == 0 {
		return nil, false
	}
	l := &m.lines[i-1]
	return m.raw[l.value:l.valueEnd], true
}

// Count returns how many lines of that name there are.
func (m *Message) Count(n HeaderName) int {
	if n >= headerNames {
		return 0
	}
	c := 0
	for i := m.first[n]; i != 0; i = m.lines[i-1].next {
		c++
	}
	return c
}

// TopVia parses the first Via value, that of the element which sent us the message. On an error the
// parts that could be read are filled in.
func (m *Message) TopVia() (Via, error) {
	if m.first[HeaderVia] == 0 {
		return Via{}, errNoVia
	}
	return m.top, m.topErr
}

// From parses the From header.
func (m *Message) From() (NameAddr, error) {
	v, ok := m.Header(HeaderFrom)
	if !ok {
		return NameAddr{}, errNoFrom
	}
	a, err := ParseNameAddr(v)
	if err != nil {
		return a, errFrom
	}
	return a, nil
}

// To parses the To header.
func (m *Message) To() (NameAddr, error) {
	v, ok := m.Header(HeaderTo)
	if !ok {
		return NameAddr{}, errNoTo
	}
	a, err := ParseNameAddr(v)
	if err != nil {
		return a, errTo
	}
	return a, nil
}

// CallID returns the Call-ID, nil if there is none. It is compared byte by byte (RFC 3261 20.8).
func (m *Message) CallID() []byte {
	v, _ := m.Header(HeaderCallID)
	return v
}

// CSeq returns the sequence number, below 2^31 (RFC 3261 8.1.1.5), and the method as written.
func (m *Message) CSeq() (seq uint32, method []byte, err error) {
	v, ok := m.Header(HeaderCSeq)
	if !ok {
		return 0, nil, errNoCSeq
	}
	i := 0
	for i < len(v) && isDigit(v[i]) {
		i++
	}
	n, good := number(v[:i], 1<<31-1)
	j := skipLWS(v, i)
	if !good || j == i || !isTokens(v[j:]) { // RFC 3261 25.1: 1*DIGIT LWS Method
		return 0, nil, errCSeq
	}
	return uint32(n), v[j:], nil
}

// MaxForwards returns the value of Max-Forwards, 0 to 255 (RFC 3261 20.22); ok tells whether there is one.
func (m *Message) MaxForwards() (n int, ok bool, err error) {
	v, ok := m.Header(HeaderMaxForwards)
	if !ok {
		return 0, false, nil
	}
	u, good := number(v, 255)
	if !good {
		return 0, true, errMaxForwards
	}
	return int(u), true, nil
}

// Expires returns the value of Expires in seconds, 0 to 2^32-1 (RFC 3261 20.19); ok tells whether there is
// one. A malformed value is an error and not a refusal: the caller takes its default (RFC 3261 10.2.1.1).
func (m *Message) Expires() (secs uint32, ok bool, err error) {
	v, ok := m.Header(HeaderExpires)
	if !ok {
		return 0, false, nil
	}
	u, good := number(v, 1<<32-1)
	if !good {
		return 0, true, errExpires
	}
	return uint32(u), true, nil
}
