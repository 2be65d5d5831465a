package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sipway/sipway/admin"
)

var update = flag.Bool("update", false, "write the golden files")

// running is a server in this process.
type running struct {
	t      *testing.T
	stop   context.CancelFunc
	code   chan int
	ended  sync.Once
	exit   int
	stderr *lines
	stdout string
	file   runFile
}

// lines is a buffer for a log that several goroutines write to.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// once hands on the first Write: the welcome, which comes when all is ready.
type once chan string

func (o once) Write(p []byte) (int, error) {
	select {
	case o <- string(p):
		return len(p), nil
	default:
		return 0, errors.New("the server prints more than its welcome")
	}
}

// start runs `sipway serve ARGS` until it is ready.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: t, stop: cancel, code: make(chan int, 1), stderr: &lines{}}
	ready := filepath.Join(t.TempDir(), "ready.json")
	welcome := make(once, 1)
	go func() {
		r.code <- run(ctx, append([]string{"sipway", "serve", "--ready-file", ready}, args...), welcome, r.stderr)
	}()
	select {
	case r.stdout = <-welcome:
	case code := <-r.code:
		cancel()
		t.Fatalf("exit %d: %s", code, r.stderr)
	}
	t.Cleanup(func() { r.end() })
	text, err := os.ReadFile(ready)
	if err == nil {
		err = json.Unmarshal(text, &r.file)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// end stops the server and returns its exit code, however often it is called.
func (r *running) end() int {
	r.stop()
	r.ended.Do(func() {
		select {
		case r.exit = <-r.code:
		case <-time.After(time.Minute):
			r.t.Error("it does not end")
		}
	})
	return r.exit
}

func loopbackArgs(data string, more ...string) []string {
	return append([]string{"--sip", "127.0.0.1:0", "--dns", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data", data}, more...)
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// TestFirstStart holds what a person reads against its golden file, and starts again.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "my data")
	r := start(t, loopbackArgs(data, "--domain", "Example.Test")...)
	golden(t, "first_start.txt", stable(r, data))
	for _, file := range []string{"secret", "users.yaml", "run.json", "location"} {
		if _, err := os.Stat(filepath.Join(data, file)); err != nil {
			t.Error(err)
		}
	}
	if code := r.end(); code != exitOK {
		t.Errorf("exit %d: %s", code, r.stderr)
	}
	if _, err := os.Stat(runFileName(data)); err == nil {
		t.Error("run.json is still there")
	}
	again := start(t, loopbackArgs(data, "--domain", "example.test")...)
	golden(t, "second_start.txt", stable(again, data))
	for line := range strings.SplitSeq(strings.TrimSpace(again.stderr.String()), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON in the log: %s", line)
		}
	}
}

// stable replaces what differs between two runs.
func stable(r *running, data string) string {
	text := strings.ReplaceAll(r.stdout, data, "DATA")
	for name, urls := range map[string][]string{"SIP": r.file.SIP, "DNS": r.file.DNS, "ADMIN": {"tcp://" + r.file.Admin}} {
		for _, u := range urls {
			_, at, _ := strings.Cut(u, "://")
			_, port, _ := strings.Cut(at, ":")
			text = regexp.MustCompile(`\b`+port+`\b`).ReplaceAllString(text, name)
		}
	}
	text = regexp.MustCompile(`(with password) \S+`).ReplaceAllString(text, "$1 PASSWORD")
	text = regexp.MustCompile(`published as [a-z0-9-]+\.`).ReplaceAllString(text, "published as NODE.")
	text = regexp.MustCompile(` {2,}`).ReplaceAllString(text, "  ")
	return strings.ReplaceAll(text, "sipway "+versionText(), "sipway VERSION")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant:\n%s", name, got, want)
	}
}

func TestServes(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	r := start(t, loopbackArgs(data, "--domain", "example.test")...)

	for path, want := range map[string]string{"/readyz": `"ready"`, "/v1/status": `"location"`, "/v1/bindings": `"aors": []`} {
		if code, body := get(t, "http://"+r.file.Admin+path); code != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	code, stdout, stderr := command(t, "bindings", "list", "--data", data)
	if code != exitOK || stdout != "nobody is registered\n" {
		t.Errorf("bindings: exit %d: %s%s", code, stdout, stderr)
	}
	code, stdout, stderr = command(t, "bindings", "list", "--data", data, "--domain", "nope.test")
	if code != exitNo || !strings.Contains(stderr, "nope.test is not served here, but example.test") {
		t.Errorf("bindings of another domain: exit %d: %s%s", code, stdout, stderr)
	}
	if code, stdout, _ = command(t, "bindings", "list", "--data", data, "--domain", "Example.test."); code != exitOK {
		t.Errorf("bindings of the domain: exit %d: %s", code, stdout)
	}

	for _, u := range r.file.DNS {
		network, at, _ := strings.Cut(u, "://")
		q := new(dns.Msg).SetQuestion("example.test.", dns.TypeNAPTR)
		a, _, err := (&dns.Client{Net: network}).Exchange(q, at)
		if err != nil || len(a.Answer) != 2 || !a.Authoritative {
			t.Errorf("%s: %v %v", u, a, err)
		}
	}

	answer := ask(t, r.file.SIP[0], "OPTIONS sip:example.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bK1\r\n"+
		"From: <sip:a@b.test>;tag=1\r\nTo: <sip:example.test>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n")
	if !strings.HasPrefix(answer, "SIP/2.0 200 ") {
		t.Errorf("OPTIONS: %s", answer)
	}
	if code := r.end(); code != exitOK {
		t.Errorf("exit %d: %s", code, r.stderr)
	}
	code, stdout, stderr = command(t, "bindings", "list", "--data", data, "--json")
	if code != exitOK || !strings.Contains(stdout, `"aors": []`) {
		t.Errorf("bindings from disk: exit %d: %s%s", code, stdout, stderr)
	}
}

// ask sends one datagram and returns the answer.
func ask(t *testing.T, to, message string) string {
	t.Helper()
	_, at, _ := strings.Cut(to, "://")
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write([]byte(message)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 65536)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestAddressInUse(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for flag, args := range map[string][]string{
		"--sip":   {"--sip", "tcp://" + l.Addr().String(), "--dns", "127.0.0.1:0", "--admin", "off"},
		"--dns":   {"--sip", "127.0.0.1:0", "--dns", "tcp://" + l.Addr().String(), "--admin", "off"},
		"--admin": {"--sip", "127.0.0.1:0", "--dns", "127.0.0.1:0", "--admin", l.Addr().String()},
	} {
		code, stdout, stderr := command(t, append([]string{"serve", "--domain", "a.test", "--data", t.TempDir()}, args...)...)
		if code != exitNetwork || !strings.Contains(stderr, "another program has this address") || !strings.Contains(stderr, "choose another with "+flag) || stdout != "" {
			t.Errorf("%s: exit %d: %s%s", flag, code, stdout, stderr)
		}
	}
}

// TestFailedFirstStart: what was never shown is not left behind, however the start failed.
func TestFailedFirstStart(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	data := t.TempDir()
	for _, bad := range [][]string{
		{"--sip", "tcp://" + l.Addr().String()},
		{"--dns", "tcp://" + l.Addr().String()},
		{"--admin", l.Addr().String()},
		{"--ready-file", filepath.Join(data, "none", "ready.json")},
	} {
		code, stdout, stderr := command(t, append([]string{"serve"}, loopbackArgs(data, append([]string{"--domain", "a.test"}, bad...)...)...)...)
		if code == exitOK || stdout != "" {
			t.Fatalf("%q: exit %d: %s%s", bad, code, stdout, stderr)
		}
		if _, err := os.Stat(filepath.Join(data, "users.yaml")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q left users behind: %v", bad, err)
		}
	}
	r := start(t, loopbackArgs(data, "--domain", "a.test")...)
	if !strings.Contains(r.stdout, "made user alice@a.test with password ") {
		t.Errorf("the good start shows no password:\n%s", r.stdout)
	}
}

// TestAllBusyPorts: one start names every port that is taken.
func TestAllBusyPorts(t *testing.T) {
	t.Parallel()
	var at []string
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		at = append(at, l.Addr().String())
	}
	code, _, stderr := command(t, "serve", "--domain", "a.test", "--data", t.TempDir(),
		"--sip", "tcp://"+at[0], "--dns", "tcp://"+at[1], "--admin", at[2])
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if code != exitNetwork || len(lines) != 3 {
		t.Fatalf("exit %d:\n%s", code, stderr)
	}
	for i, what := range []string{"admin", "dns", "sip"} {
		if !strings.HasPrefix(lines[i], "sipway: cannot listen for "+what+" on tcp://") {
			t.Errorf("line %d: %s", i, lines[i])
		}
	}
}

// TestAlgorithms: a phone that knows MD5 only is asked for MD5 only.
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	const register = "REGISTER sip:a.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bK1\r\n" +
		"From: <sip:alice@a.test>;tag=1\r\nTo: <sip:alice@a.test>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
	for list, want := range map[string]string{"": "SHA-256 MD5", "md5": "MD5", "sha-256": "SHA-256", "MD5,sha-256": "SHA-256 MD5"} {
		args := loopbackArgs(t.TempDir(), "--domain", "a.test")
		if list != "" {
			args = append(args, "--algorithms", list)
		}
		r := start(t, args...)
		var offered []string
		for _, m := range regexp.MustCompile(`algorithm="?([^",\r]+)`).FindAllStringSubmatch(ask(t, r.file.SIP[0], register), -1) {
			offered = append(offered, m[1])
		}
		if got := strings.Join(offered, " "); got != want {
			t.Errorf("%q: offers %s, want %s", list, got, want)
		}
		if told := strings.Contains(r.stdout, "--algorithms md5"); told != (list != "md5") {
			t.Errorf("%q: the welcome speaks of MD5: %v", list, told)
		}
		r.end()
	}
}

func TestDataInUse(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	start(t, loopbackArgs(data, "--domain", "a.test")...)
	code, _, stderr := command(t, append([]string{"serve"}, loopbackArgs(data, "--domain", "a.test")...)...)
	if code != exitNetwork || !strings.Contains(stderr, "belongs to a sipway that is running") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestOtherDomainsData(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	if code := start(t, loopbackArgs(data, "--domain", "a.test")...).end(); code != exitOK {
		t.Fatal(code)
	}
	code, _, stderr := command(t, append([]string{"serve"}, loopbackArgs(data, "--domain", "b.test")...)...)
	if code != exitConfig || !strings.Contains(stderr, "is for a.test") || !strings.Contains(stderr, "--data") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// TestOpenRegister: auth none is said loudly, in text and log, and zones alone need no SIP.
func TestOpenRegister(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := write(t, dir, "c.yaml", `
domains: {open.test: {register: {auth: none}}}
listen: {sip: [udp://127.0.0.1:0], dns: [udp://127.0.0.1:0], admin: off}
location: {durability: none}
`)
	r := start(t, "--config", file)
	if !strings.Contains(r.stdout, "WARNING: register auth is none") || !strings.Contains(r.stderr.String(), "anybody may register any user") ||
		!strings.Contains(r.stderr.String(), "in memory only") || r.file.Admin != "" {
		t.Errorf("%s%s", r.stdout, r.stderr)
	}
	if code := r.end(); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

func TestZonesAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "z.zone", "@ 60 IN SOA ns1 hostmaster 1 3600 600 86400 60\n@ 60 IN NS ns1\nns1 60 IN A 192.0.2.1\n")
	file := write(t, dir, "c.yaml", "zones: {z.test: {file: z.zone}}\nlisten: {dns: [udp://127.0.0.1:0], admin: 127.0.0.1:0}\n")
	r := start(t, "--config", file)
	if len(r.file.SIP) != 0 || len(r.file.DNS) != 1 {
		t.Errorf("%+v", r.file)
	}
	_, at, _ := strings.Cut(r.file.DNS[0], "://")
	a, err := dns.Exchange(new(dns.Msg).SetQuestion("ns1.z.test.", dns.TypeA), at)
	if err != nil || len(a.Answer) != 1 {
		t.Errorf("%v %v", a, err)
	}
}

func TestBindingsShownSafely(t *testing.T) {
	t.Parallel()
	evil := "sip:a\x1b[31m\u202e\u009b@x"
	list := func(context.Context, string) (admin.Page, error) {
		return admin.Page{AORs: []admin.AOR{{AOR: evil, Bindings: []admin.Binding{{Contact: evil, Q: 0.5, Expires: 61, Source: "127.0.0.1:1"}}}}}, nil
	}
	var out bytes.Buffer
	if err := printBindings(t.Context(), &out, list); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\u202e\u009b") || !strings.Contains(out.String(), `sip:a\x1b[31m`) || !strings.Contains(out.String(), "1m1s") {
		t.Errorf("%q", out.String())
	}
	out.Reset()
	if err := printJSON(&out, admin.Page{AORs: []admin.AOR{{AOR: evil}}}); err != nil || strings.ContainsAny(out.String(), "\x1b\u202e\u009b") {
		t.Errorf("%v %q", err, out.String())
	}
}
