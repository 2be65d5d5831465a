package dispatch

import (
	"strings"

	"github.com/sipway/sipway/sip"
)

// scanners returns the prefixes to drop, in lower case. Those of tools that only ever look for open doors
// are the default: no answer tells them that nobody is here.
func scanners(prefixes []string) []string {
	if prefixes == nil {
		return []string{"friendly-scanner", "friendly-request", "sundayddr", "sipvicious", "sip-scan", "sipscan", "pplsip"}
	}
	out := make([]string, len(prefixes))
	for i, p := range prefixes {
		out[i] = strings.ToLower(p)
	}
	return out
}

// isScanner reports whether the User-Agent begins with a prefix to drop.
func (d *Dispatcher) isScanner(m *sip.Message) bool {
	if len(d.scanners) == 0 {
		return false
	}
	agent, ok := m.Header(sip.HeaderUserAgent)
	if !ok {
		return false
	}
	for _, prefix := range d.scanners {
		if hasPrefixFold(agent, prefix) {
			return true
		}
	}
	return false
}

// hasPrefixFold reports whether b begins with prefix, which is in lower-case ASCII, without regard to case.
func hasPrefixFold(b []byte, prefix string) bool {
	if len(b) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		c := b[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != prefix[i] {
			return false
		}
	}
	return true
}
