package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipway/sipway/resolver"
)

const exampleZone = `$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A 192.0.2.53
@ NAPTR 10 10 "s" "SIPS+D2T" "" _sips._tcp
@ NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp
_sips._tcp SRV 10 60 5061 edge1
_sips._tcp 120 SRV 20 0 5061 edge2
_sip._udp SRV 0 0 5060 edge1
edge1 A 192.0.2.11
edge1 AAAA 2001:db8::11
edge2 A 192.0.2.12
_sip._udp.no SRV 0 0 0 .
_sip._tcp.no SRV 0 0 0 .
_sips._tcp.no SRV 0 0 0 .
mail TXT "no calls"
evil NAPTR 10 10 "s" "SIP+D2T" "!\027[31m\155\255!" x.\027evil
_sip._tcp.w SRV 0 50 5060 edge1
_sip._tcp.w SRV 0 50 5060 edge2
away NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp.example.net.
`

// TestResolve runs the command on a zone file; what is not in there is not asked anywhere.
func TestResolve(t *testing.T) {
	t.Parallel()
	zone := write(t, t.TempDir(), "example.com.zone", exampleZone)
	for _, c := range []struct {
		name string
		args []string
		code int
		want string // hops, or the class of the error
	}{
		{"uri", []string{"sip:bob@example.com", "--families", "ip6,ip4"}, exitOK, "tls [2001:db8::11]:5061, tls 192.0.2.11:5061, tls 192.0.2.12:5061"},
		{"bare domain", []string{"example.com", "--families", "ip4"}, exitOK, "tls 192.0.2.11:5061, tls 192.0.2.12:5061"},
		{"bare address", []string{"bob@example.com", "--families", "ip4"}, exitOK, "tls 192.0.2.11:5061, tls 192.0.2.12:5061"},
		{"bare with port", []string{"edge2.example.com:5070"}, exitOK, "udp 192.0.2.12:5070"},
		{"options first", []string{"--transports", "udp", "--families", "ip4", "sip:example.com"}, exitOK, "udp 192.0.2.11:5060"},
		{"literal", []string{"sip:192.0.2.1"}, exitOK, "udp 192.0.2.1:5060"},
		{"invalid", []string{"sip:"}, exitUsage, "invalid_uri"},
		{"tel", []string{"tel:+12025550100"}, exitUsage, "invalid_uri"},
		{"dot", []string{"sip:no.example.com"}, exitNo, "service_not_available"},
		{"nothing", []string{"sip:nosuch.example.com"}, exitNo, "no_such_domain"},
		{"no address", []string{"sip:mail.example.com"}, exitNo, "no_address"},
		{"no TLS", []string{"sips:example.com", "--transports", "udp,tcp"}, exitNo, "unsupported_transport"},
		{"sips over UDP", []string{"sips:example.com;transport=udp"}, exitNo, "secure_transport_required"},
		{"family", []string{"sip:[2001:db8::1]", "--families", "ip4"}, exitNo, "family_mismatch"},
		{"out of the zone", []string{"sip:away.example.com"}, exitNetwork, "dns_failure"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := command(t, append([]string{"resolve", "--json", "--zone", zone}, c.args...)...)
			if code != c.code || stderr != "" {
				t.Errorf("exit %d, want %d: %s", code, c.code, stderr)
			}
			if have := readResult(t, stdout); have != c.want {
				t.Errorf("got %s, want %s\n%s", have, c.want, stdout)
			}
			code, stdout, stderr = command(t, append([]string{"resolve", "--trace", "--zone", zone}, c.args...)...)
			if code != c.code || (code == exitOK) != (stderr == "") {
				t.Errorf("as text: exit %d: %s", code, stderr)
			}
			if code != exitOK && !strings.Contains(stderr, c.want) {
				t.Errorf("no %s in %s", c.want, stderr)
			}
			if strings.ContainsRune(stdout+stderr, '\x1b') {
				t.Errorf("an escape reached what is no terminal: %q", stdout)
			}
		})
	}
}

