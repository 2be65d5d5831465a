package sip

import (
	"net/netip"
	"strconv"
)

// Response builds the response to a request (RFC 3261 8.2.6) into memory of the caller. It is a value to keep
// and use again; it allocates nothing as long as the memory is large enough. Calls come in the order
//
//	Begin, any of Add, AddString, AddInt, Open-Put-Close and Body, End
//
// All that is put in is checked: a CR, LF or other control makes End return nil and Err say why.
type Response struct {
	buf         []byte
	err         error
	begun       bool
	open        bool
	body        []byte
	contentType string
}

// Begin appends to dst the status line and what RFC 3261 8.2.6.2 wants copied: all Via values in their order, the
// top one stamped from req.Source, From, To, Call-ID and CSeq, and Timestamp in a 100 (8.2.6.1). An empty reason stands for
// ReasonPhrase(code). toTag, a token, is added to a To without tag, except in a 100 and if it is empty. The
// request should be Answerable; what it lacks, the response lacks.
func (w *Response) Begin(dst []byte, req *Message, code int, reason string, toTag []byte) {
	*w = Response{buf: dst, begun: true}
	if reason == "" {
		reason = ReasonPhrase(code)
	}
	if code < 100 || code > 699 {
		w.fail(ErrValue)
		return
	}
	w.fail(checkString(reason))
	w.buf = append(w.buf, "SIP/2.0 "...)
	w.buf = strconv.AppendInt(w.buf, int64(code), 10)
	w.buf = append(append(w.buf, ' '), reason...)
	w.buf = append(w.buf, "\r\n"...)
	w.vias(req)
	w.copyHeader(req, HeaderFrom, "From: ")
	w.to(req, code, toTag)
	w.copyHeader(req, HeaderCallID, "Call-ID: ")
	w.copyHeader(req, HeaderCSeq, "CSeq: ")
	if code == 100 {
		w.copyHeader(req, HeaderTimestamp, "Timestamp: ")
	}
}

// fail keeps the first error.
func (w *Response) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *Response) copyHeader(req *Message, n HeaderName, label string) {
	if v, ok := req.Header(n); ok {
		w.buf = append(append(append(w.buf, label...), v...), "\r\n"...)
	}
}

func (w *Response) to(req *Message, code int, toTag []byte) {
	v, ok := req.Header(HeaderTo)
	if !ok {
		return
	}
	w.buf = append(append(w.buf, "To: "...), v...)
	// RFC 3261 8.2.6.2: "if the To header field in the request did not contain a tag [...] the UAS MUST add a tag"
	if code != 100 && len(toTag) > 0 {
		var to NameAddr // also one whose URI is bad can have a tag
		if to.split(v) && to.Tag == nil {
			if !isTokens(toTag) {
				w.fail(ErrValue)
			}
			w.buf = append(append(w.buf, ";tag="...), toTag...)
		}
	}
	w.buf = append(w.buf, "\r\n"...)
}

// vias copies every Via line, the top value stamped.
func (w *Response) vias(req *Message) {
	top := req.Values(HeaderVia)
	stamp := top.Next() && req.topErr == nil && req.Source.IsValid() // a malformed one stays as it is, in the 400
	for i := req.first[HeaderVia]; i != 0; i = req.lines[i-1].next {
		l := &req.lines[i-1]
		w.buf = append(w.buf, "Via: "...)
		from := int(l.value)
		if stamp && i == top.index+1 {
			w.buf = appendStamped(w.buf, top.Value(), &req.top, req.Source)
			from, stamp = top.stop, false
		}
		w.buf = append(append(w.buf, req.raw[from:l.valueEnd]...), "\r\n"...)
	}
}

// appendStamped appends the top Via value as RFC 3261 18.2.1 wants it in a response: with received if sent-by is a
// name or another address than the source's, and, if rport was asked for, with received and the source's port (RFC
// 3581 4). A received or rport value that the client wrote gives way to ours.
func appendStamped(dst, value []byte, via *Via, source netip.AddrPort) []byte {
	addr := source.Addr().Unmap()
	sentBy, isAddr := parseAddr(via.Host)
	if !via.HasRPort && isAddr && sentBy.Unmap() == addr.WithZone("") {
		return append(dst, value...)
	}
	dst = append(dst, value[:len(value)-len(via.Params)]...)
	it := via.Params.Iter()
	for from := 0; it.Next(); from = it.pos {
		if n := it.Name(); !foldEqual(n, "received") && !foldEqual(n, "rport") {
			dst = append(dst, via.Params[from:it.pos]...)
		}
	}
	dst = append(dst, ";received="...)
	dst = addr.WithZone("").AppendTo(dst) // RFC 3261 25.1 and RFC 5118 4.5: without brackets
	if via.HasRPort {
		dst = append(dst, ";rport="...)
		dst = strconv.AppendUint(dst, uint64(source.Port()), 10)
	}
	return dst
}

// Add appends a header line.
func (w *Response) Add(name string, value []byte) {
	w.Open(name)
	w.Put(value)
	w.Close()
}

// AddString appends a header line.
func (w *Response) AddString(name, value string) {
	w.Open(name)
	w.PutString(value)
	w.Close()
}

// AddInt appends a header line with a decimal number.
func (w *Response) AddInt(name string, n int) {
	w.Open(name)
	w.PutInt(n)
	w.Close()
}

// Open starts a header line whose value is then put together by Put, PutString, PutInt and PutQuoted.
func (w *Response) Open(name string) {
	if !w.begun || w.open {
		w.fail(ErrState)
	}
	w.open = true
	w.fail(checkName(name))
	w.buf = append(append(w.buf, name...), ": "...)
}

// Put appends to the open header line.
func (w *Response) Put(b []byte) {
	if !w.open {
		w.fail(ErrState)
	}
	w.fail(CheckValue(b))
	w.buf = append(w.buf, b...)
}

// PutString appends to the open header line.
func (w *Response) PutString(s string) {
	if !w.open {
		w.fail(ErrState)
	}
	w.fail(checkString(s))
	w.buf = append(w.buf, s...)
}

// PutInt appends a decimal number to the open header line.
func (w *Response) PutInt(n int) {
	if !w.open {
		w.fail(ErrState)
	}
	w.buf = strconv.AppendInt(w.buf, int64(n), 10)
}

// PutQuoted appends s to the open header line as a quoted string, whatever bytes it holds.
func (w *Response) PutQuoted(s []byte) {
	if !w.open {
		w.fail(ErrState)
	}
	w.buf = AppendQuoted(w.buf, s)
}

// Close ends the open header line.
func (w *Response) Close() {
	if !w.open {
		w.fail(ErrState)
	}
	w.open = false
	w.buf = append(w.buf, "\r\n"...)
}

// Body sets the body, which End appends with its Content-Type. b is not copied before.
func (w *Response) Body(contentType string, b []byte) { w.contentType, w.body = contentType, b }

// End appends Content-Length and the body and returns all that stands in the memory given to Begin, or nil if
// Err is not nil. The result is the caller's.
func (w *Response) End() []byte {
	if len(w.body) > 0 {
		w.AddString("Content-Type", w.contentType)
	}
	w.AddInt("Content-Length", len(w.body))
	if w.err != nil {
		return nil
	}
	w.begun = false
	w.buf = append(append(w.buf, "\r\n"...), w.body...)
	return w.buf
}

// Err returns what was wrong with what was put in, nil if nothing was.
func (w *Response) Err() error { return w.err }
