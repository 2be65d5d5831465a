package sip

import (
	"errors"
	"strings"
	"testing"
)

// invite is a typical request: what the benchmarks and the allocation tests read.
const invite = "INVITE sip:bob@biloxi.example.com SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP pc33.atlanta.example.com:5060;branch=z9hG4bK776asdhds;rport\r\n" +
	"Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK87asdks7\r\n" +
	"Max-Forwards: 70\r\n" +
	"Route: <sip:edge.example.com;lr>\r\n" +
	"To: Bob <sip:bob@biloxi.example.com>\r\n" +
	"From: Alice <sip:alice@atlanta.example.com>;tag=1928301774\r\n" +
	"Call-ID: a84b4c76e66710@pc33.atlanta.example.com\r\n" +
	"CSeq: 314159 INVITE\r\n" +
	"Contact: <sip:alice@pc33.atlanta.example.com;transport=udp>;expires=60\r\n" +
	"Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY\r\n" +
	"Supported: replaces, timer\r\n" +
	"User-Agent: Example Softphone 1.2\r\n" +
	"Expires: 120\r\n" +
	"Content-Type: application/sdp\r\n" +
	"Content-Length: 4\r\n\r\nv=0\n"

func TestParseInvite(t *testing.T) {
	t.Parallel()
	m := mustParse(t, []byte("\r\n\r\n"+invite+"trailing"))
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	same(t, string(m.Bytes()), invite)
	same(t, string(m.Body()), "v=0\n")
	same(t, string(m.RequestURI()), "sip:bob@biloxi.example.com")
	same(t, string(m.CallID()), "a84b4c76e66710@pc33.atlanta.example.com")
	if !m.IsRequest() || m.Method() != MethodInvite || m.StatusCode() != 0 || m.NumHeaders() != 15 || m.Count(HeaderVia) != 2 {
		t.Error(m.IsRequest(), m.Method(), m.StatusCode(), m.NumHeaders(), m.Count(HeaderVia))
	}
	if h := m.HeaderAt(11); h.Name != HeaderUserAgent || string(h.Raw) != "User-Agent" || string(h.Value) != "Example Softphone 1.2" {
		t.Errorf("%v %q %q", h.Name, h.Raw, h.Value)
	}
	if secs, ok, err := m.Expires(); secs != 120 || !ok || err != nil {
		t.Error(secs, ok, err)
	}
	// a Message is used again: nothing of the last one stays
	if err := m.Parse([]byte("SIP/2.0 200 OK\r\nv: SIP/2.0/UDP h\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if m.IsRequest() || m.StatusCode() != 200 || string(m.Reason()) != "OK" || m.NumHeaders() != 1 || m.RequestURI() != nil || m.MethodBytes() != nil ||
		m.Method() != MethodUnknown || m.CallID() != nil || m.Count(HeaderVia) != 1 || len(m.Body()) != 0 || m.Answerable() {
		t.Errorf("%+v", m.NumHeaders())
	}
}

const (
	basicVia  = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n"
	basicRest = "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n"
	basic     = basicVia + basicRest
	options   = "OPTIONS sip:h SIP/2.0\r\n"
)

// TestVerdicts is the list of the package comment: one treatment for each irregular form.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"good", options + basic + "\r\n", ""},
		{"no tag, no Max-Forwards", options + strings.Replace(basic, ";tag=1", "", 1) + "\r\n", ""},
		{"empty", "", "400 No Empty Line After Headers"},
		{"keepalive", "\r\n\r\n", "400 No Empty Line After Headers"},
		{"one line", "OPTIONS", "400 No Empty Line After Headers"},
		{"cut in a header", options + basic, "400 No Empty Line After Headers"},
		{"cut in the CRLF", options + basic + "\r", "400 No Empty Line After Headers"},
		{"LF for CRLF", strings.ReplaceAll(options+basic+"\r\n", "\r\n", "\n"), "400 No Empty Line After Headers"},
		{"bare LF in a value", options + basic + "Subject: a\nRoute: <sip:evil;lr>\r\n\r\n", "400 Bare CR or LF"},
		{"bare LF at a line's end", options + basic + "Subject: a\n\r\n", "400 Bare CR or LF"},
		{"bare CR in a value", options + basic + "Subject: a\rb\r\n\r\n", "400 Bare CR or LF"},
		{"two CRs", options + basic + "Subject: a\r\r\n\r\n", "400 Bare CR or LF"},
		{"bare LF in the start line", "OPTIONS sip:h\nX: y SIP/2.0\r\n" + basic + "\r\n", "400 Bare CR or LF"},
		{"NUL in a value", options + basic + "Subject: a\x00b\r\n\r\n", "400 Control Character in Header"},
		{"NUL in a name", options + basic + "Sub\x00ject: b\r\n\r\n", "400 Control Character in Header"},
		{"NUL in a fold", options + basic + "Subject: a\r\n \x00\r\n\r\n", "400 Control Character in Header"},
		{"DEL", options + basic + "Subject: \x7f\r\n\r\n", "400 Control Character in Header"},
		{"VT", options + basic + "Subject: \x0b\r\n\r\n", "400 Control Character in Header"},
		{"escaped NUL in quotes", options + basic + "Subject: \"\\\x00\"\r\n\r\n", ""},
		{"escaped NUL outside", options + basic + "Subject: \\\x00\r\n\r\n", "400 Control Character in Header"},
		{"escaped NUL behind quotes", options + basic + "Subject: \"\\\\\" \\\x00\r\n\r\n", "400 Control Character in Header"},
		{"escaped LF in quotes", options + basic + "Subject: \"\\\n\"\r\n\r\n", "400 Bare CR or LF"},
		{"HTAB in a value", options + basic + "Subject:\ta\tb\t\r\n\r\n", ""},
		{"space before the colon", options + basic + "Subject \t : x\r\n\r\n", ""},
		{"no colon", options + basic + "Subject\r\n\r\n", "400 Malformed Header Line"},
		{"no name", options + basic + ": x\r\n\r\n", "400 Malformed Header Line"},
		{"space in a name", options + basic + "Sub ject: x\r\n\r\n", "400 Malformed Header Line"},
		{"fold in a name", options + basic + "Sub\r\n ject: x\r\n\r\n", "400 Malformed Header Line"},
		{"fold before all headers", options + " x: y\r\n" + basic + "\r\n", "400 Malformed Header Line"},
		{"UTF-8 in a name", options + basic + "S\xc3\xbcbject: x\r\n\r\n", "400 Malformed Header Line"},
		{"version 7", "OPTIONS sip:h SIP/7.0\r\n" + basic + "\r\n", "505 Version Not Supported"},
		{"version 2.10", "OPTIONS sip:h SIP/2.10\r\n" + basic + "\r\n", "505 Version Not Supported"},
		{"HTTP", "OPTIONS sip:h HTTP/1.1\r\n" + basic + "\r\n", "400 Malformed Start Line"},
		{"no version", "OPTIONS sip:h\r\n" + basic + "\r\n", "400 Malformed Start Line"},
		{"tab in the start line", "OPTIONS\tsip:h\tSIP/2.0\r\n" + basic + "\r\n", "400 Malformed Start Line"},
		{"method no token", "OPT(IONS sip:h SIP/2.0\r\n" + basic + "\r\n", "400 Malformed Start Line"},
		{"status 99", "SIP/2.0 099 x\r\n" + basic + "\r\n", "400 Malformed Start Line"},
		{"status 700", "SIP/2.0 700 x\r\n" + basic + "\r\n", "400 Malformed Start Line"},
		{"status of four", "SIP/2.0 2000 x\r\n" + basic + "\r\n", "400 Malformed Start Line"},
		{"status alone", "SIP/2.0 200\r\n" + basic + "\r\n", ""},
		{"response of version 3", "SIP/3.0 200 OK\r\n" + basic + "\r\n", "400 Malformed Start Line"},
		{"no Via", options + basicRest + "\r\n", "400 Missing Via"},
		{"empty Via", options + "Via:\r\n" + basicRest + "\r\n", "400 Malformed Via"},
		{"empty Via before another", options + "v:\r\n" + basic + "\r\n", "400 Malformed Via"},
		{"empty Contact", options + basic + "m:\r\n\r\n", "400 Malformed Contact"},
		{"Via of version 3", options + "Via: SIP/3.0/UDP h\r\n" + basicRest + "\r\n", "400 Malformed Via"},
		{"second Via bad", options + basic + "v: SIP/2.0/UDP h, x\r\n\r\n", "400 Malformed Via"},
		{"Via list with a hole", options + "Via: SIP/2.0/UDP h,,SIP/2.0/UDP g\r\n" + basicRest + "\r\n", "400 Malformed Via"},
		{"no From", options + without("From"), "400 Missing From"},
		{"no To", options + without("To"), "400 Missing To"},
		{"no Call-ID", options + without("Call-ID"), "400 Missing Call-ID"},
		{"no CSeq", options + without("CSeq"), "400 Missing CSeq"},
		{"empty Call-ID", options + without("Call-ID: c") + "", "400 Missing Call-ID"},
		{"space in Call-ID", options + with("Call-ID: c", "Call-ID: c d"), "400 Malformed Call-ID"},
		{"Call-ID without value", options + with("Call-ID: c", "Call-ID:"), "400 Malformed Call-ID"},
		{"two From", options + basic + "f: <sip:a@h>;tag=1\r\n\r\n", "400 More Than One From"},
		{"two To", options + basic + "t: <sip:b@h>\r\n\r\n", "400 More Than One To"},
		{"two Call-ID", options + basic + "i: c\r\n\r\n", "400 More Than One Call-ID"},
		{"two CSeq", options + basic + "CSEQ: 1 OPTIONS\r\n\r\n", "400 More Than One CSeq"},
		{"two Content-Type", options + basic + "c: a/b\r\nContent-Type: a/b\r\n\r\n", "400 More Than One Content-Type"},
		{"two Expires", options + basic + "Expires: 1\r\nExpires: 0\r\n\r\n", "400 More Than One Expires"},
		{"two User-Agent", options + basic + "User-Agent: a\r\nUser-Agent: b\r\n\r\n", ""},
		{"two Content-Length alike", options + basic + "l: 0\r\nContent-Length: 0\r\n\r\n", "400 More Than One Content-Length"},
		{"Content-Length list", options + basic + "l: 0, 0\r\n\r\n", "400 Malformed Content-Length"},
		{"Content-Length empty", options + basic + "l:\r\n\r\n", "400 Malformed Content-Length"},
		{"Content-Length signed", options + basic + "l: +0\r\n\r\n", "400 Malformed Content-Length"},
		{"Content-Length 2^64", options + basic + "l: 18446744073709551616\r\n\r\n", "400 Malformed Content-Length"},
		{"Content-Length beyond", options + basic + "l: 1\r\n\r\n", "400 Content-Length Beyond the Message"},
		{"Content-Length zeros", options + basic + "l: 0001\r\n\r\nx", ""},
		{"CSeq method", options + with("1 OPTIONS", "1 INVITE"), "400 CSeq Method Is Not the Request's"},
		{"CSeq method case", options + with("1 OPTIONS", "1 options"), "400 CSeq Method Is Not the Request's"},
		{"CSeq 2^31-1", options + with("1 OPTIONS", "2147483647 OPTIONS"), ""},
		{"CSeq 2^31", options + with("1 OPTIONS", "2147483648 OPTIONS"), "400 Malformed CSeq"},
		{"CSeq negative", options + with("1 OPTIONS", "-1 OPTIONS"), "400 Malformed CSeq"},
		{"CSeq alone", options + with("1 OPTIONS", "1"), "400 Malformed CSeq"},
		{"CSeq glued", options + with("1 OPTIONS", "1OPTIONS"), "400 Malformed CSeq"},
		{"Max-Forwards 255", options + basic + "Max-Forwards: 255\r\n\r\n", ""},
		{"Max-Forwards 256", options + basic + "Max-Forwards: 256\r\n\r\n", "400 Malformed Max-Forwards"},
		{"Max-Forwards text", options + basic + "Max-Forwards: 7O\r\n\r\n", "400 Malformed Max-Forwards"},
		{"Expires malformed", options + basic + "Expires: soon\r\n\r\n", ""},
		{"headers in the Request-URI", "OPTIONS sip:h?a=b SIP/2.0\r\n" + basic + "\r\n", "400 Headers in the Request-URI"},
		{"empty headers in the Request-URI", "OPTIONS sip:h? SIP/2.0\r\n" + basic + "\r\n", "400 Headers in the Request-URI"},
		{"star with another", options + basic + "Contact: *, <sip:a@h>\r\n\r\n", "400 Malformed Contact"},
		{"two stars", options + basic + "Contact: *\r\nm: *\r\n\r\n", "400 Malformed Contact"},
		{"Contact twice expires", options + basic + "Contact: <sip:a@h>;expires=1;Expires=0\r\n\r\n", "400 Malformed Contact"},
		{"Route without <>", options + basic + "Route: sip:h;lr\r\n\r\n", "400 Malformed Route"},
		{"Record-Route bad", options + basic + "Record-Route: <sip:h;lr\r\n\r\n", "400 Malformed Record-Route"},
		{"From tag twice", options + with(";tag=1", ";tag=1;tag=2"), "400 Malformed From"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m Message
			got := verdict(&m, []byte(c.in))
			same(t, got, c.want)
			var status *StatusError
			if err := m.Validate(); err != nil && (!errors.As(err, &status) || errors.Unwrap(status) != nil) {
				t.Errorf("%T", err)
			}
			checkRespond(t, &m)
		})
	}
}

