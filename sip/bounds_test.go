package sip

import (
	"strings"
	"testing"
)

// TestBounds: at each bound a message is taken, one above it is refused, and can still be answered.
func TestBounds(t *testing.T) {
	t.Parallel()
	head := options + basic
	lines := strings.Count(basic, "\r\n")
	for _, c := range []struct {
		name string
		make func(extra int) string
		want string
	}{
		{"header lines", func(x int) string { return head + strings.Repeat("X-P: y\r\n", MaxHeaders-lines+x) + "\r\n" }, "513 Too Many Header Lines"},
		{"header section", func(x int) string {
			return head + "X: " + strings.Repeat("y", MaxHeaderSection-len(head)-7+x) + "\r\n\r\n"
		}, "513 Header Section Too Large"},
		{"message", func(x int) string { return head + "\r\n" + strings.Repeat("b", MaxMessage-len(head)-2+x) }, "513 Message Too Large"},
		{"Request-URI", func(x int) string {
			return "OPTIONS sip:" + strings.Repeat("u", MaxURI-6+x) + "@h SIP/2.0\r\n" + basic + "\r\n"
		}, "414 Request-URI Too Long"},
		{"Via lines", func(x int) string { return head + strings.Repeat("v: SIP/2.0/UDP h\r\n", MaxVia-1+x) + "\r\n" }, "400 Too Many Via Values"},
		{"Via values", func(x int) string {
			return head + "Via: SIP/2.0/UDP h" + strings.Repeat(",SIP/2.0/UDP h", MaxVia-2+x) + "\r\n\r\n"
		}, "400 Too Many Via Values"},
		{"Route values", func(x int) string {
			return head + "Route: <sip:h>" + strings.Repeat(",<sip:h>", MaxRoute-1+x) + "\r\n\r\n"
		}, "400 Too Many Route Values"},
		{"Via parameters", func(x int) string {
			return options + "Via: SIP/2.0/UDP h" + params(MaxParams+x) + "\r\n" + basicRest + "\r\n"
		}, "400 Malformed Via"},
		{"To parameters", func(x int) string { return options + with("<sip:b@h>", "<sip:b@h>"+params(MaxParams+x)) }, "400 Malformed To"},
		{"URI parameters", func(x int) string { return options + with("<sip:b@h>", "<sip:b@h"+params(MaxURIParams+x)+">") }, "400 Malformed To"},
		{"URI headers", func(x int) string {
			return options + with("<sip:b@h>", "<sip:b@h?a=b"+strings.Repeat("&a=b", MaxURIParams-1+x)+">")
		}, "400 Malformed To"},
		{"URI in To", func(x int) string { return options + with("<sip:b@h>", "<sip:"+strings.Repeat("u", MaxURI-6+x)+"@h>") }, "400 Malformed To"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var m Message
			same(t, verdict(&m, []byte(c.make(0))), "")
			checkRespond(t, &m)
			same(t, verdict(&m, []byte(c.make(1))), c.want)
			if !m.Answerable() {
				t.Error("cannot be answered")
			}
			checkRespond(t, &m)
		})
	}
}

func params(n int) string {
	var s strings.Builder
	for i := range n {
		s.WriteString(";p" + itoa(i))
	}
	return s.String()
}

// TestEditBounds: MaxEdits changes, each of which may remove MaxHeaders lines between them.
func TestEditBounds(t *testing.T) {
	t.Parallel()
	m := mustParse(t, []byte(options+strings.Repeat(basicVia, MaxHeaders)+"\r\n"))
	var e Edit
	for range MaxEdits {
		if err := e.RemoveHeader(HeaderVia); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.RemoveHeader(HeaderVia); err != ErrEdits {
		t.Error(err)
	}
	if _, err := e.Append(nil, m); err != ErrEdits {
		t.Error(err)
	}
	e.Reset()
	_ = e.RemoveHeader(HeaderVia)
	for range MaxEdits - 1 {
		_ = e.Add("X", []byte("y"))
	}
	out, err := e.Append(nil, m)
	if want := options + strings.Repeat("X: y\r\n", MaxEdits-1) + "\r\n"; err != nil || string(out) != want {
		t.Errorf("%v %q", err, out)
	}
}
