package sip

import "errors"

// Errors of what we put into a message ourselves.
var (
	ErrValue   = errors.New("sip: value holds a control character, CR or LF: quote, escape or refuse it before it gets here")
	ErrName    = errors.New("sip: header name is no token")
	ErrState   = errors.New("sip: response built out of order: Begin, Open, Put, Close, End")
	ErrEdits   = errors.New("sip: more edits than MaxEdits")
	ErrOverlap = errors.New("sip: two edits of the same bytes")
	ErrNoValue = errors.New("sip: no such value to edit")
	ErrParse   = errors.New("sip: message did not parse, so it cannot be edited")
)

// CheckValue returns ErrValue if b cannot stand in a header or a start line as it is: it holds CR, LF, NUL or another control
// than HTAB. Nothing that passes can end its line.
func CheckValue(b []byte) error {
	for i := nextControl(b, 0); i < len(b); i = nextControl(b, i+1) {
		if b[i] != '\t' {
			return ErrValue
		}
	}
	return nil
}

// IsToken reports whether b is a token (RFC 3261 25.1): not empty, and without white space, separators and controls.
func IsToken(b []byte) bool { return isTokens(b) }

func checkString(s string) error {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return ErrValue
		}
	}
	return nil
}

func checkName(s string) error {
	for i := range len(s) {
		if !isToken(s[i]) {
			return ErrName
		}
	}
	if s == "" {
		return ErrName
	}
	return nil
}

// AppendQuoted appends s as a quoted string (RFC 3261 25.1): in quotes, with a backslash before quotes and
// backslashes. Controls become spaces, since what we make shall pass CheckValue.
func AppendQuoted(dst, s []byte) []byte {
	dst = append(dst, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ' && c != '\t' || c == 0x7f:
			dst = append(dst, ' ')
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// AppendUnfolded appends a value of a parsed message with each fold made one space (RFC 3261 7.3.1), so that it passes
// CheckValue, unless it holds an escaped control.
func AppendUnfolded(dst, value []byte) []byte {
	for i := 0; i < len(value); i++ {
		if value[i] != '\r' && value[i] != '\n' {
			dst = append(dst, value[i])
			continue
		}
		for i+1 < len(value) && isLWS(value[i+1]) {
			i++
		}
		dst = append(dst, ' ')
	}
	return dst
}
