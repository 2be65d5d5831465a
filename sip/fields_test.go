package sip

import (
	"strconv"
	"strings"
	"testing"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestParseVia(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{ // transport|host|port|branch|received|rport|ttl|maddr
		{"SIP/2.0/UDP erlang.bell-telephone.com:5060;branch=z9hG4bK87asdks7", "UDP|erlang.bell-telephone.com|5060|z9hG4bK87asdks7||no|0|"},
		{"SIP/2.0/UDP 192.0.2.1:5060 ;received=192.0.2.207;branch=z9hG4bK77asjd", "UDP|192.0.2.1|5060|z9hG4bK77asjd|192.0.2.207|no|0|"}, // RFC 3261 20.42
		{"SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1", "UDP|first.example.com|4000|z9hG4bKa7c6a8dlze.1||no|16|224.2.0.1"},
		{"sip/2.0/tcp h;RPORT", "tcp|h|0|||0|0|"},
		{"SIP/2.0/TCP h;rport=5070;x", "TCP|h|0|||5070|0|"},
		{"SIP/2.0/TLS-SCTP [::1] : 99 ; BRANCH = b", "TLS-SCTP|::1|99|b||no|0|"},
		{"SIP/2.0/UDP\r\n h\r\n ;branch\r\n =\r\n b", "UDP|h|0|b||no|0|"},
	} {
		v, err := ParseVia([]byte(c.in))
		if err != nil {
			t.Errorf("%q: %v", c.in, err)
			continue
		}
		rport := "no"
		if v.HasRPort {
			rport = itoa(int(v.RPort))
		}
		same(t, strings.Join([]string{string(v.Transport), string(v.Host), itoa(int(v.Port)), string(v.Branch), string(v.Received), rport, itoa(int(v.TTL)), string(v.MAddr)}, "|"), c.want)
	}
	for _, in := range []string{
		"", "SIP", "SIP/2.0", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0/UDPh", "SIP/2.0/ /UDP h", "/2.0/UDP h", "SIP/2.0/UDP ;branch=x", "SIP/2.0/UDP h:", "SIP/2.0/UDP h:0",
		"SIP/2.0/UDP h:65536", "SIP/2.0/UDP h x", "SIP/2.0/UDP h;", "SIP/2.0/UDP h;;x", "SIP/2.0/UDP h;branch=", "SIP/2.0/UDP h;branch=a;branch=b", "SIP/2.0/UDP h;BRANCH=a;branch=a",
		"SIP/2.0/UDP h;rport=x", "SIP/2.0/UDP h;rport=65536", "SIP/2.0/UDP h;ttl=256", "SIP/2.0/UDP h;ttl", "SIP/2.0/UDP h;received=", "SIP/2.0/UDP h;x=\"", "SIP/2.0/UDP [::1", "SIP/2.0/UDP a@b",
		"SIP/2.0/UDP h;x=a b",
	} {
		if v, err := ParseVia([]byte(in)); err == nil {
			t.Errorf("%q was taken: %+v", in, v)
		}
	}
	// an error leaves what could be read, so that the 400 finds its way
	v, err := ParseVia([]byte("SIP/2.0/UDP h:50x0;branch=z9hG4bKb;rport"))
	if err == nil || string(v.Host) != "h" || string(v.Branch) != "z9hG4bKb" || !v.HasRPort {
		t.Errorf("%+v %v", v, err)
	}
}

func TestParseNameAddr(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{ // display|URI|tag|params
		{"sip:a@h", "|sip:a@h||"},
		{"<sip:a@h>", "|sip:a@h||"},
		{"  <sip:a@h;lr>;tag=x ", "|sip:a@h;lr|x|;tag=x"},
		{"sip:a@h;transport=tcp;tag=1", "|sip:a@h|1|;transport=tcp;tag=1"},
		{"sip:a@h ; tag = 1", "|sip:a@h|1| ; tag = 1"},
		{`"A. G. Bell" <sip:a@h> ;tag=a48s`, `A. G. Bell|sip:a@h|a48s| ;tag=a48s`},
		{`Bob <sip:a@h>`, `Bob|sip:a@h||`},
		{`Bob the 2nd<sip:a@h>`, `Bob the 2nd|sip:a@h||`},
		{"Jos\xc3\xa9 (home) <sip:a@h>", "Jos\xc3\xa9 (home)|sip:a@h||"},
		{`"a\"b,<;\\"<sip:a@h>;Tag=t`, `a\"b,<;\\|sip:a@h|t|;Tag=t`},
		{`"" <tel:+1>`, `|tel:+1||`},
		{`<sip:a,b;c?d@h?x=y>;p="a;tag=no,<>"`, `|sip:a,b;c?d@h?x=y||;p="a;tag=no,<>"`},
		{"X\r\n <sip:a@h>\r\n ;tag=q", "X|sip:a@h|q|\r\n ;tag=q"},
	} {
		a, err := ParseNameAddr([]byte(c.in))
		if err != nil {
			t.Errorf("%q: %v", c.in, err)
			continue
		}
		same(t, strings.Join([]string{string(a.Display), string(a.URI), string(a.Tag), string(a.Params)}, "|"), c.want)
	}
	for _, in := range []string{
		"", "*", "<*>", "<>", "< sip:a@h>", "<sip:a@h", "sip:a@h>", `"x <sip:a@h>`, `"x" sip:a@h`, `"x"`, `x"y" <sip:a@h>`, "a, b <sip:a@h>", "a;b <sip:a@h>", "a:b <sip:a@h>",
		"sip:a,b@h", "sip:a@h?x=y", "<sip:a@h>;", "<sip:a@h>;;a", "<sip:a@h>tag=1", "<sip:a@h> x", "<sip:a@h>;tag", "<sip:a@h>;tag=", `<sip:a@h>;tag="x"`, "<sip:a@h>;tag=1;TAG=2",
		"<sip:a@h>;x=1;X=1", "<sip:a@h>;x=\"", "alice", "<alice>", "<sip:a@h>;x=a b", "<sip:a@h><sip:b@h>", "<sip:a@h>,<sip:b@h>", `<sip:a@h>;tag=a"b`,
	} {
		if a, err := ParseNameAddr([]byte(in)); err == nil {
			t.Errorf("%q was taken: %+v", in, a)
		}
	}
}

func TestParams(t *testing.T) {
	t.Parallel()
	p := Params("; A = 1 ;b;c=\"x;y=\\\"2\\\"\";d=\"plain\";e=;\r\n f=[::1]")
	for _, c := range []struct {
		name, value string
		ok          bool
	}{{"a", "1", true}, {"b", "", true}, {"c", `"x;y=\"2\""`, true}, {"d", "plain", true}, {"e", "", true}, {"f", "[::1]", true}, {"y", "", false}, {"g", "", false}} {
		if v, ok := p.Get(c.name); ok != c.ok || string(v) != c.value {
			t.Errorf("%s: %q %v", c.name, v, ok)
		}
	}
	var raw []string
	it := p.Iter()
	for it.Next() {
		raw = append(raw, string(it.Raw()))
	}
	same(t, strings.Join(raw, "|"), "A = 1|b|c=\"x;y=\\\"2\\\"\"|d=\"plain\"|e=|f=[::1]")
	if it.Err() != nil {
		t.Error(it.Err())
	}
	if v, ok := p.Get("b"); !ok || v != nil {
		t.Error("no = is a nil value")
	}
	bad := Params(";a b").Iter()
	for bad.Next() {
	}
	if bad.Err() == nil {
		t.Error("no error")
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	m := mustParse(t, []byte("OPTIONS sip:h SIP/2.0\r\n"+
		"Supported: path ,\toutbound\r\nk:\r\nSUPPORTED: gruu\r\n"+
		"Contact: \"a,b\\\",\" <sip:a,b@h>,<sip:c@h;x=\">;p=\",\"\r\n"+
		"Date: Sat, 13 Nov 2010 23:29:00 GMT\r\n"+
		"Require: a,,b\r\nAllow: a,\r\nAccept: \"x\r\nUnsupported: ,a\r\n\r\n"))
	same(t, list(t, m, HeaderSupported), "path|outbound|gruu")
	same(t, list(t, m, HeaderDate), "Sat, 13 Nov 2010 23:29:00 GMT")
	if got := m.Count(HeaderSupported); got != 3 {
		t.Error(got)
	}
	for _, n := range []HeaderName{HeaderRequire, HeaderAllow, HeaderAccept, HeaderUnsupported} {
		it := m.Values(n)
		for it.Next() {
		}
		if it.Err() == nil {
			t.Errorf("%s: no error", n)
		}
	}
	it := m.Values(HeaderContact)
	it.Next()
	same(t, string(it.Value()), `"a,b\"," <sip:a,b@h>`)
	it.Next()
	same(t, string(it.Value()), `<sip:c@h;x=">;p=","`)
	if it.Next() || it.Err() != nil {
		t.Error(it.Err())
	}
	for _, n := range []HeaderName{HeaderOther, headerNames, 255} {
		it := m.Values(n)
		if _, ok := m.Header(n); ok || it.Next() || m.Count(n) != 0 {
			t.Errorf("name %d has a value", n)
		}
	}
	if m.HeaderAt(-1).Raw != nil || m.HeaderAt(m.NumHeaders()).Raw != nil {
		t.Error("HeaderAt outside")
	}
}

// Every name is found in any case, and is written the same way.
func TestHeaderNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for n := HeaderOther + 1; n < headerNames; n++ {
		s := n.String()
		if s == "" || seen[s] {
			t.Errorf("%d is %q", n, s)
		}
		seen[s] = true
		for _, in := range []string{s, strings.ToUpper(s), strings.ToLower(s)} {
			if ParseHeaderName([]byte(in)) != n {
				t.Errorf("%s: %d", in, ParseHeaderName([]byte(in)))
			}
		}
		for i := range len(s) { // no name is found by less than all its letters; "T" is To
			if s == "To" {
				break
			}
			if b := []byte(s); ParseHeaderName(append(b[:i:i], b[i+1:]...)) == n {
				t.Errorf("%s without letter %d", s, i)
			}
		}
	}
	// RFC 3261 7.3.3 and the table of compact forms at IANA that concern us
	for c, want := range map[string]HeaderName{
		"v": HeaderVia, "f": HeaderFrom, "T": HeaderTo, "i": HeaderCallID, "M": HeaderContact, "l": HeaderContentLength,
		"c": HeaderContentType, "e": HeaderContentEncoding, "k": HeaderSupported, "s": HeaderSubject, "o": HeaderEvent, "u": HeaderAllowEvents, "r": HeaderReferTo, "b": HeaderReferredBy,
		"x": HeaderSessionExpires, "q": HeaderOther, "": HeaderOther, "\x16": HeaderOther, "Contacts": HeaderOther,
	} {
		if got := ParseHeaderName([]byte(c)); got != want {
			t.Errorf("%q: %s", c, got)
		}
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	for m := MethodInvite; m <= MethodUpdate; m++ {
		if ParseMethod([]byte(m.String())) != m || ParseMethod([]byte(strings.ToLower(m.String()))) != MethodUnknown {
			t.Errorf("%d %s", m, m)
		}
	}
	same(t, MethodUnknown.String(), "UNKNOWN")
}

func TestReasonPhrase(t *testing.T) {
	t.Parallel()
	for code := -1; code < 1000; code++ {
		if ReasonPhrase(code) == "" {
			t.Errorf("%d has none", code)
		}
	}
	same(t, ReasonPhrase(302), "Moved Temporarily")
	same(t, ReasonPhrase(299), "OK")
	same(t, ReasonPhrase(499), "Client Error")
}
