package location

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// Binding is one Contact registered for an AOR. Slices that come out of a Record point into it.
type Binding struct {
	URI       []byte         // the Contact URI as registered, without <>
	Params    []byte         // Contact parameters other than q and expires, raw: ";x=y;z", or empty
	Q         uint16         // preference in thousandths, 0..1000 (RFC 3261 20.10)
	Expires   int64          // end of life, Unix milliseconds
	CallID    []byte         // of the REGISTER that wrote it (RFC 3261 10.3 step 7)
	CSeq      uint32         // of the REGISTER that wrote it
	Request   uint64         // tells that REGISTER from others with its Call-ID and CSeq: alike for a retransmission
	Path      []byte         // Path header values, comma-separated, in order (RFC 3327 5.3), or empty
	Transport uint8          // the transport's number for how the REGISTER came; opaque here
	Source    netip.AddrPort // where the REGISTER came from; an IPv6 zone is not kept
	Updated   int64          // when it was last written, Unix milliseconds
}

// Record is the bindings of one AOR, encoded: the value kept in memory and stored on disk. It is immutable
// once handed to a Store. The empty Record has no bindings.
//
// Layout, version 1: version byte; soonest expiry (8 bytes, big endian, Unix ms); number of bindings
// (2 bytes); then each binding behind its length. A reader skips bytes it does not know at the end of a
// binding, so that fields may be added without a new version. Pebble's checksums guard it on disk.
type Record []byte

const (
	recordVersion = 1
	recordHeader  = 1 + 8 + 2
	maxBindings   = 1<<16 - 1 // what the count in the header can say
)

var errCorrupt = errors.New("location: record is damaged or of an unknown version")

// AppendBinding encodes b behind dst and returns the longer Record. An empty dst begins a Record. dst must
// not be in a Store. A Record holds at most 65,535 bindings; past that dst comes back unchanged.
func AppendBinding(dst Record, b *Binding) Record {
	expires := uint64(max(b.Expires, 0))
	if len(dst) < recordHeader {
		dst = append(dst[:0], recordVersion)
		dst = binary.BigEndian.AppendUint64(dst, expires)
		dst = append(dst, 0, 0)
	}
	n := dst.Len()
	if n >= maxBindings {
		return dst
	}
	binary.BigEndian.PutUint16(dst[9:], uint16(n+1))
	if expires < binary.BigEndian.Uint64(dst[1:]) {
		binary.BigEndian.PutUint64(dst[1:], expires)
	}
	dst = binary.AppendUvarint(dst, uint64(b.bodySize()))
	dst = appendBytes(dst, b.URI)
	dst = appendBytes(dst, b.Params)
	dst = binary.AppendUvarint(dst, uint64(b.Q))
	dst = binary.AppendUvarint(dst, expires)
	dst = appendBytes(dst, b.CallID)
	dst = binary.AppendUvarint(dst, uint64(b.CSeq))
	dst = appendBytes(dst, b.Path)
	dst = append(dst, b.Transport)
	dst = appendSource(dst, b.Source)
	dst = binary.AppendUvarint(dst, uint64(max(b.Updated, 0)))
	return binary.BigEndian.AppendUint64(dst, b.Request)
}

// NewRecord encodes bindings in memory of their exact size. None of them makes the empty Record.
func NewRecord(bindings []Binding) Record {
	if len(bindings) == 0 {
		return nil
	}
	size := recordHeader
	for i := range bindings {
		n := bindings[i].bodySize()
		size += uvarintSize(uint64(n)) + n
	}
	r := make(Record, 0, size)
	for i := range bindings {
		r = AppendBinding(r, &bindings[i])
	}
	return r
}

// Len returns the number of bindings, expired ones included.
func (r Record) Len() int {
	if len(r) < recordHeader || r[0] != recordVersion {
		return 0
	}
	return int(binary.BigEndian.Uint16(r[9:]))
}

// SoonestExpiry returns when the first of the bindings ends, Unix milliseconds; 0 for a Record without any.
func (r Record) SoonestExpiry() int64 {
	if r.Len() == 0 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(r[1:]))
}

