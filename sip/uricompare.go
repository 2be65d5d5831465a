package sip

import "bytes"

// EqualURI compares two URIs by RFC 3261 19.1.4, IPv6 addresses by value (RFC 5954 4.2). URIs of other schemes are
// equal if their schemes are, in any case, and the rest is the same byte by byte. The relation is not
// transitive: parameters that stand on one side only are mostly ignored.
func EqualURI(a, b *URI) bool {
	if a.IsSIP != b.IsSIP || !foldEqualBytes(a.Scheme, b.Scheme) { // "A SIP and SIPS URI are never equivalent."
		return false
	}
	if !a.IsSIP {
		return bytes.Equal(a.Opaque, b.Opaque)
	}
	// "the user, password, host, and port components must match", and one that is left out matches none.
	if (a.User == nil) != (b.User == nil) || (a.Password == nil) != (b.Password == nil) {
		return false
	}
	if a.HasPort != b.HasPort || a.Port != b.Port || !equalHost(a.Host, b.Host) {
		return false
	}
	// "Comparison of the userinfo of SIP and SIPS URIs is case-sensitive."
	if !equalEscaped(a.User, b.User, false) || !equalEscaped(a.Password, b.Password, false) {
		return false
	}
	return paramsMatch(a, b, true) && paramsMatch(b, a, false) &&
		headersMatch(a.Headers, b.Headers) && headersMatch(b.Headers, a.Headers)
}

// paramsMatch holds the parameters of a against those of b. values says whether to compare those in both.
func paramsMatch(a, b *URI, values bool) bool {
	for it := a.Params.Iter(); it.Next(); {
		other, found := b.param(it.Name())
		switch {
		case !found:
			if mustMatch(it.Name()) {
				return false
			}
		case values && !equalParam(it.Name(), it.RawValue(), other): // "Any uri-parameter appearing in both URIs must match."
			return false
		}
	}
	return true
}

// mustMatch names the parameters that never match their absence: "A user, ttl, or method uri-parameter appearing in
// only one URI never matches", maddr likewise, and transport by "The same is true for the
// transport-parameter" and by the example of bob@biloxi.com.
func mustMatch(name []byte) bool {
	return equalEscapedString(name, "user") || equalEscapedString(name, "ttl") || equalEscapedString(name, "method") ||
		equalEscapedString(name, "maddr") || equalEscapedString(name, "transport")
}

func equalParam(name, a, b []byte) bool {
	switch {
	case equalEscapedString(name, "method"):
		return equalEscaped(a, b, false) // RFC 3261 7.1: methods are case-sensitive
	case equalEscapedString(name, "maddr"):
		return equalEscaped(a, b, true) || equalHost(a, b)
	default:
		return equalEscaped(a, b, true)
	}
}

// param finds a parameter by the name as another URI writes it.
func (u *URI) param(name []byte) (value []byte, ok bool) {
	for it := u.Params.Iter(); it.Next(); {
		if equalEscaped(it.Name(), name, true) {
			return it.RawValue(), true
		}
	}
	return nil, false
}

// headersMatch reports whether each header in a stands as often in b: "URI header components are never ignored", and
// their order "is not significant". ParseURI bounds how many there are.
func headersMatch(a, b []byte) bool {
	if (a == nil) != (b == nil) {
		return false
	}
	for rest, more := a, true; more; {
		var h []byte
		h, rest, more = bytes.Cut(rest, []byte{'&'})
		if countHeader(a, h) != countHeader(b, h) {
			return false
		}
	}
	return true
}

func countHeader(headers, h []byte) int {
	n := 0
	for rest, more := headers, true; more; {
		var other []byte
		other, rest, more = bytes.Cut(rest, []byte{'&'})
		if equalEscaped(other, h, true) {
			n++
		}
	}
	return n
}

// equalEscaped compares two strings of which each may be escaped: "Characters other than those in the
// "reserved" set are equivalent to their ""%" HEX HEX" encoding."
func equalEscaped(a, b []byte, fold bool) bool {
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		var x, y byte
		var escA, escB bool
		x, escA, i = unescapeAt(a, i)
		y, escB, j = unescapeAt(b, j)
		if escA != escB && isReserved(x) {
			return false
		}
		if fold {
			x, y = lower(x), lower(y)
		}
		if x != y {
			return false
		}
	}
	return i == len(a) && j == len(b)
}

// equalEscapedString compares an escaped name with a plain one in lower case that has no reserved character.
func equalEscapedString(a []byte, lowered string) bool {
	i, j := 0, 0
	for i < len(a) && j < len(lowered) {
		var c byte
		c, _, i = unescapeAt(a, i)
		if lower(c) != lowered[j] {
			return false
		}
		j++
	}
	return i == len(a) && j == len(lowered)
}
