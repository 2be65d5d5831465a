package sip

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

type nastyFile struct {
	Messages []nastyMessage `yaml:"messages"`
	Compare  []struct {
		A     string `yaml:"a"`
		B     string `yaml:"b"`
		Equal bool   `yaml:"equal"`
		Why   string `yaml:"why"`
	} `yaml:"uri_compare"`
}

type nastyMessage struct {
	ID        string `yaml:"id"`
	RFC       string `yaml:"rfc"`
	Role      string `yaml:"role"`
	Transport string `yaml:"transport"`
	Raw       string `yaml:"raw"`
	Action    string `yaml:"expect_action"`
	Expect    string `yaml:"expect"`
	Chunks    []int  `yaml:"tcp_chunks"`
}

// nastySkip are the entries that no check of syntax can decide.
var nastySkip = map[string]string{
	"cancel_pending_forked": "a stateful proxy's branches",
	"cancel_no_match":       "transaction matching",
	"ack_2xx_same_branch":   "transaction matching and forwarding",
	"response_foreign_via":  "transport knows its own sent-by",
	"response_stray_2xx":    "transaction matching",
	"strict_route_in":       "proxy knows its own Record-Route",
	"register_old_cseq":     "registrar knows the binding's CSeq",
}

// nastyCheck reads what the entry's expect tells, once the message was accepted.
var nastyCheck = map[string]func(t *testing.T, m *Message){
	"via_slash_lws":       viaIs("UDP", "192.0.2.10", 5060, "z9hG4bKws1"),
	"via_param_ws_equal":  viaIs("UDP", "192.0.2.10", 5060, "z9hG4bKeq1"),
	"via_quoted_comma":    viaIs("UDP", "192.0.2.10", 0, "z9hG4bKqc1"),
	"via_ipv6_two_spaces": viaIs("UDP", "2001:db8:a::51", 5070, "z9hG4bK6a"),
	"via_ipv4_mapped": func(t *testing.T, m *Message) {
		viaIs("UDP", "::ffff:192.0.2.10", 5060, "z9hG4bKm1")(t, m)
		same(t, respond(m, ""), "SIP/2.0/UDP [::ffff:192.0.2.10]:5060;branch=z9hG4bKm1")
		same(t, respond(m, "192.0.2.10:9"), "SIP/2.0/UDP [::ffff:192.0.2.10]:5060;branch=z9hG4bKm1")
	},
	"via_received_brackets": func(t *testing.T, m *Message) {
		v, _ := m.TopVia()
		same(t, string(v.Received), "2001:db8:a::52")
	},
	"via_2543_no_branch_no_tag": func(t *testing.T, m *Message) {
		v, _ := m.TopVia()
		from, _ := m.From()
		_, hops, _ := m.MaxForwards()
		if v.Branch != nil || from.Tag != nil || hops || len(m.Body()) != 0 {
			t.Errorf("%q %q %v", v.Branch, from.Tag, hops)
		}
	},
	"contact_param_spaces":           contactIs(0, "sip:alice@192.0.2.4", "expires", "60", "q", "0.7"),
	"contact_param_case":             contactIs(0, "sip:alice@192.0.2.4", "expires", "0"),
	"contact_two_quoted_comma":       all(contactIs(0, "sip:a@192.0.2.1", "q", "0.5"), contactIs(1, "sip:b@192.0.2.2", "expires", "30"), contacts(2)),
	"contact_instance_params":        contactIs(0, "sip:a@192.0.2.1;ob", "+sip.instance", "<urn:uuid:00000000-0000-1000-8000-000A95A0E128>", "+sip.note", "x;expires=0;y=1", "expires", "300"),
	"contact_note_overrides_expires": contactIs(0, "sip:a@192.0.2.1", "expires", "300"),
	"contact_gruu_equals":            contactIs(0, "sip:a@192.0.2.1", "pub-gruu", "sip:a@example.com;gr=urn:uuid:f81d", "expires", "60"),
	"contact_value_with_equals":      contactIs(0, "sip:a@192.0.2.1", "+sip.token", "YWJjZA==", "expires", "60"),
	"contact_star_ok": func(t *testing.T, m *Message) {
		v, _ := m.Header(HeaderContact)
		secs, ok, err := m.Expires()
		if string(v) != "*" || !ok || secs != 0 || err != nil {
			t.Error(string(v), secs, ok, err)
		}
	},
	"contact_star_nonzero": func(t *testing.T, m *Message) { // the registrar refuses it: RFC 3261 10.3 step 6
		v, _ := m.Header(HeaderContact)
		if secs, ok, _ := m.Expires(); string(v) != "*" || !ok || secs != 3600 {
			t.Error(string(v), secs, ok)
		}
	},
	"contact_no_brackets": func(t *testing.T, m *Message) {
		contactIs(0, "sip:alice@192.0.2.1", "expires", "10", "q", "0.2")(t, m)
	},
	"contact_escaped_header": contactIs(0, "sip:alice@example.com?Route=%3Csip:edge.example.net;lr%3E"),
	"contact_uri_comma_semicolon": func(t *testing.T, m *Message) {
		contacts(2)(t, m)
		contactIs(0, "sip:1,2;day=tue?x/y:pw@192.0.2.1;lr")(t, m)
		u, err := ParseURI([]byte("sip:1,2;day=tue?x/y:pw@192.0.2.1;lr"))
		if err != nil || string(u.User) != "1,2;day=tue?x/y" || string(u.Password) != "pw" {
			t.Errorf("%q %q %v", u.User, u.Password, err)
		}
	},
	"contact_tel":        all(contactIs(0, "tel:+1-212-555-0100;phone-context=example.com", "expires", "60"), contactIs(1, "mailto:a@example.com", "q", "0.1")),
	"route_h323_contact": contactIs(0, "h323:alice@192.0.2.9"),
	"expires_overflow": func(t *testing.T, m *Message) {
		contactIs(0, "sip:a@192.0.2.1", "expires", "4294967296")(t, m)
		if _, ok, err := m.Expires(); !ok || err == nil {
			t.Error("the caller must see that Expires is malformed")
		}
	},
	"aor_escaped_user": aorIs("sip:alice@example.com"),
	"ruri_escaped_null": func(t *testing.T, m *Message) {
		aorIs("sip:a%00b@example.com")(t, m)
		contactIs(0, "sip:%00@192.0.2.1")(t, m)
	},
	"to_tag_space": toTagIs("xyz"),
	"to_tag_upper": toTagIs("xyz"),
	"from_token_display": func(t *testing.T, m *Message) {
		from, _ := m.From()
		same(t, string(from.Display), "operator")
	},
	"from_no_brackets_uriparam": func(t *testing.T, m *Message) {
		from, _ := m.From()
		v, _ := from.Params.Get("transport")
		same(t, string(from.URI)+" "+string(from.Tag)+" "+string(v), "sip:alice@example.com a1 tcp")
	},
	"ruri_ipv6_maddr": func(t *testing.T, m *Message) {
		u, _ := ParseURI(m.RequestURI())
		maddr, _ := u.Param("maddr")
		same(t, string(u.Host)+" "+string(maddr), "example.com [2001:db8::66]")
	},
	"ruri_bracket_in_header": func(t *testing.T, m *Message) {
		v, _ := m.Header(HeaderContact)
		c, _ := ParseNameAddr(v)
		u, err := ParseURI(c.URI)
		if err != nil {
			t.Error(err)
		}
		same(t, string(u.Host)+" "+string(u.Headers), "example.com Subject=[urgent]")
	},
	"ruri_semicolon_user": func(t *testing.T, m *Message) {
		u, _ := ParseURI(m.RequestURI())
		same(t, string(u.User)+" "+string(u.Host), "desk;zone=u%40hq.example example.com")
	},
	"ruri_ipv6_max_len": func(t *testing.T, m *Message) {
		u, _ := ParseURI(m.RequestURI())
		if a, ok := u.Addr(); !ok || u.Port != 5070 || a.String() != "2001:db8::ffff:c0a8:64c8" {
			t.Error(a, u.Port)
		}
	},
	"ruri_ipv6_ambiguous_port": func(t *testing.T, m *Message) {
		u, _ := ParseURI(m.RequestURI())
		same(t, string(u.Host), "2001:db8::77:5070")
	},
	"ruri_tel": func(t *testing.T, m *Message) {
		u, _ := ParseURI(m.RequestURI())
		same(t, string(u.Scheme)+" "+string(u.Opaque), "tel +1-201-555-0123;phone-context=+1")
		var e Edit
		out, err := e.Append(nil, m)
		if err != nil || !bytes.Equal(out, m.Bytes()) {
			t.Error("altered", err)
		}
	},
	"ruri_scheme_dots_digits": func(t *testing.T, m *Message) { // dispatch answers 416
		if u, err := ParseURI(m.RequestURI()); err != nil || u.IsSIP {
			t.Error(u, err)
		}
	},
	"ruri_lr_value_forward": func(t *testing.T, m *Message) {
		var e Edit
		_ = e.Prepend("Via", []byte("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKp"))
		out, err := e.Append(nil, m)
		if err != nil || !bytes.HasPrefix(out, []byte("INVITE sip:bob@example.com;x=;y=\"\";lr SIP/2.0\r\n")) {
			t.Errorf("%v %s", err, out)
		}
	},
	"version_mixed_case": func(t *testing.T, m *Message) { same(t, m.Method().String(), "INVITE") },
	"response_no_reason_sp": func(t *testing.T, m *Message) {
		if m.StatusCode() != 180 || len(m.Reason()) != 0 {
			t.Error(m.StatusCode(), m.Reason())
		}
	},
	"method_lowercase":   methodIs("invite"),
	"method_token_chars": methodIs("!odd-Method0_*+`.%indeed'~"),
	"cseq_multi_space": func(t *testing.T, m *Message) {
		if seq, method, err := m.CSeq(); seq != 9 || string(method) != "INVITE" || err != nil {
			t.Error(seq, string(method), err)
		}
	},
	"maxfwd_zero": func(t *testing.T, m *Message) { // the proxy answers 483
		if n, ok, err := m.MaxForwards(); n != 0 || !ok || err != nil {
			t.Error(n, ok, err)
		}
	},
	"tcp_fold_split": func(t *testing.T, m *Message) {
		v, _ := m.Header(HeaderSubject)
		same(t, string(AppendUnfolded(nil, v)), "one two")
	},
	"header_name_ws": func(t *testing.T, m *Message) { same(t, string(m.CallID()), "n1@192.0.2.10") },
	"compact_all": func(t *testing.T, m *Message) {
		for _, n := range []HeaderName{HeaderVia, HeaderFrom, HeaderTo, HeaderCallID, HeaderContact, HeaderSupported, HeaderSubject, HeaderContentLength} {
			if m.Count(n) != 1 {
				t.Errorf("%s: %d", n, m.Count(n))
			}
		}
	},
	"rr_params_echo": func(t *testing.T, m *Message) {
		v, _ := m.Header(HeaderRecordRoute)
		same(t, string(v), "<sip:p1.example.com;lr;ftag=a1>;dlg=42")
	},
	"ws_no_content_length": func(t *testing.T, m *Message) { same(t, string(m.Body()), "") },
	"require_unknown": func(t *testing.T, m *Message) { // the proxy answers 420
		same(t, list(t, m, HeaderProxyRequire), "x-proxy-unheard-of|privacy")
		same(t, list(t, m, HeaderRequire), "x-unheard-of")
	},
	"lws_everywhere": func(t *testing.T, m *Message) {
		to, _ := m.To()
		from, _ := m.From()
		seq, method, _ := m.CSeq()
		hops, _, _ := m.MaxForwards()
		if string(to.Tag) != "tt42" || string(from.Tag) != "ff77" || seq != 9 || string(method) != "INVITE" || hops != 68 {
			t.Errorf("%q %q %d %q %d", to.Tag, from.Tag, seq, method, hops)
		}
		if n := strings.Count(list(t, m, HeaderVia), "|"); n != 2 {
			t.Error(n + 1)
		}
		contactIs(0, "sip:lab3@198.51.100.9", "p", "v", "q", "0.33")(t, m)
	},
	"via_fqdn_no_rport": func(t *testing.T, m *Message) {
		same(t, respond(m, "198.51.100.7:40001"), "SIP/2.0/UDP nat.example.invalid:5062;branch=z9hG4bKfq;received=198.51.100.7")
	},
}

