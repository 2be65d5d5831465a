package sip

import "bytes"

// FrameLimits are the bounds on a message in a stream, in bytes. Zero stands for MaxMessage and MaxHeaderSection,
// and so does anything above them.
type FrameLimits struct {
	Message int // start line to the end of the body
	Headers int // start line to the empty line, this included
}

// Frame finds the next message in what was read of a stream (RFC 3261 18.3, 7.5). It keeps nothing between calls: give it all bytes
// that were not consumed yet, however they were cut, and it finds the same messages.
//
//   - skip is how many bytes of CRLFs stand first (RFC 3261 7.5, RFC 5626 3.5.1); consume them. Each two CRLFs, also
//     over several calls with no message between, are a ping to answer with one CRLF (RFC 5626 4.4.1).
//   - n is the length of the message that starts at b[skip]; 0 if more bytes are needed.
//   - headerEnd is the length of its header section with the empty line, as soon as it is whole; 0 before.
//   - err is a static *StatusError: the stream cannot be followed further. Parse b[skip:skip+headerEnd] (or
//     b[skip:]), answer if Answerable, and close.
//
// Content-Length is mandatory on a stream (RFC 3261 20.14), must stand once and be a number.
func Frame(b []byte, limit FrameLimits) (skip, n, headerEnd int, err error) {
	if limit.Message <= 0 || limit.Message > MaxMessage {
		limit.Message = MaxMessage
	}
	if limit.Headers <= 0 || limit.Headers > MaxHeaderSection {
		limit.Headers = MaxHeaderSection
	}
	for skip+1 < len(b) && b[skip] == '\r' && b[skip+1] == '\n' {
		skip += 2
	}
	b = b[skip:]
	if len(b) == 0 || len(b) == 1 && b[0] == '\r' {
		return skip, 0, 0, nil
	}
	if !isToken(b[0]) { // another protocol's client need not be waited for
		return skip, 0, 0, errStartLine
	}
	end := bytes.Index(b[:min(len(b), limit.Headers)], []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) >= limit.Headers {
			return skip, 0, 0, errBigHeaders
		}
		return skip, 0, 0, nil
	}
	headerEnd = end + 4
	length, err := contentLength(b[:headerEnd])
	if err != nil {
		return skip, 0, headerEnd, err
	}
	if length > uint64(max(0, limit.Message-headerEnd)) {
		return skip, 0, headerEnd, errBigBody
	}
	if len(b) < headerEnd+int(length) {
		return skip, 0, headerEnd, nil
	}
	return skip, headerEnd + int(length), headerEnd, nil
}

// contentLength reads the one Content-Length of a header section by the same rules for lines as Parse. A line that
// Parse would refuse for a bare CR or LF or a control makes the framing a guess, so it is refused here.
func contentLength(b []byte) (uint64, error) {
	var length uint64
	found := false
	i := 0
	for i < len(b) {
		s := scanLine(b, i)
		if s.end < 0 || s.end == i {
			break
		}
		start, next := i, s.end+2
		for next < len(b) && (b[next] == ' ' || b[next] == '\t') {
			if start == 0 { // no start line folds: another element may read a header there, such as this one
				return 0, errStartLine
			}
			fold := scanLine(b, next)
			if fold.end < 0 { // the empty line at the end of b rules this out
				return 0, errNoEmptyLine
			}
			s.end, next = fold.end, fold.end+2
			if s.err == nil {
				s.err = fold.err
			}
		}
		if s.err != nil {
			return 0, s.err
		}
		i = next
		if start == 0 || !isContentLength(b[start:s.end]) {
			continue
		}
		if found {
			return 0, errLengthTwice
		}
		found = true
		v := b[start:s.end]
		n, ok := number(trimLWS(v[bytes.IndexByte(v, ':')+1:]), 1<<40)
		if !ok {
			return 0, errLength
		}
		length = n
	}
	if !found {
		return 0, errNoLength
	}
	return length, nil
}

func isContentLength(b []byte) bool {
	if b[0]|0x20 != 'c' && b[0]|0x20 != 'l' {
		return false
	}
	n := bytes.IndexByte(b, ':')
	for n > 0 && (b[n-1] == ' ' || b[n-1] == '\t') {
		n--
	}
	return n > 0 && ParseHeaderName(b[:n]) == HeaderContentLength
}
