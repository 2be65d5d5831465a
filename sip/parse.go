package sip

import (
	"bytes"
	"errors"
)

// Parse indexes one whole message: a datagram, or what Frame cut from a stream. It keeps b. CRLFs before the
// start line are skipped (RFC 3261 7.5). On an error, a static *StatusError, as much as could be indexed is
// readable; see Answerable.
func (m *Message) Parse(b []byte) error {
	m.reset()
	for len(b) > 1 && b[0] == '\r' && b[1] == '\n' {
		b = b[2:]
	}
	if len(b) > MaxMessage {
		m.fail(errBigMessage)
		b = b[:MaxMessage]
	}
	m.raw = b
	section := b[:min(len(b), MaxHeaderSection)]
	at := m.startLine(section)
	if at >= 0 {
		at = m.headers(section, at)
	}
	switch {
	case at >= 0:
		m.section = at
		m.findBody(at)
	case len(b) > MaxHeaderSection:
		m.fail(errBigHeaders)
	default:
		m.fail(errNoEmptyLine)
	}
	m.topVia()
	return m.err
}

// topVia reads the top Via, the one field that is read of every message and more than once.
func (m *Message) topVia() {
	if it := m.Values(HeaderVia); it.Next() {
		m.topErr = m.top.parse(it.Value())
	} else if it.Err() != nil {
		m.topErr = errVia
	}
}

func (m *Message) reset() {
	m.raw, m.body, m.method, m.uri, m.reason = nil, nil, nil, nil, nil
	m.err, m.status, m.kind, m.request, m.version = nil, 0, MethodUnknown, false, false
	m.count, m.section = 0, 0
	m.top, m.topErr = Via{}, nil
	m.first = [headerNames]uint8{}
	m.last = [headerNames]uint8{}
}

// fail keeps the first error.
func (m *Message) fail(err error) {
	if m.err == nil {
		m.err = err
	}
}

// lineScan is what scanLine found.
type lineScan struct {
	end     int   // index of the CRLF, -1 if there is none
	escaped bool  // there is a control behind a backslash
	err     error // there is a bare CR or LF, or another control
}

// scanLine finds the CRLF that ends the line at i. Nothing else ends a line (RFC 3261 7): a bare LF that
// another element takes for a line's end would show it headers that we never saw.
func scanLine(b []byte, i int) (s lineScan) {
	for start := i; ; i++ {
		if i = nextControl(b, i); i == len(b) {
			s.end = -1
			return s
		}
		switch b[i] {
		case '\t':
		case '\r':
			if i+1 == len(b) {
				s.end = -1
				return s
			}
			if b[i+1] == '\n' {
				s.end = i
				return s
			}
			s.err = errNotCRLF
		case '\n':
			s.err = errNotCRLF
		default:
			if i > start && b[i-1] == '\\' {
				s.escaped = true
			} else if s.err == nil {
				s.err = errControl
			}
		}
	}
}

// startLine reads the first line and returns where the headers start, -1 if it has no end.
func (m *Message) startLine(b []byte) int {
	s := scanLine(b, 0)
	if s.end < 0 {
		m.request = len(b) < 4 || !foldEqual(b[:4], "sip/")
		return -1
	}
	first := b[:s.end]
	good := s.err == nil && !s.escaped
	if len(first) >= 4 && foldEqual(first[:4], "sip/") {
		good = m.statusLine(first) && good
	} else {
		m.request = true
		good = m.requestLine(first) && good
	}
	switch {
	case s.err != nil:
		m.fail(s.err)
	case !good:
		m.fail(errStartLine)
	}
	return s.end + 2
}

// requestLine: RFC 3261 7.1, Method SP Request-URI SP SIP-Version, single spaces and nothing at the end.
func (m *Message) requestLine(b []byte) bool {
	sp := bytes.IndexByte(b, ' ')
	if sp < 0 || !isTokens(b[:sp]) {
		return false
	}
	m.method = b[:sp]
	m.kind = ParseMethod(m.method)
	b = b[sp+1:]
	if sp = bytes.IndexByte(b, ' '); sp < 1 {
		return false
	}
	version := b[sp+1:]
	m.version = foldEqual(version, "sip/2.0") // RFC 3261 7.1: "The SIP-Version string is case-insensitive"
	if !m.version && !isVersion(version) {
		return false
	}
	m.uri = b[:sp]
	return true
}

// isVersion: RFC 3261 25.1, "SIP" "/" 1*DIGIT "." 1*DIGIT.
func isVersion(b []byte) bool {
	if len(b) < 4 || !foldEqual(b[:4], "sip/") {
		return false
	}
	major, minor, found := bytes.Cut(b[4:], []byte{'.'})
	_, ok1 := number(major, 1<<31)
	_, ok2 := number(minor, 1<<31)
	return found && ok1 && ok2
}

