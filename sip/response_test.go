package sip

import (
	"errors"
	"strings"
	"testing"
)

func TestResponse302(t *testing.T) {
	t.Parallel()
	m := mustParse(t, []byte(invite))
	m.Source = addrPort("198.51.100.7:40001")
	var w Response
	w.Begin([]byte("kept|"), m, 302, "", []byte("srv"))
	w.Open("Contact")
	w.PutString("<")
	w.Put([]byte("sip:bob@192.0.2.4"))
	w.PutString(">;q=0.")
	w.PutInt(7)
	w.PutString(", ")
	w.PutQuoted([]byte("a\"b\\\r\nX: y"))
	w.PutString(" <sip:c@h>")
	w.Close()
	w.AddInt("Expires", 60)
	w.Body("text/plain", []byte("gone"))
	want := "kept|SIP/2.0 302 Moved Temporarily\r\n" +
		"Via: SIP/2.0/UDP pc33.atlanta.example.com:5060;branch=z9hG4bK776asdhds;received=198.51.100.7;rport=40001\r\n" +
		"Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK87asdks7\r\n" +
		"From: Alice <sip:alice@atlanta.example.com>;tag=1928301774\r\n" +
		"To: Bob <sip:bob@biloxi.example.com>;tag=srv\r\n" +
		"Call-ID: a84b4c76e66710@pc33.atlanta.example.com\r\n" +
		"CSeq: 314159 INVITE\r\n" +
		"Contact: <sip:bob@192.0.2.4>;q=0.7, \"a\\\"b\\\\  X: y\" <sip:c@h>\r\n" +
		"Expires: 60\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\ngone"
	same(t, string(w.End()), want)
	if w.Err() != nil {
		t.Error(w.Err())
	}
}

// TestStamp is RFC 3261 18.2.1 with RFC 3581 4.
func TestStamp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ via, source, want string }{
		{"SIP/2.0/UDP 192.0.2.1:5060;branch=b", "192.0.2.1:9", "SIP/2.0/UDP 192.0.2.1:5060;branch=b"},
		{"SIP/2.0/UDP 192.0.2.1:5060;branch=b", "192.0.2.2:9", "SIP/2.0/UDP 192.0.2.1:5060;branch=b;received=192.0.2.2"},
		{"SIP/2.0/UDP h", "192.0.2.2:9", "SIP/2.0/UDP h;received=192.0.2.2"},
		{"SIP/2.0/UDP 192.0.2.1;rport;branch=b", "192.0.2.1:9", "SIP/2.0/UDP 192.0.2.1;branch=b;received=192.0.2.1;rport=9"}, // also if alike: RFC 3581 4
		{"SIP/2.0/UDP 192.0.2.1 ; rport = 7 ; branch = b", "192.0.2.2:9", "SIP/2.0/UDP 192.0.2.1  ; branch = b;received=192.0.2.2;rport=9"},
		{"SIP/2.0/UDP h;received=10.0.0.1;RECEIVED-x=1", "192.0.2.2:9", "SIP/2.0/UDP h;RECEIVED-x=1;received=192.0.2.2"},
		{"SIP/2.0/UDP 192.0.2.1;received=10.0.0.1", "192.0.2.1:9", "SIP/2.0/UDP 192.0.2.1;received=10.0.0.1"},
		{"SIP/2.0/UDP [2001:DB8::1];branch=b", "[2001:db8::1]:9", "SIP/2.0/UDP [2001:DB8::1];branch=b"},
		{"SIP/2.0/UDP [2001:db8::1];rport", "[2001:db8::2]:9", "SIP/2.0/UDP [2001:db8::1];received=2001:db8::2;rport=9"},
		{"SIP/2.0/UDP [fe80::1]", "[fe80::1%eth0]:9", "SIP/2.0/UDP [fe80::1]"},
		{"SIP/2.0/UDP 192.0.2.1", "[::ffff:192.0.2.1]:9", "SIP/2.0/UDP 192.0.2.1"},
		{"SIP/2.0/UDP [::ffff:192.0.2.1]", "192.0.2.1:9", "SIP/2.0/UDP [::ffff:192.0.2.1]"},
		{"SIP/2.0/UDP h, SIP/2.0/UDP g;rport", "192.0.2.2:9", "SIP/2.0/UDP h;received=192.0.2.2, SIP/2.0/UDP g;rport"},
		{"SIP/2.0/UDP h;rport", "", "SIP/2.0/UDP h;rport"},
		{"SIP/2.0/UDP h:99999;rport", "192.0.2.2:9", "SIP/2.0/UDP h:99999;rport"}, // malformed: as it is, in the 400
	} {
		var m Message
		_ = m.Parse([]byte(options + "Via: " + c.via + "\r\n" + basicRest + "\r\n"))
		same(t, respond(&m, c.source), c.want)
	}
}