// readResult checks the schema of design and gives the hops or the error.
func readResult(t *testing.T, stdout string) string {
	t.Helper()
	var r struct {
		URI     *string `json:"uri"`
		Targets *[]struct {
			Transport, Address, Host, Service *string
			Port, Priority, Weight, TTL       *int
		} `json:"targets"`
		Error  *string `json:"error"`
		Detail *string `json:"detail"`
		Trace  *[]struct {
			Step, Name, Source, Note *string
			MS                       *float64
			Records                  *[]string
		} `json:"trace"`
	}
	d := json.NewDecoder(strings.NewReader(stdout))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil || r.URI == nil || r.Targets == nil || r.Error == nil || r.Detail == nil || r.Trace == nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	for _, s := range *r.Trace {
		if s.Step == nil || s.Name == nil || s.Source == nil || s.Note == nil || s.MS == nil || s.Records == nil {
			t.Errorf("a step lacks a field: %s", stdout)
		}
	}
	if *r.Error != "" {
		if len(*r.Targets) > 0 || *r.Detail == "" {
			t.Errorf("an error with hops or without words: %s", stdout)
		}
		return *r.Error
	}
	var hops []string
	for _, x := range *r.Targets {
		if x.Transport == nil || x.Address == nil || x.Host == nil || x.Service == nil || x.Port == nil || x.Priority == nil || x.Weight == nil || x.TTL == nil {
			t.Fatalf("a target lacks a field: %s", stdout)
		}
		port := json.Number(strings.TrimSpace(string(mustJSON(t, *x.Port))))
		hops = append(hops, *x.Transport+" "+net.JoinHostPort(*x.Address, port.String()))
	}
	return strings.Join(hops, ", ")
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestResolveText shows the table and the trace as a person sees them.
func TestResolveText(t *testing.T) {
	t.Parallel()
	zone := write(t, t.TempDir(), "example.com.zone", exampleZone)
	_, stdout, _ := command(t, "resolve", "--families", "ip4", "--zone", zone, "sip:example.com")
	want := `sip:example.com
  #  TRANSPORT  ADDRESS          HOST               SERVICE                 PRIORITY  WEIGHT  TTL
  1  tls        192.0.2.11:5061  edge1.example.com  _sips._tcp.example.com  10        60      120
  2  tls        192.0.2.12:5061  edge2.example.com  _sips._tcp.example.com  20        0       120
`
	// Both SRV stand in one set: it lives as long as its shortest record (RFC 2181 5.2).
	if stdout != want {
		t.Errorf("got\n%s\nwant\n%s", stdout, want)
	}
	_, stdout, _ = command(t, "resolve", "--trace", "--zone", zone, "sip:evil.example.com")
	for _, want := range []string{`!\027[31m`, "has a regular expression", "NAPTR evil.example.com"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	_, stdout, stderr := command(t, "resolve", "--zone", zone, "sip:\x1b[31m\u202e@example.com")
	if strings.ContainsAny(stdout+stderr, "\x1b\u202e") {
		t.Errorf("not escaped: %q %q", stdout, stderr)
	}
	if _, stdout, _ = command(t, "resolve", "--json", "--zone", zone, "sip:\u202e\xff@example.com"); strings.ContainsFunc(stdout, func(r rune) bool { return r > '~' }) {
		t.Errorf("not escaped: %q", stdout)
	}
}

// TestResolveSeed: the same seed gives the same order, others give another.
func TestResolveSeed(t *testing.T) {
	t.Parallel()
	zone := write(t, t.TempDir(), "example.com.zone", exampleZone)
	hops := func(seed string) string {
		_, stdout, _ := command(t, "resolve", "--json", "--families", "ip4", "--zone", zone, "--seed", seed, "sip:w.example.com;transport=tcp")
		return readResult(t, stdout)
	}
	seen := map[string]bool{}
	for _, seed := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"} {
		seen[hops(seed)] = true
	}
	if again := hops("7"); len(seen) != 2 || again != hops("7") {
		t.Errorf("orders %v", seen)
	}
}

// TestResolveUsage: what is wrong on the command line, exit code 2 and words.
func TestResolveUsage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bad := write(t, dir, "bad.zone", "example.com. A 192.0.2.x\n")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, exitUsage, "takes one URI"},
		{[]string{"a.test", "b.test"}, exitUsage, "takes one URI"},
		{[]string{"--transports", "udp,quic", "a.test"}, exitUsage, `unknown transport "quic"`},
		{[]string{"--transports", "udp,udp", "a.test"}, exitUsage, "twice"},
		{[]string{"--transports", ",", "a.test"}, exitUsage, "empty"},
		{[]string{"--families", "ip5", "a.test"}, exitUsage, `unknown address family "ip5"`},
		{[]string{"--families", "", "a.test"}, exitUsage, "empty"},
		{[]string{"--server", "127.0.0.1:0", "a.test"}, exitUsage, "not HOST:PORT"},
		{[]string{"--server", "127.0.0.1:x", "a.test"}, exitUsage, "not HOST:PORT"},
		{[]string{"--server", "127.0.0.1", "--zone", bad, "a.test"}, exitUsage, "not both"},
		{[]string{"--timeout", "0s", "a.test"}, exitUsage, "no time to wait"},
		{[]string{"--seed", "x", "a.test"}, exitUsage, "seed"},
		{[]string{"--zone", bad, "a.test"}, exitConfig, bad + ":1:"},
		{[]string{"--zone", dir + "/none", "a.test"}, exitConfig, "no such file"},
	} {
		code, stdout, stderr := command(t, append([]string{"resolve"}, c.args...)...)
		if code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: exit %d, want %d, and %q in: %s%s", c.args, code, c.code, c.want, stdout, stderr)
		}
	}
	if _, stdout, _ := command(t, "resolve", "--json", "--zone", bad, "a.test"); readResult(t, stdout) != "dns_failure" {
		t.Errorf("no JSON for a bad zone: %s", stdout)
	}
}

