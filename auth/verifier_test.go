package auth

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipway/sipway/sip"
)

var (
	testNow  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	testFrom = netip.MustParseAddr("192.0.2.10")
	secret   = []byte("0123456789abcdef0123456789abcdef")
)

func testUsers(t testing.TB) *File {
	t.Helper()
	f, err := NewFile("users.yaml", "d.test")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []string{"alice", "bob", `o'neil`} {
		if err := f.Add(u, u+"-secret"); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func testVerifier(t testing.TB) *Verifier {
	t.Helper()
	return NewVerifier("d.test", secret, testUsers(t), "edge1.d.test", "192.0.2.1", "2001:db8::1")
}

// register is a REGISTER with the given lines of credentials.
func register(t testing.TB, uri string, lines ...string) *sip.Message {
	t.Helper()
	raw := "REGISTER " + uri + " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n" +
		"From: <sip:alice@d.test>;tag=1\r\nTo: <sip:alice@d.test>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n"
	for _, l := range lines {
		raw += l + "\r\n"
	}
	m := new(sip.Message)
	if err := m.Parse([]byte(raw + "Content-Length: 0\r\n\r\n")); err != nil {
		t.Fatalf("%v in %q", err, raw)
	}
	return m
}

// credentialsOf is the client's side, with everything in reach of a test.
type client struct {
	user, password, realm, nonce, uri, method string
	alg                                       Algorithm
	nc, cnonce, qop                           string
	leave                                     string // a parameter not to send
	more                                      string // to add at the end
	upper                                     bool   // write the response in upper case
	ha1                                       string // instead of that of user and password
}

func (c client) line() string {
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	def(&c.user, "alice")
	def(&c.password, "alice-secret")
	def(&c.realm, "d.test")
	def(&c.uri, "sip:d.test")
	def(&c.method, "REGISTER")
	def(&c.nc, "00000001")
	def(&c.cnonce, "0a4f113b")
	def(&c.qop, "auth")
	def(&c.ha1, HA1(c.alg, c.user, c.realm, c.password))
	h := func(s string) string { return string(c.alg.appendHash(nil, []byte(s))) }
	response := h(strings.Join([]string{
		c.ha1, c.nonce, c.nc, c.cnonce, c.qop,
		h(c.method + ":" + c.uri),
	}, ":"))
	if c.upper {
		response = strings.ToUpper(response)
	}
	q := func(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` }
	var parts []string
	for _, p := range [][2]string{
		{"username", q(c.user)},
		{"realm", q(c.realm)},
		{"nonce", q(c.nonce)},
		{"uri", q(c.uri)},
		{"response", q(response)},
		{"algorithm", c.alg.String()},
		{"cnonce", q(c.cnonce)},
		{"qop", c.qop},
		{"nc", c.nc},
	} {
		if p[0] != c.leave {
			parts = append(parts, p[0]+"="+p[1])
		}
	}
	return "Authorization: Digest " + strings.Join(parts, ", ") + c.more
}

// nonce is what v gives out for alg.
func nonce(v *Verifier, alg Algorithm, now time.Time, from netip.Addr) string {
	mac := v.key.mac(now.UnixMilli(), from)
	b := make([]byte, nonceSize)
	encodeNonce(b, now.UnixMilli(), half(&mac, alg))
	return string(b)
}

func TestVerify(t *testing.T) {
	t.Parallel()
	v := testVerifier(t)
	fresh := map[Algorithm]string{SHA256: nonce(v, SHA256, testNow, testFrom), MD5: nonce(v, MD5, testNow, testFrom)}
	sha := func(change func(c *client)) string {
		c := client{nonce: fresh[SHA256]}
		if change != nil {
			change(&c)
		}
		return c.line()
	}
	long := func(n int) string { return strings.Repeat("x", n) }
	other := NewVerifier("other.test", secret, testUsers(t))
	for _, tc := range []struct {
		name  string
		lines []string
		want  Result
	}{
		{"no credentials", nil, NoCredentials},
		{"SHA-256", []string{sha(nil)}, OK},
		{"MD5", []string{client{alg: MD5, nonce: fresh[MD5]}.line()}, OK},
		{"MD5 by leaving algorithm away", []string{client{alg: MD5, nonce: fresh[MD5], leave: "algorithm"}.line()}, OK},
		{"response in upper case", []string{sha(func(c *client) { c.upper = true })}, OK},
		{"unknown parameters are ignored", []string{sha(func(c *client) { c.more = `, x="a,\"b", y=1` })}, OK},
		{"opaque is ignored", []string{sha(func(c *client) { c.more = `, opaque="5ccc"` })}, OK},
		{"an empty element", []string{sha(func(c *client) { c.more = " , ," })}, OK},
		{"C198 Basic is no credentials", []string{"Authorization: Basic YWxpY2U6YWxpY2Utc2VjcmV0"}, NoCredentials},
		{"regaut01: an unknown scheme", []string{"Authorization: NoOneKnowsThisScheme opaque-data=here"}, NoCredentials},
		{"C213 Bearer", []string{"Authorization: Bearer xyz"}, NoCredentials},
		{"another realm", []string{sha(func(c *client) { c.realm = "x.test" })}, NoCredentials},
		{"C204 ours among several", []string{
			"Authorization: Bearer xyz", sha(func(c *client) { c.realm = "x.test" }), sha(nil),
			sha(func(c *client) { c.realm = "y.test" }),
		}, OK},
		{"malformed of another, then ours", []string{`Authorization: Digest realm="x`, sha(nil)}, OK},
		{"an algorithm not offered, then ours", []string{sha(func(c *client) { c.leave, c.more = "algorithm", ", algorithm=SHA-512-256" }), sha(nil)}, OK},

		{"wrong password", []string{sha(func(c *client) { c.password = "guess" })}, Denied},
		{"unknown user", []string{sha(func(c *client) { c.user, c.password = "mallory", "guess" })}, Denied},
		{"unknown user with the HA1 that stands in", []string{sha(func(c *client) { c.user, c.ha1 = "mallory", v.dummy[SHA256] })}, Denied},
		{"user names are case-sensitive", []string{sha(func(c *client) { c.user = "Alice" })}, Denied},
		{"C207 wrong nc in the digest", []string{strings.Replace(sha(nil), "nc=00000001", "nc=00000002", 1)}, Denied},
		{"S35 qop missing (RFC 2069)", []string{sha(func(c *client) { c.leave = "qop" })}, Denied},
		{"S35 auth-int", []string{sha(func(c *client) { c.qop = "auth-int" })}, Denied},
		{"S35 username*", []string{sha(func(c *client) { c.more = `, username*=UTF-8''alice` })}, Denied},
		{"S35 username* alone", []string{sha(func(c *client) { c.leave, c.more = "username", `, username*=UTF-8''alice` })}, Denied},
		{"S35 userhash", []string{sha(func(c *client) { c.more = ", userhash=true" })}, Denied},
		{"userhash=false", []string{sha(func(c *client) { c.more = ", userhash=false" })}, OK},
		{"S35 MD5 with the nonce for SHA-256", []string{client{alg: MD5, nonce: fresh[SHA256]}.line()}, Stale},
		{"S35 SHA-256 with the nonce for MD5", []string{client{nonce: fresh[MD5]}.line()}, Stale},
		{"MD5 response called SHA-256", []string{strings.Replace(client{alg: MD5, nonce: fresh[MD5]}.line(), "algorithm=MD5", "algorithm=SHA-256", 1)}, Denied},
		{"not offered: MD5-sess", []string{sha(func(c *client) { c.leave, c.more = "algorithm", ", algorithm=MD5-sess" })}, Denied},
		{"not offered: SHA-512-256", []string{sha(func(c *client) { c.leave, c.more = "algorithm", ", algorithm=SHA-512-256" })}, Denied},

		{"S35 nonce of another realm", []string{sha(func(c *client) { c.nonce = nonce(other, SHA256, testNow, testFrom) })}, Stale},
		{"nonce that is not ours", []string{sha(func(c *client) { c.nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093" })}, Stale},
		{"nonce of the right form", []string{sha(func(c *client) { c.nonce = long(nonceSize) })}, Stale},
		{"stale and wrong is not stale", []string{sha(func(c *client) { c.nonce, c.password = "x", "guess" })}, Denied},

		{"no username", []string{sha(func(c *client) { c.leave = "username" })}, Malformed},
		{"no realm", []string{sha(func(c *client) { c.leave = "realm" })}, Malformed},
		{"no nonce", []string{sha(func(c *client) { c.leave = "nonce" })}, Malformed},
		{"no uri", []string{sha(func(c *client) { c.leave = "uri" })}, Malformed},
		{"no response", []string{sha(func(c *client) { c.leave = "response" })}, Malformed},
		{"no cnonce", []string{sha(func(c *client) { c.leave = "cnonce" })}, Malformed},
		{"no nc", []string{sha(func(c *client) { c.leave = "nc" })}, Malformed},
		{"nc of 7 digits", []string{sha(func(c *client) { c.nc = "0000001" })}, Malformed},
		{"nc no hexadecimal", []string{sha(func(c *client) { c.nc = "0000000g" })}, Malformed},
		{"a parameter twice", []string{sha(func(c *client) { c.more = `, Username="bob"` })}, Malformed},
		{"quote not closed", []string{sha(func(c *client) { c.more = `, x="y` })}, Malformed},
		{"no parameters", []string{"Authorization: Digest"}, Malformed},
		{"a name alone", []string{`Authorization: Digest realm`}, Malformed},
		{"no comma", []string{sha(func(c *client) { c.more = ` x=y` })}, Malformed},

		{"username at its bound", []string{sha(func(c *client) { c.user = long(maxUsername) })}, Denied},
		{"username beyond", []string{sha(func(c *client) { c.user = long(maxUsername + 1) })}, Malformed},
		{"nonce at its bound", []string{sha(func(c *client) { c.nonce = long(maxNonce) })}, Stale},
		{"nonce beyond", []string{sha(func(c *client) { c.nonce = long(maxNonce + 1) })}, Malformed},
		{"cnonce at its bound", []string{sha(func(c *client) { c.cnonce = long(maxCnonce) })}, OK},
		{"cnonce beyond", []string{sha(func(c *client) { c.cnonce = long(maxCnonce + 1) })}, Malformed},
		{"32 parameters", []string{sha(func(c *client) { c.more = strings.Repeat(", x=y", maxParams-9) })}, OK},
		{"33 parameters", []string{sha(func(c *client) { c.more = strings.Repeat(", x=y", maxParams-8) })}, Malformed},
		{"long nonce of another realm is not ours to judge", []string{sha(func(c *client) { c.realm, c.nonce = "x.test", long(4000) }), sha(nil)}, OK},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m := register(t, "sip:d.test", tc.lines...)
			user, got := v.Verify(m, sip.HeaderAuthorization, testNow, testFrom)
			if got != tc.want {
				t.Fatalf("got %v, want %v for %q", got, tc.want, tc.lines)
			}
			if (got == OK) != (string(user) == "alice") || (got != OK && user != nil) {
				t.Fatalf("%v with username %q", got, user)
			}
		})
	}
}

// C212: the digest-uri must be this request's or ours (RFC 3261 22.4 item 6, RFC 7616 3.4.6).
func TestDigestURI(t *testing.T) {
	t.Parallel()
	v := testVerifier(t)
	for _, tc := range []struct {
		request, digest string
		want            Result
	}{
		{"sip:d.test", "sip:d.test", OK},
		{"sip:d.test", "sip:D.TEST", OK},
		{"sip:d.test", "sip:d.test:5060", OK},
		{"sip:d.test;transport=tcp", "sip:d.test", OK},
		{"sip:d.test", "sip:alice@d.test", OK},
		{"sip:d.test", "sip:192.0.2.1:5060", OK}, // sipp
		{"sip:d.test", "sip:192.0.2.1:15060;transport=udp", OK},
		{"sip:d.test", "sip:[2001:db8::1]:5060", OK},
		{"sip:d.test", "sip:edge1.d.test", OK},
		{"sip:203.0.113.5:5060", "sip:203.0.113.5", OK}, // behind NAT: dispatch knows the Request-URI as ours
		{"sip:d.test", "sips:d.test", OK},
		{"sip:d.test", "sip:192.0.2.2:5060", Malformed},
		{"sip:d.test", "sip:evil.test", Malformed},
		{"sip:d.test", "sip:d.test.evil.test", Malformed},
		{"sip:d.test", "tel:+123", Malformed},
		{"sip:d.test", "/index.html", Malformed},
		{"sip:d.test", "sip:", Malformed},
		{"sip:d.test", "sip:d.test;x=" + strings.Repeat("y", maxURI), Malformed},
	} {
		m := register(t, tc.request, client{nonce: nonce(v, SHA256, testNow, testFrom), uri: tc.digest}.line())
		if _, got := v.Verify(m, sip.HeaderAuthorization, testNow, testFrom); got != tc.want {
			t.Errorf("%s for %s: got %v, want %v", tc.digest, tc.request, got, tc.want)
		}
	}
}

// C209: a nonce lives five minutes, for one source address.
func TestNonceLife(t *testing.T) {
	t.Parallel()
	v := testVerifier(t)
	m := register(t, "sip:d.test", client{nonce: nonce(v, SHA256, testNow, testFrom)}.line())
	for _, tc := range []struct {
		after time.Duration
		from  string
		want  Result
	}{
		{0, "192.0.2.10", OK},
		{0, "::ffff:192.0.2.10", OK},
		{nonceLife, "192.0.2.10", OK},
		{nonceLife + time.Millisecond, "192.0.2.10", Stale},
		{100 * 365 * 24 * time.Hour, "192.0.2.10", Stale},
		{-nonceSkew, "192.0.2.10", OK},
		{-nonceSkew - time.Millisecond, "192.0.2.10", Stale},
		{0, "192.0.2.11", Stale},
		{0, "2001:db8::10", Stale},
	} {
		if _, got := v.Verify(m, sip.HeaderAuthorization, testNow.Add(tc.after), netip.MustParseAddr(tc.from)); got != tc.want {
			t.Errorf("after %v from %s: got %v, want %v", tc.after, tc.from, got, tc.want)
		}
	}
	// The same secret after a restart, or on another node, accepts it; another secret does not.
	if _, got := testVerifier(t).Verify(m, sip.HeaderAuthorization, testNow, testFrom); got != OK {
		t.Errorf("same secret: %v", got)
	}
	for _, s := range [][]byte{[]byte("another secret"), nil} {
		if _, got := NewVerifier("d.test", s, testUsers(t)).Verify(m, sip.HeaderAuthorization, testNow, testFrom); got != Stale {
			t.Errorf("other secret: %v", got)
		}
	}
}

// Names with quotes and backslashes cannot come from a users file, but an implementation of Users may have them.
func TestEscapedUsername(t *testing.T) {
	t.Parallel()
	name := `al"i\ce`
	v := NewVerifier("d.test", secret, oneUser{name, HA1(SHA256, name, "d.test", "pw")})
	m := register(t, "sip:d.test", client{user: name, password: "pw", nonce: nonce(v, SHA256, testNow, testFrom)}.line())
	user, got := v.Verify(m, sip.HeaderAuthorization, testNow, testFrom)
	if got != OK || string(user) != name {
		t.Fatalf("%q, %v", user, got)
	}
	// The name stays what it is when the verifier is used again.
	v.Verify(register(t, "sip:d.test", client{user: `m\\\\\\`, nonce: "x"}.line()), sip.HeaderAuthorization, testNow, testFrom)
	if string(user) != name {
		t.Fatalf("name became %q", user)
	}
}

type oneUser struct{ name, ha1 string }

func (o oneUser) HA1(dst, user []byte, alg Algorithm) ([]byte, bool) {
	if string(user) != o.name || alg != SHA256 {
		return dst, false
	}
	return append(dst, o.ha1...), true
}

// A user with an HA1 for one algorithm cannot be had by the other.
func TestOneAlgorithmOnly(t *testing.T) {
	t.Parallel()
	v := NewVerifier("d.test", secret, oneUser{"alice", HA1(SHA256, "alice", "d.test", "alice-secret")})
	for alg, want := range map[Algorithm]Result{SHA256: OK, MD5: Denied} {
		m := register(t, "sip:d.test", client{alg: alg, nonce: nonce(v, alg, testNow, testFrom)}.line())
		if _, got := v.Verify(m, sip.HeaderAuthorization, testNow, testFrom); got != want {
			t.Errorf("%v: %v", alg, got)
		}
	}
}

// The examples of RFC 7616 3.9.1.
func TestRFC7616Example(t *testing.T) {
	t.Parallel()
	v := NewVerifier("http-auth@example.org", secret, nil)
	for alg, response := range map[Algorithm]string{
		SHA256: "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
		MD5:    "8ca523f5e9506fed4657c9700eebdbec",
	} {
		v.users = algUser{alg, HA1(alg, "Mufasa", "http-auth@example.org", "Circle of Life")}
		m := new(sip.Message)
		raw := "GET /dir/index.html SIP/2.0\r\n" + `Authorization: Digest username="Mufasa", realm="http-auth@example.org",` + "\r\n" +
			` uri="/dir/index.html", algorithm=` + alg.String() + `, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",` + "\r\n" +
			` nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="` + response + `",` + "\r\n" +
			` opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"` + "\r\n\r\n"
		if err := m.Parse([]byte(raw)); err != nil {
			t.Fatal(err)
		}
		s := new(scratch)
		if got, res := v.find(s, m, sip.HeaderAuthorization); got != alg || res != OK {
			t.Fatal(got, res)
		}
		if !v.right(s, m, alg) {
			t.Errorf("%v: response not as in RFC 7616 3.9.1", alg)
		}
	}
}

func (oneUser) Offers(Algorithm) bool { return true }

type algUser struct {
	alg Algorithm
	ha1 string
}

func (u algUser) HA1(dst, _ []byte, alg Algorithm) ([]byte, bool) {
	return append(dst, u.ha1...), alg == u.alg
}

func (algUser) Offers(Algorithm) bool { return true }

// C202, C207, C211: what a challenge holds, in which order.
func TestChallenges(t *testing.T) {
	t.Parallel()
	v := testVerifier(t)
	challenge := func(stale bool) []string {
		m := register(t, "sip:d.test")
		var w sip.Response
		w.Begin(nil, m, 401, "Unauthorized", []byte("tag"))
		v.AppendChallenges(&w, "WWW-Authenticate", testNow, testFrom, stale)
		var lines []string
		for l := range strings.SplitSeq(string(w.End()), "\r\n") {
			if strings.HasPrefix(l, "WWW-Authenticate: ") {
				lines = append(lines, l)
			}
		}
		return lines
	}
	got := challenge(false)
	want := []string{
		`WWW-Authenticate: Digest realm="d.test", nonce="` + nonce(v, SHA256, testNow, testFrom) + `", qop="auth", algorithm=SHA-256`,
		`WWW-Authenticate: Digest realm="d.test", nonce="` + nonce(v, MD5, testNow, testFrom) + `", qop="auth", algorithm=MD5`,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	for _, l := range challenge(true) {
		if !strings.HasSuffix(l, ", stale=true") {
			t.Errorf("no stale: %q", l)
		}
	}
}

// Several sockets verify at once; run with -race.
func TestVerifyConcurrently(t *testing.T) {
	t.Parallel()
	v := testVerifier(t)
	var wg sync.WaitGroup
	for _, user := range []string{"alice", "bob", "alice", "bob"} {
		m := register(t, "sip:d.test", client{user: user, password: user + "-secret", nonce: nonce(v, SHA256, testNow, testFrom)}.line())
		wg.Go(func() {
			for range 200 {
				if got, res := v.Verify(m, sip.HeaderAuthorization, testNow, testFrom); res != OK || string(got) != user {
					t.Errorf("%s: %s, %v", user, got, res)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("with -race sync.Pool forgets at random")
	}
	v := testVerifier(t)
	var w sip.Response
	buf := make([]byte, 0, 4096)
	tag := []byte("tag")
	for _, alg := range []Algorithm{SHA256, MD5} {
		for _, password := range []string{"alice-secret", "wrong"} {
			m := register(t, "sip:d.test", client{password: password, alg: alg, uri: "sip:192.0.2.1:5060", nonce: nonce(v, alg, testNow, testFrom)}.line())
			if n := testing.AllocsPerRun(200, func() { v.Verify(m, sip.HeaderAuthorization, testNow, testFrom) }); n != 0 {
				t.Errorf("Verify with %v: %v allocations", alg, n)
			}
			n := testing.AllocsPerRun(200, func() {
				w.Begin(buf, m, 401, "Unauthorized", tag)
				v.AppendChallenges(&w, "WWW-Authenticate", testNow, testFrom, true)
				w.End()
			})
			if n != 0 {
				t.Errorf("AppendChallenges: %v allocations", n)
			}
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	v := testVerifier(b)
	for _, alg := range []Algorithm{SHA256, MD5} {
		for name, user := range map[string]string{"known": "alice", "unknown": "mallory"} {
			m := register(b, "sip:d.test", client{user: user, alg: alg, nonce: nonce(v, alg, testNow, testFrom)}.line())
			b.Run(alg.String()+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					v.Verify(m, sip.HeaderAuthorization, testNow, testFrom)
				}
			})
		}
	}
}

// FuzzDigest: the parser of parameters ends, stays within its input and never says two things about one text.
func FuzzDigest(f *testing.F) {
	f.Add([]byte(strings.TrimPrefix(client{nonce: "abc"}.line(), "Authorization: ")))
	f.Add([]byte(`Digest username="a\"b\\", realm="x" ,, nonce = "n",` + "\r\n " + `uri=sip:x;y=z, response="", nc=1, username*=UTF-8''x`))
	f.Add([]byte(`Digest x="\`))
	f.Add([]byte("DIGEST\trealm=\"\x00\xff\""))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c credentials
		digest, ok := c.parse(b)
		if ok && !digest {
			t.Fatal("parameters of no Digest")
		}
		if len(c.mem) > len(b) {
			t.Fatalf("unescaped %d bytes out of %d", len(c.mem), len(b))
		}
		first := fmt.Sprintf("%+v", c)
		c.reset()
		if d, o := c.parse(b); d != digest || o != ok || first != fmt.Sprintf("%+v", c) {
			t.Fatalf("not the same twice: %s, %+v", first, c)
		}
	})
}
