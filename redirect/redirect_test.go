package redirect

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipway/sipway/auth"
	"github.com/sipway/sipway/location"
	"github.com/sipway/sipway/sip"
	"github.com/sipway/sipway/transport"
)

var (
	testNow = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	local   = netip.MustParseAddrPort("192.0.2.1:5060")
	remote  = netip.MustParseAddrPort("192.0.2.10:5060")
)

// bind is a binding in the words of a test.
type bind struct {
	uri     string
	q       uint16
	seconds float64 // of life left
	age     int64   // seconds since it was updated
}

type put struct{ record location.Record }

func (p put) Apply(location.Record) (location.Record, error) { return p.record, nil }

// store is a real location store that keeps nothing on disk, with the bindings of bob.
func store(t testing.TB, bindings ...bind) *location.Store {
	t.Helper()
	s, err := location.Open("", location.Options{Durability: location.None})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	var rec location.Record
	for i, b := range bindings {
		rec = location.AppendBinding(rec, &location.Binding{
			URI: []byte(b.uri), Q: b.q, Params: []byte(`;+sip.instance="<urn:uuid:1>"`), CallID: []byte(fmt.Sprint("c", i)), CSeq: 1,
			Expires: testNow.UnixMilli() + int64(b.seconds*1000), Updated: testNow.UnixMilli() - b.age*1000,
		})
	}
	if len(rec) > 0 {
		if pending, err := s.Update([]byte("sip:bob@d.test"), put{rec}, nil); err != nil || pending {
			t.Fatal(pending, err)
		}
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

// ha1Only hides that a File has Exists.
type ha1Only struct{ auth.Users }

func request(method, uri string, kind transport.Kind, sink func([]byte), lines ...string) *transport.Request {
	raw := method + " " + uri + " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n" +
		"From: <sip:carol@c.test>;tag=1\r\nTo: <sip:bob@d.test>\r\nCall-ID: 1\r\nCSeq: 1 " + method + "\r\n"
	for _, l := range lines {
		raw += l + "\r\n"
	}
	return transport.NewRequest([]byte(raw+"Content-Length: 0\r\n\r\n"), kind, local, remote, testNow, sink)
}

// ask returns the status code, and the Contact values of a 302.
func ask(t testing.TB, x *Redirect, method, uri string, kind transport.Kind, lines ...string) (code int, contacts []string) {
	t.Helper()
	var out []byte
	r := request(method, uri, kind, func(b []byte) { out = append([]byte(nil), b...) }, lines...)
	if r.Bad != nil {
		t.Fatal(r.Bad)
	}
	if err := x.ServeSIP(r, []byte("tag1")); err != nil {
		var status *sip.StatusError
		if !errors.As(err, &status) || out != nil {
			t.Fatalf("error %v, out %q", err, out)
		}
		return status.Code, nil
	}
	var m sip.Message
	if err := m.Parse(out); err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	if to, err := m.To(); err != nil || string(to.Tag) != "tag1" {
		t.Errorf("To tag %q, %v", to.Tag, err)
	}
	for it := m.Values(sip.HeaderContact); it.Next(); {
		contacts = append(contacts, string(it.Value()))
	}
	return m.StatusCode(), contacts
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	many := make([]bind, 12)
	var first10 []string
	for i := range many {
		many[i] = bind{uri: fmt.Sprintf("sip:bob@192.0.2.%d", i+1), q: uint16(1000 - i), seconds: 60}
		if i < 10 {
			q := "1"
			if i > 0 {
				q = fmt.Sprintf("0.%03d", 1000-i)
				q = strings.TrimRight(q, "0")
			}
			first10 = append(first10, fmt.Sprintf("<sip:bob@192.0.2.%d>;q=%s;expires=60", i+1, q))
		}
	}
	for _, tc := range []struct {
		name     string
		uri      string // "" is sip:bob@d.test
		bindings []bind
		code     int
		want     []string
	}{
		{
			"C032 ordered by q, C041 in <>", "",
			[]bind{{"sip:bob@192.0.2.2", 500, 60, 0}, {"sip:bob@192.0.2.3;transport=tcp", 1000, 60, 0}},
			302,
			[]string{"<sip:bob@192.0.2.3;transport=tcp>;q=1;expires=60", "<sip:bob@192.0.2.2>;q=0.5;expires=60"},
		},
		{
			"C070 equal q: the latest first, then as written", "",
			[]bind{{"sip:a@h", 700, 60, 9}, {"sip:b@h", 700, 60, 3}, {"sip:c@h", 700, 60, 9}, {"sip:d@h", 710, 60, 99}},
			302,
			[]string{"<sip:d@h>;q=0.71;expires=60", "<sip:b@h>;q=0.7;expires=60", "<sip:a@h>;q=0.7;expires=60", "<sip:c@h>;q=0.7;expires=60"},
		},
		{
			"C033 what is left, not rounded up", "",
			[]bind{{"sip:a@h", 1000, 119.9, 0}, {"sip:b@h", 0, 0.001, 0}},
			302,
			[]string{"<sip:a@h>;q=1;expires=119", "<sip:b@h>;q=0;expires=1"},
		},
		{
			"C071 expired bindings are not there", "",
			[]bind{{"sip:a@h", 1000, 0, 0}, {"sip:b@h", 500, -5, 0}, {"sip:c@h", 5, 1, 0}},
			302,
			[]string{"<sip:c@h>;q=0.005;expires=1"},
		},
		{"all expired", "", []bind{{"sip:a@h", 1000, 0, 0}}, 480, nil},
		{"C038 no binding", "", nil, 480, nil},
		{"C038 no such user", "sip:ghost@d.test", nil, 404, nil},
		{"user names are case-sensitive", "sip:BOB@d.test", []bind{{"sip:a@h", 1000, 60, 0}}, 404, nil},
		{"escapes and case of the host", "sip:%62ob@D.TEST:5060;user=phone", []bind{{"sip:a@h", 1000, 60, 0}}, 302, []string{"<sip:a@h>;q=1;expires=60"}},
		{"our address for the domain", "sip:bob@192.0.2.1:5060", []bind{{"sip:a@h", 1000, 60, 0}}, 302, []string{"<sip:a@h>;q=1;expires=60"}},
		{"C036 only itself", "", []bind{{"sip:bob@d.test", 1000, 60, 0}}, 404, nil},
		{"C036 itself in disguise", "sip:%62ob@D.TEST", []bind{{"sip:bob@d.test;x=1", 1000, 60, 0}}, 404, nil},
		{"C036 itself left out", "", []bind{{"sip:bob@d.test", 1000, 60, 0}, {"sip:a@h", 500, 60, 0}}, 302, []string{"<sip:a@h>;q=0.5;expires=60"}},
		{
			"itself with another transport is elsewhere", "",
			[]bind{{"sip:bob@d.test;transport=tcp", 1000, 60, 0}},
			302,
			[]string{"<sip:bob@d.test;transport=tcp>;q=1;expires=60"},
		},
		{"itself once its headers are taken off", "", []bind{{"sip:bob@d.test?Subject=x", 1000, 60, 0}}, 404, nil},
		{
			"C040 sips only to sips", "sips:bob@d.test",
			[]bind{{"sip:a@h", 1000, 60, 0}, {"sips:b@h", 500, 60, 0}, {"tel:+1", 700, 60, 0}},
			302,
			[]string{"<sips:b@h>;q=0.5;expires=60"},
		},
		{"C040 none is sips", "sips:bob@d.test", []bind{{"sip:a@h", 1000, 60, 0}}, 480, nil},
		{
			"sip may go to sips and tel", "",
			[]bind{{"sips:b@h", 500, 60, 0}, {"tel:+1", 400, 60, 0}},
			302,
			[]string{"<sips:b@h>;q=0.5;expires=60", "<tel:+1>;q=0.4;expires=60"},
		},
		{
			"C189 regescrt: headers of a contact stay here", "",
			[]bind{{"sip:bob@h;a=1?Route=%3Csip:evil%3E&x=y", 1000, 60, 0}, {"sip:b?b@h?", 900, 60, 0}},
			302,
			[]string{"<sip:bob@h;a=1>;q=1;expires=60", "<sip:b?b@h>;q=0.9;expires=60"},
		},
		{
			"a contact that is no URI is left out", "",
			[]bind{{"sip:a@h\r\nX: y", 1000, 60, 0}, {"<sip:x@h>", 1000, 60, 0}, {"sip:b@h", 1, 60, 0}},
			302,
			[]string{"<sip:b@h>;q=0.001;expires=60"},
		},
		{"at most ten, the best", "", many, 302, first10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			uri := tc.uri
			if uri == "" {
				uri = "sip:bob@d.test"
			}
			s := store(t, tc.bindings...)
			for _, u := range []auth.Users{users(t, "bob"), ha1Only{users(t, "bob")}} {
				x := New(Options{Domain: "d.test", Locations: s, Users: u})
				code, got := ask(t, x, "INVITE", uri, transport.TCP)
				if code != tc.code || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tc.want) {
					t.Errorf("got %d %q\nwant %d %q", code, got, tc.code, tc.want)
				}
			}
		})
	}
}

