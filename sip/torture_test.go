package sip

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tortureWant is what Parse and Validate say of each message of RFC 4475 and RFC 5118: "" for accepted, or the status
// line's text. Where the RFC wants an answer that only a role can give (416, 420, 483, 401), the message is
// accepted here and note says who refuses it.
var tortureWant = []struct{ file, want, note string }{
	// RFC 4475 3.1.1, valid
	{"rfc4475/wsinv.dat", "", ""},
	{"rfc4475/intmeth.dat", "", ""},
	{"rfc4475/esc01.dat", "", ""},
	{"rfc4475/escnull.dat", "", ""},
	{"rfc4475/esc02.dat", "", ""},
	{"rfc4475/lwsdisp.dat", "", ""},
	{"rfc4475/longreq.dat", "", ""},
	{"rfc4475/dblreq.dat", "", "the INVITE behind the REGISTER is ignored"},
	{"rfc4475/semiuri.dat", "", ""},
	{"rfc4475/transports.dat", "", ""},
	{"rfc4475/mpart01.dat", "", ""},
	{"rfc4475/unreason.dat", "", ""},
	{"rfc4475/noreason.dat", "", ""},
	// RFC 4475 3.1.2, invalid
	{"rfc4475/badinv01.dat", "400 Malformed Via", ""},
	{"rfc4475/clerr.dat", "400 Content-Length Beyond the Message", ""},
	{"rfc4475/ncl.dat", "400 Malformed Content-Length", ""},
	{"rfc4475/scalar02.dat", "400 Malformed CSeq", ""},
	{"rfc4475/scalarlg.dat", "400 Malformed CSeq", "a response: discarded"},
	{"rfc4475/quotbal.dat", "400 Malformed To", ""},
	{"rfc4475/ltgtruri.dat", "400 Malformed Request-URI", ""},
	{"rfc4475/lwsruri.dat", "400 Malformed Start Line", ""},
	{"rfc4475/lwsstart.dat", "400 Malformed Start Line", ""},
	{"rfc4475/trws.dat", "400 Malformed Start Line", ""},
	{"rfc4475/escruri.dat", "400 Headers in the Request-URI", "the RFC allows to ignore them"},
	{"rfc4475/baddate.dat", "", "Date decides nothing here"},
	{"rfc4475/regbadct.dat", "400 Malformed Contact", ""},
	{"rfc4475/badaspec.dat", "400 Malformed To", ""},
	{"rfc4475/baddn.dat", "400 No Empty Line After Headers", "the archive's message has none; see TestTortureDisplayName"},
	{"rfc4475/badvers.dat", "505 Version Not Supported", ""},
	{"rfc4475/mismatch01.dat", "400 CSeq Method Is Not the Request's", ""},
	{"rfc4475/mismatch02.dat", "400 CSeq Method Is Not the Request's", "the RFC allows 501 too"},
	{"rfc4475/bigcode.dat", "400 Malformed Start Line", "a response: discarded"},
	// RFC 4475 3.2 to 3.4
	{"rfc4475/badbranch.dat", "", "a branch that is only the cookie: matched as by RFC 2543"},
	{"rfc4475/insuf.dat", "400 Missing From", ""},
	{"rfc4475/unkscm.dat", "", "dispatch: 416"},
	{"rfc4475/novelsc.dat", "", "dispatch: 416"},
	{"rfc4475/unksm2.dat", "", "registrar: 400, no AOR of ours in To"},
	{"rfc4475/bext01.dat", "", "dispatch: 420"},
	{"rfc4475/invut.dat", "", "redirected: the body is not ours"},
	{"rfc4475/regaut01.dat", "", "auth: 401"},
	{"rfc4475/multi01.dat", "400 More Than One Max-Forwards", "four headers stand twice; the first of them is named"},
	{"rfc4475/mcl01.dat", "400 More Than One Content-Length", ""},
	{"rfc4475/bcast.dat", "", "a response to a Via that is not ours: transport discards it"},
	{"rfc4475/zeromf.dat", "", "proxy: 483; OPTIONS to us may be answered"},
	{"rfc4475/cparam01.dat", "", ""},
	{"rfc4475/cparam02.dat", "", ""},
	{"rfc4475/regescrt.dat", "", ""},
	{"rfc4475/sdp01.dat", "", ""},
	{"rfc4475/inv2543.dat", "", ""},
	// RFC 5118
	{"rfc5118/ipv6-good", "", ""},
	{"rfc5118/ipv6-bad", "400 Malformed Request-URI", ""},
	{"rfc5118/port-ambiguous", "", ""},
	{"rfc5118/port-unambiguous", "", ""},
	{"rfc5118/via-received-param-with-delim", "", ""},
	{"rfc5118/via-received-param-no-delim", "", ""},
	{"rfc5118/ipv6-in-sdp", "400 Content-Length Beyond the Message", "the archive's Content-Length is wrong"},
	{"rfc5118/mult-ip-in-header", "", ""},
	{"rfc5118/mult-ip-in-sdp", "", ""},
	{"rfc5118/ipv4-mapped-ipv6", "", ""},
	{"rfc5118/ipv6-bug-abnf-3-colons", "400 No Empty Line After Headers", "the archive's message has none; see TestTortureColons"},
	{"rfc5118/ipv6-correct-abnf-2-colons", "400 No Empty Line After Headers", "the archive's message has none; see TestTortureColons"},
}