func with(old, other string) string { return strings.Replace(basic, old, other, 1) + "\r\n" }

func without(name string) string {
	var out strings.Builder
	for line := range strings.Lines(basic) {
		if !strings.HasPrefix(line, name) {
			out.WriteString(line)
		}
	}
	return out.String() + "\r\n"
}

// A line that was refused is not indexed, so no response can carry it on.
func TestRefusedLinesAreNotCopied(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"a\nRoute: <sip:evil>", "a\rb", "a\x00"} {
		for _, name := range []string{"Via: SIP/2.0/UDP h;x=", "From: ", "To: ", "Call-ID: ", "CSeq: ", "Timestamp: "} {
			var m Message
			if err := m.Parse([]byte(options + name + bad + "\r\n" + basic + "\r\n")); err == nil {
				t.Fatal("taken")
			}
			var w Response
			w.Begin(nil, &m, 100, "", nil)
			if out := string(w.End()); strings.Contains(out, "evil") || strings.ContainsRune(out, 0) || strings.Contains(out, "a\rb") {
				t.Errorf("%q", out)
			}
		}
	}
}

func TestStatusError(t *testing.T) {
	t.Parallel()
	inner := errors.New("disk full")
	err := error(&StatusError{Code: 503, Err: inner})
	same(t, err.Error(), "503 Service Unavailable: disk full")
	if !errors.Is(err, inner) {
		t.Error("no Unwrap")
	}
}
