package sip

import "bytes"

// NameAddr is a name-addr or an addr-spec with the parameters of its header: a value of From, To, Contact,
// Route, Record-Route, Path, Refer-To. Its slices point into what was parsed.
type NameAddr struct {
	Display []byte // as written, without the quotes around it; nil or empty if there is none
	URI     []byte // of any scheme; ParseURI reads it without an error
	Params  Params // of the header, never of the URI
	Tag     []byte // nil if there is none
}

// ParseNameAddr parses one value. In a value without <> all parameters are the header's, and the URI may hold
// no comma and no question mark (RFC 3261 20, 20.10). "*" is no address: who reads Contact in a REGISTER looks for it first. The
// error is a static 400.
func ParseNameAddr(b []byte) (NameAddr, error) {
	var a NameAddr
	var u URI
	if !a.split(trimLWS(b)) || !u.parse(a.URI) {
		return a, errNameAddr
	}
	return a, nil
}

// split is ParseNameAddr without a look into the URI.
func (a *NameAddr) split(b []byte) bool {
	if len(b) > MaxHeaderSection {
		return false
	}
	i := a.display(b)
	if i < 0 {
		return false
	}
	if i = a.uri(b, i); i < 0 || len(a.URI) == 0 {
		return false
	}
	a.Params = Params(b[i:])
	return a.params()
}

// display reads the display name, if there is one, and returns the index of the "<" or 0 for an addr-spec; -1 if
// neither can be.
func (a *NameAddr) display(b []byte) int {
	if len(b) > 0 && b[0] == '"' {
		end := quotedEnd(b, 0)
		if end < 0 {
			return -1
		}
		a.Display = b[1 : end-1]
		if end = skipLWS(b, end); end == len(b) || b[end] != '<' {
			return -1
		}
		return end
	}
	// RFC 3261 25.1 has tokens here. Names come unquoted in every language, so all is let through that
	// cannot change how the rest is read.
	const stopLo = 1<<'<' | 1<<':' | 1<<',' | 1<<';' | 1<<'"' | 1<<'>'
	const stopHi = 1<<('@'-64) | 1<<('\\'-64)
	for i, c := range b {
		if !inSet(c, stopLo, stopHi) {
			continue
		}
		if c != '<' {
			break
		}
		a.Display = trimLWS(b[:i])
		return i
	}
	return 0
}

// uri reads the URI at "<" or an addr-spec and returns the index behind it, -1 if there is none.
func (a *NameAddr) uri(b []byte, i int) int {
	if i < len(b) && b[i] == '<' {
		n := bytes.IndexByte(b[i:], '>')
		if n < 0 {
			return -1
		}
		a.URI = b[i+1 : i+n]
		return i + n + 1
	}
	for i < len(b) && b[i] != ';' && !isLWS(b[i]) {
		if b[i] == ',' || b[i] == '?' { // RFC 3261 20: these need the <>
			return -1
		}
		i++
	}
	a.URI = b[:i]
	return i
}

// params checks the header's parameters and finds the tag.
func (a *NameAddr) params() bool {
	var seen nameSet
	it := a.Params.Iter()
	for it.Next() {
		if !seen.add(&it) {
			return false
		}
		if foldEqual(it.Name(), "tag") {
			a.Tag = it.RawValue()
			if !isTokens(a.Tag) {
				return false
			}
		}
	}
	return !it.bad && seen.unique(a.Params)
}
