package script

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"
)

// cmdSIPp is `sipp [-bg] udp|tcp SCENARIO.xml ARGS...`: runs sipp against $SIP. Its messages are in
// sipp.msg, what it did not like in sipp.err. With -bg it runs on under the name sipp.
func cmdSIPp(ts *testscript.TestScript, neg bool, args []string) {
	background := len(args) > 0 && args[0] == "-bg"
	if background {
		args = args[1:]
	}
	modes := map[string]string{"udp": "u1", "tcp": "t1"}
	if len(args) < 2 || modes[args[0]] == "" || neg && background {
		ts.Fatalf("usage: sipp [-bg] udp|tcp SCENARIO.xml [ARG...]")
	}
	port, err := freePort()
	ts.Check(err)
	argv := append([]string{
		"sipp", ts.Getenv("SIP"), "-sf", args[1], "-t", modes[args[0]], "-i", "127.0.0.1", "-p", strconv.Itoa(port),
		"-nostdin", "-timeout", fmt.Sprint(patience.Seconds()), "-timeout_error",
		"-trace_msg", "-message_file", "sipp.msg", "-trace_err", "-error_file", "sipp.err",
	}, args[2:]...)
	start(ts, "sipp", argv)
	if background {
		return
	}
	p := procs(ts).take("sipp")
	p.await(ts)
	if (p.err != nil) != neg {
		said, _ := os.ReadFile(ts.MkAbs("sipp.err"))
		seen, _ := os.ReadFile(ts.MkAbs("sipp.msg"))
		ts.Fatalf("sipp: %v\n%s\n%s", p.err, said, seen)
	}
}

// cmdZoneReady is `zone-ready ADDRESS ZONE`: waits until a name server answers for a zone.
func cmdZoneReady(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: zone-ready ADDRESS ZONE")
	}
	query := new(dns.Msg).SetQuestion(dns.Fqdn(args[1]), dns.TypeSOA)
	client := &dns.Client{Timeout: time.Second}
	waitUntil(ts, nil, args[1]+" at "+args[0], func() bool {
		answer, _, err := client.Exchange(query, args[0])
		return err == nil && answer.Rcode == dns.RcodeSuccess && answer.Authoritative && len(answer.Answer) > 0
	})
}

// cmdHops is `hops URI SERVER...`: runs `sipway resolve` at each name server with the same draws of
// weights. All must give the same non-empty list of hops, which `stdout` can then ask. TTLs are left
// out: a caching server counts them down.
func cmdHops(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: hops URI SERVER...")
	}
	var first []string
	for i, server := range args[1:] {
		cmd := exec.Command(lookPath(ts.Getenv("PATH"), "sipway"), "resolve", "--json", "--seed", "7", "--server", server, args[0])
		cmd.Env = environ(ts)
		out, err := cmd.Output()
		if err != nil {
			ts.Fatalf("sipway resolve %s at %s: %v\n%s", args[0], server, err, out)
		}
		hops, err := parseHops(out)
		if err != nil || len(hops) == 0 {
			ts.Fatalf("sipway resolve %s at %s: %v\n%s", args[0], server, err, out)
		}
		if i == 0 {
			first = hops
		}
		if !slices.Equal(hops, first) {
			ts.Fatalf("%s at %s:\n%s\nat %s:\n%s", args[0], args[1], strings.Join(first, "\n"), server, strings.Join(hops, "\n"))
		}
	}
	_, err := fmt.Fprintln(ts.Stdout(), strings.Join(first, "\n"))
	ts.Check(err)
}

// parseHops reads the JSON of `sipway resolve` into one line a target.
func parseHops(text []byte) ([]string, error) {
	var result struct {
		Targets []struct {
			Transport, Address, Host, Service string
			Port, Priority, Weight            uint16
		}
		Error string
	}
	if err := json.Unmarshal(text, &result); err != nil {
		return nil, err
	}
	if result.Error != "" {
		return nil, errors.New(result.Error)
	}
	var hops []string
	for _, t := range result.Targets {
		at := net.JoinHostPort(t.Address, fmt.Sprint(t.Port))
		hops = append(hops, fmt.Sprintf("%s %s %s %s %d/%d", t.Transport, at, t.Host, t.Service, t.Priority, t.Weight))
	}
	return hops, nil
}

