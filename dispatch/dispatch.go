// Package dispatch gives one request to one role: the checks of RFC 3261 section 8.2 in order, then the
// registrar for REGISTER, the redirect server for every other request for a user of a domain, and its own
// answers for what is sent to the domain itself (OPTIONS).
//
// It keeps no state and no transaction (RFC 3261 8.2.7): the same request gets the same To tag again, made
// by a keyed hash. ACK is absorbed, CANCEL gets 200 because the final response of what it cancels has
// always been sent already. Merged requests (8.2.2.2) are those of ongoing transactions; as none is ever
// ongoing here, none is refused with 482. It forwards nothing, so it cannot be an open relay.
//
// It is the one place where errors become responses. It owns no goroutine and runs in those of the
// transport.
package dispatch

import (
	"net/netip"

	"github.com/sipway/sipway/transport"
)

// Role serves the requests of one kind. A nil error means that the request was answered, or detached to be
// answered later. A *sip.StatusError is answered by the dispatcher, any other error with 500. The toTag is
// valid only during the call. *registrar.Registrar and *redirect.Redirect are Roles.
type Role interface {
	ServeSIP(r *transport.Request, toTag []byte) error
}

// Domain is one SIP domain that is served.
type Domain struct {
	// Name is the domain in presentation form, "example.test"; case is ignored.
	Name string
	// Registrar serves REGISTER. Nil: registration is off, REGISTER gets 405.
	Registrar Role
	// Redirect serves requests for users of the domain. Nil: every user gets 404.
	Redirect Role
}

// Options of a dispatcher.
type Options struct {
	// Domains are served; the first one also answers for requests to our names and addresses.
	Domains []Domain
	// Names are host names that denote this server, beside the domains.
	Names []string
	// Addresses are ours; port 0 means any port. The address that a request arrived at is always ours.
	Addresses []netip.AddrPort
	// Secret keys the To tags; keep it over restarts. At least 16 bytes.
	Secret []byte
	// DropUserAgents are prefixes of User-Agent values, without regard to case, whose requests are dropped
	// without an answer. Nil means [Scanners]; empty and not nil drops none.
	DropUserAgents []string
}

// Dispatcher implements transport.Handler. It is safe for any number of goroutines.
type Dispatcher struct{}

// New returns a dispatcher.
func New(o Options) (*Dispatcher, error) { return &Dispatcher{}, nil }

// ServeSIP answers, detaches or drops r.
func (d *Dispatcher) ServeSIP(r *transport.Request) {}

// SetDomains replaces the domains; requests being served finish with the old ones.
func (d *Dispatcher) SetDomains(domains []Domain) error { return nil }
