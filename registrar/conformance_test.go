package registrar

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipway/sipway/location"
)

// TestConformance goes through the rows of the SIP conformance table that concern the registrar, by their
// numbers.
func TestConformance(t *testing.T) {
	t.Parallel()
	a := "Contact: <sip:bob@192.0.2.1>"
	gotA := "<sip:bob@192.0.2.1>;expires=3600"
	for name, run := range map[string]func(*phone){
		"C005 compact names": func(p *phone) {
			got := p.send("REGISTER sip:d.test SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf: <sip:bob@d.test>;tag=1\r\n" +
				"t: <sip:bob@d.test>\r\ni: c\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\nm: <sip:bob@192.0.2.1>\r\nl: 0\r\n\r\n")
			if brief(got) != "200 "+gotA {
				p.t.Error(got)
			}
		},
		"C009 no state of a refused request": func(p *phone) {
			p.want("400", "Contact: <sip:bob@192.0.2.1>, <sip:@>")
			p.want("400", a, "Contact: <sip:bob@192.0.2.2>;q=2")
			p.want(none)
		},
		"C013 C014 unknown and broken headers": func(p *phone) {
			p.want("200 "+gotA, a, "X-Foo: bar", "Wibble: 1", "Date: never", "User-Agent: ((", "Subject: \x80")
		},
		"C022 no extension unasked": func(p *phone) {
			got := p.send(p.register(a+`;+sip.instance="<urn:x>";reg-id=1`, "Supported: outbound"))
			if strings.Contains(got, "Require") || !strings.Contains(got, "reg-id=1") {
				p.t.Error(got)
			}
		},
		"C041 angle brackets": func(p *phone) {
			p.want("200 <sip:bob@1.2.3.4;transport=tcp>;expires=3600", "Contact: <sip:bob@1.2.3.4;transport=tcp>")
			p.want("200 <sip:bob@1.2.3.4;transport=tcp>;expires=3600 <sip:bob@1.2.3.5>;x=y;expires=3600", "Contact: sip:bob@1.2.3.5;x=y")
		},
		"C043 Record-Route": func(p *phone) {
			if got := p.send(p.register(a, "Record-Route: <sip:p1;lr>", "Record-Route: <sip:p2;lr>")); strings.Contains(got, "Record-Route") {
				p.t.Error(got)
			}
		},
		"C044 an AOR is a SIP URI": func(p *phone) {
			p.want("404", "To: <tel:+1>", a)
			p.want("404", "To: <sip:d.test>", a)
			p.want("200 "+gotA, "To: <sips:bob@d.test>", a)
			p.want("200 " + gotA)
		},
		"C045 C057 * only with Expires: 0 and alone": func(p *phone) {
			p.want("200 "+gotA, a)
			for _, lines := range [][]string{
				{"Contact: *"},
				{"Contact: *", "Expires: 60"},
				{"Contact: *", "Expires: zero"},
				{"Contact: *, <sip:a@b>", "Expires: 0"},
				{"Contact: <sip:a@b>", "Contact: *", "Expires: 0"},
				{"Contact: *, *", "Expires: 0"},
				{"Contact: *;expires=0"},
				{"Contact: <*>", "Expires: 0"},
			} {
				p.want("400", lines...)
			}
			p.want("200 " + gotA)
			p.want(none, "Contact: *", "Expires: 0")
			p.want(none, "Contact: *", "Expires: 0")
		},
		"C046 never 6xx": func(p *phone) {
			for _, lines := range [][]string{{"Require: x"}, {"To: <sip:x@y>"}, {"Contact: @"}, {a + ";expires=1"}, {"Contact: *"}} {
				if got := p.do(lines...); got[0] != '4' {
					p.t.Error(lines, got)
				}
			}
		},
		"C048 in order": func(p *phone) {
			p.want("200 "+gotA, a, "CSeq: 1 REGISTER")
			p.want(none, a+";expires=0", "CSeq: 2 REGISTER")
			p.want(none)
		},
		"C049 atomic": func(p *phone) {
			p.x.maxBindings = 1
			p.want("403", a, "Contact: <sip:bob@192.0.2.2>")
			p.want(none)
			p.want("200 "+gotA, a)
			p.want("403", a+";expires=60", "Contact: <sip:bob@192.0.2.2>")
			p.want("200 " + gotA)
			// Replacing one by another is not one more.
			p.want("200 <sip:bob@192.0.2.2>;expires=3600", a+";expires=0", "Contact: <sip:bob@192.0.2.2>")
		},
		"C051 Require": func(p *phone) { p.want("420 Unsupported=foo", "Require: foo") },
		"C055 AOR not of the domain": func(p *phone) {
			p.want("404", "To: <sip:bob@elsewhere.test>", a)
			p.want("404", "To: <sip:bob@sub.d.test>", a)
			p.want(none)
		},
		"C056 canonical AOR": func(p *phone) {
			p.want("200 "+gotA, "To: <sip:%62ob@D.TEST;user=phone;foo=1>", a)
			p.want("200 "+gotA, "To: sip:bob@d.test:5060;x=y")
			p.want("200 "+gotA, "To: <sip:bob:pw@d.test.>")
			p.want(none, "To: <sip:Bob@d.test>") // user parts are case-sensitive
			if p.store.Lookup([]byte("sip:bob@d.test")) == nil {
				p.t.Error("not under sip:bob@d.test")
			}
		},
		"C056 sips": func(p *phone) {
			p.want("200 "+gotA, "To: <sips:bob@d.test>", a)
			p.want("200 " + gotA)
		},
		"C056 canonical AOR is no other AOR": func(p *phone) {
			// Decoded, "a%40b" must not become one with anything else.
			p.want("200 "+gotA, "To: <sip:bob%40x@d.test>", a)
			p.want(none, "To: <sip:bob@d.test>")
			p.want("400", "To: <sip:bob%4@d.test>")
		},
		"C058 * and CSeq": func(p *phone) {
			p.want("200 "+gotA, a, "Call-ID: cid1", "CSeq: 10 REGISTER")
			p.do("Contact: <sip:bob@192.0.2.2>", "Call-ID: cid2", "CSeq: 5 REGISTER")
			p.want("400", "Contact: *", "Expires: 0", "Call-ID: cid1", "CSeq: 9 REGISTER")
			p.want("400", "Contact: *", "Expires: 0", "Call-ID: cid1", "CSeq: 10 REGISTER")
			p.want("200 " + gotA + " <sip:bob@192.0.2.2>;expires=3600")
			p.want(none, "Contact: *", "Expires: 0", "Call-ID: cid1", "CSeq: 11 REGISTER")
		},
		"C058 * of another Call-ID": func(p *phone) {
			p.want("200 "+gotA, a, "Call-ID: cid1", "CSeq: 10 REGISTER")
			p.want(none, "Contact: *", "Expires: 0", "Call-ID: cid3", "CSeq: 1 REGISTER")
		},
		"C059 where the expiry comes from": func(p *phone) {
			p.want("200 <sip:bob@h>;expires=120", "Contact: <sip:bob@h>;expires=120", "Expires: 600")
			p.want("200 <sip:bob@h>;expires=600", "Contact: <sip:bob@h>", "Expires: 600")
			p.want("200 <sip:bob@h>;expires=3600", "Contact: <sip:bob@h>")
			p.x.defaultExpires = 1800
			p.want("200 <sip:bob@h>;expires=1800", "Contact: <sip:bob@h>")
			// RFC 3261 10.2.1: malformed is 3600, more than 2^32-1 is that.
			for _, malformed := range []string{"x", "-1", "1.5", `""`} {
				p.want("200 <sip:bob@h>;expires=3600", "Contact: <sip:bob@h>;expires="+malformed+";q=1.0")
			}
			p.want("200 <sip:bob@h>;expires=3600", "Contact: <sip:bob@h>", "Expires: soon")
			p.want("200 <sip:bob@h>;expires=7200", "Contact: <sip:bob@h>;expires=99999999999999999999999")
			p.want("200 <sip:bob@h>;expires=90", `Contact: <sip:bob@h>;EXPIRES="90"`)
		},
		"C060 shortened": func(p *phone) {
			p.want("200 <sip:bob@h>;expires=7200", "Contact: <sip:bob@h>;expires=86400")
		},
		"C061 C062 423": func(p *phone) {
			p.want("423 Min-Expires=60", a+";expires=30")
			p.want("423 Min-Expires=60", a, "Expires: 59")
			p.want(none)
			p.want("200 <sip:bob@192.0.2.1>;expires=60", a+";expires=60")
			p.want(none, a+";expires=0")
			p.want("423 Min-Expires=60", a, "Contact: <sip:bob@192.0.2.2>;expires=59") // all or nothing
			p.want(none)
			p.x.minExpires = 7200
			p.want("200 "+gotA, a+";expires=3600")
		},
		"C063 compared by 19.1.4": func(p *phone) {
			p.want("200 <sip:bob@HOST;a=1;transport=tcp>;expires=3600", "Contact: <sip:bob@HOST;a=1;transport=tcp>")
			p.want("200 <sip:bob@host;transport=TCP;a=1>;expires=3600", "Contact: <sip:bob@host;transport=TCP;a=1>")
			p.want(none, "Contact: <sip:b%6fb@hoST;Transport=tcp>;expires=0")
			p.want("200 <sip:bob@host>;expires=3600", "Contact: <sip:bob@host>")
			p.want("200 <sip:bob@host>;expires=3600 <sip:bob@host:5060>;expires=3600", "Contact: <sip:bob@host:5060>")
		},
		"C064 another Call-ID": func(p *phone) {
			p.want("200 "+gotA, a, "Call-ID: boot1", "CSeq: 100 REGISTER")
			p.want("200 <sip:bob@192.0.2.1>;expires=60", a+";expires=60", "Call-ID: boot2", "CSeq: 1 REGISTER")
			p.want("400", a, "Call-ID: boot2", "CSeq: 1 REGISTER")
			p.want(none, a+";expires=0", "Call-ID: boot3", "CSeq: 1 REGISTER")
		},
		"C065 the same Call-ID": func(p *phone) {
			p.want("200 "+gotA, a, "CSeq: 5 REGISTER")
			refused := p.send(p.register(a+";expires=60", "CSeq: 4 REGISTER"))
			if !strings.HasPrefix(refused, "SIP/2.0 400 CSeq 4 Not Above 5 For This Call-ID\r\n") {
				p.t.Error(refused)
			}
			p.want("400", a+";expires=60", "CSeq: 5 REGISTER")
			p.want("400", a+";expires=0", "CSeq: 5 REGISTER")
			p.want("400", "Contact: <sip:new@192.0.2.9>", a, "CSeq: 3 REGISTER")
			p.want("200 " + gotA)
			p.want("200 <sip:bob@192.0.2.1>;expires=60", a+";expires=60", "CSeq: 6 REGISTER")
		},
		"C068 all bindings listed": func(p *phone) {
			p.want("200 "+gotA, a)
			p.wait(100 * time.Second)
			p.want("200 <sip:bob@192.0.2.1>;expires=3500 <sip:bob@192.0.2.2>;expires=60",
				"Contact: <sip:bob@192.0.2.2>;expires=60", "Call-ID: c2")
			p.wait(59*time.Second + 500*time.Millisecond) // rounded down, but never to zero
			p.want("200 <sip:bob@192.0.2.1>;expires=3440 <sip:bob@192.0.2.2>;expires=1")
		},
		"C069 Date": func(p *phone) {
			if got := p.send(p.register()); !strings.Contains(got, "\r\nDate: Sun, 22 Nov 2026 17:30:00 GMT\r\n") {
				p.t.Error(got)
			}
		},
		"C070 q": func(p *phone) {
			p.want("200 <sip:a@h>;expires=3600 <sip:b@h>;q=0.5;expires=3600 <sip:c@h>;q=0;expires=3600 <sip:d@h>;q=0.123;expires=3600 "+
				"<sip:e@h>;q=0.05;expires=3600",
				"Contact: <sip:a@h>;q=1.0, <sip:b@h>;q=0.5,<sip:c@h>;q=0", "Contact: <sip:d@h>;q=0.123, <sip:e@h>;Q=0.050")
			for _, bad := range []string{"1.1", "2", "-0", "0.1234", ".5", "0,5", "", "0.x", "00", "1.001"} {
				p.want("400", "Contact: <sip:f@h>;q="+bad)
			}
			if got := strings.Count(p.fetch(), "sip:"); got != 5 {
				p.t.Error(got)
			}
			p.want("400", "Contact: <sip:f@h>;q")
		},
		"C071 expired": func(p *phone) {
			p.x.minExpires = 1
			p.want("200 <sip:bob@192.0.2.1>;expires=2", a+";expires=2")
			p.wait(2 * time.Second)
			p.want(none)
			p.want("200 "+gotA, a, "CSeq: 1 REGISTER") // and what it knew is forgotten
		},
		"C072 retransmission": func(p *phone) {
			raw := p.register(a)
			first := p.send(raw)
			record := p.store.Lookup([]byte("sip:bob@d.test"))
			for range 3 {
				if again := p.send(raw); again != first {
					p.t.Errorf("got\n%s\nfirst was\n%s", again, first)
				}
			}
			if now := p.store.Lookup([]byte("sip:bob@d.test")); &now[0] != &record[0] {
				p.t.Error("a retransmission changed the bindings")
			}
			remove := p.register(a + ";expires=0")
			for range 2 {
				if got := brief(p.send(remove)); got != none {
					p.t.Error("a retransmitted removal:", got)
				}
			}
		},
		"C180 sip is not sips": func(p *phone) {
			p.want("200 <sip:b@h>;expires=3600 <sips:b@h>;expires=3600", "Contact: <sip:b@h>, <sips:b@h>")
		},
		"C188 equality is not transitive": func(p *phone) {
			p.want("200 <sip:c@h;security=on>;expires=3600", "Contact: <sip:c@h;security=on>")
			p.want("200 <sip:c@h>;expires=3600", "Contact: <sip:c@h>")
			p.want("200 <sip:c@h;security=off>;expires=3600", "Contact: <sip:c@h;security=off>")
			p.want("200 <sip:c@h;security=off>;expires=3600 <sip:c@h;security=on>;expires=3600", "Contact: <sip:c@h;security=on>")
			p.want("200 <sip:c@h>;expires=3600", "Contact: <sip:c@h>") // equal to both: it replaces both
			p.want("200 <sip:c@h;security=off>;expires=3600 <sip:c@h;security=on>;expires=3600",
				"Contact: <sip:c@h;security=off>, <sip:c@h;security=on>")
			p.want(none, "Contact: <sip:c@h>;expires=0")
		},
		"C190 Call-ID is case-sensitive": func(p *phone) {
			p.want("200 "+gotA, a, "Call-ID: AbC", "CSeq: 9 REGISTER")
			p.want("200 "+gotA, a, "Call-ID: abc", "CSeq: 1 REGISTER")
		},
		"C225 C228 Path is kept with each binding": func(p *phone) {
			p.want("200 <sip:a@h>;expires=3600 Path=<sip:p1;lr>, <sip:p2;lr>", "Contact: <sip:a@h>", "Path: <sip:p1;lr>", "Path: <sip:p2;lr>", "Supported: path")
			p.want("200 <sip:a@h>;expires=3600 <sip:b@h>;expires=3600 Path=<sip:p3;lr>", "Contact: <sip:b@h>", "Path: <sip:p3;lr>", "Supported: path")
			rec := p.store.Lookup([]byte("sip:bob@d.test"))
			var paths []string
			var b location.Binding
			for it := rec.Bindings(); it.Next(&b); {
				paths = append(paths, string(b.Path))
			}
			if got := strings.Join(paths, "|"); got != "<sip:p1;lr>, <sip:p2;lr>|<sip:p3;lr>" {
				p.t.Error(got)
			}
		},
		"C226 Path without Supported is accepted": func(p *phone) { p.want("200 "+gotA, a, "Path: <sip:p;lr>") },
		"C269 reg-id without instance":            func(p *phone) { p.want("200 <sip:a@h>;reg-id=1;expires=3600", "Contact: <sip:a@h>;reg-id=1") },
		"S32 hijack by From": func(p *phone) {
			p.want("200 "+gotA, a, "From: <sip:mallory@x>;tag=1") // register none: From decides nothing
		},
		"S33 bounds": func(p *phone) {
			p.want("403", "Contact: <sip:bob@h?Route=%3Csip:evil%3E>")
			p.want("403", "Contact: <sip:bob@h?>")
			for _, host := range []string{"224.0.1.75", "0.0.0.0", "[::]", "[ff02::1]", "[::ffff:224.0.0.1]"} {
				p.want("403", "Contact: <sip:bob@"+host+">")
			}
			p.want("400", "Contact: <sip:bob@h;x="+strings.Repeat("y", 1100)+">")
			p.want("400", "Contact: <sip:bob@h>;x="+strings.Repeat("y", maxParams))
			p.want("400", "Contact: <sip:bob@h>;x=\"\\\x01\"")
			p.want("400", "Contact: <sip:a@h>, <sip:A@h>, <sip:%61@H;x=y>")
			p.want("400", "Contact: nonsense")
			p.want("400", "Contact: <:>")
			p.want("400", "Contact: <mailto:a b@c>")
			p.want("400", "Contact:")
			p.want("400", "Contact: <sip:a@h>,,<sip:b@h>")
			p.want("400", "Call-ID: "+strings.Repeat("x", maxCallID+1), "Contact: <sip:a@h>")
			p.want(none)
			p.want("200 <tel:+12345>;expires=3600 <mailto:bob@d.test>;expires=3600", "Contact: <tel:+12345>, <mailto:bob@d.test>")
		},
		"S33 number of contacts": func(p *phone) {
			p.x.maxBindings = 100
			list := func(n int) string {
				var l []string
				for i := range n {
					l = append(l, fmt.Sprintf("<sip:%d@h>", i))
				}
				return "Contact: " + strings.Join(l, ", ")
			}
			p.want("400", list(maxContacts+1))
			p.want(none)
			if got := p.do(list(maxContacts)); strings.Count(got, "sip:") != maxContacts {
				p.t.Error(got)
			}
			p.x.maxBindings = 10 // lowered: what is there may refresh, nothing may be added
			if got := p.do("Contact: <sip:0@h>;expires=60"); !strings.HasPrefix(got, "200 <sip:0@h>;expires=60 ") {
				p.t.Error(got)
			}
			p.want("403", "Contact: <sip:new@h>")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(newPhone(t, nil))
		})
	}
}
