package dispatch

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipway/sipway/sip"
	"github.com/sipway/sipway/transport"
)

// Domain is one SIP domain that is served.
type Domain struct {
	// Name is the domain in presentation form, "example.test"; case and a final dot are ignored.
	Name string
	// Registrar serves REGISTER. Nil: registration is off, REGISTER gets 405.
	Registrar Role
	// Redirect serves requests for users of the domain. Nil: every user gets 404.
	Redirect Role
}

// domain is a Domain with what is answered for it.
type domain struct {
	Domain
	allow      string
	notAllowed *sip.StatusError
}

// domains is one immutable version of what is served.
type domains struct {
	byName map[string]*domain // by canonical name
	first  *domain            // answers for our names and addresses
}

// SetDomains replaces the domains; requests being served finish with the old ones. On an error nothing
// changes.
func (d *Dispatcher) SetDomains(list []Domain) error {
	if len(list) == 0 {
		return errors.New("dispatch: no domain to serve")
	}
	set := &domains{byName: make(map[string]*domain, len(list))}
	for _, one := range list {
		name := canonicalHost(one.Name)
		if name == "" {
			return errors.New("dispatch: a domain has no name")
		}
		if set.byName[name] != nil {
			return fmt.Errorf("dispatch: domain %q stands twice", name)
		}
		set.byName[name] = newDomain(one)
		if set.first == nil {
			set.first = set.byName[name]
		}
	}
	d.domains.Store(set)
	return nil
}

func newDomain(d Domain) *domain {
	// RFC 3261 20.5: all methods understood, ACK and CANCEL included. BYE is understood: it gets 481, as no
	// dialog ends here.
	allow := "INVITE, ACK, CANCEL, OPTIONS, BYE"
	if d.Registrar != nil {
		allow += ", REGISTER"
	}
	return &domain{Domain: d, allow: allow, notAllowed: &sip.StatusError{
		Code: 405, Reason: "Method Not Allowed",
		Extra: []sip.Field{{Name: "Allow", Value: allow}}, // RFC 3261 8.2.1: MUST
	}}
}

// domainOf returns the domain that the Request-URI is in, nil if it is none of ours. One of our names or
// addresses denotes the first domain; in a REGISTER it denotes the domain of the To, if we serve that.
func (d *Dispatcher) domainOf(target *sip.URI, r *transport.Request, s *scratch) *domain {
	set := d.domains.Load()
	s.text = appendCanonicalHost(s.text[:0], target.Host)
	if found := set.byName[string(s.text)]; found != nil {
		return found
	}
	if !slices.Contains(d.names, string(s.text)) && !d.ownAddress(target, r.Local) {
		return nil
	}
	if r.Method() == sip.MethodRegister {
		if found := set.ofTo(r, s); found != nil {
			return found
		}
	}
	return set.first
}

// ofTo returns the domain of the To, nil if we do not serve it.
func (set *domains) ofTo(r *transport.Request, s *scratch) *domain {
	to, err := r.To()
	if err != nil {
		return nil
	}
	u, err := sip.ParseURI(to.URI)
	if err != nil {
		return nil
	}
	s.text = appendCanonicalHost(s.text[:0], u.Host)
	return set.byName[string(s.text)]
}

// ownAddress reports whether u's host is an IP address of ours. Without a port any of our ports is meant:
// clients that were given a non-standard port often leave it away.
func (d *Dispatcher) ownAddress(u *sip.URI, local netip.AddrPort) bool {
	a, ok := u.Addr()
	if !ok {
		return false
	}
	a = a.Unmap()
	same := func(own netip.AddrPort) bool {
		return a == own.Addr() && (!u.HasPort || own.Port() == 0 || u.Port == own.Port())
	}
	return same(netip.AddrPortFrom(local.Addr().Unmap().WithZone(""), local.Port())) || slices.ContainsFunc(d.addresses, same)
}

// canonicalHost is a host name as it is looked up: lower case, no final dot.
func canonicalHost(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// appendCanonicalHost appends the same of bytes from a URI.
func appendCanonicalHost(dst, host []byte) []byte {
	for _, c := range bytes.TrimSuffix(host, []byte(".")) {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

func unmapped(list []netip.AddrPort) []netip.AddrPort {
	out := make([]netip.AddrPort, len(list))
	for i, a := range list {
		out[i] = netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
	}
	return out
}
