package dispatch

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipway/sipway/auth"
	"github.com/sipway/sipway/location"
	"github.com/sipway/sipway/redirect"
	"github.com/sipway/sipway/sip"
	"github.com/sipway/sipway/transport"
)

var (
	testNow = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	local   = netip.MustParseAddrPort("192.0.2.1:5060")
	remote  = netip.MustParseAddrPort("192.0.2.10:5060")
	secret  = []byte("0123456789abcdef")
)

// roleFunc is a role in a few words.
type roleFunc func(r *transport.Request, toTag []byte) error

func (f roleFunc) ServeSIP(r *transport.Request, toTag []byte) error { return f(r, toTag) }

// reply is a role that answers with a status and a Contact that names it.
func reply(code int, name string) Role {
	return roleFunc(func(r *transport.Request, toTag []byte) error {
		var w sip.Response
		w.Begin(r.Buffer(), &r.Message, code, "", toTag)
		w.AddString("Contact", "<sip:"+name+">")
		r.Respond(w.End())
		return nil
	})
}

type put struct{ record location.Record }

func (p put) Apply(location.Record) (location.Record, error) { return p.record, nil }

// bound is a real location store in which one AOR has one binding.
func bound(t testing.TB, aor, contact string) *location.Store {
	t.Helper()
	s, err := location.Open("", location.Options{Durability: location.None})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	rec := location.AppendBinding(nil, &location.Binding{
		URI: []byte(contact), Q: 1000, Expires: testNow.UnixMilli() + 120_000, CallID: []byte("c"), CSeq: 1,
	})
	if _, err := s.Update([]byte(aor), put{rec}, nil); err != nil {
		t.Fatal(err)
	}
	return s
}

