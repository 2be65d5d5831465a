package sip

import (
	"bytes"
	"net/netip"
)

// URI is a SIP or SIPS URI in its parts (RFC 3261 19.1), or any other URI as scheme and rest. Its slices
// point into what was parsed and are escaped as they were.
type URI struct {
	Scheme   []byte // as written
	User     []byte // nil if there is none; it is never empty
	Password []byte // nil if there is none
	Host     []byte // an IPv6 address without its brackets
	Port     uint16
	HasPort  bool
	Secure   bool   // sips
	IsSIP    bool   // sip or sips; otherwise only Scheme and Opaque are set
	Params   Params // ";transport=tcp;lr"; use Param to look one up
	Headers  []byte // "subject=x&priority=urgent", without the "?"; nil if there is no "?"
	Opaque   []byte // what follows the colon of another scheme
}

// ParseURI parses the whole of b. SIP and SIPS URIs are checked in full: there may be one "@", escapes have two hex
// digits, a port is 1 to 65535, a parameter stands once. Other schemes are taken as they are. The
// error is a static 400.
func ParseURI(b []byte) (URI, error) {
	var u URI
	if !u.parse(b) {
		return u, errURI
	}
	return u, nil
}

func (u *URI) parse(b []byte) bool {
	if len(b) > MaxURI || !isVisible(b) {
		return false
	}
	colon := bytes.IndexByte(b, ':')
	if colon < 1 || colon+1 == len(b) {
		return false
	}
	u.Scheme = b[:colon]
	rest := b[colon+1:]
	switch {
	case foldEqual(u.Scheme, "sip"):
		u.IsSIP = true
	case foldEqual(u.Scheme, "sips"):
		u.IsSIP, u.Secure = true, true
	default:
		u.Opaque = rest
		return isScheme(u.Scheme)
	}
	// RFC 3261 19.1.1: user and password may hold ; ? and /, so the "@" comes first.
	if at := bytes.IndexByte(rest, '@'); at >= 0 {
		if !u.userinfo(rest[:at]) {
			return false
		}
		rest = rest[at+1:]
	}
	return u.hostport(rest)
}

// isScheme: RFC 3261 25.1, ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ).
func isScheme(b []byte) bool {
	for _, c := range b {
		if !inSet(c, schemeLo, alnumHi) {
			return false
		}
	}
	return isAlpha(b[0])
}

func (u *URI) userinfo(b []byte) bool {
	const special uint64 = 1<<':' | 1<<'%' | 1<<'"'
	u.User = b
	escaped := false
	for i, c := range b {
		if special>>c&1 == 0 {
			continue
		}
		switch {
		case c == '%':
			escaped = true
		case c == '"' || u.Password != nil: // a second colon
			return false
		default:
			u.User, u.Password = b[:i], b[i+1:]
		}
	}
	return len(u.User) > 0 && (!escaped || validEscapes(b))
}

// hostport reads what follows the "@".
func (u *URI) hostport(b []byte) bool {
	host, i := hostAt(b, 0)
	if host == nil {
		return false
	}
	u.Host = host
	if i < len(b) && b[i] == ':' {
		start := i + 1
		i = start
		for i < len(b) && isDigit(b[i]) {
			i++
		}
		port, ok := number(b[start:i], 65535)
		if !ok || port == 0 {
			return false
		}
		u.Port, u.HasPort = uint16(port), true
	}
	if i == len(b) {
		return true
	}
	if bytes.IndexByte(b[i:], '@') >= 0 { // a second one: each reader would take another host
		return false
	}
	if q := bytes.IndexByte(b[i:], '?'); q >= 0 {
		u.Headers = b[i+q+1:]
		b = b[:i+q]
		if !validEscapes(u.Headers) || bytes.Count(u.Headers, []byte{'&'}) >= MaxURIParams {
			return false
		}
	}
	u.Params = Params(b[i:])
	return len(u.Params) == 0 || u.params()
}

// params checks that the parameters are well-formed and that each stands once (RFC 3261 19.1.1).
func (u *URI) params() bool {
	if bytes.IndexByte(u.Params, '%') >= 0 {
		return validEscapes(u.Params) && u.uniqueEscaped()
	}
	var seen nameSet
	it := u.Params.Iter()
	for it.Next() {
		if !seen.add(&it) || hidesParam(&it) {
			return false
		}
	}
	return !it.bad && seen.n <= MaxURIParams && seen.unique(u.Params)
}