// cmdAcknowledged is `acknowledged MESSAGES BINDINGS MIN`: every user whose REGISTER got a 200 in sipp's
// message log has its binding in the output of `sipway bindings list --json`. At least MIN of them.
func cmdAcknowledged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: acknowledged MESSAGES BINDINGS MIN")
	}
	atLeast, err := strconv.Atoi(args[2])
	ts.Check(err)
	promised := acknowledged(ts.ReadFile(args[0]))
	if len(promised) < atLeast {
		ts.Fatalf("sipp saw %d users registered, want %d or more", len(promised), atLeast)
	}
	listed := ts.ReadFile(args[1])
	var lost []string
	for _, contact := range promised {
		if !strings.Contains(listed, `"`+contact+`"`) {
			lost = append(lost, contact)
		}
	}
	if len(lost) > 0 {
		ts.Fatalf("%d of %d acknowledged bindings are lost: %v", len(lost), len(promised), lost)
	}
	ts.Logf("%d acknowledged bindings are all there", len(promised))
}

var (
	sippMessage = regexp.MustCompile(`(?m)^-{40,} .*\n\w+ message received \[\d+\] bytes :\n\n`)
	contactURI  = regexp.MustCompile(`(?mi)^Contact:\s*<([^>]+)>`)
)

// acknowledged returns the Contact URI of every 200 to a REGISTER that a sipp message log holds whole.
func acknowledged(log string) []string {
	var uris []string
	for _, at := range sippMessage.FindAllStringIndex(log, -1) {
		msg, _, whole := strings.Cut(strings.ReplaceAll(log[at[1]:], "\r\n", "\n"), "\n\n")
		if !whole || !strings.HasPrefix(msg, "SIP/2.0 200 ") || !strings.Contains(msg, " REGISTER") {
			continue
		}
		if m := contactURI.FindStringSubmatch(msg); m != nil {
			uris = append(uris, m[1])
		}
	}
	return uris
}

func TestAcknowledged(t *testing.T) {
	t.Parallel()
	const line = "----------------------------------------------- 2026-11-22 17:44:36.998662\n"
	message := func(how, text string) string {
		return line + "UDP message " + how + ":\n\n" + strings.ReplaceAll(text, "\n", "\r\n") + "\n"
	}
	log := message("sent (9 bytes)", "REGISTER sip:x SIP/2.0\nContact: <sip:u1@a>\nCSeq: 1 REGISTER\n\n") +
		message("received [9] bytes ", "SIP/2.0 401 Unauthorized\nContact: <sip:u2@a>\nCSeq: 1 REGISTER\n\n") +
		message("received [9] bytes ", "SIP/2.0 200 OK\nContact: <sip:u3@a>;expires=3\nCSeq: 1 REGISTER\n\n") +
		message("received [9] bytes ", "SIP/2.0 200 OK\nContact: <sip:u4@a>\nCSeq: 1 OPTIONS\n\n") +
		message("received [9] bytes ", "SIP/2.0 200 OK\nContact: <sip:u5@a>\nCSeq: 1 REGISTER\n\n") +
		line + "UDP message received [9] bytes :\n\nSIP/2.0 200 OK\r\nContact: <sip:u6@a>\r\nCSeq: 1 REG"
	if got, want := acknowledged(log), []string{"sip:u3@a", "sip:u5@a"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFreePort(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for range 100 {
		port, err := freePort()
		if err != nil {
			t.Fatal(err)
		}
		if seen[port] {
			t.Fatalf("port %d given out twice", port)
		}
		seen[port] = true
	}
}

// TestPages keeps each scenario readable at once.
func TestPages(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(b), "\n"); n > 120 {
			t.Errorf("%s has %d lines: split it", name, n)
		}
	}
}
