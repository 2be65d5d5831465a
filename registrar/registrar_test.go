package registrar

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sipway/sipway/auth"
	"github.com/sipway/sipway/location"
	"github.com/sipway/sipway/sip"
	"github.com/sipway/sipway/transport"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 11, 22, 17, 30, 0, 0, time.UTC)

// phone is a registrar with its store and the clock of one test.
type phone struct {
	t     *testing.T
	x     *Registrar
	store *location.Store
	now   time.Time
	n     int // requests sent, for branches
}

// newPhone returns a registrar for d.test. change may alter its options.
func newPhone(t *testing.T, change func(*Options)) *phone {
	t.Helper()
	store, err := location.Open("", location.Options{Durability: location.None})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Domain: "d.test", Store: store}
	if change != nil {
		change(&o)
	}
	x, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return &phone{t: t, x: x, store: o.Store, now: start}
}

// register writes a REGISTER: lines are header lines; those with a name of the basic ones replace them.
func (p *phone) register(lines ...string) string {
	p.n++
	basic := []string{
		fmt.Sprintf("Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK%d", p.n),
		"Max-Forwards: 70", "From: <sip:bob@d.test>;tag=f", "To: <sip:bob@d.test>", "Call-ID: c1",
		fmt.Sprintf("CSeq: %d REGISTER", p.n),
	}
	var b strings.Builder
	b.WriteString("REGISTER sip:d.test SIP/2.0\r\n")
	for _, line := range basic {
		name, _, _ := strings.Cut(line, ":")
		overridden := false
		for _, l := range lines {
			overridden = overridden || strings.HasPrefix(l, name+":")
		}
		if !overridden {
			b.WriteString(line + "\r\n")
		}
	}
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	return b.String()
}

// send gives raw to the registrar and returns the response as text, or the refusal as dispatch would send it.
func (p *phone) send(raw string) string {
	p.t.Helper()
	answers := make(chan string, 2)
	r := transport.NewRequest([]byte(raw), transport.UDP, netip.MustParseAddrPort("192.0.2.1:5060"),
		netip.MustParseAddrPort("192.0.2.7:5060"), p.now, func(b []byte) { answers <- string(b) })
	if r.Bad != nil {
		p.t.Fatalf("the test's request is bad: %v\n%s", r.Bad, raw)
	}
	// Not validated, as dispatch does before: the registrar must not rely on it.
	err := p.x.ServeSIP(r, []byte("tt"))
	if err != nil {
		var s *sip.StatusError
		if !errors.As(err, &s) {
			p.t.Fatal(err)
		}
		if len(answers) != 0 {
			p.t.Fatalf("answered and refused with %v", err)
		}
		out := fmt.Sprintf("SIP/2.0 %d %s\r\n", s.Code, s.Reason)
		for _, f := range s.Extra {
			out += f.Name + ": " + f.Value + "\r\n"
		}
		return out
	}
	return <-answers
}

var headers = regexp.MustCompile(`(?m)^(Contact|Path|Min-Expires|Unsupported|Retry-After): (.*)\r$`)

// brief is a response as tests compare it: the status line's code, and the headers that the registrar decides.
func brief(response string) string {
	code, _, _ := strings.Cut(strings.TrimPrefix(response, "SIP/2.0 "), " ")
	for _, m := range headers.FindAllStringSubmatch(response, -1) {
		if m[1] == "Contact" {
			code += " " + m[2]
		} else {
			code += " " + m[1] + "=" + m[2]
		}
	}
	return code
}

// do registers and returns the brief response.
func (p *phone) do(lines ...string) string {
	p.t.Helper()
	return brief(p.send(p.register(lines...)))
}

func (p *phone) want(want string, lines ...string) {
	p.t.Helper()
	if got := p.do(lines...); got != want {
		p.t.Errorf("%s\n got %s\nwant %s", strings.Join(lines, " | "), got, want)
	}
}

// fetch asks for the bindings of bob.
func (p *phone) fetch() string {
	p.t.Helper()
	return p.do()
}

func (p *phone) wait(d time.Duration) { p.now = p.now.Add(d) }

const none = "200"

