package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
)

// Bounds that keep numbers inside their fixed-width fields.
const (
	maxUsers   = 1_000_000
	maxSockets = 100
	maxWindow  = 10_000

	userDigits = 6
	slotDigits = 4
	seqDigits  = 10
)

// mode is the kind of load.
type mode uint8

const (
	register mode = iota
	redirect
	probe
)

var modes = map[string]mode{"register": register, "redirect": redirect, "options": probe}

// String returns the flag's word.
func (m mode) String() string { return [...]string{"register", "redirect", "options"}[m] }

func (m mode) method() string { return [...]string{"REGISTER", "INVITE", "OPTIONS"}[m] }

const sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
	"m=audio 40000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"

// Placeholders of a template, as wide as what replaces them.
var (
	userMark = []byte("UUUUUU")
	tagMark  = []byte("TTTT.TTTTTTTTTT") // slot, dot, sequence number
)

// template is a message whose changing parts are digits of fixed width: a new request is made by
// writing digits into the old one.
type template struct {
	bytes []byte
	users []int // where user numbers stand
	tags  []int // where slot and sequence number stand
}

func newTemplate(text []byte) *template {
	return &template{bytes: text, users: find(text, userMark), tags: find(text, tagMark)}
}

func find(text, mark []byte) []int {
	var at []int
	for from := 0; ; {
		i := bytes.Index(text[from:], mark)
		if i < 0 {
			return at
		}
		at = append(at, from+i)
		from += i + len(mark)
	}
}

// fill writes slot, sequence number and user into b, a copy of the template's bytes.
func (t *template) fill(b []byte, slot int, seq uint64, user int) {
	for _, at := range t.users {
		digits(b[at:at+userDigits], uint64(user))
	}
	for _, at := range t.tags {
		digits(b[at:at+slotDigits], uint64(slot))
		digits(b[at+slotDigits+1:at+slotDigits+1+seqDigits], seq)
	}
}

// digits writes n into the whole of b, with leading zeros.
func digits(b []byte, n uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
}

// number reads the digits at the start of b, of exactly that many; ok is false for anything else.
func number(b []byte, width int) (n uint64, ok bool) {
	if len(b) < width {
		return 0, false
	}
	for _, c := range b[:width] {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

// request returns the template of what the mode sends.
func request(o *options, local netip.AddrPort, run string) *template {
	method := o.mode.method()
	aor := "sip:u" + string(userMark) + "@" + o.domain
	uri, contact, extra, body := aor, local, "", ""
	to := aor
	switch o.mode {
	case register:
		uri, contact, extra = "sip:"+o.domain, o.contact, "Expires: 3600\r\n"
	case redirect:
		extra, body = "Content-Type: application/sdp\r\n", sdp
	case probe: // of the server, not of a user
		uri, to = "sip:"+o.domain, "sip:"+o.domain
	}
	return newTemplate(fmt.Appendf(nil, "%s"+
		"Contact: <sip:u%s@%s>\r\nUser-Agent: sipload\r\n%sContent-Length: %d\r\n\r\n%s",
		head(method, uri, aor, local, run, "To: <"+to+">\r\n"), userMark, contact, extra, len(body), body))
}

// ack returns the ACK for a final response to INVITE, without its To, which is the response's
// (RFC 3261 17.1.1.3).
func ack(o *options, local netip.AddrPort, run string) *template {
	aor := "sip:u" + string(userMark) + "@" + o.domain
	return newTemplate([]byte(head("ACK", aor, aor, local, run, "") + "Content-Length: 0\r\n"))
}

func head(method, uri, aor string, local netip.AddrPort, run, to string) string {
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK-%s\r\nMax-Forwards: 70\r\n"+
		"From: <%s>;tag=f%s\r\n%sCall-ID: %s-%s@sipload\r\nCSeq: 1 %s\r\n",
		method, uri, local, tagMark, aor, tagMark, to, tagMark, run, method)
}

var (
	branchMark = []byte("z9hG4bK-")
	toMark     = []byte("\r\nTo:")
	lineEnd    = []byte("\r\n")
)

// parseResponse returns what a final response says: its status code and which request it answers.
func parseResponse(b []byte) (code, slot int, seq uint64, ok bool) {
	if len(b) < 12 || !bytes.HasPrefix(b, []byte("SIP/2.0 ")) {
		return 0, 0, 0, false
	}
	status, ok := number(b[8:], 3)
	if !ok || status < 200 || status > 699 {
		return 0, 0, 0, false
	}
	_, tag, found := bytes.Cut(b, branchMark) // the top Via is ours, and the first place it can stand
	n, ok := number(tag, slotDigits)
	if !found || !ok || len(tag) <= slotDigits || tag[slotDigits] != '.' {
		return 0, 0, 0, false
	}
	seq, ok = number(tag[slotDigits+1:], seqDigits)
	return int(status), int(n), seq, ok
}

// toLine returns the To header line of a response with its end, or nil.
func toLine(b []byte) []byte {
	i := bytes.Index(b, toMark)
	if i < 0 {
		return nil
	}
	line := b[i+len(lineEnd):]
	end := bytes.Index(line, lineEnd)
	if end < 0 {
		return nil
	}
	return line[:end+len(lineEnd)]
}

// runID tells two runs of this program apart in Call-IDs.
func runID(pid, socket int) string { return strconv.Itoa(pid) + "." + strconv.Itoa(socket) }
