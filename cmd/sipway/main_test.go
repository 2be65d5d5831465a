package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// command runs one command line to its end.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"sipway"}, args...), &out, &errs)
	return code, out.String(), errs.String()
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bad := write(t, dir, "bad.yaml", "domain: {}\n")
	open := write(t, dir, "open.yaml", "domains: {example.test: {register: {auth: none}}}\n")
	for _, c := range []struct {
		args []string
		code int
		want string // in stdout or stderr
	}{
		{nil, exitUsage, "COMMANDS"},
		{[]string{"--help"}, exitOK, "COMMANDS"},
		{[]string{"help"}, exitOK, "COMMANDS"},
		{[]string{"help", "user", "add"}, exitOK, "--password-file"},
		{[]string{"help", "bogus"}, exitUsage, "there is no command bogus"},
		{[]string{"help", "user", "bogus"}, exitUsage, "there is no command bogus"},
		{[]string{"bogus", "--help"}, exitUsage, "there is no command bogus"},
		{[]string{"help", "version", "bogus"}, exitOK, "print the version"},
		{[]string{"--version"}, exitOK, "sipway " + versionText() + " ("},
		{[]string{"-v"}, exitUsage, "there is no option -v; did you mean --version?"},
		{[]string{"serve", "--domain"}, exitUsage, "--domain needs a value, as in `--domain NAME`; `sipway serve --help` lists"},
		{[]string{"resolve", "sip:a@b.test", "--timeout", "5"}, exitUsage, `--timeout: "5" is no duration; write one with its unit, as in 5s;`},
		{[]string{"resolve", "sip:a@b.test", "--seed", "x"}, exitUsage, `--seed: "x" is no whole number;`},
		{[]string{"version", "--json=maybe"}, exitUsage, `--json: it takes no value such as "maybe"; write --json alone;`},
		{[]string{"version", "-=x"}, exitUsage, `-=x is no option;`},
		{[]string{"completion", "bash", "zsh"}, exitUsage, "name one shell"},
		{[]string{"user", "add", "bob", "-h"}, exitOK, "--password-file"},
		{[]string{"serv"}, exitUsage, `did you mean "serve"?`},
		{[]string{"\x1b[31m"}, exitUsage, `there is no command \x1b[31m`},
		{[]string{"user"}, exitUsage, "COMMANDS"},
		{[]string{"user", "lst"}, exitUsage, `did you mean "list"?`},
		{[]string{"serve"}, exitUsage, "say which domain to serve"},
		{[]string{"serve", "--domian", "x"}, exitUsage, "there is no option --domian; did you mean --domain? `sipway serve --help` lists the options\n"},
		{[]string{"serve", "--domain", "a.test", "--config", open}, exitUsage, "not both"},
		{[]string{"serve", "--domain", "a b"}, exitUsage, "is no label"},
		{[]string{"serve", "--domain", "a.test", "extra"}, exitUsage, "takes no argument"},
		{[]string{"serve", "--domain", "a.test", "--sip", "5060"}, exitUsage, "--sip: \"5060\" has no port"},
		{[]string{"serve", "--domain", "a.test", "--sip", "tls://127.0.0.1:5061"}, exitUsage, "not yet in this version"},
		{[]string{"serve", "--domain", "a.test", "--admin", "0.0.0.0:8300"}, exitUsage, "not a loopback address"},
		{[]string{"serve", "--domain", "a.test", "--sip", "127.0.0.1:7000", "--dns", "127.0.0.1:7000"}, exitUsage, "takes the socket of"},
		{[]string{"serve", "--domain", "a.test", "--log", "xml"}, exitUsage, "--log is"},
		{[]string{"serve", "--domain", "a.test", "--algorithms", "md4"}, exitUsage, `--algorithms: "md4" is unknown; did you mean "md5"?`},
		{[]string{"serve", "--config", open, "--algorithms", "md5"}, exitUsage, "--algorithms has no effect"},
		{[]string{"serve", "--config", bad}, exitConfig, bad + `:1:1: unknown key "domain"; did you mean "domains"?`},
		{[]string{"serve", "--config", filepath.Join(dir, "none.yaml")}, exitConfig, "there is no such file"},
		{[]string{"config", "validate", bad}, exitConfig, `did you mean "domains"?`},
		{[]string{"config", "validate", "--config", open}, exitOK, open + " is good: 1 domain, 0 plain zones, "},
		{[]string{"config", "validate", open}, exitOK, "warning: register auth is none"},
		{[]string{"config", "validate"}, exitUsage, "name one file"},
		{[]string{"version"}, exitOK, "sipway "},
		{[]string{"version", "--json"}, exitOK, `"version":`},
		{[]string{"completion", "bash"}, exitOK, "complete -o bashdefault"},
		{[]string{"completion", "zsh"}, exitOK, "#compdef sipway"},
		{[]string{"completion", "fish"}, exitOK, "complete -c sipway"},
		{[]string{"completion"}, exitUsage, "name a shell"},
		{[]string{"bindings", "list", "--data", filepath.Join(dir, "none")}, exitConfig, "there are no bindings in"},
		{[]string{"bindings", "list", "--admin", "127.0.0.1:1"}, exitNetwork, "at 127.0.0.1:1 does not answer: connection refused; is the server running?"},
		{[]string{"bindings", "list", "--config", open, "--domain", "nope.test"}, exitNo, "nope.test is not served here, but example.test;"},
		{[]string{"bindings", "list", "--admin", "192.0.2.1:1"}, exitUsage, "no loopback"},
	} {
		code, stdout, stderr := command(t, c.args...)
		if code != c.code || !strings.Contains(stdout+stderr, c.want) {
			t.Errorf("%q: exit %d, want %d; want %q in:\n%s%s", c.args, code, c.code, c.want, stdout, stderr)
		}
	}
}

