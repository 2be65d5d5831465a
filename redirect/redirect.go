// Package redirect answers a request for a user of the domain with the places where that user is
// registered: a redirect server, RFC 3261 section 8.3.
//
// It sends nothing but final responses to requests it got, keeps no state, and neither knows nor cares
// about the method, unknown header fields or option-tags of the request.
//
// It owns no goroutine.
package redirect

import (
	"github.com/sipway/sipway/auth"
	"github.com/sipway/sipway/location"
	"github.com/sipway/sipway/transport"
)

// Locations is what the redirect server asks of the location service; *location.Store has it.
type Locations interface {
	Lookup(aor []byte) location.Record
}

// Options of a redirect server.
type Options struct {
	// Domain is the SIP domain it answers for, such as "example.test".
	Domain string
	// Locations holds the bindings.
	Locations Locations
	// Users tells who exists: 404 or 480. Nil: every user may exist.
	Users auth.Users
}

// Redirect is the redirect server of one domain. It is safe for any number of goroutines.
type Redirect struct{ o Options }

// New returns a redirect server.
func New(o Options) *Redirect { return &Redirect{o: o} }

// ServeSIP answers r with 302, or returns a *sip.StatusError for the caller to send: 404 for a user that
// does not exist or can only be redirected to itself, 480 for one without a usable binding. The caller made
// sure that the Request-URI is a SIP or SIPS URI of the domain. The toTag is not kept.
func (x *Redirect) ServeSIP(r *transport.Request, toTag []byte) error { return nil }