func readTorture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(name, "rfc5118/") { // the archive has LF
		b = bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
	}
	return b
}

// verdict parses and validates and returns the error's text.
func verdict(m *Message, b []byte) string {
	_ = m.Parse(b)
	err := m.Validate()
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestTorture(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range tortureWant {
		seen[c.file] = true
		t.Run(c.file, func(t *testing.T) {
			var m Message
			if got := verdict(&m, readTorture(t, c.file)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			var status *StatusError
			if err := m.Validate(); err != nil && !errors.As(err, &status) {
				t.Errorf("error %v is no StatusError", err)
			}
			if m.IsRequest() != m.Answerable() { // there is no ACK among them
				t.Errorf("request %v, answerable %v", m.IsRequest(), m.Answerable())
			}
			checkRespond(t, &m)
		})
	}
	for _, dir := range []string{"rfc4475", "rfc5118"} {
		files, err := os.ReadDir(filepath.Join("testdata", dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !seen[dir+"/"+f.Name()] {
				t.Errorf("%s/%s is not in the table", dir, f.Name())
			}
		}
	}
}

// TestTortureSums holds the files against the sums that came with them.
func TestTortureSums(t *testing.T) {
	t.Parallel()
	sums, err := os.ReadFile("testdata/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(sums)) {
		want, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok {
			t.Fatalf("SHA256SUMS: %q", line)
		}
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s was altered", name)
		}
		n++
	}
	if n != len(tortureWant) {
		t.Errorf("%d sums for %d messages", n, len(tortureWant))
	}
}

// RFC 4475 3.1.2.16, with the empty line that its archive left out.
func TestTortureDisplayName(t *testing.T) {
	t.Parallel()
	var m Message
	b := append(readTorture(t, "rfc4475/baddn.dat"), "\r\n"...)
	if got := verdict(&m, b); got != "400 Malformed From" {
		t.Error(got)
	}
}

// RFC 5118 4.10, with the empty line that its archive left out: both ways to write the address are the same.
func TestTortureColons(t *testing.T) {
	t.Parallel()
	var uris [2]URI
	for i, name := range []string{"rfc5118/ipv6-bug-abnf-3-colons", "rfc5118/ipv6-correct-abnf-2-colons"} {
		var m Message
		if got := verdict(&m, append(readTorture(t, name), "\r\n"...)); got != "" {
			t.Errorf("%s: %s", name, got)
		}
		uris[i], _ = ParseURI(m.RequestURI())
	}
	if !EqualURI(&uris[0], &uris[1]) {
		t.Error("the two are not equal")
	}
	if a, ok := uris[0].Addr(); !ok || a.String() != "2001:db8::c000:201" {
		t.Error(a, ok)
	}
}

func TestTortureValues(t *testing.T) {
	t.Parallel()
	parse := func(name string) *Message {
		m := new(Message)
		if got := verdict(m, readTorture(t, name)); got != "" {
			t.Fatalf("%s: %s", name, got)
		}
		return m
	}
	t.Run("wsinv", func(t *testing.T) { // RFC 4475 3.1.1.1
		m := parse("rfc4475/wsinv.dat")
		to, _ := m.To()
		from, _ := m.From()
		seq, method, _ := m.CSeq()
		hops, _, _ := m.MaxForwards()
		if string(to.Tag) != "1918181833n" || string(from.Tag) != "98asjd8" || string(from.Display) != `J Rosenberg \\\"` ||
			seq != 9 || string(method) != "INVITE" || hops != 68 || len(m.Body()) != 150 {
			t.Errorf("to %q from %q %q cseq %d %q hops %d body %d", to.Tag, from.Tag, from.Display, seq, method, hops, len(m.Body()))
		}
		var got []string
		for it := m.Values(HeaderVia); it.Next(); {
			v, err := ParseVia(it.Value())
			if err != nil {
				t.Error(err)
			}
			got = append(got, string(v.Transport)+" "+string(v.Host)+" "+string(v.Branch))
		}
		if s := strings.Join(got, "|"); s != "UDP 192.0.2.2 390skdjuw|TCP spindle.example.com z9hG4bK9ikj8|UDP 192.168.255.111 z9hG4bK30239" {
			t.Error(s)
		}
		if it := m.Values(HeaderContact); !it.Next() {
			t.Error("no Contact")
		} else if c, err := ParseNameAddr(it.Value()); err != nil || string(c.URI) != "sip:jdrosen@example.com" {
			t.Error(c, err)
		} else if q, _ := c.Params.Get("q"); string(q) != "0.33" {
			t.Errorf("q %q", q)
		}
	})
	t.Run("intmeth", func(t *testing.T) { // 3.1.1.2
		m := parse("rfc4475/intmeth.dat")
		u, err := ParseURI(m.RequestURI())
		if err != nil || string(u.User) != "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*" ||
			string(u.Password) != "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)" || string(u.Host) != "example.com" {
			t.Errorf("%q %q %q %v", u.User, u.Password, u.Host, err)
		}
	})
	t.Run("esc01", func(t *testing.T) { // 3.1.1.3
		m := parse("rfc4475/esc01.dat")
		u, _ := ParseURI(m.RequestURI())
		if user, ok := AppendUnescaped(nil, u.User); !ok || string(user) != "sips:user@example.com" {
			t.Errorf("%q", user)
		}
		if aor := AppendAOR(nil, &u); string(aor) != "sip:sips%3Auser%40example.com@example.net" {
			t.Errorf("%s", aor)
		}
		v, _ := m.Header(HeaderContact)
		c, _ := ParseNameAddr(v)
		cu, _ := ParseURI(c.URI)
		if _, ok := cu.Param("lr"); !ok {
			t.Error("the escaped lr was not found")
		}
		name, _ := cu.Param("name")
		if plain, _ := AppendUnescaped(nil, name); string(plain) != "value%41" {
			t.Errorf("%q", plain)
		}
	})
	t.Run("esc02", func(t *testing.T) { // 3.1.1.5: an escaped header name is another name
		m := parse("rfc4475/esc02.dat")
		if m.Method() != MethodUnknown || string(m.MethodBytes()) != "RE%47IST%45R" || m.Count(HeaderContact) != 2 {
			t.Error(m.Method(), m.Count(HeaderContact))
		}
	})
	t.Run("dblreq", func(t *testing.T) { // 3.1.1.8
		m := parse("rfc4475/dblreq.dat")
		if m.Method() != MethodRegister || len(m.Body()) != 0 || bytes.Contains(m.Bytes(), []byte("INVITE")) {
			t.Errorf("%s", m.Bytes())
		}
	})
	t.Run("longreq", func(t *testing.T) { // 3.1.1.7
		m := parse("rfc4475/longreq.dat")
		if m.Count(HeaderVia) != 34 {
			t.Error(m.Count(HeaderVia))
		}
	})
	t.Run("cparam", func(t *testing.T) { // 3.3.14, 3.3.15
		for name, want := range map[string]bool{"rfc4475/cparam01.dat": true, "rfc4475/cparam02.dat": false} {
			v, _ := parse(name).Header(HeaderContact)
			c, err := ParseNameAddr(v)
			if _, header := c.Params.Get("unknownparam"); err != nil || header != want {
				t.Errorf("%s: header parameter %v, %v", name, header, err)
			}
		}
	})
	t.Run("ports", func(t *testing.T) { // RFC 5118 4.3, 4.4
		u, _ := ParseURI(parse("rfc5118/port-ambiguous").RequestURI())
		if u.HasPort || string(u.Host) != "2001:db8::10:5070" {
			t.Errorf("%q %d", u.Host, u.Port)
		}
		u, _ = ParseURI(parse("rfc5118/port-unambiguous").RequestURI())
		if u.Port != 5070 || string(u.Host) != "2001:db8::10" {
			t.Errorf("%q %d", u.Host, u.Port)
		}
	})
	t.Run("received", func(t *testing.T) { // RFC 5118 4.5
		for _, name := range []string{"rfc5118/via-received-param-with-delim", "rfc5118/via-received-param-no-delim"} {
			if v, err := parse(name).TopVia(); err != nil || string(v.Received) != "2001:db8::9:255" {
				t.Errorf("%s: %q %v", name, v.Received, err)
			}
		}
	})
}