func TestNasty(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/sip_nasty.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file nastyFile
	if err := yaml.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Messages) < 90 || len(file.Compare) < 16 {
		t.Fatalf("%d messages, %d pairs", len(file.Messages), len(file.Compare))
	}
	for _, c := range file.Messages {
		t.Run(c.ID, func(t *testing.T) {
			if reason, ok := nastySkip[c.ID]; ok {
				t.Skip("not decided here: " + reason)
			}
			runNasty(t, c)
		})
	}
	for _, c := range file.Compare {
		t.Run(c.A+" "+c.B, func(t *testing.T) {
			if got := equalStrings(t, c.A, c.B); got != c.Equal {
				t.Errorf("got %v: %s", got, c.Why)
			}
		})
	}
}

func runNasty(t *testing.T, c nastyMessage) {
	raw := []byte(c.Raw)
	if c.Transport == "tcp" {
		frames, err := frameAll(raw, c.Chunks)
		switch {
		case c.Action == "reject_400_close":
			if err == nil || !strings.HasPrefix(err.Error(), "400 ") {
				t.Fatalf("got %v", err)
			}
			return
		case err != nil:
			t.Fatal(err)
		case c.Action == "accept_2":
			if len(frames) != 2 {
				t.Fatalf("%d messages", len(frames))
			}
			same(t, string(mustParse(t, frames[0]).Body()), "ab\r")
			return
		}
		raw = frames[0]
	}
	var m Message
	got := verdict(&m, raw)
	switch c.Action {
	case "accept", "forward_unknown_method", "reject_416", "reject_420", "reject_483":
		if got != "" {
			t.Fatalf("got %q: %s", got, c.Expect)
		}
	case "reject_400":
		if c.ID != "contact_star_nonzero" && (!strings.HasPrefix(got, "400 ") || !m.Answerable()) {
			t.Fatalf("got %q, answerable %v: %s", got, m.Answerable(), c.Expect)
		}
	case "reject_505":
		same(t, got, "505 Version Not Supported")
	case "accept_or_513":
		if !strings.HasPrefix(got, "513 ") || !m.Answerable() {
			t.Fatalf("got %q, answerable %v", got, m.Answerable())
		}
	case "drop":
		if got == "" || m.Answerable() {
			t.Fatalf("got %q, answerable %v", got, m.Answerable())
		}
	default:
		t.Fatalf("action %q has no rule here", c.Action)
	}
	if check := nastyCheck[c.ID]; check != nil {
		check(t, &m)
	} else if got == "" {
		t.Error("accepted, and no check reads it")
	}
	checkRespond(t, &m)
}