// TestResponse shows the whole of a 200.
func TestResponse(t *testing.T) {
	t.Parallel()
	p := newPhone(t, nil)
	got := p.send("REGISTER sip:d.test SIP/2.0\r\n" +
		"v: SIP/2.0/UDP 10.0.0.7;rport;branch=z9hG4bK1, SIP/2.0/TCP ua.example;branch=z9hG4bK0\r\n" +
		"Record-Route: <sip:a;lr>\r\nRecord-Route: <sip:b;lr>\r\n" + // C043
		"Max-Forwards: 70\r\nf: <sip:bob@d.test>;tag=1\r\nt: Bob <sip:bob@d.test>\r\ni: x@y\r\nCSeq: 9 REGISTER\r\n" +
		"Path: <sip:p1.example;lr>,<sip:p2.example;lr>\r\nSupported: path, gruu\r\n" +
		"m: \"Bob\" <sip:bob@10.0.0.7;transport=tcp>;q=0.50;expires=60;+sip.instance=\"<urn:x>\"\r\n ;reg-id=1, sip:bob@10.0.0.8\r\n" +
		"User-Agent: {(\r\nX-Foo: bar\r\nl: 0\r\n\r\n")
	want := "SIP/2.0 200 OK\r\n" +
		"Via: SIP/2.0/UDP 10.0.0.7;rport=5060;received=192.0.2.7;branch=z9hG4bK1\r\n" +
		"Via: SIP/2.0/TCP ua.example;branch=z9hG4bK0\r\n" +
		"From: <sip:bob@d.test>;tag=1\r\nTo: Bob <sip:bob@d.test>;tag=tt\r\nCall-ID: x@y\r\nCSeq: 9 REGISTER\r\n" +
		"Contact: <sip:bob@10.0.0.7;transport=tcp>;+sip.instance=\"<urn:x>\";reg-id=1;q=0.5;expires=60\r\n" +
		"Contact: <sip:bob@10.0.0.8>;expires=3600\r\n" +
		"Path: <sip:p1.example;lr>, <sip:p2.example;lr>\r\n" +
		"Date: Sun, 22 Nov 2026 17:30:00 GMT\r\nContent-Length: 0\r\n\r\n"
	// How Vias are grouped and stamped is package sip's affair: compare from From on.
	cut := func(s string) string { return s[max(strings.Index(s, "From:"), 0):] }
	if cut(got) != cut(want) || !strings.HasPrefix(got, "SIP/2.0 200 OK\r\nVia: ") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	rec := p.store.Lookup([]byte("sip:bob@d.test"))
	it, b := rec.Bindings(), location.Binding{}
	if !it.Next(&b) || string(b.Path) != "<sip:p1.example;lr>, <sip:p2.example;lr>" || string(b.CallID) != "x@y" || b.CSeq != 9 ||
		b.Q != 500 || b.Source != netip.MustParseAddrPort("192.0.2.7:5060") || b.Transport != uint8(transport.UDP) ||
		b.Expires != start.UnixMilli()+60_000 || b.Updated != start.UnixMilli() {
		t.Errorf("stored %+v", b)
	}
}

func TestPathOnlyEchoedToWhoKnowsIt(t *testing.T) {
	t.Parallel()
	p := newPhone(t, nil)
	p.want("200 <sip:bob@h>;expires=3600", "Contact: <sip:bob@h>", "Path: <sip:p;lr>")
	p.want("200 <sip:bob@h>;expires=3600 Path=<sip:p;lr>", "Contact: <sip:bob@h>", "Path: <sip:p;lr>", "Supported: path")
	for _, path := range []string{"p", "<tel:+1>", "<sip:a;lr>,", "<sip:p;lr>;x=\"\\\x01\""} {
		p.want("400", "Contact: <sip:bob@h>", "Path: "+path)
	}
	p.want("400", "Contact: <sip:bob@h>", "Path: <sip:a;lr>"+strings.Repeat(", <sip:a;lr>", sip.MaxRoute))
	p.want("200 <sip:bob@h>;expires=3600", "Contact: <sip:bob@h>", "Path: <sip:a;lr>"+strings.Repeat(", <sip:a;lr>", sip.MaxRoute-1))
	p.want("400", "Contact: <sip:bob@h>", "Path: <sip:a;lr>;x="+strings.Repeat("y", maxPath))
}

func TestRequire(t *testing.T) {
	t.Parallel()
	p := newPhone(t, func(o *Options) { o.Supported, o.Verifier = []string{"path"}, auth.NewVerifier("d.test", nil, users{}) })
	// Before authentication (RFC 3261 10.3 step 2), and only the unknown ones.
	p.want("420 Unsupported=foo", "Require: foo")
	p.want("420 Unsupported=foo, bar", "Require: foo, PATH", "Require: path,bar")
	p.want("400", "Require: f(oo")
	p.want("400", "Require: foo,,bar")
	if got := p.do("Require: path"); got != "401" {
		t.Error(got)
	}
	q := newPhone(t, nil)
	q.want("420 Unsupported=path", "Require: path")
}

// users is a users file of one: bob with the password "secret".
type users struct{}

func (users) Offers(auth.Algorithm) bool { return true }

func (users) HA1(dst, user []byte, alg auth.Algorithm) ([]byte, bool) {
	if s := string(user); s != "bob" && s != "alice" {
		return dst, false
	}
	return append(dst, auth.HA1(alg, string(user), "d.test", "secret")...), true
}

