package sip

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

var testSource = netip.MustParseAddrPort("198.51.100.7:40001")

// mustParse parses a message that must be good.
func mustParse(t testing.TB, b []byte) *Message {
	t.Helper()
	m := new(Message)
	if err := m.Parse(b); err != nil {
		t.Fatalf("%v:\n%s", err, b)
	}
	return m
}

// checkRespond answers an answerable request and holds the response against RFC 3261 8.2.6.2: it parses, and it has the
// same Vias in the same order, From, To, Call-ID and CSeq. A response to a valid request is valid.
func checkRespond(t testing.TB, m *Message) {
	t.Helper()
	if !m.Answerable() {
		return
	}
	valid := m.Validate() == nil
	var w Response
	req := *m
	req.Source = testSource
	w.Begin(nil, &req, 400, "", []byte("srv1"))
	out := w.End()
	if out == nil {
		t.Fatalf("no response: %v", w.Err())
	}
	var r Message
	if err := r.Parse(out); err != nil {
		t.Fatalf("response does not parse: %v\n%q\nto\n%q", err, out, m.Bytes())
	}
	if err := r.Validate(); valid && err != nil && roomForParams(m) {
		t.Fatalf("response is not valid: %v\n%q", err, out)
	}
	if r.IsRequest() || r.StatusCode() != 400 {
		t.Fatalf("status %d", r.StatusCode())
	}
	for _, n := range []HeaderName{HeaderFrom, HeaderCallID, HeaderCSeq} {
		want, _ := m.Header(n)
		if got, _ := r.Header(n); !bytes.Equal(got, want) {
			t.Fatalf("%s: got %q, want %q", n, got, want)
		}
	}
	if r.Count(HeaderVia) != m.Count(HeaderVia) {
		t.Fatalf("%d Via lines of %d", r.Count(HeaderVia), m.Count(HeaderVia))
	}
	a, b := m.Values(HeaderVia), r.Values(HeaderVia)
	for i := 0; a.Next(); i++ {
		if !b.Next() {
			t.Fatalf("Via %d is missing in\n%s", i, out)
		}
		if i > 0 && !bytes.Equal(a.Value(), b.Value()) {
			t.Fatalf("Via %d: got %q, want %q", i, b.Value(), a.Value())
		}
	}
	if !valid || !roomForParams(m) {
		return
	}
	to, _ := m.To()
	if got, err := r.To(); err != nil || to.Tag == nil && string(got.Tag) != "srv1" ||
		to.Tag != nil && !bytes.Equal(got.Tag, to.Tag) || !bytes.Equal(got.URI, to.URI) {
		t.Fatalf("To: %q, %v", got.Tag, err)
	}
	was, _ := m.TopVia()
	via, err := r.TopVia()
	if err != nil || !bytes.Equal(via.Branch, was.Branch) || !bytes.Equal(via.Host, was.Host) || via.Port != was.Port {
		t.Fatalf("top Via %+v of %+v: %v", via, was, err)
	}
	if was.HasRPort && (via.RPort != testSource.Port() || string(via.Received) != testSource.Addr().String()) {
		t.Fatalf("rport %d received %q", via.RPort, via.Received)
	}
}

func addrPort(s string) netip.AddrPort {
	if s == "" {
		return netip.AddrPort{}
	}
	return netip.MustParseAddrPort(s)
}

func same(t testing.TB, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// list joins the values of a header with "|".
func list(t testing.TB, m *Message, n HeaderName) string {
	t.Helper()
	var out []byte
	it := m.Values(n)
	for it.Next() {
		if out != nil {
			out = append(out, '|')
		}
		out = append(out, it.Value()...)
	}
	if it.Err() != nil {
		t.Error(it.Err())
	}
	return string(out)
}

func equalStrings(t testing.TB, a, b string) bool {
	t.Helper()
	x, err := ParseURI([]byte(a))
	if err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	y, err := ParseURI([]byte(b))
	if err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	if EqualURI(&x, &y) != EqualURI(&y, &x) {
		t.Errorf("not symmetric: %s %s", a, b)
	}
	return EqualURI(&x, &y)
}

// frameAll feeds b to Frame cut at the given offsets, as a connection's reader would, and returns the messages.
func frameAll(b []byte, cuts []int) (frames [][]byte, err error) {
	var buf []byte
	from := 0
	for _, cut := range append(slices.Clip(cuts), len(b)) {
		cut = min(max(cut, from), len(b))
		buf = append(buf, b[from:cut]...)
		from = cut
		for {
			skip, n, _, err := Frame(buf, FrameLimits{})
			buf = buf[skip:]
			if err != nil {
				return frames, err
			}
			if n == 0 {
				break
			}
			frames = append(frames, bytes.Clone(buf[:n]))
			buf = buf[n:]
		}
	}
	return frames, nil
}

// roomForParams reports whether our received, rport and tag leave Via and To within MaxParams.
func roomForParams(m *Message) bool {
	via, _ := m.TopVia()
	to, _ := m.To()
	n := max(strings.Count(string(via.Params), ";"), strings.Count(string(to.Params), ";"))
	return n <= MaxParams-2
}
