package zones

import "encoding/binary"

// Response codes (RFC 1035 4.1.1, 2136 2.2, 6891 9).
const (
	rcodeNoError  = 0
	rcodeFormErr  = 1
	rcodeServFail = 2
	rcodeNXDomain = 3
	rcodeNotImp   = 4
	rcodeRefused  = 5
	rcodeYXDomain = 6
	rcodeNotAuth  = 9
	rcodeBadVers  = 16
)

// Types and classes that the answer path knows by number.
const (
	typeA     = 1
	typeNS    = 2
	typeCNAME = 5
	typeSOA   = 6
	typePTR   = 12
	typeHINFO = 13
	typeMX    = 15
	typeAAAA  = 28
	typeSRV   = 33
	typeNAPTR = 35
	typeDNAME = 39
	typeOPT   = 41
	typeDS    = 43
	typeTKEY  = 249
	typeTSIG  = 250
	typeIXFR  = 251
	typeAXFR  = 252
	typeANY   = 255

	classIN  = 1
	classANY = 255
)

// Header bits (RFC 1035 4.1.1).
const (
	flagQR = 1 << 15
	flagAA = 1 << 10
	flagTC = 1 << 9
	flagRD = 1 << 8
)

// What parse says when no response code does.
const (
	proceed = -1 // a question to look up
	silence = -2 // nothing may be sent
)

const (
	minUDP     = 512  // RFC 1035 2.3.4, 6891 6.2.3
	defaultUDP = 1232 // what passes every path without fragments (RFC 9715)
	optLen     = 11   // an OPT record without options
)

// question is what a query asks: everything the answer depends on.
type question struct {
	name    nameBuf // QNAME in wire form and lower case
	nameLen int
	labels  int
	end     int // of the question section in the query; headerLen if there is none worth repeating
	qtype   uint16
	qclass  uint16
	size    uint16 // the UDP size the client takes
	version uint8
	edns    bool
	do      bool
	tsig    int // offset of the TSIG record; 0 if none
}

// parse reads a query. It returns proceed, silence, or the response code that ends the matter.
func (q *question) parse(m []byte) int {
	// A response is never answered, or two servers could be set on each other.
	if len(m) < headerLen || m[2]&0x80 != 0 {
		return silence
	}
	q.end = headerLen
	q.size = minUDP
	if m[2]&0x78 != 0 {
		q.skim(m)
		return rcodeNotImp // RFC 1035 4.1.1: an opcode other than QUERY
	}
	counts := binary.BigEndian.Uint64(m[4:12])
	// RFC 9619 4: QDCOUNT of a QUERY other than 1 is FORMERR.
	if counts>>48 != 1 || !q.readQuestion(m) {
		return rcodeFormErr
	}
	if counts<<16 == 0 {
		if q.end != len(m) {
			return rcodeFormErr
		}
		return proceed
	}
	return q.readRecords(m, counts)
}

// readQuestion reads the first question. Compression there is refused: there is nothing to point at.
func (q *question) readQuestion(m []byte) bool {
	off := headerLen
	for {
		if off >= len(m) {
			return false
		}
		l := int(m[off])
		if l == 0 {
			break
		}
		if l > maxLabel {
			return false
		}
		off += 1 + l
		q.labels++
	}
	off++
	n := off - headerLen
	if n > maxName || off+4 > len(m) { // RFC 1035 2.3.4
		return false
	}
	q.nameLen = n
	copy(q.name[:], m[headerLen:off])
	lowerWords(&q.name, n)
	q.qtype = binary.BigEndian.Uint16(m[off:])
	q.qclass = binary.BigEndian.Uint16(m[off+2:])
	q.end = off + 4
	return true
}

// readRecords reads what follows the question: at most an OPT and a TSIG record are of interest.
func (q *question) readRecords(m []byte, counts uint64) int {
	an, ns, ar := int(counts>>32&0xffff), int(counts>>16&0xffff), int(counts&0xffff)
	off := q.end
	for i := 0; i < an+ns+ar; i++ {
		if off = q.readRecord(m, off, i >= an+ns, i == an+ns+ar-1); off < 0 {
			return rcodeFormErr
		}
	}
	// What stands behind the last record is no part of a message.
	if off != len(m) || an != 0 {
		return rcodeFormErr
	}
	if ns != 0 && q.qtype != typeIXFR { // RFC 1995 3: the client's SOA
		return rcodeFormErr
	}
	if q.version != 0 {
		return rcodeBadVers // RFC 6891 6.1.3
	}
	if q.tsig != 0 {
		return rcodeNotAuth // RFC 8945 5.2: no key of ours
	}
	return proceed
}

// readRecord reads the record at off and returns the offset behind it, or -1.
func (q *question) readRecord(m []byte, off int, additional, last bool) int {
	start := off
	if off = skipName(m, off); off < 0 || off+10 > len(m) {
		return -1
	}
	rtype := binary.BigEndian.Uint16(m[off:])
	end := off + 10 + int(binary.BigEndian.Uint16(m[off+8:]))
	if end > len(m) {
		return -1
	}
	switch rtype {
	case typeOPT:
		// RFC 6891 6.1.1: one OPT, its owner the root, in the additional section.
		if !additional || q.edns || off != start+1 || !optionsOK(m[off+10:end]) {
			return -1
		}
		q.edns = true
		q.size = max(minUDP, binary.BigEndian.Uint16(m[off+2:])) // 6.2.3
		q.version = m[off+5]
		q.do = m[off+6]&0x80 != 0
	case typeTSIG:
		// RFC 8945 5.1: the last record; a misplaced one is FORMERR.
		if !additional || !last {
			return -1
		}
		q.tsig = start
	}
	return end
}

// optionsOK reports whether the RDATA of an OPT record is a row of whole options (RFC 6891 6.1.2).
func optionsOK(b []byte) bool {
	for len(b) > 0 {
		if len(b) < 4 {
			return false
		}
		n := 4 + int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b) {
			return false
		}
		b = b[n:]
	}
	return true
}

// skim reads what it can of a message with a foreign opcode, so that its question is repeated and its OPT
// answered (RFC 6891 6.1.1).
func (q *question) skim(m []byte) {
	counts := binary.BigEndian.Uint64(m[4:12])
	if counts>>48 != 1 || !q.readQuestion(m) {
		return
	}
	n := int(counts>>32&0xffff) + int(counts>>16&0xffff) + int(counts&0xffff)
	additional := n - int(counts&0xffff)
	for i, off := 0, q.end; i < n && off >= 0; i++ {
		off = q.readRecord(m, off, i >= additional, i == n-1)
	}
}

// limit returns how long the response may be.
func (q *question) limit(limit int, t Transport) int {
	if t != UDP {
		if limit <= 0 {
			return maxMessage
		}
		return limit
	}
	if limit <= 0 {
		limit = defaultUDP
	}
	return max(minUDP, min(limit, int(q.size)))
}
