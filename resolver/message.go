package resolver

import (
	"errors"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// maxChain is how many CNAMEs are followed for one question.
const maxChain = 8

const chainTooLong = "more than 8 CNAMEs, or a loop of them"

// ednsSize is the UDP payload we take: no fragments on any path in use (RFC 6891 6.2.5, DNS flag day 2020).
const ednsSize = 1232

// appendQuery makes the wire form of a question, recursion desired.
func appendQuery(dst []byte, q Question, id uint16, edns bool) ([]byte, error) {
	m := dns.Msg{
		MsgHdr:   dns.MsgHdr{Id: id, RecursionDesired: true},
		Question: []dns.Question{{Name: q.Name, Qtype: uint16(q.Type), Qclass: dns.ClassINET}},
	}
	if edns {
		m.SetEdns0(ednsSize, false)
	}
	return m.PackBuffer(dst)
}

// What is wrong with a message that cannot be the answer to what was asked.
var (
	errNotOurs   = errors.New("not an answer to this question")
	errMalformed = errors.New("malformed answer")
)

// matches checks what an attacker off the path has to guess beside the port: ID and question (RFC 5452 9.1),
// and that it is a response to a query. It reads no further than the question and reports the TC bit.
func matches(b []byte, q Question, id uint16) (truncated bool, err error) {
	const header = 12
	if len(b) < header || uint16(b[0])<<8|uint16(b[1]) != id {
		return false, errNotOurs
	}
	const qr, opcode, tc = 0x80, 0x78, 0x02
	if b[2]&qr == 0 || b[2]&opcode != 0 || b[4] != 0 || b[5] != 1 {
		return false, errNotOurs
	}
	name, off, err := dns.UnpackDomainName(b, header)
	if err != nil || off+4 > len(b) {
		return false, errNotOurs
	}
	typ := Type(b[off])<<8 | Type(b[off+1])
	if dns.CanonicalName(name) != q.Name || typ != q.Type || b[off+2] != 0 || b[off+3] != dns.ClassINET {
		return false, errNotOurs
	}
	return b[2]&tc != 0, nil
}

// parseAnswer reads a message that matches the question. The error says that it is not to be used: malformed,
// or a referral, which a resolver that we ask to recurse has no business to send.
func parseAnswer(b []byte, q Question) (*RRset, error) {
	var m dns.Msg
	if err := m.Unpack(b); err != nil {
		return nil, errMalformed
	}
	set := &RRset{Question: q, RCode: RCode(m.Rcode)}
	if set.Failed() {
		return set, nil
	}
	name, ttl := follow(set, m.Answer)
	if name == "" {
		return set, nil // chain too long: a Limit
	}
	ttl = collect(set, name, ttl, m.Answer)
	set.TTL = ttl
	if !set.Empty() {
		set.RCode = NoError
		return set, nil
	}
	negative, ok := negativeTTL(name, m.Ns)
	switch {
	case ok:
		set.TTL = min(ttl, negative)
	case set.RCode == NoError && len(set.Aliases) > 0:
		set.next = name // the answer ends in the middle: the rest is asked for
	case set.RCode == NoError && !m.Authoritative && !m.RecursionAvailable && hasNS(m.Ns):
		return nil, errors.New("sent a referral: it does not recurse for us")
	default:
		set.TTL = 0 // RFC 2308 5: a negative answer without SOA is not kept
	}
	return set, nil
}

// follow walks the CNAMEs of the answer section from the question's name (RFC 1034 3.6.2) and returns where
// they end with the least TTL. Only the answer section is believed, and only what the question leads to.
func follow(set *RRset, answer []dns.RR) (string, uint32) {
	name, ttl := set.Question.Name, uint32(maxTTL)
	for {
		alias := findAlias(name, answer)
		if alias == nil {
			return name, ttl
		}
		if len(set.Aliases) == maxChain {
			set.RCode, set.Detail = Limit, chainTooLong
			return "", 0
		}
		name, ttl = dns.CanonicalName(alias.Target), min(ttl, sane(alias.Hdr.Ttl))
		set.Aliases = append(set.Aliases, name)
	}
}

func findAlias(name string, answer []dns.RR) *dns.CNAME {
	for _, rr := range answer {
		if c, ok := rr.(*dns.CNAME); ok && c.Hdr.Class == dns.ClassINET && dns.CanonicalName(c.Hdr.Name) == name {
			return c
		}
	}
	return nil
}

// collect takes the records of the type asked for at name. The TTL of a set is its least (RFC 2181 5.2).
func collect(set *RRset, name string, ttl uint32, answer []dns.RR) uint32 {
	for _, rr := range answer {
		h := rr.Header()
		if h.Class != dns.ClassINET || Type(h.Rrtype) != set.Question.Type || dns.CanonicalName(h.Name) != name {
			continue
		}
		ttl = min(ttl, sane(h.Ttl))
		switch r := rr.(type) {
		case *dns.A:
			appendAddr(set, r.A.To4())
		case *dns.AAAA:
			appendAddr(set, r.AAAA)
		case *dns.SRV:
			set.SRV = append(set.SRV, SRV{r.Priority, r.Weight, r.Port, dns.CanonicalName(r.Target)})
		case *dns.NAPTR:
			set.NAPTR = append(set.NAPTR, NAPTR{
				r.Order, r.Preference, printable(r.Flags), printable(r.Service), printable(r.Regexp), dns.CanonicalName(r.Replacement),
			})
		}
	}
	return ttl
}

func appendAddr(set *RRset, ip []byte) {
	if a, ok := netip.AddrFromSlice(ip); ok {
		set.Addrs = append(set.Addrs, a)
	}
}

// sane is RFC 2181 8: a TTL with the top bit set counts as 0.
func sane(ttl uint32) uint32 {
	if ttl > 1<<31-1 {
		return 0
	}
	return min(ttl, maxTTL)
}

// negativeTTL is RFC 2308 5: the lesser of the SOA's TTL and its MINIMUM, from a zone that holds the name.
func negativeTTL(name string, authority []dns.RR) (uint32, bool) {
	for _, rr := range authority {
		if soa, ok := rr.(*dns.SOA); ok && within(name, dns.CanonicalName(soa.Hdr.Name)) {
			return min(sane(soa.Hdr.Ttl), sane(soa.Minttl), maxNegative), true
		}
	}
	return 0, false
}

func hasNS(rrs []dns.RR) bool {
	for _, rr := range rrs {
		if rr.Header().Rrtype == dns.TypeNS {
			return true
		}
	}
	return false
}

// printable escapes what is not printable ASCII. The codec does so for text from the wire; a record made
// by a zone parser may hold raw bytes.
func printable(s string) string {
	clean := func(c byte) bool { return c >= ' ' && c < 0x7f }
	i := 0
	for i < len(s) && clean(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	var b strings.Builder
	for j := range len(s) {
		if c := s[j]; clean(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'\\', '0' + c/100, '0' + c/10%10, '0' + c%10})
		}
	}
	return b.String()
}
