package config

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files")

// TestErrorsGolden holds every file of testdata/bad against the errors it has to give.
func TestErrorsGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Parse(filepath.Base(file), data)
			if err == nil {
				t.Fatalf("no error, but %+v", c)
			}
			if c != nil {
				t.Error("a configuration beside an error")
			}
			got, golden := err.Error()+"\n", strings.TrimSuffix(file, ".yaml")+".err"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestDesignExample(t *testing.T) {
	t.Parallel()
	c, err := Parse("/etc/sipway/sipway.yaml", []byte(`
node: edge1
data: /var/lib/sipway
listen:
  sip: [udp://0.0.0.0:5060, tcp://0.0.0.0:5060, "udp://[::]:5060"]
  dns: [udp://0.0.0.0:53, tcp://0.0.0.0:53]
  admin: 127.0.0.1:8300
advertise: [192.0.2.11, 2001:db8::11]
domains:
  Example.COM.:
    mode: redirect
    users: users.yaml
    register: {auth: digest,     # said loudly
               min_expires: 60s, max_expires: 2h, default_expires: 1h, max_contacts: 10}
    dns: {publish: true, ns: [ns1.example.com], ttl: 60s, extra: example.com.zone}
  open.example: {register: {auth: none}, dns: {publish: false}}
zones:
  corp.example: {file: corp.example.zone}
edges:
  - {name: edge1, addresses: [192.0.2.11, 2001:db8::11], priority: 10, weight: 60}
  - name: edge2
    addresses:
      - 192.0.2.12
    priority: 20
    weight: 0
resolver: {servers: [192.0.2.53, "[2001:db8::53]:5353"], timeout: 2s}
location: {store: embedded, durability: relaxed}
limits: {connections: 20_000, write_queue: 128KB, idle_timeout: 1d}
`))
	if err != nil {
		t.Fatal(err)
	}
	d := c.Domains[0]
	if d.Name != "example.com" || d.Users != "/etc/sipway/users.yaml" || d.UsersMade || d.DNS.Extra != "/etc/sipway/example.com.zone" {
		t.Errorf("domain %+v", d)
	}
	if d.UsersAt != (Position{File: "/etc/sipway/sipway.yaml", Line: 12, Col: 12}) {
		t.Errorf("users at %v", d.UsersAt)
	}
	if c.Domains[1].Register.Auth != AuthNone || c.Domains[1].Users != "" {
		t.Errorf("open domain %+v", c.Domains[1])
	}
	if got := c.Listen.SIP[2].String(); got != "udp://[::]:5060" {
		t.Errorf("third listener %s", got)
	}
	if len(c.Advertise) != 2 || c.Advertise[1] != netip.MustParseAddr("2001:db8::11") {
		t.Errorf("advertise %v", c.Advertise)
	}
	if len(c.Edges) != 2 || c.Edges[1].Weight != 0 || c.Edges[1].Priority != 20 {
		t.Errorf("edges %+v", c.Edges)
	}
	if len(c.Resolver.Servers) != 2 || c.Resolver.Servers[0].Port() != 53 || c.Resolver.Servers[1].Port() != 5353 {
		t.Errorf("servers %v", c.Resolver.Servers)
	}
	if c.Limits.Connections != 20_000 || c.Limits.WriteQueue != 128<<10 || c.Limits.IdleTimeout != 24*time.Hour {
		t.Errorf("limits %+v", c.Limits)
	}
	if c.Domain("EXAMPLE.com.") == nil || c.Domain("corp.example") != nil {
		t.Error("Domain() looks up wrongly")
	}
}

// TestDefaultsAreOne holds ForDomain and the shortest file against each other.
func TestDefaultsAreOne(t *testing.T) {
	t.Parallel()
	zero, err := ForDomain("Example.Test", "")
	if err != nil {
		t.Fatal(err)
	}
	file, err := Parse("c.yaml", []byte("domains: {example.test: }\n"))
	if err != nil {
		t.Fatal(err)
	}
	if zero.Domains[0].Users != "sipway-data/users.yaml" || file.Domains[0].Users != zero.Domains[0].Users || !file.Domains[0].UsersMade {
		t.Errorf("users %q and %q", zero.Domains[0].Users, file.Domains[0].Users)
	}
	if !reflect.DeepEqual(zero.Domains[0].Register, file.Domains[0].Register) || zero.Limits != file.Limits || zero.Listen.Admin != file.Listen.Admin {
		t.Error("the defaults of file and flag differ")
	}
	if zero.Data != DefaultData || file.Data != DefaultData {
		t.Errorf("data %q and %q", zero.Data, file.Data)
	}
	zero.SetData("/x")
	if zero.Data != "/x" || zero.Domains[0].Users != "/x/users.yaml" {
		t.Errorf("SetData left %q %q", zero.Data, zero.Domains[0].Users)
	}
}

func TestForDomainRefuses(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"":                        `domain "" is no domain name; 1 to 253`,
		"192.0.2.1":               "is an address",
		"-a.example":              `"-a" is no label`,
		"b\x1b[31m.example":       `\x1b`,
		"bücher.example":          "xn--bcher-kva.example",
		"a..b":                    "is no label",
		strings.Repeat("a.", 200): "1 to 253",
	} {
		_, err := ForDomain(name, "")
		if one := (*Error)(nil); !errors.As(err, &one) || !strings.Contains(err.Error(), want) {
			t.Errorf("ForDomain(%q) = %v, want %q in it", name, err, want)
		}
	}
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"))
	if all := Errors(nil); !errors.As(err, &all) || !strings.Contains(err.Error(), "there is no such file; ") {
		t.Errorf("missing file: %v", err)
	}
	_, err = Load(t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("directory: %v", err)
	}
}

