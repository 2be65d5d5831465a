package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func get(o Options, method, target string, header map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:8300/", nil)
	r.RequestURI = target
	u, err := url.ParseRequestURI(target)
	if err == nil {
		r.URL = u
	}
	for k, v := range header {
		if k == "Host" {
			r.Host = v
			continue
		}
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	Handler(o).ServeHTTP(w, r)
	return w
}

// TestGuard is the table of requests that a browser can be talked into.
func TestGuard(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, method, path string
		header             map[string]string
		want               int
	}{
		{"plain", "GET", "/livez", nil, 200},
		{"head", "HEAD", "/livez", nil, 200},
		{"localhost", "GET", "/livez", map[string]string{"Host": "localhost:8300"}, 200},
		{"ipv6", "GET", "/livez", map[string]string{"Host": "[::1]:8300"}, 200},
		{"ipv6, no port", "GET", "/livez", map[string]string{"Host": "[::1]"}, 200},
		{"another loopback", "GET", "/livez", map[string]string{"Host": "127.0.0.2"}, 200},
		{"rebinding", "GET", "/livez", map[string]string{"Host": "evil.example:8300"}, 403},
		{"rebinding, loopback as label", "GET", "/livez", map[string]string{"Host": "127.0.0.1.evil.example"}, 403},
		{"rebinding, localhost as label", "GET", "/livez", map[string]string{"Host": "localhost.evil.example"}, 403},
		{"public address", "GET", "/livez", map[string]string{"Host": "192.0.2.1:8300"}, 403},
		{"no host", "GET", "/livez", map[string]string{"Host": ""}, 403},
		{"wildcard address", "GET", "/livez", map[string]string{"Host": "0.0.0.0:8300"}, 403},
		{"own origin", "GET", "/livez", map[string]string{"Origin": "http://127.0.0.1:8300"}, 200},
		{"foreign origin", "GET", "/livez", map[string]string{"Origin": "http://evil.example"}, 403},
		{"origin null", "GET", "/livez", map[string]string{"Origin": "null"}, 403},
		{"origin, other port", "GET", "/livez", map[string]string{"Origin": "http://127.0.0.1:80"}, 403},
		{"origin, other scheme", "GET", "/livez", map[string]string{"Origin": "https://127.0.0.1:8300"}, 403},
		{"cross-site fetch", "GET", "/livez", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"same-site fetch", "GET", "/livez", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"address bar", "GET", "/livez", map[string]string{"Sec-Fetch-Site": "none"}, 200},
		{"cross-origin post", "POST", "/v1/status", map[string]string{"Origin": "http://evil.example"}, 403},
		{"post", "POST", "/v1/status", nil, 405},
		{"delete", "DELETE", "/v1/bindings", nil, 405},
		{"options", "OPTIONS", "/livez", nil, 405},
		{"trace", "TRACE", "/livez", nil, 405},
		{"double slash", "GET", "/v1//status", nil, 404},
		{"dots", "GET", "/v1/x/../status", nil, 404},
		{"escaped slash", "GET", "/v1%2fstatus", nil, 404},
		{"slash at the end", "GET", "/v1/status/", nil, 404},
		{"unknown", "GET", "/config", nil, 404},
		{"root", "GET", "/", nil, 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := get(Options{}, c.method, c.path, c.header)
			if w.Code != c.want {
				t.Errorf("%d, want %d: %s", w.Code, c.want, w.Body)
			}
			if !json.Valid(w.Body.Bytes()) {
				t.Errorf("no JSON: %s", w.Body)
			}
			for name, want := range map[string]string{
				"Content-Type": "application/json", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
				"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Access-Control-Allow-Origin": "",
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	var err error
	o := Options{Ready: func() error { return err }}
	if w := get(o, "GET", "/readyz", nil); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	err = errors.New("the server ends")
	if w := get(o, "GET", "/readyz", nil); w.Code != 503 || !strings.Contains(w.Body.String(), "the server ends") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get(o, "GET", "/livez", nil); w.Code != 200 {
		t.Errorf("alive: %d %s", w.Code, w.Body)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	o := Options{Status: func() map[string]any { return map[string]any{"sip": struct{ In uint64 }{7}} }}
	if w := get(o, "GET", "/v1/status", nil); w.Code != 200 || !strings.Contains(w.Body.String(), `"In": 7`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	o = Options{Status: func() map[string]any { return map[string]any{"sip": func() {}} }}
	if w := get(o, "GET", "/v1/status", nil); w.Code != 500 || !json.Valid(w.Body.Bytes()) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func contact(uri string) Lister { return func() []Binding { return []Binding{{Contact: uri}} } }

func many(n int) iter.Seq2[string, Lister] {
	return func(yield func(string, Lister) bool) {
		for i := range n {
			i = (i * 7919) % n // any order
			domain := "a.example"
			if i%2 == 1 {
				domain = "b.example"
			}
			if !yield(fmt.Sprintf("sip:u%05d@%s", i, domain), contact("sip:x")) {
				return
			}
		}
	}
}

func TestBindingsPages(t *testing.T) {
	t.Parallel()
	o := Options{Bindings: many(1001)}
	var seen []string
	for after, pages := "", 0; ; pages++ {
		w := get(o, "GET", "/v1/bindings?limit=100&domain=B.example&after="+after, nil)
		var p Page
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 200 {
			t.Fatal(w.Code, err)
		}
		for _, a := range p.AORs {
			seen = append(seen, a.AOR)
		}
		if p.Next == "" || pages > 10 {
			break
		}
		after = p.Next
	}
	if len(seen) != 500 || seen[0] != "sip:u00001@b.example" || seen[499] != "sip:u00999@b.example" {
		t.Errorf("%d AORs: %v", len(seen), seen)
	}
}

func TestBindingsBounds(t *testing.T) {
	t.Parallel()
	o := Options{Bindings: many(3)}
	for query, want := range map[string]int{
		"": 200, "?limit=1": 200, "?limit=10000": 200, "?limit=0": 400, "?limit=10001": 400, "?limit=x": 400,
		"?limit=99999999999999999999": 400, "?limit=1&limit=2": 400, "?lmit=1": 400, "?after=%1b": 200,
	} {
		if w := get(o, "GET", "/v1/bindings"+query, nil); w.Code != want {
			t.Errorf("%q: %d, want %d", query, w.Code, want)
		}
	}
	if w := get(Options{}, "GET", "/v1/bindings", nil); strings.TrimSpace(w.Body.String()) != "{\n  \"aors\": []\n}" {
		t.Errorf("none: %s", w.Body)
	}
}

// TestEscaped: what a peer put into a contact reaches no terminal and no page.
func TestEscaped(t *testing.T) {
	t.Parallel()
	evil := "sip:a\x1b[31m\r\n\u009b31m\u202e\x7f<script>\U0001F600\xff@x"
	o := Options{Bindings: func(yield func(string, Lister) bool) { yield(evil, contact(evil)) }}
	w := get(o, "GET", "/v1/bindings", nil)
	for i, c := range w.Body.Bytes() {
		if c != '\n' && (c < ' ' || c > '~') {
			t.Fatalf("byte %#x at %d: %q", c, i, w.Body)
		}
	}
	if strings.Contains(w.Body.String(), "<script") {
		t.Errorf("markup: %s", w.Body)
	}
	var p Page
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.AORs[0].AOR != strings.ToValidUTF8(evil, "\ufffd") {
		t.Errorf("%v: %q", err, p.AORs[0].AOR)
	}
}

func TestServeEnds(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	at, err := s.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil || at.Port() == 0 {
		t.Fatal(at, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	client := &http.Client{Transport: &http.Transport{}}
	r, err := client.Get("http://" + at.String() + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(r.Body)
	r.Body.Close()
	if r.StatusCode != 200 || !strings.Contains(string(body), "alive") {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	client.CloseIdleConnections()
	if _, err := client.Get("http://" + at.String() + "/livez"); err == nil {
		t.Error("it still answers")
	}
}

// TestConnectionBound: more connections than places wait, and go on when one leaves.
func TestConnectionBound(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	at, err := s.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	errs := make(chan error, 3*maxConns)
	for range cap(errs) {
		go func() {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			r, err := client.Get("http://" + at.String() + "/livez")
			if err == nil {
				r.Body.Close()
			}
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