// C037: unknown methods and option-tags do not stop a redirection.
func TestUnknownFeatures(t *testing.T) {
	t.Parallel()
	x := New(Options{Domain: "d.test", Locations: store(t, bind{"sip:a@h", 1000, 60, 0}), Users: users(t, "bob")})
	for _, method := range []string{"FOO", "INVITE", "MESSAGE", "BYE", "OPTIONS", "SUBSCRIBE"} {
		if code, got := ask(t, x, method, "sip:bob@d.test", transport.UDP, "Require: foo", "Proxy-Require: bar", "Wibble: x"); code != 302 || len(got) != 1 {
			t.Errorf("%s: %d %q", method, code, got)
		}
	}
}

// Without users anybody may be one, so nobody is unknown.
func TestNoUsers(t *testing.T) {
	t.Parallel()
	x := New(Options{Domain: "d.test", Locations: store(t, bind{"sip:a@h", 1000, 60, 0})})
	if code, _ := ask(t, x, "INVITE", "sip:bob@d.test", transport.UDP); code != 302 {
		t.Errorf("bob: %d", code)
	}
	if code, _ := ask(t, x, "INVITE", "sip:ghost@d.test", transport.UDP); code != 480 {
		t.Errorf("ghost: %d", code)
	}
}

// A spoofed datagram must not become a response many times its size, whatever somebody registered.
func TestDatagramBound(t *testing.T) {
	t.Parallel()
	var long []bind
	for i := range 10 {
		long = append(long, bind{uri: fmt.Sprintf("sip:bob%d@h;x=%s", i, strings.Repeat("y", 300)), q: uint16(1000 - i), seconds: 60})
	}
	x := New(Options{Domain: "d.test", Locations: store(t, long...)})
	if code, got := ask(t, x, "INVITE", "sip:bob@d.test", transport.UDP); code != 302 || len(got) != 2 || !strings.HasPrefix(got[0], "<sip:bob0@h;") {
		t.Errorf("UDP: %d, %d contacts", code, len(got))
	}
	if code, got := ask(t, x, "INVITE", "sip:bob@d.test", transport.TCP); code != 302 || len(got) != 10 {
		t.Errorf("TCP: %d, %d contacts", code, len(got))
	}
	x = New(Options{Domain: "d.test", Locations: store(t, bind{uri: "sip:b@h;x=" + strings.Repeat("y", sip.MaxURI-10), q: 1, seconds: 60})})
	if code, got := ask(t, x, "INVITE", "sip:bob@d.test", transport.UDP); code != 302 || len(got) != 1 {
		t.Errorf("one long: %d, %d contacts", code, len(got))
	}
}

