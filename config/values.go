package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/idna"
)

// Each function here reads one kind of scalar and says what is wrong with it.

// domainName returns a host name of RFC 1123 2.1 in lower case without the
// last dot.
func domainName(s string) (string, *problem) {
	name := strings.TrimSuffix(strings.ToLower(s), ".")
	for i := range len(name) {
		if name[i] < 0x80 {
			continue
		}
		todo := "write its ASCII form"
		if ascii, err := idna.Lookup.ToASCII(name); err == nil {
			todo = "write its ASCII form, " + ascii
		}
		return "", &problem{quote(s) + " is not ASCII", todo}
	}
	if name == "" || len(name) > 253 {
		return "", &problem{quote(s) + " is no domain name", "1 to 253 letters, digits, hyphens and dots, as in example.com"}
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return "", &problem{quote(s) + " is an address, not a domain name", "write a name, as in example.com"}
	}
	for label := range strings.SplitSeq(name, ".") {
		if !isLabel(label) {
			return "", &problem{
				quote(s) + " is no domain name: " + quote(label) + " is no label",
				"a label is 1 to 63 letters, digits and hyphens, with no hyphen at its ends",
			}
		}
	}
	return name, nil
}

func isLabel(s string) bool {
	if len(s) == 0 || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// NodeName makes a label of a host's name as the system gives it: its first
// label in lower case, or edge1 if that is none.
func NodeName(host string) string {
	label, _, _ := strings.Cut(strings.ToLower(host), ".")
	if !isLabel(label) || label == "localhost" {
		return "edge1"
	}
	return label
}

func nodeName(s string) (string, *problem) {
	if name := strings.ToLower(s); isLabel(name) {
		return name, nil
	}
	return "", &problem{quote(s) + " is no label", "1 to 63 letters, digits and hyphens, no dots, as in edge1"}
}

func address(s string) (netip.Addr, *problem) {
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil || a.Zone() != "" {
		return a, &problem{quote(s) + " is no IP address", "write one, as in 192.0.2.11 or 2001:db8::11"}
	}
	return a.Unmap(), nil
}

// publicAddress is one that another host can send to.
func publicAddress(s string) (netip.Addr, *problem) {
	a, bad := address(s)
	if bad == nil && (a.IsUnspecified() || a.IsMulticast()) {
		return a, &problem{quote(s) + " is no address that others can send to", "write the host's own address"}
	}
	return a, bad
}

// addrPort reads ADDRESS:PORT.
func addrPort(s string) (netip.AddrPort, *problem) {
	todo := "write ADDRESS:PORT, as in 127.0.0.1:5060 or [::1]:5060"
	host, port, found := cutPort(s)
	if !found {
		return netip.AddrPort{}, &problem{quote(s) + " has no port", todo}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, &problem{quote(s) + " has no good port", "a port is a number from 1 to 65535"}
	}
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" {
		if host == "" {
			todo = "write 0.0.0.0" + s + " for all addresses"
		}
		return netip.AddrPort{}, &problem{quote(s) + " has no IP address before the port", todo}
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), nil
}

// cutPort splits at the last colon and takes brackets off an IPv6 address.
func cutPort(s string) (host, port string, found bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.HasSuffix(s, "]") {
		return "", "", false
	}
	host, port = s[:i], s[i+1:]
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		return host[1 : len(host)-1], port, true
	}
	if strings.Contains(host, ":") { // an IPv6 address without brackets: no port
		return "", "", false
	}
	return host, port, true
}

// server reads ADDRESS or ADDRESS:PORT; port 53 if none.
func server(s string) (netip.AddrPort, *problem) {
	if a, bad := publicAddress(s); bad == nil {
		return netip.AddrPortFrom(a, 53), nil
	}
	ap, bad := addrPort(s)
	if bad == nil && (ap.Port() == 0 || ap.Addr().IsUnspecified()) {
		return ap, &problem{quote(s) + " is no server that can be asked", "write ADDRESS or ADDRESS:PORT"}
	}
	return ap, bad
}

