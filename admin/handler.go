package admin

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Pages of /v1/bindings, in AORs.
const (
	defaultPage = 100
	maxPage     = 10_000
)

// Handler returns the API without a socket, for tests and for other servers
// that do their own listening.
func Handler(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/livez", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, status{Status: "alive"})
	})
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if o.Ready != nil {
			if err := o.Ready(); err != nil {
				write(w, http.StatusServiceUnavailable, status{Status: "not ready", Detail: err.Error()})
				return
			}
		}
		write(w, http.StatusOK, status{Status: "ready"})
	})
	mux.HandleFunc("/v1/status", func(w http.ResponseWriter, _ *http.Request) {
		all := map[string]any{}
		if o.Status != nil {
			all = o.Status()
		}
		write(w, http.StatusOK, all)
	})
	mux.HandleFunc("/v1/bindings", func(w http.ResponseWriter, r *http.Request) { bindings(w, r, o) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "there is no such path; try /livez, /readyz, /v1/status or /v1/bindings")
	})
	return guard(mux)
}

type status struct {
	Status string `json:"status,omitempty"`
	Detail string `json:"detail,omitempty"`
	Error  string `json:"error,omitempty"`
}

// guard lets through only what a person or program on this host asks: a loopback
// Host (a page that rebinds its own DNS name to 127.0.0.1 still sends that
// name), no foreign Origin, no cross-site fetch, no method that could change
// something, and no path that two readers could read differently.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		switch {
		case !loopbackHost(r.Host):
			refuse(w, http.StatusForbidden, "the Host of this request is not a loopback address or localhost")
		case !sameOrigin(r):
			refuse(w, http.StatusForbidden, "this request comes from a page of another origin")
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, "only GET and HEAD are answered")
		case r.URL.RawPath != "" || strings.Contains(r.URL.Path, "//") || strings.Contains(r.URL.Path, "/."):
			refuse(w, http.StatusNotFound, "write the path plainly")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && a.Unmap().IsLoopback()
}

// sameOrigin refuses every Origin but our own, "null" with the rest, and what a
// browser marks as cross-site. Programs send neither header.
func sameOrigin(r *http.Request) bool {
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "same-origin" && site != "none" {
			return false
		}
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" || !strings.EqualFold(u.Host, r.Host) {
			return false
		}
	}
	return true
}

func refuse(w http.ResponseWriter, code int, why string) {
	write(w, code, status{Error: why})
}

// write sends v as JSON that holds nothing but printable ASCII.
func write(w http.ResponseWriter, code int, v any) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		code, text = http.StatusInternalServerError, []byte(`{"error": "this cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(ASCII(text), '\n')) // the client is gone: nobody to tell
}

// ASCII returns JSON text with every character outside of printable ASCII as
// \uXXXX, so that no terminal obeys what a peer put into a name. encoding/json
// does it for controls below 0x20 alone.
func ASCII(text []byte) []byte {
	var out bytes.Buffer
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r < 0x7f:
			out.WriteByte(text[0])
		case r > 0xffff: // a surrogate pair, RFC 8259 7
			r -= 0x10000
			escape(&out, 0xd800+r>>10)
			escape(&out, 0xdc00+r&0x3ff)
		default:
			escape(&out, r)
		}
		text = text[n:]
	}
	return out.Bytes()
}

func escape(out *bytes.Buffer, r rune) {
	hex := strconv.FormatInt(int64(r), 16)
	out.WriteString(`\u` + "0000"[len(hex):] + hex)
}