var nonceRE = regexp.MustCompile(`WWW-Authenticate: Digest .*nonce="([^"]*)".*algorithm=SHA-256`)

func credentials(t *testing.T, response, user, password string) string {
	t.Helper()
	m := nonceRE.FindStringSubmatch(response)
	if m == nil {
		t.Fatalf("no SHA-256 challenge:\n%s", response)
	}
	hash := func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }
	answer := hash(auth.HA1(auth.SHA256, user, "d.test", password) + ":" + m[1] + ":00000001:0a4f113b:auth:" + hash("REGISTER:sip:d.test"))
	return fmt.Sprintf(`Authorization: Digest username="%s", realm="d.test", nonce="%s", uri="sip:d.test", response="%s", `+
		`algorithm=SHA-256, cnonce="0a4f113b", qop=auth, nc=00000001`, user, m[1], answer)
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	p := newPhone(t, func(o *Options) { o.Verifier = auth.NewVerifier("d.test", []byte("0123456789abcdef"), users{}) })
	challenge := p.send(p.register("Contact: <sip:bob@h>"))
	if brief(challenge) != "401" || strings.Count(challenge, "WWW-Authenticate: Digest ") != 2 || !strings.Contains(challenge, "algorithm=MD5") {
		t.Fatalf("C053: %s", challenge)
	}
	if !strings.Contains(challenge, "To: <sip:bob@d.test>;tag=tt\r\n") {
		t.Error("the 401 has no To tag")
	}
	p.want("200 <sip:bob@h>;expires=3600", "Contact: <sip:bob@h>", credentials(t, challenge, "bob", "secret"))
	for name, header := range map[string]string{
		"wrong password": credentials(t, challenge, "bob", "guess"),
		"unknown user":   credentials(t, challenge, "carol", "secret"),
		"nothing useful": "Authorization: Basic Ym9iOnNlY3JldA==",
	} {
		if got := p.do("Contact: <sip:bob@h>;expires=0", header); got != "401" {
			t.Errorf("%s: %s", name, got)
		}
	}
	p.want("400", `Authorization: Digest username="bob`+"", "Contact: <sip:bob@h>")
	p.want("200 <sip:bob@h>;expires=3600", credentials(t, challenge, "bob", "secret"))

	t.Run("C053 C199", func(t *testing.T) {
		if strings.Contains(challenge, "Proxy-Authenticate") {
			t.Error("a registrar never uses 407")
		}
	})
	t.Run("C054 authorised for the own AOR only", func(t *testing.T) {
		alice := credentials(t, challenge, "alice", "secret")
		p.want("403", alice, "Contact: <sip:evil@h>")
		p.want("403", alice, "Contact: *", "Expires: 0")
		p.want("403", alice, "From: <sip:bob@d.test>;tag=1", "To: <sip:BOB@d.test>")
		p.want(none, alice, "From: <sip:bob@d.test>;tag=1", "To: <sip:alice@d.test>") // From decides nothing
		p.want("200 <sip:bob@h>;expires=3600", credentials(t, challenge, "bob", "secret"))
	})
	t.Run("C055 another domain", func(t *testing.T) {
		p.want("404", credentials(t, challenge, "bob", "secret"), "To: <sip:x@elsewhere.test>")
	})
	t.Run("stale", func(t *testing.T) {
		p.wait(24 * time.Hour)
		got := p.send(p.register(credentials(t, challenge, "bob", "secret")))
		if brief(got) != "401" || !strings.Contains(got, "stale=true") {
			t.Error(got)
		}
	})
}

func TestNew(t *testing.T) {
	t.Parallel()
	store, _ := location.Open("", location.Options{Durability: location.None})
	good := Options{Domain: "D.test.", Store: store, MinExpires: 2 * time.Hour} // the others follow
	if _, err := New(good); err != nil {
		t.Error(err)
	}
	for name, o := range map[string]Options{
		"no domain":        {Store: store},
		"no store":         {Domain: "d.test"},
		"min over max":     {Domain: "d.test", Store: store, MinExpires: 2 * time.Hour, MaxExpires: time.Hour},
		"default over max": {Domain: "d.test", Store: store, DefaultExpires: 3 * time.Hour},
		"default too low":  {Domain: "d.test", Store: store, DefaultExpires: time.Second},
		"tiny":             {Domain: "d.test", Store: store, MinExpires: time.Millisecond},
		"negative":         {Domain: "d.test", Store: store, MaxBindings: -1},
		"forever":          {Domain: "d.test", Store: store, MaxExpires: 1 << 62},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// serve runs s until the returned function is called, which also closes it.
func serve(t *testing.T, s *location.Store) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	return func() {
		cancel()
		<-done
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
