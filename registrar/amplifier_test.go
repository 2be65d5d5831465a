package registrar

import (
	"strings"
	"testing"
)

// TestNoAmplifier: without log-in, a 200 over UDP is no longer than what fits a datagram, whatever the AOR
// has; a request that would make it longer changes nothing (S11).
func TestNoAmplifier(t *testing.T) {
	t.Parallel()
	p := newPhone(t, nil)
	contact := func(user string, length int) string {
		uri := min(length, 500)
		return "Contact: <sip:" + user + strings.Repeat("x", uri) + "@192.0.2.9>;p=" + strings.Repeat("y", 1+length-uri)
	}
	whole := len(p.send(p.register(contact("a", 0)))) // its contact is replaced below
	p.send(p.register("Contact: *", "Expires: 0"))

	at := p.send(p.register(contact("a", maxUnverified-whole)))
	if !strings.HasPrefix(at, "SIP/2.0 200") || len(at) < maxUnverified-8 || len(at) > maxUnverified {
		t.Fatalf("at the bound, %d bytes: %.40q", len(at), at)
	}
	if got := p.send(p.register(contact("b", 0))); !strings.HasPrefix(got, "SIP/2.0 513 ") {
		t.Fatalf("past the bound: %.60q", got)
	}
	if got := p.fetch(); strings.Contains(got, "sip:b@") || !strings.Contains(got, "sip:ax") {
		t.Errorf("the refused request changed something: %.80q", got)
	}
}
