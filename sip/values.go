package sip

import "bytes"

// ValueIter walks the values of one header over all its lines, in order. It is a value to keep on the stack:
//
//	for it := m.Values(sip.HeaderContact); it.Next(); {
//		use(it.Value())
//	}
//
// Check Err when Next has returned false.
type ValueIter struct {
	m     *Message
	line  uint8 // the line to open next, plus one
	index uint8 // the open line
	list  bool
	empty bool // a line may be empty
	open  bool
	pos   int // what is left of the open line
	end   int
	start int // the value
	stop  int
	err   error
}

// Values walks the values of all lines of that name. Commas separate values where RFC 3261 20 has a list, but
// not inside <> or a quoted string (RFC 3261 7.3.1); other headers yield one value a line. An empty line
// yields nothing where RFC 3261 25.1 lets it be empty (Supported, Allow, Accept and the like); elsewhere, and
// between commas, an empty value is an error.
func (m *Message) Values(n HeaderName) ValueIter {
	it := ValueIter{m: m, list: n.isList(), empty: n.mayBeEmpty()}
	if n < headerNames {
		it.line = m.first[n]
	}
	return it
}

// Next goes to the next value. It returns false at the end and at the first error.
func (it *ValueIter) Next() bool {
	if it.err != nil {
		return false
	}
	for !it.open {
		if it.line == 0 {
			return false
		}
		l := &it.m.lines[it.line-1]
		it.index, it.line = it.line-1, l.next
		it.pos, it.end = int(l.value), int(l.valueEnd)
		if it.open = it.pos < it.end; !it.open && !it.empty {
			it.err = errList
			return false
		}
	}
	if !it.list {
		it.start, it.stop, it.open = it.pos, it.end, false
		return true
	}
	comma := valueEnd(it.m.raw[:it.end], it.pos)
	if comma < 0 {
		it.err = errList
		return false
	}
	it.start = skipLWS(it.m.raw[:comma], it.pos)
	it.stop = comma
	for it.stop > it.start && isLWS(it.m.raw[it.stop-1]) {
		it.stop--
	}
	if it.start == it.stop {
		it.err = errList
		return false
	}
	it.open = comma < it.end
	it.pos = comma + 1
	if it.pos == it.end { // a comma with nothing behind it
		it.err = errList
	}
	return it.err == nil
}

// Value returns the value, white space cut from both ends.
func (it *ValueIter) Value() []byte { return it.m.raw[it.start:it.stop] }

// Err returns why Next stopped: nil at the end, or the static 400 for a list that cannot be told apart.
func (it *ValueIter) Err() error { return it.err }

// valueEnd returns the index of the comma that ends the value at i, len(b) if none does, or -1 for a quoted
// string or <> that does not close.
func valueEnd(b []byte, i int) int {
	if rest := b[i:]; bytes.IndexByte(rest, ',') < 0 && bytes.IndexByte(rest, '"') < 0 && bytes.IndexByte(rest, '<') < 0 {
		return len(b)
	}
	for i < len(b) {
		switch b[i] {
		case ',':
			return i
		case '"':
			if i = quotedEnd(b, i); i < 0 {
				return -1
			}
		case '<':
			n := bytes.IndexByte(b[i:], '>')
			if n < 0 {
				return -1
			}
			i += n + 1
		default:
			i++
		}
	}
	return i
}
