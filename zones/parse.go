package zones

import "github.com/miekg/dns"

// ParseFile reads a zone file (RFC 1035 5). Errors start with file:line.
func ParseFile(origin, path string) ([]dns.RR, error) {
	return nil, nil
}