// statusLine: RFC 3261 7.2. The space before the reason phrase may be missing.
func (m *Message) statusLine(b []byte) bool {
	version, rest, found := bytes.Cut(b, []byte{' '})
	m.version = foldEqual(version, "sip/2.0")
	if !found || !m.version || len(rest) < 3 || len(rest) > 3 && rest[3] != ' ' {
		return false
	}
	code, ok := number(rest[:3], 699)
	if !ok || code < 100 {
		return false
	}
	m.status = int(code)
	if len(rest) > 4 {
		m.reason = rest[4:]
	}
	return true
}

// headers indexes the header lines from i on and returns where the body starts, -1 if there is no empty line or
// a bound was met.
func (m *Message) headers(b []byte, i int) int {
	for i < len(b) {
		var s lineScan
		if end := nextControl(b, i); end+1 < len(b) && b[end] == '\r' && b[end+1] == '\n' {
			s.end = end // nearly every line
		} else if s = scanLine(b, i); s.end < 0 {
			return -1
		}
		if s.end == i {
			return i + 2
		}
		start, next := i, s.end+2
		for next < len(b) && (b[next] == ' ' || b[next] == '\t') { // RFC 3261 7.3.1: a fold
			fold := scanLine(b, next)
			if fold.end < 0 {
				return -1
			}
			s.end, next = fold.end, fold.end+2
			s.escaped = s.escaped || fold.escaped
			if s.err == nil {
				s.err = fold.err
			}
		}
		if s.err == nil {
			s.err = m.index(b, start, s.end, next, s.escaped)
		}
		if s.err != nil {
			m.fail(s.err)
			if errors.Is(s.err, errManyHeaders) {
				return -1
			}
		}
		i = next
	}
	return -1
}

// index enters the header line b[start:end] with its folds. The next one starts at next.
func (m *Message) index(b []byte, start, end, next int, escaped bool) error {
	n := bytes.IndexByte(b[start:end], ':')
	if n < 0 {
		return errHeaderLine
	}
	nameEnd := start + n
	for nameEnd > start && (b[nameEnd-1] == ' ' || b[nameEnd-1] == '\t') { // RFC 3261 25.1, HCOLON
		nameEnd--
	}
	name := ParseHeaderName(b[start:nameEnd])
	if name == HeaderOther && !isTokens(b[start:nameEnd]) {
		return errHeaderLine
	}
	value := start + n + 1
	for value < end && isLWS(b[value]) {
		value++
	}
	stop := end
	for stop > value && isLWS(b[stop-1]) {
		stop--
	}
	if escaped && !controlsQuoted(b[value:stop]) {
		return errControl
	}
	if m.count == MaxHeaders {
		return errManyHeaders
	}
	l := &m.lines[m.count] // field by field: a literal is built beside it and copied, which costs a tenth of Parse
	l.start, l.nameEnd, l.end = uint16(start), uint16(nameEnd), uint16(next)
	l.value, l.valueEnd = uint16(value), uint16(stop)
	l.name, l.next = name, 0
	m.count++
	if name != HeaderOther {
		if m.first[name] == 0 {
			m.first[name] = uint8(m.count)
		} else {
			m.lines[m.last[name]-1].next = uint8(m.count)
		}
		m.last[name] = uint8(m.count)
	}
	return nil
}

// controlsQuoted reports whether all controls in a value, folds apart, are quoted-pairs inside quoted strings (RFC
// 3261 25.1): the only place where the grammar has them.
func controlsQuoted(b []byte) bool {
	quoted := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case (c < ' ' || c == 0x7f) && !isLWS(c):
			return false
		}
	}
	return true
}

// findBody cuts the body out by Content-Length, or takes the rest (RFC 3261 18.3).
func (m *Message) findBody(at int) {
	rest := m.raw[at:]
	v, ok := m.Header(HeaderContentLength)
	if !ok {
		m.body = rest
		return
	}
	n, good := number(v, 1<<40)
	switch {
	case m.Count(HeaderContentLength) > 1:
		m.fail(errLengthTwice)
	case !good:
		m.fail(errLength)
	case n > uint64(len(rest)):
		m.fail(errShort) // RFC 3261 18.3: "this is considered an error"
	default:
		m.body = rest[:n]
		m.raw = m.raw[:at+int(n)] // "they MUST be discarded"
	}
}

// Answerable reports whether a response can be built and find its way, also after an error: it is a request
// other than ACK (RFC 3261 17.1.1.3 has no response to one) with a top Via that names a host. What is missing or
// unreadable of From, To, Call-ID and CSeq is missing in the response too.
func (m *Message) Answerable() bool {
	if !m.request || m.kind == MethodAck {
		return false
	}
	return len(m.top.Host) > 0
}
