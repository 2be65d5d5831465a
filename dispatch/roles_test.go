package dispatch

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sipway/sipway/auth"
	"github.com/sipway/sipway/location"
	"github.com/sipway/sipway/redirect"
	"github.com/sipway/sipway/registrar"
	"github.com/sipway/sipway/sip"
)

// house serves domains with the real roles over one location store without disk. Users alice and bob have the
// password pw; with open, any user part may register.
func house(t testing.TB, open bool, domains ...string) *Dispatcher {
	t.Helper()
	s, err := location.Open("", location.Options{Durability: location.None})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	var list []Domain
	for _, name := range domains {
		var u auth.Users
		var v *auth.Verifier
		if !open {
			f, err := auth.NewFile("users.yaml", name)
			if err != nil {
				t.Fatal(err)
			}
			for _, who := range []string{"alice", "bob"} {
				if err := f.Add(who, "pw"); err != nil {
					t.Fatal(err)
				}
			}
			u, v = f, auth.NewVerifier(name, secret, f, "192.0.2.1")
		}
		x, err := registrar.New(registrar.Options{Domain: name, Store: s, Verifier: v, Supported: []string{"path"}})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, Domain{Name: name, Registrar: x, Redirect: redirect.New(redirect.Options{Domain: name, Locations: s, Users: u})})
	}
	return sut(t, func(o *Options) { o.Domains = list })
}

// answerTo makes the credentials of a client for the challenge in m that offers alg.
func answerTo(t testing.TB, m *sip.Message, alg auth.Algorithm, user, password string) string {
	t.Helper()
	challenges := header(m, sip.HeaderWWWAuthenticate)
	for c := range strings.SplitSeq(challenges, " | ") {
		if !strings.HasSuffix(strings.TrimSuffix(c, ", stale=true"), "algorithm="+alg.String()) {
			continue
		}
		_, nonce, _ := strings.Cut(c, `nonce="`)
		nonce, _, _ = strings.Cut(nonce, `"`)
		a2 := hashOf(alg, "REGISTER:sip:192.0.2.1:5060")
		response := hashOf(alg, auth.HA1(alg, user, "d.test", password)+":"+nonce+":00000001:cn:auth:"+a2)
		return fmt.Sprintf(`Authorization: Digest username=%q, realm="d.test", nonce=%q, uri="sip:192.0.2.1:5060", response=%q, algorithm=%s, cnonce="cn", qop=auth, nc=00000001`,
			user, nonce, response, alg)
	}
	t.Fatalf("no challenge for %v in %q", alg, challenges)
	return ""
}

// hashOf is H(text) for a text with two colons at least: HA1 hashes any three parts with colons between.
func hashOf(alg auth.Algorithm, text string) string {
	p := strings.SplitN(text, ":", 3)
	return auth.HA1(alg, p[0], p[1], p[2])
}

// C042, C052, C211 and first light: register with either algorithm, be called, unregister, not be called.
func TestRegisterAndBeCalled(t *testing.T) {
	t.Parallel()
	for _, alg := range []auth.Algorithm{auth.SHA256, auth.MD5} {
		d := house(t, false, "d.test")
		cseq := 0
		register := func(lines ...string) *sip.Message {
			cseq++
			return ask(t, d, message("REGISTER", "sip:d.test", append(lines, "To: <sip:alice@d.test>", fmt.Sprintf("CSeq: %d REGISTER", cseq))...))
		}
		first := register("Contact: <sip:alice@192.0.2.10:5070>")
		if first.StatusCode() != 401 || strings.Contains(header(first, sip.HeaderWWWAuthenticate), "stale") {
			t.Fatalf("%s", first.Bytes())
		}
		credentials := answerTo(t, first, alg, "alice", "pw")
		if m := register("Contact: <sip:alice@192.0.2.10:5070>;q=0.5", "Expires: 600", credentials); m.StatusCode() != 200 {
			t.Fatalf("%v: %s", alg, m.Bytes())
		}
		m := ask(t, d, message("INVITE", "sip:alice@d.test"))
		if m.StatusCode() != 302 || header(m, sip.HeaderContact) != "<sip:alice@192.0.2.10:5070>;q=0.5;expires=600" {
			t.Fatalf("%s", m.Bytes())
		}
		if m := register("Contact: *", "Expires: 0", credentials); m.StatusCode() != 200 {
			t.Fatalf("%s", m.Bytes())
		}
		if m := ask(t, d, message("INVITE", "sip:alice@d.test")); m.StatusCode() != 480 {
			t.Fatalf("%s", m.Bytes())
		}
	}
}

