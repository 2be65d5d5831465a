package zones

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/miekg/dns"
)

// maxFile bounds a zone file, in octets.
const maxFile = 256 << 20

// defaultTTL is what records get that stand before any TTL in the file, in seconds.
const defaultTTL = 3600

// ParseFile reads a zone file (RFC 1035 5, with $TTL of RFC 2308 4), or a part of one: whether the zone is
// complete is Compile's question. Names are relative to origin. Errors start with file:line. $INCLUDE is
// refused, so that a zone file cannot show other files.
func ParseFile(origin, path string) ([]dns.RR, error) { return parseFile(origin, origin, path) }

// ParseRecords is ParseFile for a file that is not of one zone: names are relative to origin, and may be
// anywhere in the DNS.
func ParseRecords(origin, path string) ([]dns.RR, error) { return parseFile(".", origin, path) }

func parseFile(zone, origin, path string) ([]dns.RR, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only: nothing is lost
	return parse(zone, origin, path, f)
}

// parse reads records of zone, whose names are relative to origin.
func parse(zone, origin, path string, r io.Reader) ([]dns.RR, error) {
	if _, err := wireName(origin); err != nil {
		return nil, fmt.Errorf("origin %q: not a domain name", origin)
	}
	c, err := newCollector(zone)
	if err != nil {
		return nil, err
	}
	in := &lines{br: bufio.NewReader(r), left: maxFile, line: 1}
	zp := dns.NewZoneParser(in, dns.CanonicalName(origin), "")
	zp.SetIncludeAllowed(false)
	zp.SetDefaultTTL(defaultTTL)
	var rrs []dns.RR
	for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
		if err := c.add(rr, fmt.Sprintf("%s:%d: ", path, in.record())); err != nil {
			return nil, err
		}
		rrs = append(rrs, rr)
	}
	if err := zp.Err(); err != nil {
		return nil, located(path, in, err)
	}
	return rrs, nil
}

// located puts the place in front of what the parser says behind it: `dns: bad A A: "x" at line: 3:10`.
func located(path string, in *lines, err error) error {
	var pe *dns.ParseError
	if !errors.As(err, &pe) {
		return fmt.Errorf("%s:%d: %w", path, in.line, err)
	}
	msg := strings.TrimPrefix(pe.Error(), "dns: ")
	const mark = " at line: "
	i := strings.LastIndex(msg, mark)
	if i < 0 {
		return fmt.Errorf("%s:%d: %s", path, in.line, msg)
	}
	if strings.Contains(msg, "$INCLUDE") {
		return fmt.Errorf("%s:%s: $INCLUDE is refused: put the records into this file", path, msg[i+len(mark):])
	}
	return fmt.Errorf("%s:%s: %s", path, msg[i+len(mark):], msg[:i])
}

// lines counts lines for the parser, which reads octet by octet and never past the record it returns.
type lines struct {
	br   *bufio.Reader
	left int
	line int // the line of the next octet
	last byte
}

var errTooLong = fmt.Errorf("the file is longer than %d octets: split the zone", maxFile)

// ReadByte is for the parser, which looks for it.
func (l *lines) ReadByte() (byte, error) {
	if l.left == 0 {
		return 0, errTooLong
	}
	c, err := l.br.ReadByte()
	if err != nil {
		return 0, err
	}
	l.left--
	if c == '\n' {
		l.line++
	}
	l.last = c
	return c, nil
}

// Read makes lines an io.Reader.
func (l *lines) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := l.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}

// record is the line where the record just returned ends.
func (l *lines) record() int {
	if l.last == '\n' {
		return l.line - 1
	}
	return l.line
}
