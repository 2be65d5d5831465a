package resolver

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sipway/sipway/sip"
	"golang.org/x/net/idna"
)

// Destination is all that RFC 3263 4 needs of a URI. Make it with [ParseDestination].
type Destination struct {
	URI       string
	Secure    bool       // a SIPS URI: no hop without TLS
	Host      string     // TARGET: lower case, A-labels, no final dot; "" when Addr is valid
	Addr      netip.Addr // TARGET when it is numeric
	Port      uint16     // explicit port, 0 when there is none
	Transport Transport  // of the transport parameter, under TLS when Secure; NoTransport when there is none
	Identity  string     // what a certificate has to name (RFC 5922): the host part of the URI, never maddr
}

// ParseDestination reads a SIP or SIPS URI. The error is always an *Error.
func ParseDestination(uri string) (Destination, error) {
	d := Destination{URI: uri}
	text, err := toASCIIHost(uri)
	if err != nil {
		return d, &Error{InvalidURI, err.Error()}
	}
	u, err := sip.ParseURI([]byte(text))
	if err != nil {
		return d, &Error{InvalidURI, "not a URI that RFC 3261 19.1.1 or RFC 3986 allows"}
	}
	if !u.IsSIP {
		return d, &Error{InvalidURI, fmt.Sprintf("scheme %q: RFC 3263 locates sip: and sips: URIs only", clip(string(u.Scheme)))}
	}
	d.Secure = u.Secure
	if d.Port = u.Port; u.HasPort && u.Port == 0 {
		return d, &Error{InvalidURI, "port 0: nothing can be sent there; leave the port out or name one"}
	}
	if e := d.setTarget(&u); e != nil {
		return d, e
	}
	if v, ok := u.Param("transport"); ok {
		if e := d.setTransport(string(v)); e != nil {
			return d, e
		}
	}
	return d, nil
}

// setTarget finds TARGET: the maddr parameter if present, otherwise the host (RFC 3263 4).
func (d *Destination) setTarget(u *sip.URI) *Error {
	host, addr, e := parseHost(string(u.Host))
	if e != nil {
		return e
	}
	d.Host, d.Addr, d.Identity = host, addr, host
	if addr.IsValid() {
		d.Identity = addr.String()
	}
	maddr, ok := u.Param("maddr")
	if !ok {
		return nil
	}
	if d.Host, d.Addr, e = parseHost(string(maddr)); e != nil {
		return &Error{e.Class, "maddr: " + e.Detail}
	}
	return nil
}

// setTransport reads the transport parameter. RFC 3263 4.1: for SIPS the transport named is the one below
// TLS, so tcp means TLS over TCP; RFC 3261 26.2.2 keeps tls as a value that is deprecated and in wide use.
func (d *Destination) setTransport(value string) *Error {
	t, err := ParseTransport(value)
	if err != nil {
		return &Error{UnsupportedTransport, "transport parameter: unknown transport \"" + clip(value) + "\""}
	}
	if d.Secure {
		if t.secured() == NoTransport {
			return &Error{SecureTransportRequired, "a sips: URI cannot go over " + t.String() + ": there is no TLS on it"}
		}
		t = t.secured()
	}
	d.Transport = t
	return nil
}

// parseHost tells literals and names apart and brings a name into canonical form.
func parseHost(s string) (string, netip.Addr, *Error) {
	bare := strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	if addr, err := netip.ParseAddr(bare); err == nil && addr.Zone() == "" {
		return "", addr.Unmap(), nil
	}
	// RFC 3261 25.1: a host name may end in a dot. It means the same name (RFC 1034 3.1).
	name := strings.ToLower(strings.TrimSuffix(s, "."))
	if why := badName(name); why != "" {
		return "", netip.Addr{}, &Error{InvalidURI, fmt.Sprintf("host %q: %s", clip(s), why)}
	}
	return name, netip.Addr{}, nil
}

// badName says what keeps a name from being a host name, or "". Underscores are let through: they are not in
// RFC 3261 25.1 and are in use.
func badName(name string) string {
	if len(name) > 253 { // RFC 1035 2.3.4: 255 octets on the wire
		return "longer than 253 characters"
	}
	last := ""
	for label := range strings.SplitSeq(name, ".") {
		switch {
		case label == "":
			return "empty label"
		case len(label) > 63:
			return "label longer than 63 characters"
		}
		for i := range len(label) {
			if c := label[i]; c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
				return "a character that no host name has"
			}
		}
		last = label
	}
	// RFC 3261 25.1, toplabel: it begins with a letter, else 192.0.2.300 would be a name.
	if last[0] >= '0' && last[0] <= '9' {
		return "neither an IP address nor a name: the last label begins with a digit"
	}
	return ""
}

// toASCIIHost turns U-labels of the host into A-labels (RFC 5891 5, Lookup profile). RFC 3261 has no
// U-labels; people type them.
func toASCIIHost(uri string) (string, error) {
	if isASCII(uri) {
		return uri, nil
	}
	start := strings.IndexByte(uri, ':') + 1
	end := len(uri)
	if i := strings.IndexByte(uri[start:], '?'); i >= 0 {
		end = start + i
	}
	if i := strings.LastIndexByte(uri[start:end], '@'); i >= 0 {
		start += i + 1
	}
	if i := strings.IndexAny(uri[start:end], ";:"); i >= 0 {
		end = start + i
	}
	host, err := idna.Lookup.ToASCII(uri[start:end])
	if err != nil || !isASCII(host) {
		return "", fmt.Errorf("host %q is no internationalised name (RFC 5891)", clip(uri[start:end]))
	}
	return uri[:start] + host + uri[end:], nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// clip keeps what an error quotes short.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