// S34: an unknown user and a wrong password get the same bytes, except for what the client wrote itself.
func TestNoEnumeration(t *testing.T) {
	t.Parallel()
	d := house(t, false, "d.test")
	challenge := ask(t, d, message("REGISTER", "sip:d.test", "To: <sip:alice@d.test>"))
	// S11: to a stranger who may have lied about his address, twice what he sent and no more. (The two
	// challenges are 210 bytes, so a REGISTER pared down to 180 bytes gets 2.3 times that.)
	small := message("REGISTER", "sip:d.test", "To: <sip:alice@d.test>", "Contact: <sip:alice@192.0.2.10:5060>", "Expires: 3600", "Content-Length: 0")
	if out := len(ask(t, d, small).Bytes()); out > 2*len(small) {
		t.Errorf("a challenge of %d bytes for %d", out, len(small))
	}
	var answers []string
	for _, who := range []string{"alice", "mallo"} {
		for _, alg := range []auth.Algorithm{auth.SHA256, auth.MD5} {
			m := ask(t, d, message("REGISTER", "sip:d.test", "To: <sip:alice@d.test>", answerTo(t, challenge, alg, who, "guess")))
			answers = append(answers, string(m.Bytes()))
		}
	}
	for _, a := range answers {
		if a != answers[0] || !strings.HasPrefix(a, "SIP/2.0 401 ") {
			t.Errorf("told apart:\n%s\n%s", a, answers[0])
		}
	}
}

// S32: alice's credentials change nothing of bob's.
func TestThirdPartyRegistration(t *testing.T) {
	t.Parallel()
	d := house(t, false, "d.test")
	challenge := ask(t, d, message("REGISTER", "sip:d.test", "To: <sip:bob@d.test>"))
	m := ask(t, d, message("REGISTER", "sip:d.test", "To: <sip:bob@d.test>", "Contact: <sip:evil@h>", answerTo(t, challenge, auth.SHA256, "alice", "pw")))
	if m.StatusCode() != 403 {
		t.Errorf("%s", m.Bytes())
	}
	if m := ask(t, d, message("INVITE", "sip:bob@d.test")); m.StatusCode() != 480 {
		t.Errorf("%s", m.Bytes())
	}
}

// The REGISTERs of RFC 4475 with the real registrar, open and with digest: "Expected answer table" of a server.
func TestRFC4475Registrar(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]int{ // open, digest
		"escnull": {200, 401}, "dblreq": {200, 401}, "scalar02": {400, 400}, "regbadct": {400, 400}, "unksm2": {400, 401},
		"regaut01": {200, 401}, "cparam01": {200, 401}, "cparam02": {200, 401}, "regescrt": {403, 401},
	} {
		raw, err := os.ReadFile("../sip/testdata/rfc4475/" + name + ".dat")
		if err != nil {
			t.Fatal(err)
		}
		for i, open := range []bool{true, false} {
			m := ask(t, house(t, open, "example.com"), string(raw))
			if name == "unksm2" && m.StatusCode() == 404 { // as good (RFC 3261 10.3 step 5: no AOR of the domain)
				continue
			}
			if m == nil || m.StatusCode() != want[i] {
				t.Errorf("%s, open %v: %s, want %d", name, open, m.Bytes(), want[i])
			}
		}
	}
}
