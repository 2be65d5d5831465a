package resolver

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Bounds of one selection.
const (
	maxTargets = 64   // hops, and SRV records followed; applied after ordering, never by place in a packet
	maxRules   = 16   // NAPTR followed; there are seven transports
	largeSize  = 1300 // bytes: RFC 3261 18.1.1, path MTU unknown
)

// Policy is what the client has and wants.
type Policy struct {
	Transports []Transport // what the client has, in the order it prefers where the RFC leaves the choice
	Families   []Family    // what the client has; also the order within one name when Order is nil
	// Order sorts the addresses of one name in place, best first (RFC 6724). nil: by Families.
	Order func([]netip.Addr)
	Size  int // of the request in bytes; over 1300 a congestion-controlled transport goes first. 0: small
}

// Answer is an RRset with the seconds it has left to live.
type Answer struct {
	*RRset
	Left uint32
}

// Selection is what Select has found out so far.
type Selection struct {
	// Need lists questions whose answers are not known and that stand between now and a final selection.
	// While it is not empty, Targets is a beginning and Err is not settled.
	Need []Question
	// Ahead lists questions that will be needed unless the answers to Need say otherwise. Asking them at the
	// same time saves a round trip.
	Ahead   []Question
	Targets []Target
	Err     *Error
}

// Note takes what Select decided about the answer to q, or about the URI when q is the zero Question.
type Note func(q Question, text string)

// Select is RFC 3263 section 4: it chooses transport, address and port for d. It is pure: known gives the
// answers there are, draw the randomness for SRV weights, note (nil: none wanted) takes the reasons. It can
// be called again whenever more is known; with the same draws it decides the same.
func Select(d *Destination, p *Policy, known func(Question) (Answer, bool), draw Draw, note Note) Selection {
	s := selector{d: d, p: p, known: known, draw: draw, note: note}
	s.run()
	if len(s.out.Need) == 0 && s.out.Err == nil && len(s.out.Targets) == 0 {
		s.out.Err = s.failure()
	}
	if s.out.Err != nil {
		s.out.Targets = nil
	}
	return s.out
}

// selector is the state of one Select.
type selector struct {
	d     *Destination
	p     *Policy
	known func(Question) (Answer, bool)
	draw  Draw
	note  Note
	out   Selection

	failed  *RRset // first answer that is not known for good
	limited *RRset // first answer that a bound cut off
	root    string // an SRV owner whose target is "."
	absent  string // a name that does not exist
	dead    string // a name without addresses
	noSRV   string // an SRV owner without usable records

	followed int // SRV records, of all sets
}

func (s *selector) run() {
	if s.out.Err = s.checkTransport(); s.out.Err != nil {
		return
	}
	switch {
	case s.d.Addr.IsValid():
		s.literal()
	case s.d.Port != 0:
		// RFC 3263 4.2: a port is named, so no SRV, and 4.1: no NAPTR.
		s.hostOnly("the port is given: no NAPTR, no SRV (RFC 3263 4.2)")
	case s.d.Transport != NoTransport:
		s.notef(Question{}, "the transport is given: no NAPTR (RFC 3263 4.1)")
		s.transportServers([]Transport{s.d.Transport})
	default:
		s.notef(Question{}, "neither port nor transport is given: NAPTR, then SRV (RFC 3263 4.1)")
		s.byNAPTR()
	}
}

// checkTransport finds out whether the client can do at all what the URI asks for.
func (s *selector) checkTransport() *Error {
	if t := s.d.Transport; t != NoTransport && !slices.Contains(s.p.Transports, t) {
		return &Error{UnsupportedTransport, fmt.Sprintf("the URI asks for %s, this client does not have it", t)}
	}
	if len(s.candidates()) == 0 {
		if s.d.Secure {
			return &Error{UnsupportedTransport, "a sips: URI needs TLS, this client does not have it"}
		}
		return &Error{UnsupportedTransport, "this client has no transport"}
	}
	return nil
}

