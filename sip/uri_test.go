package sip

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// RFC 3261 19.1.4: "The URIs within each of the following sets are equivalent".
func TestEqualURIExamples(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;security=on", true},
		{"sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true},
		{"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com", "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true},
		{"sip:alice@atlanta.com?subject=project%20x&priority=urgent", "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true},
		// "The URIs within each of the following sets are not equivalent"
		{"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false},
		{"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
		{"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false},
		// "Note that equality is not transitive"
		{"sip:carol@chicago.com", "sip:carol@chicago.com;security=off", true},
		{"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false},
		// the rules of the text that have no example
		{"sip:a@h", "sips:a@h", false},
		{"sip:a@h;ttl=1", "sip:a@h", false},
		{"sip:a@h;user=phone", "sip:a@h", false},
		{"sip:a@h;method=INVITE", "sip:a@h", false},
		{"sip:a@h;maddr=192.0.2.1", "sip:a@h", false},
		{"sip:a@h;%75ser=phone", "sip:a@h", false},
		{"sip:a@h;method=INVITE", "sip:a@h;method=invite", false},
		{"sip:a@h;lr", "sip:a@h", true},
		{"sip:a@h;lr", "sip:a@h;lr=on", false},
		{"sip:a:b@h", "sip:a@h", false},
		{"sip:a:b@h", "sip:a:B@h", false},
		{"sip:h", "sip:a@h", false},
		{"sip:a%40b@h", "sip:a%40B@h", false},
		{"sip:a%3ab@h", "sip:a%3Ab@h", true},
		{"sip:a%3bb@h", "sip:a;b@h", false},
		{"sip:a%20b@h", "sip:a%20b@h", true},
		{"sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0:0:0:0:0:1]", true}, // RFC 5954 4.2
		{"sip:a@h;maddr=[2001:db8::1]", "sip:a@h;maddr=[2001:db8:0::1]", true},
		{"sip:a@h?x=1&x=1", "sip:a@h?x=1", false},
		{"sip:a@h?x=1&x=2", "sip:a@h?x=2&x=1", true},
		{"sip:a@h?x=1&x=2", "sip:a@h?x=2&x=2", false},
		{"sip:a@h?", "sip:a@h", false},
		{"tel:+1-212", "TEL:+1-212", true},
		{"tel:+1-212", "tel:+1212", false},
		{"tel:+1", "sip:1@h", false},
	} {
		if got := equalStrings(t, c.a, c.b); got != c.want {
			t.Errorf("%s and %s: got %v", c.a, c.b, got)
		}
	}
}

func TestParseURI(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{ // scheme|user|password|host|port|params|headers|opaque
		{"sip:alice@atlanta.com", "sip|alice||atlanta.com|||||"},
		{"sip:alice:secretword@atlanta.com;transport=tcp", "sip|alice|secretword|atlanta.com||;transport=tcp||"},
		{"sips:alice@atlanta.com?subject=project%20x&priority=urgent", "sips|alice||atlanta.com|||subject=project%20x&priority=urgent|"},
		{"sip:+1-212-555-1212:1234@gateway.com;user=phone", "sip|+1-212-555-1212|1234|gateway.com||;user=phone||"},
		{"sips:1212@gateway.com", "sips|1212||gateway.com||||"},
		{"sip:alice@192.0.2.4", "sip|alice||192.0.2.4||||"},
		{"sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com", "sip|||atlanta.com||;method=REGISTER|to=alice%40atlanta.com|"},
		{"sip:alice;day=tuesday@atlanta.com", "sip|alice;day=tuesday||atlanta.com||||"},
		{"SIP:a@[2001:db8::1]:5061;lr", "SIP|a||2001:db8::1|5061|;lr||"},
		{"sip:a@h:65535", "sip|a||h|65535|||"},
		{"sip:a@host.", "sip|a||host.||||"},
		{"sip:a@under_score.example", "sip|a||under_score.example||||"},
		{"tel:+1-201-555-0123;phone-context=+1", "tel|||||||+1-201-555-0123;phone-context=+1"},
		{"urn:service:sos", "urn|||||||service:sos"},
		{"sip:\xc3\xa9@h", "sip|\xc3\xa9||h||||"},
	} {
		u, err := ParseURI([]byte(c.in))
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		port := ""
		if u.HasPort {
			port = itoa(int(u.Port))
		}
		got := strings.Join([]string{string(u.Scheme), string(u.User), string(u.Password), string(u.Host), port, string(u.Params), string(u.Headers), string(u.Opaque)}, "|")
		same(t, strings.TrimRight(got, "|"), strings.TrimRight(c.want, "|"))
	}
	for _, in := range []string{
		"", "sip", "sip:", ":a@h", "1sip:a@h", "sip:@h", "sip:a@", "sip:a@h:", "sip:a@h:0", "sip:a@h:65536", "sip:a@h:+5060",
		"sip:a@h:5060x", "sip:a@b@h", "sip:a:b:c@h", "sip:a@h;", "sip:a@h;;x", "sip:a@h;=1", "sip:a@h;x=1;X=2",
		"sip:a@h;transport=udp;%74ransport=tcp", "sip:a@h;x=\"y;lr\"", "sip:a@h;%41=\"y;lr\"", "sip:a%4@h", "sip:a%zz@h", "sip:a@h;x=%", "sip:a@h?x=%1", "sip:a b@h", "sip:a@h ",
		"sip:<a@h>", "<sip:a@h>", "sip:a@h>", "sip:a@h\r\nX: y", "sip:a\x00@h", "sip:\x7f@h", "sip:a@[::1", "sip:a@[::1]x", "sip:a@[::1]]", "sip:a@[]",
		"sip:a@[1::2::3]", "sip:a@[1:2:3:4:5:6:7:8:9]", "sip:a@[12345::]", "sip:a@[::1%25eth0]", "sip:a@::1", "sip:2001:db8::1", "sip:a@.h", "sip:a@h..x",
		"sip:a@1.2.3", "sip:a@1.2.3.256", "sip:a@1.2.3.04", "sip:a@999", "sip:a@h/x", "sip:a@h;x=<", `sip:a"@h`, "tel:", "tel:+1 2", "sip:a@" + strings.Repeat("h", 256),
	} {
		if u, err := ParseURI([]byte(in)); err == nil {
			t.Errorf("%q was taken: %+v", in, u)
		}
	}
}

func TestAppendAOR(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"sip:alice@example.com", "sip:alice@example.com"},
		{"SIPS:%61lice:pw@EXAMPLE.com:5061;transport=tcp?x=y", "sip:alice@example.com"},
		{"sip:Alice@example.com.", "sip:Alice@example.com"},
		{"sip:example.com", "sip:example.com"},
		{"sip:a%2Cb@h", "sip:a,b@h"}, // RFC 3261 10.3 step 5: "escaped characters MUST be converted"
		{"sip:a%40b%3a@h", "sip:a%40b%3A@h"},
		{"sip:%25%34@h", "sip:%254@h"},
		{"sip:%00%0d%0a%22%3e@h", "sip:%00%0D%0A%22%3E@h"},
		{"sip:\xc3\xa9@h", "sip:%C3%A9@h"},
		{"sip:a@[2001:DB8:0::0001]:5060", "sip:a@[2001:db8::1]"},
		{"TEL:+1-2", "tel:+1-2"},
	} {
		u, err := ParseURI([]byte(c.in))
		if err != nil {
			t.Fatalf("%s: %v", c.in, err)
		}
		same(t, string(AppendAOR(nil, &u)), c.want)
	}
}

func TestUnescape(t *testing.T) {
	t.Parallel()
	got, ok := AppendUnescaped([]byte("x"), []byte("a%41%0d%25z"))
	if same(t, string(got), "xaA\r%z"); !ok {
		t.Error("refused")
	}
	for _, bad := range []string{"%", "%1", "a%1", "%g1", "%1g", "%%41"} {
		if got, ok := AppendUnescaped([]byte("x"), []byte(bad)); ok || string(got) != "x" {
			t.Errorf("%q: %q %v", bad, got, ok)
		}
	}
}

// TestURIRoundTrip: a URI made of parts parses into these parts, equals itself however it is escaped, and has one AOR.
func TestURIRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		user := rapid.StringMatching(`[a-zA-Z0-9._!~*'()&=+$,;?/-]{1,12}`).Draw(t, "user")
		host := rapid.StringMatching(`([a-z][a-z0-9-]{0,5}\.){1,3}[a-z]{2,4}|192\.0\.2\.[1-9]|\[2001:db8::[1-9a-f]{1,4}\]`).Draw(t, "host")
		port := rapid.IntRange(0, 65535).Draw(t, "port")
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,4}`), 0, 5, rapid.ID[string]).Draw(t, "names")
		text := "sip:" + user + "@" + host
		if port > 0 {
			text += ":" + itoa(port)
		}
		for _, n := range names {
			text += ";" + n + "=" + rapid.StringMatching(`[a-zA-Z0-9.-]{1,4}`).Draw(t, n)
		}
		u, err := ParseURI([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if string(u.User) != user || string(u.Host) != strings.Trim(host, "[]") || int(u.Port) != port {
			t.Fatalf("%s: %q %q %d", text, u.User, u.Host, u.Port)
		}
		escaped := "SIP:"
		for i := range len(user) { // every unreserved character may be escaped (RFC 3261 19.1.4)
			if !isReserved(user[i]) && rapid.Bool().Draw(t, "escape") {
				const hex = "0123456789abcdef"
				escaped += "%" + string(hex[user[i]>>4]) + string(hex[user[i]&15])
			} else {
				escaped += user[i : i+1]
			}
		}
		v, err := ParseURI([]byte(escaped + text[4+len(user):]))
		if err != nil || !EqualURI(&u, &v) {
			t.Fatalf("%s and %s: %v", text, escaped, err)
		}
		if a, b := string(AppendAOR(nil, &u)), string(AppendAOR(nil, &v)); a != b {
			t.Fatalf("%s and %s", a, b)
		}
	})
}