// Bindings returns an iterator over the bindings in the order they were appended.
func (r Record) Bindings() Iter {
	if len(r) < recordHeader || r[0] != recordVersion {
		return Iter{err: len(r) != 0}
	}
	return Iter{rest: r[recordHeader:], left: r.Len()}
}

// Check reads the whole Record and returns an error if any part of it cannot be read. An empty one is good.
func (r Record) Check() error {
	it, b := r.Bindings(), Binding{}
	for it.Next(&b) {
	}
	if it.err || it.left != 0 || len(it.rest) != 0 {
		return errCorrupt
	}
	return nil
}

// Iter walks a Record. It is a value: a copy goes on from the same place.
type Iter struct {
	rest []byte
	left int
	err  bool
}

// Next decodes the next binding into b, whose slices then point into the Record, and says whether there was
// one. It allocates nothing. A damaged Record ends early.
func (it *Iter) Next(b *Binding) bool {
	if it.left == 0 || it.err {
		return false
	}
	d := decoder{b: it.rest}
	body := decoder{b: d.bytes()}
	b.URI = body.bytes()
	b.Params = body.bytes()
	b.Q = uint16(body.uvarint(1000))
	b.Expires = int64(body.uvarint(1<<63 - 1))
	b.CallID = body.bytes()
	b.CSeq = uint32(body.uvarint(1<<32 - 1))
	b.Path = body.bytes()
	b.Transport = body.byte()
	b.Source = body.source()
	b.Updated = int64(body.uvarint(1<<63 - 1))
	b.Request = body.uint64()
	if d.bad || body.bad {
		it.err = true
		*b = Binding{}
		return false
	}
	it.rest = d.b
	it.left--
	return true
}

// decoder reads from the front of b; after a failure it yields zeros and bad stays set.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) fail() {
	d.b, d.bad = nil, true
}

func (d *decoder) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || v > most {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes() []byte {
	n := d.uvarint(1<<63 - 1)
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) uint64() uint64 {
	if len(d.b) < 8 {
		d.fail()
		return 0
	}
	v := binary.BigEndian.Uint64(d.b)
	d.b = d.b[8:]
	return v
}

func (d *decoder) source() netip.AddrPort {
	n := int(d.byte())
	if n == 0 {
		return netip.AddrPort{}
	}
	if (n != 4 && n != 16) || len(d.b) < n+2 {
		d.fail()
		return netip.AddrPort{}
	}
	a, _ := netip.AddrFromSlice(d.b[:n])
	port := binary.BigEndian.Uint16(d.b[n:])
	d.b = d.b[n+2:]
	return netip.AddrPortFrom(a, port)
}

func appendBytes(dst Record, v []byte) Record {
	dst = binary.AppendUvarint(dst, uint64(len(v)))
	return append(dst, v...)
}

func appendSource(dst Record, s netip.AddrPort) Record {
	switch a := s.Addr(); {
	case a.Is4():
		b := a.As4()
		dst = append(append(dst, 4), b[:]...)
	case a.Is6():
		b := a.As16()
		dst = append(append(dst, 16), b[:]...)
	default:
		return append(dst, 0)
	}
	return binary.BigEndian.AppendUint16(dst, s.Port())
}

// bodySize is what AppendBinding writes behind the binding's length.
func (b *Binding) bodySize() int {
	n := 1 + 1 + 8 // transport, kind of source, request
	for _, v := range [...][]byte{b.URI, b.Params, b.CallID, b.Path} {
		n += uvarintSize(uint64(len(v))) + len(v)
	}
	n += uvarintSize(uint64(b.Q)) + uvarintSize(uint64(b.CSeq)) +
		uvarintSize(uint64(max(b.Expires, 0))) + uvarintSize(uint64(max(b.Updated, 0)))
	switch a := b.Source.Addr(); {
	case a.Is4():
		n += 4 + 2
	case a.Is6():
		n += 16 + 2
	}
	return n
}

func uvarintSize(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}
