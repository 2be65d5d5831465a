package zones

import "encoding/binary"

// Specification constants (RFC 1035 2.3.4 and 4.1).
const (
	headerLen   = 12
	maxName     = 255   // octets of a name in wire form, the root label included
	maxLabel    = 63    // octets of a label
	maxMessage  = 65535 // octets of a message
	pointerMask = 0xC0  // RFC 1035 4.1.4: the two high bits of a compression pointer
)

// lowerPad is how far lowerWords may run over the end of a name.
const lowerPad = 8

// nameBuf holds a name in wire form, with room for whole words behind it.
type nameBuf [maxName + 1 + lowerPad]byte

// lowerWords makes the n octets of a name lower case, eight at a time, and clears up to seven behind it.
// Length octets are below 'A', so that the whole wire form can be treated alike (RFC 4343 3).
func lowerWords(b *nameBuf, n int) {
	const ones = 0x0101010101010101
	for i := 0; i < n; i += 8 {
		w := binary.LittleEndian.Uint64(b[i : i+8])
		low := w & (0x7f * ones)
		upper := (low + (0x80-'A')*ones) &^ (low + (0x7f-'Z')*ones) & (0x80 * ones) &^ w
		binary.LittleEndian.PutUint64(b[i:i+8], w|upper>>2)
	}
}

// appendLower appends name, in wire form, in lower case.
func appendLower(dst, name []byte) []byte {
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// parent returns the name behind the first label of name, which must not be the root.
func parent(name []byte) []byte { return name[1+int(name[0]):] }

// labels counts the labels of name, the root not counted.
func labels(name []byte) int {
	n := 0
	for name[0] != 0 {
		name = parent(name)
		n++
	}
	return n
}

// within reports whether name is suffix or below it, both in wire form and lower case (RFC 4343: label by
// label, so that "xexample." is not below "example.").
func within(name, suffix []byte) bool {
	for len(name) > len(suffix) {
		name = parent(name)
	}
	return string(name) == string(suffix)
}

// nameLen returns the length of the uncompressed name at the start of b, or 0 if there is none.
func nameLen(b []byte) int {
	for off := 0; off < len(b) && off < maxName; {
		l := int(b[off])
		if l == 0 {
			return off + 1
		}
		if l > maxLabel {
			return 0
		}
		off += 1 + l
	}
	return 0
}

// skipName returns the offset behind the possibly compressed name at off, or -1.
func skipName(m []byte, off int) int {
	for off < len(m) {
		l := int(m[off])
		switch {
		case l == 0:
			return off + 1
		case l&pointerMask == pointerMask:
			if off+2 > len(m) {
				return -1
			}
			return off + 2
		case l > maxLabel:
			return -1
		}
		off += 1 + l
	}
	return -1
}

// equalAt reports whether the name at off of m, which we wrote and which may be compressed, is name, without
// regard to case.
func equalAt(m []byte, off int, name []byte) bool {
	for {
		for m[off]&pointerMask == pointerMask {
			off = int(binary.BigEndian.Uint16(m[off:]) & 0x3fff)
		}
		l := int(m[off])
		if l != int(name[0]) {
			return false
		}
		if l == 0 {
			return true
		}
		for i := 1; i <= l; i++ {
			a, b := m[off+i], name[i]
			if a != b && (a|0x20 != b|0x20 || a|0x20 < 'a' || a|0x20 > 'z') {
				return false
			}
		}
		off += 1 + l
		name = parent(name)
	}
}