// listener reads NETWORK://ADDRESS:PORT.
func listener(s string) (Listener, *problem) {
	network, rest, found := strings.Cut(s, "://")
	if !found {
		return Listener{}, &problem{quote(s) + " has no transport", "write udp://" + plain(s) + " or tcp://" + plain(s)}
	}
	switch network {
	case "udp", "tcp":
	case "tls", "ws", "wss", "quic":
		return Listener{}, &problem{quote(s) + ": " + network + " is not yet in this version", "use udp or tcp"}
	default:
		todo := "use udp or tcp"
		if near := nearest(network, []string{"udp", "tcp"}); near != "" {
			todo = fmt.Sprintf("did you mean %q?", near)
		}
		return Listener{}, &problem{quote(s) + " has an unknown transport", todo}
	}
	ap, bad := addrPort(rest)
	if bad != nil {
		return Listener{}, bad
	}
	if ap.Addr().IsMulticast() {
		return Listener{}, &problem{quote(s) + " is a multicast address", "listen on an address of this host"}
	}
	return Listener{Network: network, Addr: ap}, nil
}

// plain returns s if it can stand in a hint, or an example.
func plain(s string) string {
	if _, bad := addrPort(s); bad != nil {
		return "0.0.0.0:5060"
	}
	return s
}

// duration returns a parser of durations between lo and hi. A number alone is
// refused: nobody knows whether 60 is seconds or minutes.
func duration(lo, hi time.Duration) func(string) (time.Duration, *problem) {
	return func(s string) (time.Duration, *problem) {
		if _, err := strconv.ParseFloat(s, 64); err == nil && s != "0" {
			return 0, &problem{s + " has no unit", "write " + s + "s for seconds, or another of ms, s, m, h, d"}
		}
		d, err := parseDuration(s)
		if err != nil {
			return 0, &problem{quote(s) + " is no duration", "write one, as in 60s, 5m, 2h or 1d"}
		}
		if d < lo || d > hi {
			return 0, &problem{fmt.Sprintf("%s is out of bounds", quote(s)), fmt.Sprintf("from %s to %s", short(lo), short(hi))}
		}
		return d, nil
	}
}

// parseDuration is time.ParseDuration with whole days.
func parseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(s)
}

// short drops the zero units of a duration's text: 2h0m0s is 2h.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// integer returns a parser of whole numbers from lo to hi.
func integer[T int | uint16](lo, hi T) func(string) (T, *problem) {
	return func(s string) (T, *problem) {
		n, err := strconv.ParseInt(strings.ReplaceAll(s, "_", ""), 10, 64)
		if err != nil {
			return 0, &problem{quote(s) + " is no whole number", fmt.Sprintf("from %d to %d", lo, hi)}
		}
		if n < int64(lo) || n > int64(hi) {
			return 0, &problem{fmt.Sprintf("%d is out of bounds", n), fmt.Sprintf("from %d to %d", lo, hi)}
		}
		return T(n), nil
	}
}

// size returns a parser of byte counts from lo to hi: a number with B, KB or
// MB, where 1 KB is 1024 bytes.
func size(lo, hi int) func(string) (int, *problem) {
	units := []struct {
		name string
		n    int
	}{{"KB", 1 << 10}, {"MB", 1 << 20}, {"B", 1}}
	return func(s string) (int, *problem) {
		for _, u := range units {
			digits, ok := strings.CutSuffix(strings.ToUpper(s), u.name)
			if !ok {
				continue
			}
			n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 31)
			if err != nil {
				break
			}
			if n := int(n) * u.n; n >= lo && n <= hi {
				return n, nil
			}
			return 0, &problem{quote(s) + " is out of bounds", fmt.Sprintf("from %d KB to %d KB", lo>>10, hi>>10)}
		}
		return 0, &problem{quote(s) + " is no size", "write one with its unit, as in 64KB or 1MB"}
	}
}

func boolean(s string) (bool, *problem) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, &problem{quote(s) + " is neither true nor false", "write true or false"}
}

// oneOf returns a parser of the given words. later holds words that another
// version will know.
func oneOf[T ~string](known []T, later ...string) func(string) (T, *problem) {
	return func(s string) (T, *problem) {
		words := make([]string, len(known))
		for i, k := range known {
			if words[i] = string(k); words[i] == s {
				return k, nil
			}
		}
		if slices.Contains(later, s) {
			return "", &problem{quote(s) + " is not yet in this version", "use " + choices(words)}
		}
		todo := "use " + choices(words)
		if near := nearest(s, words); near != "" && len(words) > 1 {
			todo = fmt.Sprintf("did you mean %q?", near)
		}
		return "", &problem{quote(s) + " is unknown", todo}
	}
}
