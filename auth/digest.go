package auth

// Bounds on what a client can make us hash or compare, in bytes. The values of real clients are well below.
const (
	maxUsername = 255
	maxRealm    = 255
	maxNonce    = 255
	maxCnonce   = 255
	maxURI      = 1024
	maxMethod   = 64
	maxParams   = 32 // parameters of one credentials header field
)

// credentials are the parameters of RFC 7616 3.4 as they stand in one header line. Unknown ones are ignored.
// Values are unquoted; one that held escapes points into mem, the others into the message.
type credentials struct {
	username, usernameExt, realm, nonce, uri, response param
	algorithm, cnonce, opaque, qop, nc, userhash       param
	mem                                                []byte
}

// param is one parameter's value.
type param struct {
	value   []byte
	set     bool
	escaped bool // had quoted pairs, so that value is no slice of the message
}

// reset empties c and keeps its memory.
func (c *credentials) reset() { *c = credentials{mem: c.mem[:0]} }

// parse reads the value of an Authorization header line (RFC 3261 25.1, credentials). It reports whether the
// scheme is Digest, and whether its parameters could be read. The line is not a comma list of credentials:
// the commas separate parameters (RFC 3261 7.3.1).
func (c *credentials) parse(b []byte) (digest, ok bool) {
	b = skipLWS(b)
	n := tokenLen(b)
	scheme, rest := b[:n], b[n:]
	if !equalFold(scheme, "digest") {
		return false, false
	}
	b = skipLWS(rest)
	if len(b) == len(rest) { // no LWS behind the scheme: no parameters either
		return true, false
	}
	for count := 0; ; {
		b = skipLWS(b)
		if len(b) == 0 {
			return true, count > 0
		}
		if b[0] == ',' { // an empty element, as RFC 9110 5.6.1 lets recipients accept
			b = b[1:]
			continue
		}
		if count++; count > maxParams {
			return true, false
		}
		if b, ok = c.parseParam(b); !ok {
			return true, false
		}
	}
}

// parseParam reads one name EQUAL value up to and without the comma behind it.
func (c *credentials) parseParam(b []byte) (rest []byte, ok bool) {
	n := tokenLen(b)
	name := b[:n]
	b = skipLWS(b[n:])
	if n == 0 || len(b) == 0 || b[0] != '=' {
		return nil, false
	}
	b = skipLWS(b[1:])
	var p param
	if len(b) > 0 && b[0] == '"' {
		if b, ok = c.parseQuoted(b, &p); !ok {
			return nil, false
		}
	} else {
		// A token; some clients leave the quotes of a URI away, so all but separators of the list will do.
		n := 0
		for n < len(b) && b[n] != ',' && b[n] != '"' && b[n] > ' ' && b[n] != 0x7f {
			n++
		}
		if n == 0 {
			return nil, false
		}
		p.value, b = b[:n], b[n:]
	}
	b = skipLWS(b)
	if len(b) > 0 && b[0] != ',' {
		return nil, false
	}
	p.set = true
	return b, c.store(name, p)
}

// parseQuoted reads a quoted-string into p. Escapes are undone in c.mem.
func (c *credentials) parseQuoted(b []byte, p *param) (rest []byte, ok bool) {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '"':
			p.value = b[1:i]
			if p.escaped {
				p.value = c.unescape(p.value)
			}
			return b[i+1:], true
		case '\\':
			p.escaped = true
			i++
		}
	}
	return nil, false
}

// unescape returns b without the backslashes of its quoted pairs.
func (c *credentials) unescape(b []byte) []byte {
	start := len(c.mem)
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+1 < len(b) {
			i++
		}
		c.mem = append(c.mem, b[i])
	}
	return c.mem[start:len(c.mem):len(c.mem)]
}

// store keeps the value under its name. The same parameter twice is refused: two readers could differ on
// which one counts.
func (c *credentials) store(name []byte, p param) bool {
	at := c.field(name)
	if at == nil {
		return true
	}
	if at.set {
		return false
	}
	*at = p
	return true
}

// field returns where the parameter of that name is kept, nil for an unknown one.
func (c *credentials) field(name []byte) *param {
	switch {
	case equalFold(name, "username"):
		return &c.username
	case equalFold(name, "realm"):
		return &c.realm
	case equalFold(name, "nonce"):
		return &c.nonce
	case equalFold(name, "uri"):
		return &c.uri
	case equalFold(name, "response"):
		return &c.response
	case equalFold(name, "algorithm"):
		return &c.algorithm
	case equalFold(name, "cnonce"):
		return &c.cnonce
	case equalFold(name, "opaque"):
		return &c.opaque
	case equalFold(name, "qop"):
		return &c.qop
	case equalFold(name, "nc"):
		return &c.nc
	case equalFold(name, "userhash"):
		return &c.userhash
	case equalFold(name, "username*"):
		return &c.usernameExt
	default:
		return nil
	}
}

// complete reports whether what every Digest answer carries is there and within its bounds. It is asked only
// of credentials for our realm: what others put into theirs is not our business.
func (c *credentials) complete() bool {
	return within(c.nonce, maxNonce) && within(c.uri, maxURI) && c.response.set &&
		(c.usernameExt.set || within(c.username, maxUsername))
}

// completeAuth reports the same of what qop=auth adds (RFC 7616 3.4: cnonce and nc MUST be there with qop).
func (c *credentials) completeAuth() bool {
	return within(c.cnonce, maxCnonce) && len(c.nc.value) == 8 && isHex(c.nc.value)
}

func within(p param, limit int) bool {
	return p.set && len(p.value) > 0 && len(p.value) <= limit
}

func isHex(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

// skipLWS drops leading white space; a line break in a header value is always a fold.
func skipLWS(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	return b
}

// tokenLen returns the length of the token (RFC 3261 25.1) that b starts with.
func tokenLen(b []byte) int {
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9', c|0x20 >= 'a' && c|0x20 <= 'z':
		case c == '-', c == '.', c == '!', c == '%', c == '*', c == '_', c == '+', c == '`', c == '\'', c == '~':
		default:
			return i
		}
	}
	return len(b)
}

// equalFold compares b with lower, which is in lower-case ASCII, without regard to case.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
