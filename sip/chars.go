package sip

import (
	"encoding/binary"
	"math/bits"
)

// The character classes of RFC 3261 25.1 as bit sets, one constant for each 64 characters.
const (
	digitLo = 1<<'0' | 1<<'1' | 1<<'2' | 1<<'3' | 1<<'4' | 1<<'5' | 1<<'6' | 1<<'7' | 1<<'8' | 1<<'9'
	upperHi = (1<<26 - 1) << ('A' - 64)
	lowerHi = (1<<26 - 1) << ('a' - 64)
	alnumHi = upperHi | lowerHi
	tokenLo = digitLo | 1<<'-' | 1<<'.' | 1<<'!' | 1<<'%' | 1<<'*' | 1<<'+' | 1<<'\''
	tokenHi = alnumHi | 1<<('_'-64) | 1<<('`'-64) | 1<<('~'-64)
	// token and the paramchar of a URI, "(" and ")" among them
	paramLo  = tokenLo | 1<<'(' | 1<<')' | 1<<'/' | 1<<':' | 1<<'&' | 1<<'$'
	paramHi  = tokenHi | 1<<('['-64) | 1<<(']'-64)
	hostLo   = digitLo | 1<<'-' | 1<<'.'
	hostHi   = alnumHi | 1<<('_'-64) // no hostname of RFC 3261 has a "_", the DNS has many
	schemeLo = digitLo | 1<<'-' | 1<<'.' | 1<<'+'
	// unreserved and user-unreserved: what may stand in the user part unescaped
	userLo = digitLo | 1<<'-' | 1<<'.' | 1<<'!' | 1<<'*' | 1<<'\'' | 1<<'(' | 1<<')' |
		1<<'&' | 1<<'=' | 1<<'+' | 1<<'$' | 1<<',' | 1<<';' | 1<<'?' | 1<<'/'
	userHi = alnumHi | 1<<('_'-64) | 1<<('~'-64)
	// the reserved set of RFC 2396, as RFC 3261 19.1.4 means it
	reservedLo = 1<<';' | 1<<'/' | 1<<'?' | 1<<':' | 1<<'&' | 1<<'=' | 1<<'+' | 1<<'$' | 1<<','
	reservedHi = 1 << ('@' - 64)
	lwsLo      = 1<<' ' | 1<<'\t' | 1<<'\r' | 1<<'\n'
)

// The classes that loops ask for each byte, as a table.
const (
	classToken = 1 << iota
	classHost
	classParam
)

//nolint:gochecknoglobals // a constant: the language has none of this type
var class = makeClasses()

func makeClasses() (t [256]uint8) {
	for i := range t {
		c := byte(i)
		if inSet(c, tokenLo, tokenHi) {
			t[i] |= classToken
		}
		if inSet(c, hostLo, hostHi) {
			t[i] |= classHost
		}
		if inSet(c, paramLo, paramHi) {
			t[i] |= classParam
		}
	}
	return t
}

// inSet has no branch: Go's shifts yield 0 past the width, so for each c one of the two does.
func inSet(c byte, lo, hi uint64) bool { return (lo>>c|hi>>(c-64))&1 != 0 }

func isToken(c byte) bool     { return class[c]&classToken != 0 }
func isHost(c byte) bool      { return class[c]&classHost != 0 }
func isParamName(c byte) bool { return class[c]&classParam != 0 }
func isAlpha(c byte) bool     { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool     { return c-'0' <= 9 }
func isReserved(c byte) bool  { return inSet(c, reservedLo, reservedHi) }

// isLWS holds CR and LF too: in an indexed line they stand in folds only (RFC 3261 7.3.1).
func isLWS(c byte) bool { return uint64(lwsLo)>>c&1 != 0 }

// isTokens reports whether b is a token, which is not empty.
func isTokens(b []byte) bool {
	for _, c := range b {
		if !isToken(c) {
			return false
		}
	}
	return len(b) > 0
}

func lower(c byte) byte {
	if c-'A' <= 'Z'-'A' {
		return c | 0x20
	}
	return c
}

// foldEqual compares without regard to ASCII case. lowered has no upper case letter.
func foldEqual(b []byte, lowered string) bool {
	if len(b) != len(lowered) {
		return false
	}
	for i := range b {
		if lower(b[i]) != lowered[i] {
			return false
		}
	}
	return true
}

// foldEqualString compares without regard to ASCII case.
func foldEqualString(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		if lower(b[i]) != lower(s[i]) {
			return false
		}
	}
	return true
}

// foldEqualBytes compares without regard to ASCII case.
func foldEqualBytes(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// nextControl returns the index of the first control character (RFC 3261 25.1, CTL) at or after i, or len(b).
// It looks at eight bytes at a time: this is the one loop that sees every byte of a header section.
func nextControl(b []byte, i int) int {
	rest := b[i:] // cut as it goes, which spares the bounds checks
	for len(rest) >= 8 {
		if found := controls(binary.LittleEndian.Uint64(rest)); found != 0 {
			return len(b) - len(rest) + bits.TrailingZeros64(found)>>3
		}
		rest = rest[8:]
	}
	for k, c := range rest {
		if c < 0x20 || c == 0x7f {
			return len(b) - len(rest) + k
		}
	}
	return len(b)
}

// controls has the high bit of each byte of x that is a control set, exact up to the first one.
func controls(x uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	below := (x - ones*0x20) &^ x // high bit where a byte is below 0x20
	del := x ^ ones*0x7f          // zero where a byte is DEL
	return (below | (del-ones)&^del) & highs
}

// isVisible reports whether b holds no control, no space and none of the brackets that would end a URI inside <>.
func isVisible(b []byte) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		below := (x - ones*0x21) &^ x
		del, open, shut := x^ones*0x7f, x^ones*'<', x^ones*'>'
		if (below|(del-ones)&^del|(open-ones)&^open|(shut-ones)&^shut)&highs != 0 {
			return false
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c <= ' ' || c == 0x7f || c == '<' || c == '>' {
			return false
		}
	}
	return true
}

// trimLWS cuts white space and folds from both ends.
func trimLWS(b []byte) []byte {
	for len(b) > 0 && isLWS(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isLWS(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func skipLWS(b []byte, i int) int {
	for i < len(b) && isLWS(b[i]) {
		i++
	}
	return i
}

// quotedEnd returns the index behind the quoted string that opens at b[i], or -1 if it does not close.
func quotedEnd(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i++ // RFC 3261 25.1 quoted-pair
		}
	}
	return -1
}

// number reads decimal digits, all of b, up to limit.
func number(b []byte, limit uint64) (n uint64, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	for _, c := range b {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
		if n > limit { // limit is far below 2^60, so this cannot wrap
			return 0, false
		}
	}
	return n, true
}

func unhex(c byte) (byte, bool) {
	switch {
	case isDigit(c):
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	default:
		return 0, false
	}
}