// candidates lists the client's transports that the URI's scheme allows, in the client's order.
func (s *selector) candidates() []Transport {
	if !s.d.Secure {
		return s.p.Transports
	}
	var out []Transport
	for _, t := range s.p.Transports {
		if t.Secure() {
			out = append(out, t)
		}
	}
	return out
}

// byDefault is the transport when neither URI nor DNS chose: RFC 3263 4.1 and 4.2, UDP for SIP and TLS over
// TCP for SIPS. A client without it uses what it prefers of what it has.
func (s *selector) byDefault() Transport {
	if s.d.Transport != NoTransport {
		return s.d.Transport
	}
	want, has := UDP, s.candidates()
	if s.d.Secure {
		want = TLS
	}
	if slices.Contains(has, want) {
		return want
	}
	return has[0]
}

// literal is a numeric TARGET: nothing is asked (RFC 3263 4.2).
func (s *selector) literal() {
	f := familyOf(s.d.Addr)
	if !slices.Contains(s.p.Families, f) {
		s.out.Err = &Error{FamilyMismatch, fmt.Sprintf("%s is %s, this client does not have it", s.d.Addr, f)}
		return
	}
	s.notef(Question{}, "numeric: nothing is asked (RFC 3263 4.2)")
	h := Target{Host: s.d.Addr.String(), Transport: s.byDefault(), Port: s.d.Port}
	s.emit(h, []netip.Addr{s.d.Addr})
}

// hostOnly goes to the addresses of TARGET itself.
func (s *selector) hostOnly(why string) {
	if s.note != nil {
		s.note(Question{}, why)
	}
	s.addresses(s.d.Host+".", Target{Transport: s.byDefault(), Port: s.d.Port, TTL: maxTTL})
}

// byNAPTR is RFC 3263 4.1 for a name without port and transport parameter.
func (s *selector) byNAPTR() {
	q := Question{s.d.Host + ".", TypeNAPTR}
	a, ok := s.known(q)
	if !ok {
		s.need(q)
		s.ahead()
		return
	}
	switch {
	case a.RCode == NotImp || a.RCode == Refused || a.RCode == FormErr:
		// A server that does not do NAPTR, as opposed to one in trouble: as if there were none.
		s.notef(q, "%s: taken as no NAPTR", a.RCode)
	case a.Failed():
		// RFC 3263 7: guessing here would let an attacker bid the security down.
		s.notef(q, "not known whether there are NAPTR: the lookup fails")
		s.fail(a.RRset)
		return
	}
	var discard func(NAPTR, string)
	if s.note != nil {
		discard = func(n NAPTR, why string) {
			s.notef(q, "discarded %d %d %s: %s", n.Order, n.Preference, noted(n.Service), why)
		}
	}
	rules := usableRules(a.NAPTR, s.d.Secure, s.p.Transports, discard)
	if len(rules) == 0 {
		s.notef(q, "no usable NAPTR: SRV of each transport (RFC 3263 4.1)")
		s.transportServers(s.preferred())
		return
	}
	s.applyRules(q, rules, a.Left)
}

// applyRules follows the NAPTR of the lowest order. RFC 3403 4.1: records of another order are not
// considered once one matched; one that leads to no SRV at all counts as no match.
func (s *selector) applyRules(q Question, rules []rule, ttl uint32) {
	for len(rules) > 0 {
		n := 1
		for n < len(rules) && rules[n].Order == rules[0].Order {
			n++
		}
		matched := false
		for _, r := range rules[:n] {
			matched = s.applyRule(q, r, ttl) || matched
		}
		if matched || len(s.out.Need) > 0 {
			for i := n; s.note != nil && i < len(rules); i++ {
				r := &rules[i]
				s.notef(q, "not considered %d %d %s: a lower order matched", r.Order, r.Preference, noted(r.Service))
			}
			return
		}
		rules = rules[n:]
	}
}

// applyRule follows one NAPTR and reports whether it led anywhere, be it to a failure.
func (s *selector) applyRule(q Question, r rule, ttl uint32) bool {
	if s.note != nil {
		s.notef(q, "use %d %d %s: %s at %s", r.Order, r.Preference, noted(r.Service), r.transport, undot(r.Replacement))
	}
	if r.address {
		return s.addresses(r.Replacement, Target{Transport: r.transport, TTL: ttl})
	}
	return s.servers(r.Replacement, Target{Transport: r.transport, TTL: ttl})
}