// hidesParam reports whether the value is a quoted string with a semicolon inside. RFC 3261 25.1 has no quotes in a
// URI, so another element would read a parameter there that we did not.
func hidesParam(it *ParamIter) bool {
	return it.value < it.rawStop && it.b[it.value] == '"' && bytes.IndexByte(it.b[it.value:it.rawStop], ';') >= 0
}

// uniqueEscaped is params for names with escapes, under which two may be the same.
func (u *URI) uniqueEscaped() bool {
	var names [MaxURIParams][]byte
	n := 0
	it := u.Params.Iter()
	for ; it.Next(); n++ {
		if n == MaxURIParams {
			return false
		}
		for _, other := range names[:n] {
			if equalEscaped(other, it.Name(), true) {
				return false
			}
		}
		if hidesParam(&it) {
			return false
		}
		names[n] = it.Name()
	}
	return !it.bad
}

// Param returns the value of a parameter, nil for one without "=". The name is given in lower case and found in any
// case and under any escape. The value is as written.
func (u *URI) Param(name string) (value []byte, ok bool) {
	for it := u.Params.Iter(); it.Next(); {
		if n := it.Name(); foldEqual(n, name) || bytes.IndexByte(n, '%') >= 0 && equalEscapedString(n, name) {
			return it.RawValue(), true
		}
	}
	return nil, false
}

// Addr returns the host as an address if it is an IPv4 address or an IPv6 reference.
func (u *URI) Addr() (netip.Addr, bool) { return parseAddr(u.Host) }

// validEscapes reports whether each "%" has two hex digits behind it.
func validEscapes(b []byte) bool {
	for i := bytes.IndexByte(b, '%'); i >= 0; {
		if i+2 >= len(b) {
			return false
		}
		_, high := unhex(b[i+1])
		_, low := unhex(b[i+2])
		if !high || !low {
			return false
		}
		n := bytes.IndexByte(b[i+3:], '%')
		if n < 0 {
			return true
		}
		i += 3 + n
	}
	return true
}

// unescapeAt returns the character at b[i], resolved if it is an escape, and the index behind it. A "%" without
// two hex digits stands for itself.
func unescapeAt(b []byte, i int) (c byte, escaped bool, next int) {
	if b[i] == '%' && i+2 < len(b) {
		high, ok1 := unhex(b[i+1])
		low, ok2 := unhex(b[i+2])
		if ok1 && ok2 {
			return high<<4 | low, true, i + 3
		}
	}
	return b[i], false, i + 1
}

// AppendUnescaped appends s with its escapes resolved. It reports false, and appends nothing, if a "%" has no two hex
// digits behind it. The result may hold any byte, NUL and CRLF too.
func AppendUnescaped(dst, s []byte) ([]byte, bool) {
	if !validEscapes(s) {
		return dst, false
	}
	for i := 0; i < len(s); {
		var c byte
		c, _, i = unescapeAt(s, i)
		dst = append(dst, c)
	}
	return dst, true
}

// AppendAOR appends the canonical form in which an address of record is kept and looked up (RFC 3261 10.3 step 5):
// "sip:" for sip and sips, the user with all escapes resolved save those of characters that cannot stand there
// as they are, the host in lower case, no password, port, parameters and headers. Applied to its own result it
// changes nothing. A URI of another scheme is appended with its scheme in lower case.
func AppendAOR(dst []byte, u *URI) []byte {
	if !u.IsSIP {
		for _, c := range u.Scheme {
			dst = append(dst, lower(c))
		}
		return append(append(dst, ':'), u.Opaque...)
	}
	dst = append(dst, "sip:"...)
	if u.User != nil {
		for i := 0; i < len(u.User); {
			var c byte
			c, _, i = unescapeAt(u.User, i)
			if inSet(c, userLo, userHi) {
				dst = append(dst, c)
			} else {
				const hex = "0123456789ABCDEF"
				dst = append(dst, '%', hex[c>>4], hex[c&15])
			}
		}
		dst = append(dst, '@')
	}
	if a, ok := parseIPv6(u.Host); ok {
		dst = append(dst, '[')
		dst = a.AppendTo(dst)
		return append(dst, ']')
	}
	host := u.Host
	if n := len(host); n > 1 && host[n-1] == '.' {
		host = host[:n-1]
	}
	for _, c := range host {
		dst = append(dst, lower(c))
	}
	return dst
}
