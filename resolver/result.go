package resolver

import (
	"encoding/json"
	"math"
	"net/netip"
	"time"
)

// Target is one hop: where to send, and the records that led there.
type Target struct {
	Transport Transport  `json:"transport"`
	Address   netip.Addr `json:"address"`
	Port      uint16     `json:"port"`
	Host      string     `json:"host"`     // the name the address was found under, no final dot; or the literal
	Service   string     `json:"service"`  // the SRV owner, no final dot; "" when no SRV was used
	Priority  uint16     `json:"priority"` // of the SRV
	Weight    uint16     `json:"weight"`   // of the SRV
	TTL       uint32     `json:"ttl"`      // seconds until the first of the records used expires; 0 for a literal
}

// AddrPort is where to send.
func (t *Target) AddrPort() netip.AddrPort { return netip.AddrPortFrom(t.Address, t.Port) }

// String gives "tls 192.0.2.11:5061".
func (t *Target) String() string { return t.Transport.String() + " " + t.AddrPort().String() }

// Step is one finished step of a lookup.
type Step struct {
	Step    string        // "uri", "naptr", "srv", "a", "aaaa"
	Name    string        // what was looked at, no final dot
	Source  string        // "dns", "cache", "zone" (our own), "special" (RFC 6761), or "" when nothing was asked
	Elapsed time.Duration // until the answer was there
	RCode   RCode         // of the answer
	TTL     uint32        // seconds that were left
	Records []string      // as in a zone file; bytes outside printable ASCII are escaped (RFC 1035 5.1)
	Note    string        // what was decided, discarded and why
}

// MarshalJSON gives the step as documented for `sipway resolve --json`; ms is rounded to hundredths.
func (s Step) MarshalJSON() ([]byte, error) {
	records := s.Records
	if records == nil {
		records = []string{}
	}
	return json.Marshal(struct {
		Step    string   `json:"step"`
		Name    string   `json:"name"`
		Source  string   `json:"source"`
		MS      float64  `json:"ms"`
		Records []string `json:"records"`
		Note    string   `json:"note"`
	}{s.Step, s.Name, s.Source, math.Round(float64(s.Elapsed)/1e4) / 100, records, s.Note})
}

// Result is what became of a URI. It belongs to the caller.
type Result struct {
	URI      string
	Identity string   // the domain that a TLS certificate has to name: the URI's, never the SRV target (RFC 5922)
	Targets  []Target // in the order they are to be tried; empty exactly when Err is not nil
	Err      *Error
	Trace    []Step // nil unless [Options.Trace]
}

// MarshalJSON gives the result as documented for `sipway resolve --json`. Its arrays are never null.
func (r *Result) MarshalJSON() ([]byte, error) {
	out := struct {
		URI     string   `json:"uri"`
		Targets []Target `json:"targets"`
		Error   Class    `json:"error"`
		Detail  string   `json:"detail"`
		Trace   []Step   `json:"trace"`
	}{URI: r.URI, Targets: r.Targets, Trace: r.Trace}
	if out.Targets == nil {
		out.Targets = []Target{}
	}
	if out.Trace == nil {
		out.Trace = []Step{}
	}
	if r.Err != nil {
		out.Error, out.Detail = r.Err.Class, r.Err.Detail
	}
	return json.Marshal(out)
}
