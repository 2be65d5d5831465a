package resolver

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unsafe"
)

// Type is a DNS record type.
type Type uint16

// The types that RFC 3263 needs.
const (
	TypeA     Type = 1
	TypeAAAA  Type = 28
	TypeSRV   Type = 33
	TypeNAPTR Type = 35
)

// String gives the mnemonic.
func (t Type) String() string {
	switch t {
	case TypeA:
		return "A"
	case TypeAAAA:
		return "AAAA"
	case TypeSRV:
		return "SRV"
	case TypeNAPTR:
		return "NAPTR"
	default:
		return "TYPE" + strconv.Itoa(int(t))
	}
}

// Question is what is asked of the DNS, always in class IN. It is comparable and serves as a key.
type Question struct {
	Name string // canonical: lower case, absolute, in the presentation form of RFC 1035 5.1
	Type Type
}

// String gives "example.com. NAPTR".
func (q Question) String() string { return q.Name + " " + q.Type.String() }

// RCode is a DNS response code, or one of our own below zero.
type RCode int16

// Response codes. Those below zero never come from the network.
const (
	NoError  RCode = 0
	FormErr  RCode = 1
	ServFail RCode = 2
	NXDomain RCode = 3
	NotImp   RCode = 4
	Refused  RCode = 5

	NoAnswer RCode = -1 // nobody answered in time
	Limit    RCode = -2 // a bound on work was reached: chain too long, budget spent
)

// String gives the mnemonic.
func (c RCode) String() string {
	switch c {
	case NoError:
		return "NOERROR"
	case FormErr:
		return "FORMERR"
	case ServFail:
		return "SERVFAIL"
	case NXDomain:
		return "NXDOMAIN"
	case NotImp:
		return "NOTIMP"
	case Refused:
		return "REFUSED"
	case NoAnswer:
		return "no answer"
	case Limit:
		return "limit"
	default:
		return "RCODE" + strconv.Itoa(int(c))
	}
}

// NAPTR is one record of RFC 3403 4.1.
type NAPTR struct {
	Order, Preference      uint16
	Flags, Service, Regexp string // escaped as in RFC 1035 5.1: printable ASCII
	Replacement            string // canonical name
}

// String gives the RDATA as in a zone file.
func (n NAPTR) String() string {
	return fmt.Sprintf("%d %d \"%s\" \"%s\" \"%s\" %s", n.Order, n.Preference, n.Flags, n.Service, n.Regexp, n.Replacement)
}

// SRV is one record of RFC 2782.
type SRV struct {
	Priority, Weight, Port uint16
	Target                 string // canonical name; "." says that the service is not available
}

// String gives the RDATA as in a zone file.
func (s SRV) String() string {
	return fmt.Sprintf("%d %d %d %s", s.Priority, s.Weight, s.Port, s.Target)
}

// RRset is the answer to one question. It is immutable: it is shared between cache, lookups and goroutines,
// and nobody who got one may change it or what its slices hold.
type RRset struct {
	Question Question
	RCode    RCode
	TTL      uint32       // seconds; the least of the set and of the aliases that led to it; negative: RFC 2308 5
	Aliases  []string     // the CNAME targets that were followed, in order
	NAPTR    []NAPTR      // for TypeNAPTR, in the order received
	SRV      []SRV        // for TypeSRV
	Addrs    []netip.Addr // for TypeA and TypeAAAA
	Detail   string       // why, when RCode is a failure: who was asked and what happened

	// next is the name an alias chain ended at when the answer did not hold what stands there.
	next string
}

// Failed reports that the answer is unknown, as opposed to empty: asking again later may help.
func (s *RRset) Failed() bool { return s.RCode != NoError && s.RCode != NXDomain }

// why says in words what the failure is.
func (s *RRset) why() string {
	switch {
	case s.Detail == "":
		return s.RCode.String()
	case s.RCode < 0: // our own: the detail says it all
		return s.Detail
	default:
		return s.RCode.String() + ", " + s.Detail
	}
}

// Empty reports that the set holds no record.
func (s *RRset) Empty() bool { return len(s.NAPTR)+len(s.SRV)+len(s.Addrs) == 0 }

// Records gives the records as text, as in a zone file, in the order received.
func (s *RRset) Records() []string {
	out := make([]string, 0, len(s.Aliases)+len(s.NAPTR)+len(s.SRV)+len(s.Addrs))
	for _, a := range s.Aliases {
		out = append(out, "CNAME "+a)
	}
	for _, r := range s.NAPTR {
		out = append(out, r.String())
	}
	for _, r := range s.SRV {
		out = append(out, r.String())
	}
	for _, a := range s.Addrs {
		out = append(out, a.String())
	}
	return out
}

// size estimates the memory that the set keeps, in bytes, for the bound of the cache.
func (s *RRset) size() int {
	n := int(unsafe.Sizeof(*s)) + len(s.Question.Name) + len(s.Detail) + len(s.next)
	for _, a := range s.Aliases {
		n += len(a) + int(unsafe.Sizeof(a))
	}
	for _, r := range s.NAPTR {
		n += int(unsafe.Sizeof(r)) + len(r.Flags) + len(r.Service) + len(r.Regexp) + len(r.Replacement)
	}
	for _, r := range s.SRV {
		n += int(unsafe.Sizeof(r)) + len(r.Target)
	}
	return n + len(s.Addrs)*int(unsafe.Sizeof(netip.Addr{}))
}

// Source answers a question: the one seam between the resolver and the network. It never returns nil and
// never an error: what went wrong is a response code (NoAnswer when nobody answered before ctx ended) with
// its Detail. It is called from many goroutines at once.
type Source func(ctx context.Context, q Question) *RRset

// failed makes the set that stands for no answer.
func failed(q Question, code RCode, detail string) *RRset {
	return &RRset{Question: q, RCode: code, Detail: detail}
}

// undot takes the final dot off an absolute name, for people and for TLS (RFC 5922 names have none).
func undot(name string) string {
	if name == "." {
		return name
	}
	return strings.TrimSuffix(name, ".")
}
