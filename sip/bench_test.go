package sip

import (
	"bytes"
	"strings"
	"testing"
)

// readInvite indexes and reads what a role reads of a request.
func readInvite(m *Message, raw []byte) int {
	if m.Parse(raw) != nil {
		return -1
	}
	n := len(m.CallID())
	via, err := m.TopVia()
	if err != nil {
		return -1
	}
	from, err := m.From()
	if err != nil {
		return -1
	}
	to, err := m.To()
	if err != nil {
		return -1
	}
	seq, _, err := m.CSeq()
	if err != nil {
		return -1
	}
	hops, _, err := m.MaxForwards()
	if err != nil {
		return -1
	}
	for it := m.Values(HeaderContact); it.Next(); {
		n += len(it.Value())
	}
	for it := m.Values(HeaderRoute); it.Next(); {
		n += len(it.Value())
	}
	secs, _, _ := m.Expires()
	length, _ := m.Header(HeaderContentLength)
	return n + len(via.Branch) + len(from.Tag) + len(to.URI) + int(seq) + hops + int(secs) + len(length)
}

func respond302(w *Response, dst []byte, m *Message) []byte {
	w.Begin(dst, m, 302, "", []byte("3f2a9c1b77d04e55"))
	w.Open("Contact")
	w.PutString("<")
	w.PutString("sip:bob@192.0.2.4:5062;transport=tcp")
	w.PutString(">;q=0.7")
	w.Close()
	return w.End()
}

// TestNoAllocations: to index, read, validate, answer, compare and edit takes no memory (design: the hot way).
func TestNoAllocations(t *testing.T) { // AllocsPerRun forbids t.Parallel
	raw := []byte(invite)
	fold := []byte(editMessage)
	bad := []byte(options + "X\r\n" + basic + "\r\n")
	m, w, e := new(Message), new(Response), new(Edit)
	m.Source = testSource
	dst := make([]byte, 0, 4096)
	u, _ := ParseURI([]byte("sip:%61lice@[2001:db8::1];Transport=tcp?x=y"))
	v, _ := ParseURI([]byte("sip:alice@[2001:DB8:0::1];transport=TCP?X=y"))
	for name, f := range map[string]func() bool{
		"index and read": func() bool { return readInvite(m, raw) > 0 },
		"folded":         func() bool { return m.Parse(fold) == nil && m.Validate() == nil },
		"validate":       func() bool { return m.Parse(raw) == nil && m.Validate() == nil },
		"refuse":         func() bool { return m.Parse(bad) != nil && m.Validate() != nil && m.Answerable() },
		"respond":        func() bool { return m.Parse(raw) == nil && respond302(w, dst, m) != nil },
		"frame":          func() bool { _, n, _, _ := Frame(raw, FrameLimits{}); return n > 0 },
		"compare":        func() bool { return EqualURI(&u, &v) },
		"AOR":            func() bool { return len(AppendAOR(dst, &u)) > 0 },
		"edit": func() bool {
			e.Reset()
			_ = e.Prepend("Via", raw[:10])
			_ = e.RemoveValue(HeaderRoute, 0)
			_ = e.ReplaceValue(HeaderMaxForwards, 0, raw[:1])
			_, err := e.Append(dst, m)
			return err == nil
		},
	} {
		if m.Parse(raw) != nil || !f() {
			t.Errorf("%s: failed", name)
		}
		if n := testing.AllocsPerRun(100, func() { f() }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		_ = m.Parse(raw)
	}
}

// TestLinear: twice the input takes twice the work, whatever token is repeated. Work is counted and not timed: the
// bounds make the rest constant, so it is enough that all these come to an end under them.
func TestLinear(t *testing.T) {
	t.Parallel()
	for _, token := range []string{";a", ",", "(", "\"\\", "<", ">", "\r\n ", ":", "%41", "&a=b", "[", "@", "\\\"", " ", "a"} {
		for _, head := range []string{"Via: SIP/2.0/UDP h", "Contact: ", "From: <sip:a@h", "To: \"", "Route: ", "X-P: "} {
			long := strings.Repeat(token, (MaxHeaderSection-1000)/len(token))
			var m Message
			_ = verdict(&m, []byte(options+head+long+"\r\n"+basic+"\r\n"))
			checkRespond(t, &m)
		}
		long := bytes.Repeat([]byte(token), MaxMessage/len(token))
		_, _ = ParseURI(long)
		_, _ = ParseVia(long)
		_, _ = ParseNameAddr(long)
		_, _, _, _ = Frame(long, FrameLimits{})
	}
}

func BenchmarkParseInvite(b *testing.B) {
	raw := []byte(invite)
	m := new(Message)
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if readInvite(m, raw) < 0 {
			b.Fatal("failed")
		}
	}
}

func BenchmarkIndexInvite(b *testing.B) {
	raw := []byte(invite)
	m := new(Message)
	b.ReportAllocs()
	for b.Loop() {
		if m.Parse(raw) != nil {
			b.Fatal("failed")
		}
	}
}

func BenchmarkValidateInvite(b *testing.B) {
	m := mustParse(b, []byte(invite))
	b.ReportAllocs()
	for b.Loop() {
		if m.Validate() != nil {
			b.Fatal("failed")
		}
	}
}

// BenchmarkRespond302 indexes an INVITE and answers it.
func BenchmarkRespond302(b *testing.B) {
	raw := []byte(invite)
	m, w := new(Message), new(Response)
	m.Source = testSource
	dst := make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		if m.Parse(raw) != nil || respond302(w, dst, m) == nil {
			b.Fatal("failed")
		}
	}
}

func BenchmarkForward(b *testing.B) {
	m := mustParse(b, []byte(invite))
	dst := make([]byte, 0, 2048)
	e := new(Edit)
	via, uri, hops := []byte("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKq"), []byte("sip:bob@192.0.2.4"), []byte("69")
	b.ReportAllocs()
	for b.Loop() {
		e.Reset()
		_ = e.Prepend("Via", via)
		_ = e.ReplaceRequestURI(uri)
		_ = e.ReplaceValue(HeaderMaxForwards, 0, hops)
		_ = e.RemoveValue(HeaderRoute, 0)
		if _, err := e.Append(dst, m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEqualURI(b *testing.B) {
	u, _ := ParseURI([]byte("sip:alice@192.0.2.4:5062;transport=tcp;ob"))
	v, _ := ParseURI([]byte("sip:alice@192.0.2.4:5062;transport=TCP"))
	b.ReportAllocs()
	for b.Loop() {
		if !EqualURI(&u, &v) {
			b.Fatal("failed")
		}
	}
}
