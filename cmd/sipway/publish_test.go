package main

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sipway/sipway/config"
)

// prepareText prepares a configuration on a host with both families.
func prepareText(t *testing.T, text string) *prepared {
	t.Helper()
	cfg, err := config.Parse("c.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	pre, err := prepare(cfg, func() []netip.Addr {
		return []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	})
	if err != nil {
		t.Fatal(err)
	}
	return pre
}

// TestDelegationFamilies: a name server is published where DNS is listened for, and nowhere else.
func TestDelegationFamilies(t *testing.T) {
	t.Parallel()
	const both = "sip: ['udp://0.0.0.0:5060', 'udp://[::]:5060']"
	const ns4, ns6 = "ns1.a.test. IN A 192.0.2.1", "ns1.a.test. IN AAAA 2001:db8::1"
	for _, c := range []struct{ listen, more, want string }{
		{both + ", dns: ['udp://0.0.0.0:5300', 'udp://[::]:5300']", "", ns4 + "\n" + ns6},
		{both + ", dns: ['udp://0.0.0.0:5300']", "", ns4},
		{both + ", dns: ['udp://[::]:5300']", "", ns6},
		{both + ", dns: ['udp://192.0.2.7:5300', 'udp://[::]:5353']", "", ns4 + "\n" + ns6},
		{"sip: ['udp://[::]:5060'], dns: ['udp://[::]:5300']", "", ns6},
		{"sip: ['udp://0.0.0.0:5060'], dns: ['udp://[::]:5300']", "", ns4}, // the operator knows
		{both + ", dns: ['udp://0.0.0.0:5300']", "edges: [{name: ns1, addresses: [192.0.2.9, '2001:db8::9']}]\n", "ns1.a.test. IN A 192.0.2.9\nns1.a.test. IN AAAA 2001:db8::9"},
	} {
		pre := prepareText(t, "listen: {"+c.listen+"}\n"+c.more+"domains: {a.test: {register: {auth: none}}}\n")
		var got []string
		for _, line := range delegationRecords(pre.complete(0, pre.cfg.Listen.SIP, pre.cfg.Listen.DNS, 1))[1:] {
			got = append(got, strings.Join(strings.Fields(line), " "))
		}
		if text := strings.Join(got, "\n"); text != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.listen, text, c.want)
		}
	}
	// Port 53 is where the world asks.
	pre := prepareText(t, "domains: {a.test: {register: {auth: none}}}\n")
	at := func(s string) config.Listener {
		return config.Listener{Network: "udp", Addr: netip.MustParseAddrPort(s)}
	}
	both53 := inFamilies(pre.addresses, []config.Listener{at("0.0.0.0:5300"), at("[::]:5300")})
	only4 := inFamilies(append(pre.addresses, netip.IPv6Loopback()), []config.Listener{at("0.0.0.0:53"), at("[::]:5300")})
	if len(both53) != len(pre.addresses) || len(only4) != 1 || !only4[0].Is4() {
		t.Error(both53, only4)
	}
}

func TestWorldDNS(t *testing.T) {
	t.Parallel()
	four, six := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for want, in := range map[string][]netip.Addr{
		"--dns 0.0.0.0:53": {four}, "--dns '[::]:53'": {six}, "--dns 0.0.0.0:53 --dns '[::]:53'": {six, four},
	} {
		if got := worldDNS(in); got != want {
			t.Errorf("%v: %s, want %s", in, got, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	const dns = ", dns: ['udp://0.0.0.0:5300', 'tcp://0.0.0.0:5300']"
	for _, c := range []struct{ listen, more, want string }{
		{"sip: ['udp://0.0.0.0:5060', 'udp://[::]:5060']" + dns, "", ""},
		{"sip: ['udp://0.0.0.0:5060', 'udp://[::]:5062']" + dns, "", "point to udp [2001:db8::1]:5060, where nothing listens"},
		{"sip: ['udp://0.0.0.0:5060', 'tcp://[::]:5060']" + dns, "", "point to udp [2001:db8::1]:5060"},
		{"sip: ['udp://192.0.2.1:5060', 'udp://127.0.0.1:5070']" + dns, "", "point to udp 127.0.0.1:5060"},
		{"sip: ['udp://192.0.2.1:5060', 'udp://127.0.0.1:5060']" + dns, "", ""},
		// Behind a name may stand a translator, so only the families count.
		{"sip: ['udp://192.0.2.1:5060']" + dns, "advertise: [198.51.100.1]\n", ""},
		{"sip: ['udp://192.0.2.1:5060']" + dns, "advertise: ['2001:db8::7']\n", ""},
		{"sip: ['udp://0.0.0.0:5060', 'udp://[::]:5062']" + dns, "advertise: [198.51.100.1, '2001:db8::7']\n", "point to udp [2001:db8::7]:5060"},
		{"sip: ['udp://0.0.0.0:5060', 'udp://[::]:5062']" + dns, "edges: [{name: e, addresses: [198.51.100.1, '2001:db8::7']}]\n", "point to udp [2001:db8::7]:5060"},
		{"sip: ['udp://0.0.0.0:5060'], dns: ['udp://0.0.0.0:5300']", "", "DNS listens on udp://0.0.0.0:5300, but not on TCP there; resolvers need both (RFC 7766 5): --dns 0.0.0.0:5300"},
		{"sip: ['udp://0.0.0.0:5060'], dns: ['tcp://[::]:5300']", "", "but not on UDP there; resolvers ask that first: --dns '[::]:5300'"},
		{"sip: ['udp://0.0.0.0:5060'], dns: ['udp://127.0.0.1:5300', 'tcp://0.0.0.0:5300', 'udp://0.0.0.0:5301', 'tcp://0.0.0.0:5301']", "", "DNS listens on tcp://0.0.0.0:5300, but not on UDP"},
	} {
		pre := prepareText(t, "listen: {"+c.listen+"}\n"+c.more+"domains: {a.test: {register: {auth: none}}}\n")
		got := strings.Join(pre.warnings(pre.cfg.Listen.SIP, pre.cfg.Listen.DNS), "\n")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s %s: %q, want %q", c.listen, c.more, got, c.want)
		}
	}
	// With no record published there is nothing to be wrong.
	pre := prepareText(t, "listen: {sip: ['udp://0.0.0.0:5060', 'udp://[::]:5062'], dns: ['udp://0.0.0.0:5300']}\ndomains: {a.test: {register: {auth: none}, dns: {publish: false}}}\n")
	if got := pre.warnings(pre.cfg.Listen.SIP, pre.cfg.Listen.DNS); len(got) > 0 {
		t.Error(got)
	}
}