func users(t testing.TB, names ...string) auth.Users {
	t.Helper()
	f, err := auth.NewFile("users.yaml", "d.test")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if err := f.Add(n, "pw"); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// sut serves d.test, with users alice and bob and a binding of bob, and e.test, with roles that name themselves.
func sut(t testing.TB, change ...func(o *Options)) *Dispatcher {
	t.Helper()
	o := Options{
		Supported: []string{"path"},
		Domains: []Domain{
			{Name: "d.test", Registrar: reply(200, "registrar.d"), Redirect: redirect.New(redirect.Options{
				Domain: "d.test", Locations: bound(t, "sip:bob@d.test", "sip:bob@192.0.2.20:5070"), Users: users(t, "alice", "bob"),
			})},
			{Name: "E.test.", Registrar: reply(200, "registrar.e"), Redirect: reply(302, "redirect.e")},
		},
		Names:     []string{"edge1.d.test"},
		Addresses: []netip.AddrPort{netip.MustParseAddrPort("198.51.100.1:5060"), netip.MustParseAddrPort("[2001:db8::1]:0")},
		Secret:    secret,
	}
	for _, f := range change {
		f(&o)
	}
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// message is a request as a client would write it. A line "Name: value" replaces the one of that name, or is
// added; "-Name" takes it away.
func message(method, uri string, lines ...string) string {
	head := []string{
		"Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1", "Max-Forwards: 70", "From: <sip:carol@c.test>;tag=1",
		"To: <sip:bob@d.test>", "Call-ID: call1", "CSeq: 1 " + method,
	}
	for _, l := range lines {
		name, _, _ := strings.Cut(strings.TrimPrefix(l, "-"), ":")
		at := slices.IndexFunc(head, func(h string) bool { return strings.HasPrefix(h, name+":") })
		switch {
		case at >= 0 && l[0] == '-':
			head = slices.Delete(head, at, at+1)
		case at >= 0:
			head[at] = l
		default:
			head = append(head, l)
		}
	}
	return method + " " + uri + " SIP/2.0\r\n" + strings.Join(head, "\r\n") + "\r\n\r\n"
}

// ask sends raw and returns the response, nil if there was none.
func ask(t testing.TB, d *Dispatcher, raw string) *sip.Message {
	t.Helper()
	var m *sip.Message
	r := transport.NewRequest([]byte(raw), transport.UDP, local, remote, testNow, func(b []byte) {
		if m != nil {
			t.Errorf("a second response: %q", b)
		}
		m = new(sip.Message)
		if err := m.Parse(slices.Clone(b)); err != nil {
			t.Errorf("%v: %q", err, b)
		}
	})
	d.ServeSIP(r)
	return m
}

// header returns all lines of one name, joined.
func header(m *sip.Message, name sip.HeaderName) string {
	var all []string
	for i := range m.NumHeaders() {
		if h := m.HeaderAt(i); h.Name == name {
			all = append(all, string(h.Value))
		}
	}
	return strings.Join(all, " | ")
}

func toTag(t testing.TB, m *sip.Message) string {
	t.Helper()
	to, err := m.To()
	if err != nil {
		t.Fatal(err)
	}
	return string(to.Tag)
}

const allowAll = "INVITE, ACK, CANCEL, OPTIONS, BYE, REGISTER"

func TestServeSIP(t *testing.T) {
	t.Parallel()
	d := sut(t)
	for _, tc := range []struct {
		name, raw string
		code      int    // 0: no response
		has       string // header lines that must be there, "Name: value" by line
	}{
		// RFC 3261 8.3: users of the domain
		{"C032 INVITE to a registered user", message("INVITE", "sip:bob@d.test"), 302, "Contact: <sip:bob@192.0.2.20:5070>;q=1;expires=120"},
		{"C038 user without binding", message("INVITE", "sip:alice@d.test"), 480, ""},
		{"C016 C038 user that does not exist", message("OPTIONS", "sip:ghost@d.test"), 404, ""},
		{"C036 escape and case", message("INVITE", "sip:%62ob@D.TEST."), 302, ""},
		{"C037 unknown everything", message("FOO", "sip:bob@d.test", "Require: foo", "Proxy-Require: bar", "Wibble: 1"), 302, ""},
		{"11.2 OPTIONS to a user is answered as INVITE", message("OPTIONS", "sip:bob@d.test"), 302, ""},
		{"in a dialog", message("BYE", "sip:bob@d.test", "To: <sip:bob@d.test>;tag=xyz"), 302, "To: <sip:bob@d.test>;tag=xyz"},
		{"C026 To with tag stays", message("BYE", "sip:ghost@d.test", "To: <sip:ghost@d.test>;tag=xyz"), 404, "To: <sip:ghost@d.test>;tag=xyz"},
		{"Max-Forwards 0 to a user", message("INVITE", "sip:bob@d.test", "Max-Forwards: 0"), 483, ""},
		{"Max-Forwards 0 OPTIONS to a user", message("OPTIONS", "sip:bob@d.test", "Max-Forwards: 0"), 483, ""},
		{"Max-Forwards missing (RFC 2543)", message("INVITE", "sip:bob@d.test", "-Max-Forwards"), 302, ""},
		{"C014 malformed headers that nobody needs", message("INVITE", "sip:bob@d.test", "Date: tomorrow", "Subject:", "Warning: ,;"), 302, ""},

		// 11.2, 20.5, 8.2: the domain itself
		{
			"C191 C012 OPTIONS to the domain", message("OPTIONS", "sip:d.test"), 200,
			"Allow: " + allowAll + "\nAccept: application/sdp\nAccept-Encoding: identity\nAccept-Language: en\nSupported: path",
		},
		{"OPTIONS at Max-Forwards 0", message("OPTIONS", "sip:d.test", "Max-Forwards: 0"), 200, "Allow: " + allowAll},
		{"OPTIONS to our address", message("OPTIONS", "sip:192.0.2.1:5060"), 200, ""},
		{"OPTIONS to our name", message("OPTIONS", "sip:edge1.d.test;transport=udp"), 200, ""},
		{"C018 Require", message("OPTIONS", "sip:d.test", "Require: path, foo, bar"), 420, "Unsupported: foo, bar"},
		{"Require with a fold inside", message("OPTIONS", "sip:d.test", "Require: foo\r\n bar"), 400, ""},
		{"Require of no tokens", message("OPTIONS", "sip:d.test", "Require: \"a, b\""), 400, ""},
		{"Require with a control", message("OPTIONS", "sip:d.test", "Require: \"\\\x01\""), 400, ""},
		{"Require known", message("OPTIONS", "sip:d.test", "Require: PATH"), 200, ""},
		{"C011 PUBLISH", message("PUBLISH", "sip:d.test"), 405, "Allow: " + allowAll},
		{"C011 method before Require", message("SUBSCRIBE", "sip:d.test", "Require: foo"), 405, "Allow: " + allowAll},
		{"unknown method", message("FOO", "sip:d.test"), 405, "Allow: " + allowAll},
		{"methods are case-sensitive", message("options", "sip:d.test"), 405, "Allow: " + allowAll},
		{"C012 INVITE to the domain is no 405", message("INVITE", "sip:d.test"), 404, ""},
		{"C012 BYE to the domain is no 405", message("BYE", "sip:d.test", "To: <sip:d.test>;tag=x"), 481, ""},
		{"C020 a body of unknown type", message("OPTIONS", "sip:d.test", "Content-Type: application/x-foo", "Content-Length: 3") + "foo", 415, "Accept: application/sdp"},
		{"C020 a body of unknown encoding", message("OPTIONS", "sip:d.test", "Content-Type: application/sdp", "Content-Encoding: zstd", "Content-Length: 3") + "foo", 415, "Accept-Encoding: identity"},
		{"C021 an optional body", message("OPTIONS", "sip:d.test", "Content-Type: application/x-foo", "Content-Disposition: render;handling=Optional", "Content-Length: 3") + "foo", 200, ""},
		{"a body of SDP", message("OPTIONS", "sip:d.test", "Content-Type: Application/SDP;charset=utf-8", "Content-Length: 3") + "foo", 200, ""},

		// 10.3
		{"REGISTER", message("REGISTER", "sip:d.test"), 200, "Contact: <sip:registrar.d>"},
		{"REGISTER to another of our domains", message("REGISTER", "sip:e.test"), 200, "Contact: <sip:registrar.e>"},
		{"REGISTER to our address, To says the domain", message("REGISTER", "sip:192.0.2.1", "To: <sip:x@E.TEST>"), 200, "Contact: <sip:registrar.e>"},
		{"REGISTER to our address, To elsewhere", message("REGISTER", "sip:192.0.2.1", "To: <sip:x@x.test>"), 200, "Contact: <sip:registrar.d>"},
		{"C050 REGISTER elsewhere", message("REGISTER", "sip:other.test"), 404, ""},
		{"C051 Require is the registrar's", message("REGISTER", "sip:d.test", "Require: foo"), 200, "Contact: <sip:registrar.d>"},
		{"REGISTER at Max-Forwards 0", message("REGISTER", "sip:d.test", "Max-Forwards: 0"), 200, ""},
		{"C044 REGISTER with a user part", message("REGISTER", "sip:bob@d.test"), 200, "Contact: <sip:registrar.d>"},

		// 8.2.2.1
		{"C015 unknown scheme", message("OPTIONS", "nobodyknowsthisscheme:foo"), 416, ""},
		{"tel", message("INVITE", "tel:+4670123456"), 416, ""},
		{"foreign domain", message("INVITE", "sip:bob@other.test"), 404, ""},
		{"sub-domain", message("INVITE", "sip:bob@x.d.test"), 404, ""},
		{"foreign address", message("INVITE", "sip:bob@203.0.113.5"), 404, ""},
		{"our address, another port", message("INVITE", "sip:bob@192.0.2.1:5999"), 404, ""},
		{"our address", message("INVITE", "sip:bob@192.0.2.1"), 302, ""},
		{"our address as mapped", message("INVITE", "sip:bob@[::ffff:192.0.2.1]:5060"), 302, ""},
		{"our address as others see it", message("INVITE", "sip:bob@198.51.100.1:5060"), 302, ""},
		{"the same, another port", message("INVITE", "sip:bob@198.51.100.1:5061"), 404, ""},
		{"our IPv6 address, any port", message("INVITE", "sip:bob@[2001:DB8::1]:7777"), 302, ""},
		{"the second domain", message("INVITE", "sip:bob@e.test"), 302, "Contact: <sip:redirect.e>"},

		// 8.2.7, 8.3, 9.2
		{"C034 CANCEL", message("CANCEL", "sip:bob@d.test"), 200, ""},
		{"CANCEL with Require", message("CANCEL", "sip:bob@d.test", "Require: foo"), 200, ""},
		{"CANCEL elsewhere", message("CANCEL", "sip:bob@other.test"), 200, ""},
		{"C027 ACK", message("ACK", "sip:bob@d.test"), 0, ""},
		{"ACK to a foreign domain", message("ACK", "sip:bob@other.test"), 0, ""},
		{"ACK with everything wrong", message("ACK", "tel:1", "Max-Forwards: x", "CSeq: x"), 0, ""},

		// what is wrong with the message
		{"C001 version", strings.Replace(message("OPTIONS", "sip:d.test"), "SIP/2.0\r\n", "SIP/3.0\r\n", 1), 505, ""},
		{"C001 version in lower case", strings.Replace(message("OPTIONS", "sip:d.test"), "SIP/2.0\r\n", "sip/2.0\r\n", 1), 200, ""},
		{"C002 brackets around the Request-URI", message("INVITE", "<sip:bob@d.test>"), 400, ""},
		{"C002 space in the Request-URI", message("INVITE", "sip:b ob@d.test"), 400, ""},
		{"Max-Forwards no number", message("INVITE", "sip:bob@d.test", "Max-Forwards: many"), 400, ""},
		{"CSeq of another method", message("INVITE", "sip:bob@d.test", "CSeq: 1 BYE"), 400, ""},
		{"CANCEL malformed", message("CANCEL", "sip:bob@d.test", "CSeq: 1 INVITE"), 400, ""},
		{"no To", message("OPTIONS", "sip:d.test", "-To"), 400, ""},
		{"no Via: nowhere to answer to", message("OPTIONS", "sip:d.test", "-Via"), 0, ""},
		{"a response", "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@d.test>;tag=1\r\nTo: <sip:b@d.test>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n", 0, ""},
		{"S10 scanner", message("OPTIONS", "sip:d.test", "User-Agent: Friendly-Scanner"), 0, ""},
		{"S10 scanner with a version", message("REGISTER", "sip:d.test", "User-Agent: sipvicious 0.3"), 0, ""},
		{"a phone", message("OPTIONS", "sip:d.test", "User-Agent: Phone (friendly-scanner)"), 200, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m := ask(t, d, tc.raw)
			if m == nil {
				if tc.code != 0 {
					t.Fatalf("no response, want %d", tc.code)
				}
				return
			}
			if m.StatusCode() != tc.code {
				t.Fatalf("%d %s, want %d", m.StatusCode(), m.Reason(), tc.code)
			}
			if m.Count(sip.HeaderTo) > 0 && toTag(t, m) == "" {
				t.Error("no To tag")
			}
			for line := range strings.Lines(tc.has) {
				name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
				if got := header(m, sip.ParseHeaderName([]byte(name))); got != value {
					t.Errorf("%s: %q, want %q", name, got, value)
				}
			}
		})
	}
}

// C024: From, To, Call-ID, CSeq and all Vias in order come back; only the top one is stamped.
func TestCopied(t *testing.T) {
	t.Parallel()
	d := sut(t)
	raw := message("INVITE", "sip:ghost@d.test", "Via: SIP/2.0/UDP p1.test;branch=z9hG4bK3;rport\r\nVia: SIP/2.0/TCP p2.test;branch=z9hG4bK2, SIP/2.0/UDP p3.test;branch=z9hG4bK1",
		"Timestamp: 54", "Record-Route: <sip:p1.test;lr>")
	m := ask(t, d, raw)
	if m == nil || m.StatusCode() != 404 {
		t.Fatal("no 404")
	}
	var vias []string
	for it := m.Values(sip.HeaderVia); it.Next(); {
		vias = append(vias, string(it.Value()))
	}
	if len(vias) != 3 || !strings.Contains(vias[0], "received=192.0.2.10") || !strings.Contains(vias[0], "rport=5060") ||
		vias[1] != "SIP/2.0/TCP p2.test;branch=z9hG4bK2" || vias[2] != "SIP/2.0/UDP p3.test;branch=z9hG4bK1" {
		t.Errorf("Vias %q", vias)
	}
	if header(m, sip.HeaderFrom) != "<sip:carol@c.test>;tag=1" || header(m, sip.HeaderCSeq) != "1 INVITE" || header(m, sip.HeaderCallID) != "call1" {
		t.Errorf("not copied: %s", m.Bytes())
	}
}

// C025, C027, 8.2.7: the same request gets the same tag, from every node and after a restart; another request
// another one; a CANCEL that of what it cancels (9.2).
func TestToTag(t *testing.T) {
	t.Parallel()
	d := sut(t)
	tag := func(d *Dispatcher, method, uri string, lines ...string) string {
		m := ask(t, d, message(method, uri, lines...))
		if m == nil {
			t.Fatal("no response")
		}
		return toTag(t, m)
	}
	first := tag(d, "INVITE", "sip:ghost@d.test")
	if len(first) < 8 {
		t.Fatalf("tag %q: RFC 3261 19.3 wants 32 bits at least", first)
	}
	for name, got := range map[string]string{
		"again": tag(d, "INVITE", "sip:ghost@d.test"), "CANCEL": tag(d, "CANCEL", "sip:ghost@d.test"),
		"after a restart": tag(sut(t), "INVITE", "sip:ghost@d.test"), "other headers": tag(d, "INVITE", "sip:ghost@d.test", "Subject: x"),
	} {
		if got != first {
			t.Errorf("%s: %s, not %s", name, got, first)
		}
	}
	seen := map[string]string{first: "first"}
	for name, got := range map[string]string{
		"Call-ID":     tag(d, "INVITE", "sip:ghost@d.test", "Call-ID: call2"),
		"From tag":    tag(d, "INVITE", "sip:ghost@d.test", "From: <sip:carol@c.test>;tag=2"),
		"CSeq":        tag(d, "INVITE", "sip:ghost@d.test", "CSeq: 2 INVITE"),
		"branch":      tag(d, "INVITE", "sip:ghost@d.test", "Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK2"),
		"sent-by":     tag(d, "INVITE", "sip:ghost@d.test", "Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK1"),
		"port":        tag(d, "INVITE", "sip:ghost@d.test", "Via: SIP/2.0/UDP 192.0.2.10:5061;branch=z9hG4bK1"),
		"Request-URI": tag(d, "INVITE", "sip:ghost2@d.test"),
		"secret":      tag(sut(t, func(o *Options) { o.Secret = []byte("another secret 16") }), "INVITE", "sip:ghost@d.test"),
	} {
		if other := seen[got]; other != "" {
			t.Errorf("%s has the tag of %s", name, other)
		}
		seen[got] = name
	}
}

// S30: no open relay. Whatever the method, the credentials and the preloaded Route, a request for elsewhere is
// refused, and one for us is answered by the one role that it belongs to.
func TestNoRelay(t *testing.T) {
	t.Parallel()
	d := sut(t)
	credentials := `Digest username="alice", realm="d.test", nonce="x", uri="sip:d.test", response="y", algorithm=MD5`
	for _, method := range []string{"REGISTER", "INVITE", "MESSAGE", "SUBSCRIBE", "PUBLISH", "REFER", "NOTIFY", "OPTIONS", "BYE", "INFO", "UPDATE", "PRACK", "FOO"} {
		for _, from := range []string{"sip:alice@d.test", "sip:carol@c.test"} {
			for _, lines := range [][]string{
				nil,
				{"Authorization: " + credentials, "Proxy-Authorization: " + credentials},
				{"Route: <sip:d.test;lr>, <sip:next.test;lr>"},
				{"To: <sip:bob@d.test>;tag=in-dialog"},
			} {
				lines := append(lines, "From: <"+from+">;tag=1")
				for uri, want := range map[string]int{
					"sip:other.test": 404, "sip:x@other.test": 404, "sip:x@203.0.113.9:5060": 404, "sip:x@[2001:db8::9]": 404, "sips:x@other.test": 404,
					"sip:x@d.test.other.test": 404, "sip:x@d.test%2eother.test": 400, "sip:d.test@other.test": 404, "tel:+1": 416,
					"sip:bob@d.test": 302, "sip:ghost@d.test": 404,
				} {
					if method == "REGISTER" && strings.HasSuffix(uri, "@d.test") {
						want = 200 // the registrar's
					}
					m := ask(t, d, message(method, uri, lines...))
					if m == nil || m.StatusCode() != want {
						t.Errorf("%s %s %q: %v, want %d", method, uri, lines, m, want)
					}
				}
			}
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	var panicked any
	roles := map[string]Role{
		"status": roleFunc(func(*transport.Request, []byte) error {
			return &sip.StatusError{Code: 423, Extra: []sip.Field{{Name: "Min-Expires", Value: "60"}}}
		}),
		"wrapped": roleFunc(func(*transport.Request, []byte) error {
			return fmt.Errorf("x: %w", &sip.StatusError{Code: 503, Extra: []sip.Field{{Name: "Retry-After", Value: "5"}}})
		}),
		"error":   roleFunc(func(*transport.Request, []byte) error { return errors.New("secret inside") }),
		"panic":   roleFunc(func(*transport.Request, []byte) error { panic("boom") }),
		"nothing": roleFunc(func(*transport.Request, []byte) error { return nil }),
		"smuggled": roleFunc(func(*transport.Request, []byte) error {
			return &sip.StatusError{Code: 400, Extra: []sip.Field{{Name: "X", Value: "a\r\nY: b"}}}
		}),
		"late panic": roleFunc(func(r *transport.Request, tag []byte) error {
			_ = reply(200, "x").ServeSIP(r, tag)
			panic("after the response")
		}),
	}
	for _, tc := range []struct {
		role  string
		code  int
		extra string
	}{
		{"status", 423, "Min-Expires: 60"},
		{"wrapped", 503, "Retry-After: 5"},
		{"error", 500, ""},
		{"panic", 500, ""},
		{"nothing", 0, ""},
		{"smuggled", 0, ""},
		{"late panic", 200, ""},
	} {
		d := sut(t, func(o *Options) {
			o.Domains = []Domain{{Name: "d.test", Registrar: roles[tc.role]}}
			o.OnPanic = func(v any) { panicked = v }
		})
		m := ask(t, d, message("REGISTER", "sip:d.test"))
		switch {
		case m == nil:
			if tc.code != 0 {
				t.Errorf("%s: no response", tc.role)
			}
		case m.StatusCode() != tc.code, !strings.Contains(string(m.Bytes()), tc.extra), strings.Contains(string(m.Bytes()), "secret"):
			t.Errorf("%s: %s", tc.role, m.Bytes())
		}
		if m := ask(t, d, message("OPTIONS", "sip:d.test")); m == nil || m.StatusCode() != 200 {
			t.Errorf("%s: not well afterwards", tc.role)
		}
	}
	if panicked == nil {
		t.Error("OnPanic was not told")
	}
}

// A domain without a role.
func TestRolesOff(t *testing.T) {
	t.Parallel()
	d := sut(t, func(o *Options) { o.Domains = []Domain{{Name: "d.test"}} })
	if m := ask(t, d, message("REGISTER", "sip:d.test")); m.StatusCode() != 405 || header(m, sip.HeaderAllow) != "INVITE, ACK, CANCEL, OPTIONS, BYE" {
		t.Errorf("REGISTER: %s", m.Bytes())
	}
	if m := ask(t, d, message("INVITE", "sip:bob@d.test")); m.StatusCode() != 404 {
		t.Errorf("INVITE: %s", m.Bytes())
	}
}

func TestNewErrors(t *testing.T) {
	t.Parallel()
	good := Options{Domains: []Domain{{Name: "d.test"}}, Secret: secret}
	for name, change := range map[string]func(o *Options){
		"no domain": func(o *Options) { o.Domains = nil }, "no name": func(o *Options) { o.Domains = []Domain{{Name: "."}} },
		"twice": func(o *Options) { o.Domains = []Domain{{Name: "d.test"}, {Name: "D.Test."}} }, "no secret": func(o *Options) { o.Secret = nil },
		"short secret": func(o *Options) { o.Secret = secret[:15] },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A reload swaps the domains under running requests.
func TestSetDomains(t *testing.T) {
	t.Parallel()
	d := sut(t)
	if m := ask(t, d, message("INVITE", "sip:x@new.test")); m.StatusCode() != 404 {
		t.Fatalf("%s", m.Bytes())
	}
	if d.SetDomains(nil) == nil {
		t.Error("no domains at all were taken")
	}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 100 {
				ask(t, d, message("INVITE", "sip:x@new.test"))
			}
		})
	}
	if err := d.SetDomains([]Domain{{Name: "new.test", Redirect: reply(302, "new")}}); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	for uri, want := range map[string]int{"sip:x@new.test": 302, "sip:bob@d.test": 404, "sip:x@edge1.d.test": 302} {
		if m := ask(t, d, message("INVITE", uri)); m.StatusCode() != want {
			t.Errorf("%s: %s", uri, m.Bytes())
		}
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	d := sut(t, func(o *Options) {
		o.Domains[0].Registrar = roleFunc(func(*transport.Request, []byte) error { panic("x") })
	})
	for _, raw := range []string{
		message("INVITE", "sip:bob@d.test"), message("INVITE", "sip:ghost@d.test"), message("ACK", "sip:ghost@d.test"), message("OPTIONS", "sip:d.test"),
		message("FOO", "sip:d.test"), message("OPTIONS", "sip:d.test", "User-Agent: sundayddr"), message("OPTIONS", "sip:d.test", "-Via"),
		message("REGISTER", "sip:d.test"), message("REGISTER", "sip:e.test"),
	} {
		ask(t, d, raw)
	}
	want := "{map[ACK:1 INVITE:2 OPTIONS:3 REGISTER:2 UNKNOWN:1] map[2xx:1 4xx:2 5xx:1] map[ack:1 scanner:1 unanswerable:1] 1 1 1}"
	if got := fmt.Sprint(d.Stats()); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// No allocation, and S11: over UDP no answer to a stranger has more than twice the bytes of what he sent.
func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("with -race sync.Pool forgets at random")
	}
	d := sut(t)
	for _, raw := range []string{
		message("OPTIONS", "sip:d.test"), message("INVITE", "sip:bob@d.test"), message("INVITE", "sip:ghost@d.test"), message("FOO", "sip:d.test"),
		message("INVITE", "sip:bob@192.0.2.1:5060"), message("CANCEL", "sip:bob@d.test"), message("INVITE", "sip:bob@other.test"),
		message("OPTIONS", "sip:d.test", "Require: path, foo, bar"), message("INVITE", "sip:bob@d.test", "CSeq: 1 BYE"), message("ACK", "sip:bob@d.test"),
	} {
		sent := 0
		r := transport.NewRequest([]byte(raw), transport.UDP, local, remote, testNow, func(b []byte) { sent = len(b) })
		if n := testing.AllocsPerRun(200, func() { d.ServeSIP(r) }); n != 0 {
			t.Errorf("%v allocations for %q", n, raw)
		}
		if sent > 2*len(raw) {
			t.Errorf("%d bytes for %d in %q", sent, len(raw), raw)
		}
	}
}

func BenchmarkServeSIP(b *testing.B) {
	d := sut(b)
	for _, raw := range []string{message("INVITE", "sip:bob@d.test"), message("OPTIONS", "sip:d.test")} {
		r := transport.NewRequest([]byte(raw), transport.UDP, local, remote, testNow, func([]byte) {})
		b.Run(r.Method().String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d.ServeSIP(r)
			}
		})
	}
}