func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("with -race sync.Pool forgets at random")
	}
	s := store(t, bind{"sip:bob@192.0.2.2:5070;transport=tcp", 500, 60, 0}, bind{"sip:bob@192.0.2.3", 900, 60, 0})
	tag := []byte("tag1")
	for name, u := range map[string]auth.Users{"users": users(t, "bob"), "HA1 only": ha1Only{users(t, "bob")}, "none": nil} {
		x := New(Options{Domain: "d.test", Locations: s, Users: u})
		sent := 0
		r := request("INVITE", "sip:bob@d.test", transport.UDP, func(b []byte) { sent += len(b) })
		n := testing.AllocsPerRun(200, func() {
			if err := x.ServeSIP(r, tag); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 || sent == 0 {
			t.Errorf("%s: %v allocations, %d bytes sent", name, n, sent)
		}
	}
}

func BenchmarkRedirect(b *testing.B) {
	s := store(b, bind{"sip:bob@192.0.2.2:5070", 1000, 60, 0})
	x := New(Options{Domain: "d.test", Locations: s, Users: users(b, "bob")})
	r := request("INVITE", "sip:bob@d.test", transport.UDP, func([]byte) {})
	tag := []byte("tag1")
	b.ReportAllocs()
	for b.Loop() {
		if err := x.ServeSIP(r, tag); err != nil {
			b.Fatal(err)
		}
	}
}