func TestInterleave(t *testing.T) {
	t.Parallel()
	app := newApp([]string{"sipway"}, &bytes.Buffer{}, &bytes.Buffer{})
	for in, want := range map[string]string{
		"s user add bob --password x":               "s user add --password x bob",
		"s user add --password=x bob":               "s user add --password=x bob",
		"s user list --json --data d":               "s user list --json --data d",
		"s user add bob --password -x":              "s user add --password -x bob",
		"s user add -- -bob --password":             "s user add -- -bob --password",
		"s serve --sip a --sip b --domain":          "s serve --sip a --sip b --domain",
		"s bindings list --unknown x --json y":      "s bindings list --unknown --json x y",
		"s":                                         "s",
		"s unknown -x y":                            "s -x unknown y",
		"s user add bob --generate-bash-completion": "s user add bob --generate-bash-completion",
	} {
		if got := strings.Join(interleave(app, strings.Fields(in)), " "); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestPrintable is the table of what must not reach a terminal.
func TestPrintable(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"sip:alice@example.test": "sip:alice@example.test",
		"grüße 漢字":               "grüße 漢字",
		"\x1b[2J":                `\x1b[2J`,
		"a\r\nb":                 `a\r\nb`,
		"a\tb\x00":               `a\tb\x00`,
		"\u009b31m":              `\u009b31m`,
		"\x9b31m":                `\x9b31m`,
		"\u202eevil":             `\u202eevil`,
		"\ufeffx\u200b":          `\ufeffx\u200b`,
		"say \"hi\"\x07":         `say "hi"\a`,
		"\x7f":                   `\x7f`,
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestCompletionAsksTheBinary(t *testing.T) {
	// Not parallel: urfave/cli reads os.Args for completions.
	saved := os.Args
	t.Cleanup(func() { os.Args = saved })
	for line, want := range map[string]string{"sipway user": "passwd", "sipway user add --pass": "--password-file", "sipway completion": "fish"} {
		os.Args = append(strings.Fields(line), "--generate-bash-completion")
		code, stdout, _ := command(t, os.Args[1:]...)
		if code != exitOK || !strings.Contains(stdout, want) {
			t.Errorf("%s: exit %d: %s", line, code, stdout)
		}
	}
}

func TestProgramName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	there, other := write(t, dir, "sipway", ""), write(t, t.TempDir(), "sipway", "")
	look := func(string) (string, error) { return there, nil }
	none := func(string) (string, error) { return "", exec.ErrNotFound }
	for _, c := range []struct {
		in   string
		look func(string) (string, error)
		want string
	}{
		{"sipway", look, "sipway"},
		{there, look, "sipway"},
		{other, look, other},
		{there, none, there},
		{"bin/sipway", none, "bin/sipway"},
		{"./sipway", none, "./sipway"},
		{"/a b/sipway", none, "'/a b/sipway'"},
		{"/tmp/go-build123/b001/exe/sipway", none, "go run ./cmd/sipway"},
	} {
		if got := programName(c.in, c.look); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}