// preferred gives the transports whose SRV are looked for when no NAPTR says which: the client's choice (RFC
// 3263 4.1), but a large request prefers congestion control (RFC 3261 18.1.1).
func (s *selector) preferred() []Transport {
	has := s.candidates()
	if s.p.Size <= largeSize || !slices.Contains(has, UDP) {
		return has
	}
	return append(slices.DeleteFunc(slices.Clone(has), func(t Transport) bool { return t == UDP }), UDP)
}

// ahead lists the SRV names that follow when there is no NAPTR, so that they are asked with it.
func (s *selector) ahead() {
	for _, t := range s.preferred() {
		for _, prefix := range t.srvPrefixes() {
			if q := (Question{prefix + s.d.Host + ".", TypeSRV}); !tooLong(q.Name) {
				s.out.Ahead = append(s.out.Ahead, q)
			}
		}
	}
}

// transportServers looks for SRV of each transport, and goes to the addresses of TARGET when there is not
// one SRV record (RFC 3263 4.2).
func (s *selector) transportServers(ts []Transport) {
	found := false
	for _, t := range ts {
		for _, prefix := range t.srvPrefixes() {
			if s.servers(prefix+s.d.Host+".", Target{Transport: t, TTL: maxTTL}) {
				found = true
				break
			}
		}
	}
	// A failed SRV lookup is no proof that there is none: no fallback either (RFC 2308 7).
	if found || len(s.out.Need) > 0 || s.failed != nil || s.limited != nil {
		return
	}
	s.hostOnly("no SRV: addresses of the domain (RFC 3263 4.2)")
}

// servers expands one SRV set (RFC 2782) and reports whether there is a record, or may be one.
func (s *selector) servers(owner string, h Target) bool {
	q := Question{owner, TypeSRV}
	if tooLong(owner) {
		s.notef(Question{}, "%s is longer than a name can be: it has no SRV", clip(undot(owner)))
		return false
	}
	a, ok := s.known(q)
	switch {
	case !ok:
		s.need(q)
		return false
	case a.Failed():
		s.notef(q, "not known whether there are SRV")
		s.fail(a.RRset)
		return true
	case len(a.SRV) == 0:
		s.noSRV = owner
		return false
	}
	h.Service, h.TTL = undot(owner), min(h.TTL, a.Left)
	set := s.usableServers(q, a.SRV)
	// One bound for all sets: a few large ones must not make thousands of questions.
	room := maxTargets - s.followed
	if len(set) > room {
		s.notef(q, "only %d of %d followed: %d for one URI are the most", room, len(set), maxTargets)
		s.fail(failed(q, Limit, fmt.Sprintf("more than %d servers for one URI", maxTargets)))
	}
	s.followed += min(room, len(set))
	for _, r := range orderSRV(set, room, s.draw) {
		h.Priority, h.Weight, h.Port = r.Priority, r.Weight, r.Port
		s.addresses(r.Target, h)
	}
	return true
}

// usableServers drops records that name no server.
func (s *selector) usableServers(q Question, set []SRV) []SRV {
	bad := func(r SRV) bool { return r.Target == "." || r.Port == 0 }
	if !slices.ContainsFunc(set, bad) {
		return set
	}
	var out []SRV
	for _, r := range set {
		switch {
		case r.Target == ".":
			s.root = undot(q.Name) // RFC 2782, "Target": the service is decidedly not available
			s.notef(q, "target \".\": not available here")
		case r.Port == 0:
			s.noSRV = q.Name
			s.notef(q, "discarded %s: port 0", r)
		default:
			out = append(out, r)
		}
	}
	return out
}