// respond returns the top Via line of a response to a request that came from source.
func respond(m *Message, source string) string {
	req := *m
	req.Source = addrPort(source)
	var w Response
	w.Begin(nil, &req, 200, "", []byte("t"))
	var r Message
	_ = r.Parse(w.End())
	v, _ := r.Header(HeaderVia)
	return string(v)
}

func all(checks ...func(*testing.T, *Message)) func(*testing.T, *Message) {
	return func(t *testing.T, m *Message) {
		for _, c := range checks {
			c(t, m)
		}
	}
}

func viaIs(transport, host string, port uint16, branch string) func(*testing.T, *Message) {
	return func(t *testing.T, m *Message) {
		t.Helper()
		v, err := m.TopVia()
		if err != nil || string(v.Transport) != transport || string(v.Host) != host || v.Port != port || string(v.Branch) != branch {
			t.Errorf("%q %q %d %q %v", v.Transport, v.Host, v.Port, v.Branch, err)
		}
	}
}

// contactIs checks contact i and pairs of parameter names and values.
func contactIs(i int, uri string, params ...string) func(*testing.T, *Message) {
	return func(t *testing.T, m *Message) {
		t.Helper()
		it := m.Values(HeaderContact)
		for range i + 1 {
			if !it.Next() {
				t.Fatalf("no contact %d: %v", i, it.Err())
			}
		}
		c, err := ParseNameAddr(it.Value())
		if err != nil || string(c.URI) != uri {
			t.Fatalf("URI %q, %v", c.URI, err)
		}
		for j := 0; j < len(params); j += 2 {
			if v, ok := c.Params.Get(params[j]); !ok || string(v) != params[j+1] {
				t.Errorf("%s=%q, want %q", params[j], v, params[j+1])
			}
		}
	}
}

func contacts(n int) func(*testing.T, *Message) {
	return func(t *testing.T, m *Message) {
		t.Helper()
		if got := strings.Count(list(t, m, HeaderContact), "|") + 1; got != n {
			t.Errorf("%d contacts, want %d", got, n)
		}
	}
}

func aorIs(want string) func(*testing.T, *Message) {
	return func(t *testing.T, m *Message) {
		t.Helper()
		to, _ := m.To()
		u, err := ParseURI(to.URI)
		if got := AppendAOR(nil, &u); err != nil || string(got) != want {
			t.Errorf("%s, %v", got, err)
		}
	}
}

func toTagIs(want string) func(*testing.T, *Message) {
	return func(t *testing.T, m *Message) {
		t.Helper()
		to, err := m.To()
		if err != nil || string(to.Tag) != want {
			t.Errorf("%q %v", to.Tag, err)
		}
	}
}

func methodIs(want string) func(*testing.T, *Message) {
	return func(t *testing.T, m *Message) {
		t.Helper()
		if m.Method() != MethodUnknown || string(m.MethodBytes()) != want {
			t.Errorf("%s %q", m.Method(), m.MethodBytes())
		}
	}
}