func TestNodeName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"Edge7.example.com": "edge7", "localhost": "edge1", "my_host": "edge1", "": "edge1"} {
		if got := NodeName(in); got != want {
			t.Errorf("NodeName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestErrorsEnd(t *testing.T) {
	t.Parallel()
	_, err := Parse("c.yaml", []byte(manyUnknown(100)))
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != maxErrors+1 || lines[maxErrors] != "c.yaml: and 80 more" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

func manyUnknown(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("x" + strings.Repeat("y", i%30+5) + string(rune('a'+i/30)) + ": 1\n")
	}
	return b.String()
}

func TestTooLargeAndDeep(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		strings.Repeat("#\n", maxFile):           "c.yaml: the file has more than",
		"a: " + strings.Repeat("[", maxDepth+1):  "c.yaml:1:68: more than 64 brackets",
		"a: " + strings.Repeat("[", maxDepth):    "c.yaml:1:",
		"":                                       "c.yaml:1:1: the file is empty",
		"# nothing\n":                            "c.yaml:1:1: the file is empty",
		"domains: {a.example: }\n---\nnode: b\n": "more than one document",
		"just text":                              "has to hold keys and values",
		"- a\n":                                  "has to hold keys and values, not a list",
		"domains: &a {x.example: }\n":            "anchor",
		"domains: {a.example: {<<: {mode: redirect}}}": "merge keys",
	} {
		if _, err := Parse("c.yaml", []byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q in it", in, err, want)
		}
	}
}

// FuzzConfig: no input panics, hangs, or gives an error without words; errors
// hold no control characters; what parses once parses again to the same.
func FuzzConfig(f *testing.F) {
	files, _ := filepath.Glob("testdata/bad/*.yaml")
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil {
			f.Add(data)
		}
	}
	f.Add([]byte("domains: {example.test: }\n"))
	f.Add([]byte("domains:\n  a.example:\n    register: {min_expires: 1h}\nedges: [{name: a, addresses: [192.0.2.1]}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f.yaml", data)
		if err == nil {
			if len(c.Domains)+len(c.Zones) == 0 {
				t.Error("nothing to serve and no error")
			}
			return
		}
		all := Errors(nil)
		if !errors.As(err, &all) || len(all) == 0 {
			t.Fatalf("error %v of type %T", err, err)
		}
		for _, e := range all {
			for _, r := range e.Error() {
				if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
					t.Fatalf("control character in %q", e.Error())
				}
			}
		}
	})
}

func TestOnHost(t *testing.T) {
	t.Parallel()
	const both = "[udp://0.0.0.0:5060 tcp://0.0.0.0:5060 udp://[::]:5060 tcp://[::]:5060]"
	for _, c := range []struct {
		text, host      string
		ipv6            bool
		node, sip, dns4 string
	}{
		{"domains: {a.test: }\n", "vm.example.com", true, "vm", both, "[udp://0.0.0.0:5300 tcp://0.0.0.0:5300 udp://[::]:5300 tcp://[::]:5300]"},
		{"domains: {a.test: }\n", "vm", false, "vm", "[udp://0.0.0.0:5060 tcp://0.0.0.0:5060]", "[udp://0.0.0.0:5300 tcp://0.0.0.0:5300]"},
		// What the file says stays as it is, and what it takes is not taken again.
		{"node: Edge7\ndomains: {a.test: }\nlisten: {dns: [udp://0.0.0.0:53]}\n", "vm", true, "edge7", both, "[udp://0.0.0.0:53]"},
		{"domains: {a.test: }\nlisten: {dns: ['udp://[::]:5060']}\n", "", true, "edge1", "[udp://0.0.0.0:5060 tcp://0.0.0.0:5060 tcp://[::]:5060]", "[udp://[::]:5060]"},
	} {
		cfg, err := Parse("c.yaml", []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		cfg.OnHost(c.host, c.ipv6)
		if cfg.Node != c.node || fmt.Sprint(cfg.Listen.SIP) != c.sip || fmt.Sprint(cfg.Listen.DNS) != c.dns4 {
			t.Errorf("%s: node %s, %s, %s", c.text, cfg.Node, cfg.Listen.SIP, cfg.Listen.DNS)
		}
		if err := cfg.CheckListeners(); err != nil {
			t.Error(err)
		}
	}
}

func TestAlgorithms(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"md5": "[md5]", "sha-256,md5": "[sha-256 md5]", "SHA-256, MD5": "[sha-256 md5]",
		"": `"" is unknown`, "md5,": `"" is unknown`, "md6": `"md6" is unknown; did you mean "md5"?`,
	} {
		got, err := ParseAlgorithms(in)
		if text := fmt.Sprint(got, err); !strings.Contains(text, want) {
			t.Errorf("%q: %s, want %s", in, text, want)
		}
	}
	c, err := Parse("c.yaml", []byte("domains: {a.test: {users: a}, b.test: {register: {auth: none}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if !c.SetAlgorithms([]Algorithm{AlgorithmMD5}) || len(c.Domains[0].Register.Algorithms) != 1 || c.Domains[1].Register.Algorithms != nil {
		t.Errorf("%+v", c.Domains)
	}
	c.Domains = c.Domains[1:]
	if c.SetAlgorithms([]Algorithm{AlgorithmMD5}) {
		t.Error("no domain authenticates, and it says that it took the algorithms")
	}
}