// addresses appends the hops of one name, and reports whether it has an address, or may have one.
func (s *selector) addresses(name string, h Target) bool {
	var (
		found []netip.Addr
		open  bool // not known, or not yet
	)
	h.Host = undot(name)
	for _, f := range s.p.Families { // RFC 7984 3.1: every family the client has
		q := Question{name, f.questionType()}
		a, ok := s.known(q)
		switch {
		case !ok:
			s.need(q)
			open = true
		case a.Failed():
			s.fail(a.RRset)
			open = true
		case len(a.Addrs) == 0 && a.RCode == NXDomain:
			s.absent = name
		case len(a.Addrs) == 0:
			s.dead = name
		default:
			h.TTL = min(h.TTL, a.Left)
			found = s.appendFamily(found, q, f, a.Addrs)
		}
	}
	if s.p.Order != nil && len(found) > 1 {
		s.p.Order(found)
	}
	s.emit(h, found)
	return open || len(found) > 0
}

// appendFamily takes the addresses that are what their type says.
func (s *selector) appendFamily(dst []netip.Addr, q Question, f Family, addrs []netip.Addr) []netip.Addr {
	for _, a := range addrs {
		if familyOf(a) != f || a.Is4In6() {
			s.notef(q, "discarded %s: not an address of %s", a, f)
			continue
		}
		dst = append(dst, a)
	}
	return dst
}

// emit appends a hop for each address. No hop appears twice.
func (s *selector) emit(h Target, addrs []netip.Addr) {
	if h.Port == 0 {
		h.Port = h.Transport.DefaultPort()
	}
	if h.Transport == UDP && s.p.Size > largeSize && slices.Contains(s.p.Transports, TCP) {
		// RFC 3261 18.1.1: over 1300 bytes TCP first; UDP is what is left when the server has no TCP.
		large := h
		large.Transport = TCP
		s.emit(large, addrs)
	}
	for _, a := range addrs {
		h.Address = a
		same := func(t Target) bool { return t.Transport == h.Transport && t.Address == a && t.Port == h.Port }
		if len(s.out.Targets) < maxTargets && !slices.ContainsFunc(s.out.Targets, same) {
			s.out.Targets = append(s.out.Targets, h)
		}
	}
}

// need puts a question on the list once.
func (s *selector) need(q Question) {
	if !slices.Contains(s.out.Need, q) {
		s.out.Need = append(s.out.Need, q)
	}
}

func (s *selector) fail(set *RRset) {
	switch {
	case set.RCode == Limit && s.limited == nil:
		s.limited = set
	case set.RCode != Limit && s.failed == nil:
		s.failed = set
	}
}

// failure says why there is no hop, the reason that asking again may cure first.
func (s *selector) failure() *Error {
	switch {
	case s.failed != nil:
		return &Error{DNSFailure, fmt.Sprintf("%s: %s", s.failed.Question, s.failed.why())}
	case s.limited != nil:
		return &Error{LoopOrLimit, fmt.Sprintf("%s: %s", s.limited.Question, s.limited.why())}
	case s.root != "":
		return &Error{ServiceNotAvailable, s.root + " has the SRV target \".\": the domain says that it does not have this service"}
	case s.absent != "" && undot(s.absent) == s.d.Host && s.dead == "":
		return &Error{NoSuchDomain, s.d.Host + " does not exist"}
	case s.absent != "" && undot(s.absent) != s.d.Host:
		return &Error{NoAddress, undot(s.absent) + ", which " + s.d.Host + " names as its server, does not exist"}
	default:
		return &Error{NoAddress, undot(cmp.Or(s.dead, s.noSRV, s.d.Host)) + " has no record that leads to an address this client can use"}
	}
}

func (s *selector) notef(q Question, format string, args ...any) {
	if s.note != nil {
		s.note(q, fmt.Sprintf(format, args...))
	}
}

// noted escapes what parts notes: text from the network must not look like another of them.
func noted(s string) string { return strings.ReplaceAll(s, ";", `\059`) }

// tooLong reports a name over the 255 octets of RFC 1035 2.3.4: it cannot exist.
func tooLong(name string) bool { return len(name) > 254 }

func familyOf(a netip.Addr) Family {
	if a.Is4() {
		return IP4
	}
	return IP6
}
