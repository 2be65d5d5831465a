package resolver

import (
	"fmt"
	"strings"
)

// Transport is a SIP transport protocol as RFC 3263 selects it. The zero value is none.
type Transport uint8

// The transports of RFC 3261 18, RFC 4168 (SCTP) and RFC 7118 (WebSocket).
const (
	NoTransport Transport = iota
	UDP
	TCP
	TLS // TLS over TCP
	SCTP
	TLSSCTP // TLS over SCTP
	WS
	WSS // WebSocket over TLS
	numTransports
)

// String gives the name used in flags and JSON: "udp", "tls-sctp".
func (t Transport) String() string {
	switch t {
	case UDP:
		return "udp"
	case TCP:
		return "tcp"
	case TLS:
		return "tls"
	case SCTP:
		return "sctp"
	case TLSSCTP:
		return "tls-sctp"
	case WS:
		return "ws"
	case WSS:
		return "wss"
	default:
		return ""
	}
}

// MarshalText is [Transport.String].
func (t Transport) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// ParseTransport reads the name of a transport, in any case (RFC 3261 19.1.4 compares it so).
func ParseTransport(s string) (Transport, error) {
	for t := UDP; t < numTransports; t++ {
		if strings.EqualFold(s, t.String()) {
			return t, nil
		}
	}
	return NoTransport, fmt.Errorf("unknown transport %q; known are udp, tcp, tls, sctp, tls-sctp, ws, wss", s)
}

// Secure reports whether t carries SIP over TLS.
func (t Transport) Secure() bool { return t == TLS || t == TLSSCTP || t == WSS }

// DefaultPort is the port of t when neither URI nor SRV names one: RFC 3261 19.1.2 and 18.1.1, RFC 7118 5.
func (t Transport) DefaultPort() uint16 {
	switch t {
	case TLS, TLSSCTP:
		return 5061
	case WS:
		return 80
	case WSS:
		return 443
	default:
		return 5060
	}
}

// secured gives the transport that carries t's protocol under TLS, as a SIPS URI demands (RFC 3263 4.1: TCP
// means TLS over TCP). UDP has none.
func (t Transport) secured() Transport {
	switch t {
	case TCP, TLS:
		return TLS
	case SCTP, TLSSCTP:
		return TLSSCTP
	case WS, WSS:
		return WSS
	default:
		return NoTransport
	}
}

// srvPrefixes lists the SRV owners of t below a domain, in the order they are believed. RFC 3263 4.2: TLS
// uses _sips on the protocol it runs over. RFC 7118 registers no name for secure WebSocket: both spellings in
// use are asked.
func (t Transport) srvPrefixes() []string {
	switch t {
	case UDP:
		return []string{"_sip._udp."}
	case TCP:
		return []string{"_sip._tcp."}
	case TLS:
		return []string{"_sips._tcp."}
	case SCTP:
		return []string{"_sip._sctp."}
	case TLSSCTP:
		return []string{"_sips._sctp."}
	case WS:
		return []string{"_sip._ws."}
	case WSS:
		return []string{"_sips._wss.", "_sips._ws."}
	default:
		return nil
	}
}

// transportOfService maps a NAPTR service field to a transport: RFC 3263 4.1 and 8, RFC 4168, RFC 7118 8.
// Services are compared without regard to case (RFC 3403 4.1).
func transportOfService(service string) Transport {
	switch strings.ToUpper(service) {
	case "SIP+D2U":
		return UDP
	case "SIP+D2T":
		return TCP
	case "SIPS+D2T":
		return TLS
	case "SIP+D2S":
		return SCTP
	case "SIPS+D2S":
		return TLSSCTP
	case "SIP+D2W":
		return WS
	case "SIPS+D2W":
		return WSS
	default: // SIPS+D2U would be DTLS, which RFC 3263 4.1 says SHOULD NOT be published
		return NoTransport
	}
}

// Family is an IP address family.
type Family uint8

// The families. Their String is the name used in flags.
const (
	IP4 Family = 4
	IP6 Family = 6
)

// String gives "ip4" or "ip6".
func (f Family) String() string {
	if f == IP4 {
		return "ip4"
	}
	return "ip6"
}

// ParseFamily reads "ip4" or "ip6".
func ParseFamily(s string) (Family, error) {
	switch strings.ToLower(s) {
	case "ip4":
		return IP4, nil
	case "ip6":
		return IP6, nil
	default:
		return 0, fmt.Errorf("unknown address family %q; known are ip4, ip6", s)
	}
}

// questionType is the record type that holds addresses of f.
func (f Family) questionType() Type {
	if f == IP4 {
		return TypeA
	}
	return TypeAAAA
}
