// Package redirect answers a request for a user of the domain with the places where that user is
// registered: a redirect server, RFC 3261 section 8.3.
//
// It sends nothing but final responses to requests it got, keeps no state, and neither knows nor cares
// about the method, unknown header fields or option-tags of the request (8.3, last paragraph). Of a binding
// it gives away the Contact URI, q and remaining life; other Contact parameters (instance identifiers) and
// the Path stay here.
//
// It owns no goroutine and allocates nothing per request.
package redirect

import (
	"strings"
	"sync"

	"github.com/sipway/sipway/auth"
	"github.com/sipway/sipway/location"
	"github.com/sipway/sipway/sip"
	"github.com/sipway/sipway/transport"
)

// maxContacts is how many Contact values a 302 has at most (design: 10 bindings an AOR).
const maxContacts = 10

// maxDatagramContacts bounds the Contact values of a 302 over UDP, in bytes, so that the response stays near
// 1300 bytes and a spoofed request cannot be turned into a much larger response. The first one always goes.
const maxDatagramContacts = 900

// Locations is what the redirect server asks of the location service; *location.Store has it.
type Locations interface {
	// Lookup returns the bindings of a canonical AOR, expired ones perhaps included. It does not keep aor.
	Lookup(aor []byte) location.Record
}

// Options of a redirect server.
type Options struct {
	// Domain is the SIP domain it answers for, "example.test"; case and a final dot are ignored.
	Domain string
	// Locations holds the bindings.
	Locations Locations
	// Users tells who exists: 404 or 480. Nil: every user may exist. Its Exists([]byte) bool is used if it
	// has one, as *auth.Live and *auth.File do.
	Users auth.Users
}

// Redirect is the redirect server of one domain. It is safe for any number of goroutines.
type Redirect struct {
	domain    []byte
	locations Locations
	users     auth.Users
	exists    interface{ Exists(user []byte) bool }
	scratch   sync.Pool // of *scratch
}

// scratch is the memory of one request.
type scratch struct {
	aor, user []byte
	list      contacts
	response  sip.Response
}

// New returns a redirect server.
func New(o Options) *Redirect {
	x := &Redirect{domain: []byte(strings.ToLower(strings.TrimSuffix(o.Domain, "."))), locations: o.Locations, users: o.Users}
	x.exists, _ = o.Users.(interface{ Exists(user []byte) bool })
	x.scratch.New = func() any { return new(scratch) }
	return x
}

// What cannot be redirected. Static, so that refusing costs nothing.
var (
	errNoUser      = &sip.StatusError{Code: 404, Reason: "Not Found"}
	errUnavailable = &sip.StatusError{Code: 480, Reason: "Temporarily Unavailable"}
	errBadURI      = &sip.StatusError{Code: 400, Reason: "Bad Request-URI"}
)

// ServeSIP answers r with 302, or returns a *sip.StatusError for the caller to send: 404 for a user that
// does not exist or could only be redirected to the Request-URI, 480 for one without a usable binding. The
// caller made sure that the Request-URI is a SIP or SIPS URI whose host is the domain or stands for it. The
// toTag is not kept.
func (x *Redirect) ServeSIP(r *transport.Request, toTag []byte) error {
	target, err := sip.ParseURI(r.RequestURI())
	if err != nil {
		return errBadURI
	}
	s, _ := x.scratch.Get().(*scratch)
	defer x.scratch.Put(s)
	if !x.known(s, &target) {
		return errNoUser
	}
	// The address-of-record, under which the registrar wrote (RFC 3261 10.3 step 5). One of our addresses
	// as host stands for the domain.
	aor := target
	aor.Host = x.domain
	s.aor = sip.AppendAOR(s.aor[:0], &aor)
	s.list.gather(x.locations.Lookup(s.aor), &target, r.Now.UnixMilli())
	if s.list.n == 0 {
		if s.list.self {
			return errNoUser // RFC 3261 8.3: MUST NOT redirect to the Request-URI, MAY reject with 404
		}
		return errUnavailable
	}
	w := &s.response
	w.Begin(r.Buffer(), &r.Message, 302, "Moved Temporarily", toTag)
	s.list.write(w, r.Kind == transport.UDP)
	b := w.End()
	if b == nil {
		return w.Err()
	}
	r.Respond(b)
	return nil
}

// known reports whether the user part of u names a user. Without users anybody may be one.
func (x *Redirect) known(s *scratch, u *sip.URI) bool {
	user, ok := sip.AppendUnescaped(s.user[:0], u.User)
	if !ok || len(user) == 0 {
		return false
	}
	s.user = user
	switch {
	case x.users == nil:
		return true
	case x.exists != nil:
		return x.exists.Exists(user)
	}
	for _, alg := range [...]auth.Algorithm{auth.SHA256, auth.MD5} {
		if s.aor, ok = x.users.HA1(s.aor[:0], user, alg); ok {
			return true
		}
	}
	return false
}
