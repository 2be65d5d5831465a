package sip

import "bytes"

// Via is one Via value (RFC 3261 20.42). Its slices point into what was parsed.
type Via struct {
	Protocol  []byte // "SIP", as written
	Version   []byte // "2.0"
	Transport []byte // "UDP", "TCP", ...; in any case, and any token
	Host      []byte // sent-by; an IPv6 address without its brackets
	Port      uint16 // sent-by; 0 if there is none
	Branch    []byte // nil if there is none (RFC 2543)
	Received  []byte // an IPv6 address without brackets, which RFC 5118 4.5 allows both ways
	MAddr     []byte
	RPort     uint16 // the value of rport, 0 if it has none
	HasRPort  bool   // rport stands there, with or without a value (RFC 3581 3)
	TTL       uint8
	Params    Params // all parameters
}

// ParseVia parses one Via value. On an error, which is a static 400, the parts that could be read are filled in, so
// that a response can find its way: with Host the answer can be sent.
func ParseVia(b []byte) (Via, error) {
	var v Via
	err := v.parse(b)
	return v, err
}

// parse reads b into v, which is empty.
func (v *Via) parse(b []byte) error {
	if len(b) > MaxHeaderSection {
		return errVia
	}
	i := v.sentProtocol(b)
	if i < 0 {
		return errVia
	}
	i, ok := v.sentBy(b, i)
	if i < 0 {
		return errVia
	}
	v.Params = Params(b[i:])
	if !v.params() || !ok {
		return errVia
	}
	return nil
}

// sentProtocol reads "SIP / 2.0 / UDP" and the white space behind it (RFC 3261 25.1, SLASH takes white space). It
// returns where sent-by starts, or -1.
func (v *Via) sentProtocol(b []byte) int {
	i, first := 0, 0
	if len(b) > 8 && string(b[:8]) == "SIP/2.0/" { // as nearly all write it
		v.Protocol, v.Version = b[:3], b[4:7]
		i, first = 7, 2
	}
	for part := first; part < 3; part++ {
		if part > 0 {
			if i = skipLWS(b, i); i == len(b) || b[i] != '/' {
				return -1
			}
			i++
		}
		start := skipLWS(b, i)
		i = start
		for i < len(b) && isToken(b[i]) {
			i++
		}
		if i == start {
			return -1
		}
		switch part {
		case 0:
			v.Protocol = b[start:i]
		case 1:
			v.Version = b[start:i]
		default:
			v.Transport = b[start:i]
		}
	}
	host := skipLWS(b, i)
	if host == i || host == len(b) {
		return -1
	}
	return host
}

// sentBy reads host and port. It returns where the parameters start, -1 if there is no host, and whether all was well.
func (v *Via) sentBy(b []byte, i int) (params int, ok bool) {
	host, i := hostAt(b, i)
	if host == nil {
		return -1, false
	}
	v.Host = host
	ok = true
	if j := skipLWS(b, i); j < len(b) && b[j] == ':' {
		start := skipLWS(b, j+1)
		i = start
		for i < len(b) && isDigit(b[i]) {
			i++
		}
		port, good := number(b[start:i], 65535)
		v.Port, ok = uint16(port), good && port > 0
	}
	i = skipLWS(b, i)
	if i == len(b) || b[i] == ';' {
		return i, ok
	}
	n := bytes.IndexByte(b[i:], ';') // something else stands here: the branch may still be told
	if n < 0 {
		n = len(b) - i
	}
	return i + n, false
}

// params reads those that RFC 3261 and RFC 3581 define and reports whether all are well-formed and stand once.
func (v *Via) params() bool {
	ok := true
	var seen nameSet
	it := v.Params.Iter()
	for it.Next() {
		if !seen.add(&it) {
			return false
		}
		if !v.param(it.Name(), it.Value()) {
			ok = false
		}
	}
	return ok && !it.bad && seen.unique(v.Params)
}

func (v *Via) param(name, value []byte) bool {
	switch {
	case foldEqual(name, "branch"):
		v.Branch = value
		return len(value) > 0
	case foldEqual(name, "rport"):
		v.HasRPort = true
		port, ok := number(value, 65535)
		v.RPort = uint16(port)
		return ok || len(value) == 0 // RFC 3581 3: a request has it without value
	case foldEqual(name, "received"):
		v.Received = unbracket(value)
		return len(value) > 0
	case foldEqual(name, "maddr"):
		v.MAddr = unbracket(value)
		return len(value) > 0
	case foldEqual(name, "ttl"):
		ttl, ok := number(value, 255)
		v.TTL = uint8(ttl)
		return ok
	default:
		return true
	}
}

func unbracket(b []byte) []byte {
	if len(b) > 2 && b[0] == '[' && b[len(b)-1] == ']' {
		return b[1 : len(b)-1]
	}
	return b
}
