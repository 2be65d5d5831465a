package main

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

func testOptions(m mode) *options {
	return &options{mode: m, domain: "sip.test", contact: netip.MustParseAddrPort("127.0.0.1:5999"), users: 10}
}

func TestRequestAndResponse(t *testing.T) {
	t.Parallel()
	local := netip.MustParseAddrPort("127.0.0.1:40000")
	for _, m := range modes {
		tmpl := request(testOptions(m), local, "run")
		b := append([]byte(nil), tmpl.bytes...)
		tmpl.fill(b, 63, 1234567890, 42)
		text := string(b)
		if strings.Contains(text, "UUU") || strings.Contains(text, "TTT") {
			t.Errorf("%v: a placeholder is left:\n%s", m, text)
		}
		if !strings.HasPrefix(text, m.method()+" sip:") || !strings.Contains(text, "\r\nCSeq: 1 "+m.method()+"\r\n") {
			t.Errorf("%v: wrong method:\n%s", m, text)
		}
		_, after, _ := strings.Cut(text, "\r\n")
		code, slot, seq, ok := parseResponse([]byte("SIP/2.0 302 Moved Temporarily\r\n" + after))
		if !ok || code != 302 || slot != 63 || seq != 1234567890 {
			t.Errorf("%v: response read as %d, slot %d, seq %d, %v", m, code, slot, seq, ok)
		}
		want := "To: <sip:u000042@sip.test>\r\n"
		if m == probe {
			want = "To: <sip:sip.test>\r\n"
		}
		if got := string(toLine(b)); got != want {
			t.Errorf("%v: To line %q, want %q", m, got, want)
		}
		head, body, _ := strings.Cut(text, "\r\n\r\n")
		if !strings.HasSuffix(head, "\r\nContent-Length: "+strconv.Itoa(len(body))) || (len(body) > 0) != (m == redirect) {
			t.Errorf("%v: a body of %d bytes under\n%s", m, len(body), head)
		}
	}
}

func TestParseResponseRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "INVITE sip:x SIP/2.0\r\n", "SIP/2.0 100 Trying\r\nVia: z9hG4bK-0001.0000000001\r\n",
		"SIP/2.0 200 OK\r\n\r\n", "SIP/2.0 200 OK\r\nVia: z9hG4bK-1.2\r\n", "SIP/2.0 200 OK\r\nVia: z9hG4bK-0001",
		"SIP/2.0 999 OK\r\nVia: z9hG4bK-0001.0000000001\r\n",
	} {
		if _, _, _, ok := parseResponse([]byte(text)); ok {
			t.Errorf("%q was taken for a final response to us", text)
		}
	}
}

func TestHistogram(t *testing.T) {
	t.Parallel()
	var h, all histogram
	if h.quantile(0.5) != 0 {
		t.Error("an empty histogram has a median")
	}
	for i := range 100 {
		h.count(time.Duration(i) * time.Millisecond)
	}
	h.count(time.Hour)
	all.add(&h)
	if p50, p99 := all.quantile(0.5), all.quantile(0.99); p50 != 50_010 || p99 != 99_010 {
		t.Errorf("p50 %d, p99 %d", p50, p99)
	}
}

func TestParseFlags(t *testing.T) {
	t.Parallel()
	if _, err := parseFlags([]string{"-mode", "options", "-target", "127.0.0.1:5"}); err != nil {
		t.Error(err)
	}
	for _, args := range [][]string{
		{"-mode", "dance"}, {"-target", "x"}, {"-users", "0"}, {"-users", "1000001"}, {"-window", "10001"}, {"-socks", "0"}, {"more"},
	} {
		if _, err := parseFlags(args); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
}
