package dispatch

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/sipway/sipway/redirect"
	"github.com/sipway/sipway/sip"
	"github.com/sipway/sipway/transport"
)

// rfc4475 is what each message of RFC 4475 gets from a server of all its domains where every user may exist and
// none has a binding: 480 from the redirect server or 200 from the registrar (which here takes everything)
// means that the message was understood; 0 is no answer.
var rfc4475 = map[string]int{
	// 3.1.1: valid
	"wsinv": 480, "intmeth": 480, "esc01": 480, "escnull": 200, "esc02": 405, "lwsdisp": 480, "longreq": 480, "dblreq": 200,
	"semiuri": 480, "transports": 480, "mpart01": 480, "unreason": 0, "noreason": 0,
	// 3.1.2: invalid
	"badinv01": 400, "clerr": 400, "ncl": 400, "scalar02": 400, "scalarlg": 0, "quotbal": 400, "ltgtruri": 400, "lwsruri": 400,
	"lwsstart": 400, "trws": 400, "escruri": 400, "baddate": 480, "regbadct": 400, "badaspec": 400, "baddn": 400, "badvers": 505,
	"mismatch01": 400, "mismatch02": 400, "bigcode": 0,
	// 3.2, 3.3: transaction and application layer. bext01: a redirect server ignores Require (RFC 3261 8.3).
	// unksm2 and regaut01 are for the registrar to refuse.
	"badbranch": 480, "insuf": 400, "unkscm": 416, "novelsc": 416, "unksm2": 200, "bext01": 480, "invut": 480, "regaut01": 200,
	"multi01": 400, "mcl01": 400, "bcast": 0, "zeromf": 483, "cparam01": 200, "cparam02": 200, "regescrt": 200, "sdp01": 480,
	// 3.4: backward compatibility
	"inv2543": 480,
}

func TestRFC4475(t *testing.T) {
	t.Parallel()
	var domains []Domain
	for _, name := range []string{"example.com", "example.org", "example.net", "company.com", "chair-dnrc.example.com", "registrar.example.com"} {
		domains = append(domains, Domain{
			Name: name, Registrar: reply(200, "registrar"),
			Redirect: redirect.New(redirect.Options{Domain: name, Locations: bound(t, "sip:other@"+name, "sip:x@y")}),
		})
	}
	d := sut(t, func(o *Options) { o.Domains = domains })
	files, err := filepath.Glob("../sip/testdata/rfc4475/*.dat")
	if err != nil || len(files) != len(rfc4475) {
		t.Fatalf("%d files, %d expectations, %v", len(files), len(rfc4475), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".dat")
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code, reason := 0, ""
		if m := ask(t, d, string(raw)); m != nil {
			code, reason = m.StatusCode(), string(m.Reason())
		}
		if want, ok := rfc4475[name]; !ok || code != want {
			t.Errorf("%s: %d %s, want %d", name, code, reason, want)
		}
	}
}

// S01: without each header, with it empty, and with it twice, for every method: an answer or silence, never a
// panic, and every answer is a message.
func TestEachHeaderBroken(t *testing.T) {
	t.Parallel()
	d := sut(t, func(o *Options) { o.OnPanic = func(v any) { t.Errorf("panic: %v", v) } })
	headers := []string{"Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "Contact", "Content-Length", "Content-Type", "Require", "User-Agent", "Authorization"}
	for _, method := range []string{"INVITE", "ACK", "CANCEL", "OPTIONS", "REGISTER", "FOO", ""} {
		for _, uri := range []string{"sip:bob@d.test", "sip:d.test", "sip:", ":", ""} {
			for i, a := range headers {
				for _, b := range headers[i:] {
					for _, value := range []string{"", " ", ";", ",", "<", "\"", "x;y=\"", "SIP/2.0/UDP", strings.Repeat("a", 5000)} {
						ask(t, d, message(method, uri, a+": "+value, b+": "+value))
						ask(t, d, message(method, uri, "-"+a, b+":"+value))
					}
					ask(t, d, message(method, uri, "-"+a, "-"+b))
				}
			}
		}
	}
	if n := d.Stats().Panics; n != 0 {
		t.Errorf("%d panics", n)
	}
}

// FuzzServeSIP: whatever comes, at most one answer, which is a response that can be read, and only to a request.
func FuzzServeSIP(f *testing.F) {
	f.Add([]byte(message("OPTIONS", "sip:d.test", "Require: x")))
	f.Add([]byte(message("INVITE", "sip:bob@d.test")))
	f.Add([]byte("0\r\nV:\r\nV:0/0/0 A\r\n")) // an empty Via line before the top value
	f.Add([]byte(message("REGISTER", "sip:192.0.2.1", "To: <sip:x@[::1]>")))
	files, _ := filepath.Glob("../sip/testdata/rfc4475/*.dat")
	for _, file := range files {
		if raw, err := os.ReadFile(file); err == nil {
			f.Add(raw)
		}
	}
	panicked := ""
	d := sut(f, func(o *Options) { o.OnPanic = func(v any) { panicked = fmt.Sprintf("%v\n%s", v, debug.Stack()) } })
	f.Fuzz(func(t *testing.T, raw []byte) {
		panicked = ""
		var out []byte
		answers := 0
		r := transport.NewRequest(raw, transport.UDP, local, remote, testNow, func(b []byte) { out, answers = bytes.Clone(b), answers+1 })
		d.ServeSIP(r)
		if panicked != "" {
			t.Fatalf("%s\nby %q", panicked, raw)
		}
		if answers == 0 {
			return
		}
		var m sip.Message
		if answers > 1 || !r.IsRequest() || r.Method() == sip.MethodAck {
			t.Fatalf("%d answers to %q", answers, raw)
		}
		if err := m.Parse(out); err != nil || m.IsRequest() || m.StatusCode() < 200 {
			t.Fatalf("%v: %q to %q", err, out, raw)
		}
	})
}