// TestResolveSilence: a server that does not answer costs the time given, and exit code 3.
func TestResolveSilence(t *testing.T) {
	t.Parallel()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	began := time.Now()
	code, stdout, _ := command(t, "resolve", "--json", "--timeout", "100ms", "--server", conn.LocalAddr().String(), "sip:example.com")
	if code != exitNetwork || readResult(t, stdout) != "dns_failure" {
		t.Errorf("exit %d: %s", code, stdout)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	if code, _, stderr := command(t, "resolve", "--timeout", "100ms", "--server", conn.LocalAddr().String(), "sip:example.com"); code != exitNetwork ||
		!strings.Contains(stderr, conn.LocalAddr().String()) {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// TestZoneFileOrigin: what relative names in a zone file belong to.
func TestZoneFileOrigin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, file, uri, want string }{
		{"a.test. A 192.0.2.1\n$ORIGIN sub\nwww A 192.0.2.1", "x", "sip:a.test", "a.test."},
		{"@ SOA a b 1 2 3 4 5\n$ORIGIN sub.a.test.\nwww A 192.0.2.1", "x", "sip:a.test", "a.test."},
		{"; a zone\n\n$ORIGIN example.com.\n@ SOA a b 1 2 3 4 5", "x", "sip:a.test", "example.com."},
		{"$ORIGIN .\nexample.com 60 IN SOA a b 1 2 3 4 5", "x", "sip:a.test", "example.com."},
		{"$ORIGIN com.\n\t60 IN SOA a b 1 2 3 4 5", "x", "sip:a.test", "com."},
		{"$ORIGIN example.com\nwww A 192.0.2.1", "x", "sip:www.example.com", "."},
		{"$ORIGIN other.test.\nexample.com. 60 IN SOA a b 1 2 3 4 5", "x", "sip:a.test", "example.com."},
		{"example.com. 60 IN SOA a b 1 2 3 4 5", "x", "sip:a.test", "example.com."},
		{"@ 60 IN SOA a b 1 2 3 4 5", "x", "sip:a.test", "a.test."},
		{"@ 60 IN SOA a b 1 2 3 4 5", "/etc/example.com.zone", "sip:voip.example.com", "example.com."},
		{"@ 60 IN SOA a b 1 2 3 4 5", "db.example.com", "sip:example.com", "example.com."},
		{"@ 60 IN SOA a b 1 2 3 4 5", "ample.com.zone", "sip:example.com", "example.com."},
		{"www A 192.0.2.1", "x", "sip:192.0.2.1", "."},
	} {
		if have, whole := zoneFileOrigin([]byte(c.text), c.file, c.uri); have != c.want || whole != strings.Contains(c.text, "SOA") {
			t.Errorf("%q %s %s: %s, want %s", c.text, c.file, c.uri, have, c.want)
		}
	}
}

// TestResolveManyDomains: a file without SOA may hold records of any domain, and may leave the final dot out of
// $ORIGIN.
func TestResolveManyDomains(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "records")
	text := "$ORIGIN example.com\n@ NAPTR 10 10 \"s\" \"SIP+D2T\" \"\" _sip._tcp.example.net.\n" +
		"_sip._tcp.example.net. SRV 0 0 5070 a.example.org.\na.example.org. A 192.0.2.1\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	code := run(t.Context(), []string{"sipway", "resolve", "--zone", file, "sip:bob@example.com"}, &stdout, &stderr)
	if code != exitOK || !strings.Contains(stdout.String(), "192.0.2.1:5070") {
		t.Errorf("exit %d: %s%s", code, stdout.String(), stderr.String())
	}
}

// TestPaint: colour for terminals only, and not against NO_COLOR.
func TestPaint(t *testing.T) {
	t.Parallel()
	if p := painter(&strings.Builder{}); p.bold("x") != "x" {
		t.Error("colour without a terminal")
	}
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if p := painter(f); p.dim("x") != "x" {
		t.Error("colour in a file")
	}
	if paint(true).bold("x") != "\x1b[1mx\x1b[0m" {
		t.Error("no colour at all")
	}
}

// TestCompleteURI leaves what has a scheme alone.
func TestCompleteURI(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"example.com": "sip:example.com", "bob@example.com:5070": "sip:bob@example.com:5070", "SIPS:a.test": "SIPS:a.test",
		"tel:+1": "tel:+1", "localhost:5060": "sip:localhost:5060", "[2001:db8::1]": "sip:[2001:db8::1]",
	} {
		if have := completeURI(in); have != want {
			t.Errorf("%s: %s, want %s", in, have, want)
		}
	}
	if _, err := resolver.ParseDestination(completeURI("[2001:db8::1]")); err != nil {
		t.Error(err)
	}
}