func TestResponseTag(t *testing.T) {
	t.Parallel()
	to := func(value string, code int, tag string) string {
		var m Message
		_ = m.Parse([]byte(options + with("<sip:b@h>", value)))
		var w Response
		w.Begin(nil, &m, code, "", []byte(tag))
		var r Message
		_ = r.Parse(w.End())
		v, _ := r.Header(HeaderTo)
		return string(v)
	}
	same(t, to("<sip:b@h>", 404, "x"), "<sip:b@h>;tag=x")
	same(t, to("sip:b@h", 404, "x"), "sip:b@h;tag=x")
	same(t, to("<sip:b@h;tag=no>", 404, "x"), "<sip:b@h;tag=no>;tag=x")
	same(t, to("<sip:b@h> ; TAG = q", 404, "x"), "<sip:b@h> ; TAG = q")
	same(t, to("<sip:b@h>", 100, "x"), "<sip:b@h>") // RFC 3261 8.2.6.2
	same(t, to("<sip:b@h>", 404, ""), "<sip:b@h>")
	same(t, to("\"b <sip:b@h>", 400, "x"), "\"b <sip:b@h>")
	same(t, to("<sip:b@h>", 404, "a;b"), "") // no token: no response
}

func TestResponseTimestamp(t *testing.T) {
	t.Parallel()
	m := mustParse(t, []byte(options+basic+"Timestamp: 54.2\r\n\r\n"))
	for code, want := range map[int]bool{100: true, 200: false} { // RFC 3261 8.2.6.1
		var w Response
		w.Begin(nil, m, code, "", nil)
		if got := strings.Contains(string(w.End()), "Timestamp: 54.2\r\n"); got != want {
			t.Errorf("%d: %v", code, got)
		}
	}
}

// TestNothingMakesAHeader: no value that we are given can end its line, whichever way it comes in.
func TestNothingMakesAHeader(t *testing.T) {
	t.Parallel()
	m := mustParse(t, []byte(options+basic+"\r\n"))
	for _, evil := range []string{"a\r\nX: y", "a\nb", "a\rb", "a\x00", "\x7f", "\x1b[2J", "a\x0b"} {
		for name, put := range map[string]func(w *Response){
			"Add":          func(w *Response) { w.Add("A", []byte(evil)) },
			"AddString":    func(w *Response) { w.AddString("A", evil) },
			"name":         func(w *Response) { w.AddString(evil, "a") },
			"Put":          func(w *Response) { w.Open("A"); w.Put([]byte(evil)); w.Close() },
			"PutString":    func(w *Response) { w.Open("A"); w.PutString(evil); w.Close() },
			"Content-Type": func(w *Response) { w.Body(evil, []byte("x")) },
		} {
			var w Response
			w.Begin(nil, m, 200, "", nil)
			put(&w)
			if out := w.End(); out != nil || w.Err() == nil {
				t.Errorf("%s %q: %q", name, evil, out)
			}
		}
		var w Response
		if w.Begin(nil, m, 200, evil, nil); w.End() != nil {
			t.Errorf("reason %q", evil)
		}
		if w.Begin(nil, m, 200, "", []byte(evil)); w.End() != nil {
			t.Errorf("tag %q", evil)
		}
		var e Edit
		if e.Prepend("A", []byte(evil)) == nil || e.Add(evil, nil) == nil || e.ReplaceValue(HeaderVia, 0, []byte(evil)) == nil || e.ReplaceRequestURI([]byte("sip:"+evil)) == nil {
			t.Errorf("Edit takes %q", evil)
		}
		if out, err := e.Append(nil, m); err == nil || out != nil {
			t.Errorf("%q", out)
		}
		if q := AppendQuoted(nil, []byte(evil)); CheckValue(q) != nil || quotedEnd(q, 0) != len(q) {
			t.Errorf("%q", q)
		}
	}
	if CheckValue([]byte("tab\tand \xc3\xa9")) != nil {
		t.Error("refuses what may stand")
	}
}

func TestResponseOrder(t *testing.T) {
	t.Parallel()
	m := mustParse(t, []byte(options+basic+"\r\n"))
	for name, build := range map[string]func(w *Response){
		"no Begin":     func(w *Response) { *w = Response{}; w.AddString("A", "b") },
		"Put alone":    func(w *Response) { w.PutString("x") },
		"PutInt alone": func(w *Response) { w.PutInt(1) },
		"Quoted alone": func(w *Response) { w.PutQuoted(nil) },
		"Close alone":  func(w *Response) { w.Close() },
		"Open twice":   func(w *Response) { w.Open("A"); w.Open("B"); w.Close() },
		"left open":    func(w *Response) { w.Open("A") },
		"End twice":    func(w *Response) { w.End() },
	} {
		var w Response
		w.Begin(nil, m, 200, "", nil)
		build(&w)
		if w.End() != nil || !errors.Is(w.Err(), ErrState) {
			t.Errorf("%s: %v", name, w.Err())
		}
	}
	for _, code := range []int{0, 99, 700} {
		var w Response
		w.Begin(nil, m, code, "x", nil)
		if w.End() != nil {
			t.Errorf("code %d", code)
		}
	}
}
