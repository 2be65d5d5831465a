// Package registrar turns a REGISTER into bindings: RFC 3261 10.3 step by step, with the Path of RFC 3327
// 5.3 kept beside each binding and the digest of RFC 3261 22 where the domain asks for it.
//
// It is not a location service: bindings live in package location, which makes a change atomic and
// durable. It does not check what every request must satisfy (RFC 3261 8.2) nor that the Request-URI is in
// its domain; package dispatch does that before. It never answers 6xx (RFC 3261 10.3).
//
// What the text leaves open is decided so:
//
//   - A request whose CSeq is not above that of a binding with its Call-ID gets 400, as repeating it cannot
//     help and 500 would make a client try elsewhere. A retransmission (same Call-ID, CSeq, branch and
//     sent-by) is no such request: it changes nothing and gets 200 with the current bindings, since no
//     transaction (RFC 3261 17.2.3) stands before us to absorb it.
//   - A failed commit is 500 as step 7 demands, with Retry-After; an overloaded store is 503.
//   - A Contact URI with headers ("?Route=...") gets 403: RFC 3261 19.1.1 allows them there, but every
//     redirected caller would be asked to put them into its request (19.1.5). To strip them would register
//     something that the client does not find in the 200.
//   - A Contact URI that equals several bindings (19.1.4 is not transitive) replaces or removes them all, so
//     that no two bindings of an AOR are ever equal. Two equal ones in one request get 400.
//   - A Contact whose host is a multicast or the unspecified address gets 403: nobody can be called there.
//   - A REGISTER for an AOR outside the domain gets 404 even where the user would get 403.
//   - expires in the 200 is the whole seconds left, rounded down but never below 1, so that a client never
//     believes in a binding that is gone.
//   - q of 1, which is also the default, is not repeated in the 200. Display names are not kept.
//
// It owns no goroutine: ServeSIP runs in the transport's, and the 200 leaves from the committer of the
// location.Store once the bindings are durable. A REGISTER that refreshes a binding allocates its new
// location.Record and nothing else.
package registrar

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sipway/sipway/auth"
	"github.com/sipway/sipway/location"
	"github.com/sipway/sipway/sip"
	"github.com/sipway/sipway/transport"
)

// Our bounds on what one REGISTER may bring. Bytes where not said otherwise.
const (
	maxContacts = 20      // Contact values
	maxParams   = 1 << 10 // parameters of one Contact, as kept
	maxCallID   = 1 << 10
	maxPath     = 2 << 10 // all Path values together
)

// Options of a Registrar. Domain and Store are needed.
type Options struct {
	Domain         string          // the SIP domain whose AORs may register
	Store          *location.Store // where bindings go
	Verifier       *auth.Verifier  // nil: any user part may register, unauthenticated
	Supported      []string        // option tags that Require may name (RFC 3261 8.2.2.3)
	MinExpires     time.Duration   // shorter and below an hour is answered 423; default 60 s
	MaxExpires     time.Duration   // longer is shortened; default 2 h
	DefaultExpires time.Duration   // for a request that names none; default 1 h
	MaxBindings    int             // bindings an AOR may have; default 10
}

// Registrar serves the REGISTERs of one domain. ServeSIP may be called from any goroutine.
type Registrar struct {
	domain                                 []byte
	store                                  *location.Store
	verifier                               *auth.Verifier
	supported                              []string
	minExpires, maxExpires, defaultExpires int64 // seconds
	maxBindings                            int
	tooBrief                               *sip.StatusError
	pending                                sync.Pool // of *pending
}

// New returns a Registrar, or an error that says which option is wrong.
func New(o Options) (*Registrar, error) {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&o.MinExpires, time.Minute)
	def(&o.MaxExpires, max(2*time.Hour, o.MinExpires))
	def(&o.DefaultExpires, min(max(time.Hour, o.MinExpires), o.MaxExpires))
	if o.MaxBindings == 0 {
		o.MaxBindings = 10
	}
	switch {
	case o.Domain == "" || o.Store == nil:
		return nil, errors.New("registrar: Domain and Store are needed")
	case o.MinExpires < time.Second || o.MaxExpires > 1<<32*time.Second-time.Second:
		return nil, errors.New("registrar: expiries are whole seconds, at least 1 and below 2^32")
	case o.MinExpires > o.DefaultExpires || o.DefaultExpires > o.MaxExpires:
		return nil, fmt.Errorf("registrar: min_expires %v, default_expires %v and max_expires %v must not fall",
			o.MinExpires, o.DefaultExpires, o.MaxExpires)
	case o.MaxBindings < 1:
		return nil, fmt.Errorf("registrar: max_contacts is %d, must be at least 1", o.MaxBindings)
	}
	x := &Registrar{
		domain: []byte(strings.ToLower(strings.TrimSuffix(o.Domain, "."))), store: o.Store, verifier: o.Verifier,
		supported: o.Supported, maxBindings: o.MaxBindings,
		minExpires: seconds(o.MinExpires), maxExpires: seconds(o.MaxExpires), defaultExpires: seconds(o.DefaultExpires),
	}
	// RFC 3261 10.3 step 7: a 423 MUST contain Min-Expires.
	x.tooBrief = &sip.StatusError{Code: 423, Reason: "Interval Too Brief", Extra: []sip.Field{
		{Name: "Min-Expires", Value: strconv.FormatInt(x.minExpires, 10)},
	}}
	x.pending.New = func() any { return &pending{x: x} }
	return x, nil
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// ServeSIP does what RFC 3261 10.3 says for one REGISTER whose Request-URI is in the domain (step 1). A nil
// error means that it was answered, or will be when its bindings are durable; a *sip.StatusError is for the
// caller to answer. toTag is not kept.
func (x *Registrar) ServeSIP(r *transport.Request, toTag []byte) error {
	if err := x.require(&r.Message); err != nil { // step 2
		return err
	}
	user, res := x.authenticate(r) // step 3
	if res != auth.OK {
		return x.challenge(r, toTag, res)
	}
	p, _ := x.pending.Get().(*pending)
	err := p.addressOfRecord(&r.Message) // step 5, the part that step 4 needs
	if err == nil {
		err = p.authorize(user) // step 4
	}
	if err == nil {
		err = p.contactsOf(r) // steps 6 and 7, as far as the request alone decides
	}
	if err != nil {
		p.release()
		return err
	}
	return p.update(r, toTag) // steps 6 and 7 against the current bindings, and 8
}

// require refuses extensions that we do not have (RFC 3261 10.3 step 2, 8.2.2.3).
func (x *Registrar) require(m *sip.Message) error {
	if m.Count(sip.HeaderRequire) == 0 {
		return nil
	}
	var unknown []string
	it := m.Values(sip.HeaderRequire)
	for it.Next() {
		tag := it.Value()
		if !isToken(tag) {
			return errRequire
		}
		if !x.supports(tag) {
			unknown = append(unknown, string(tag))
		}
	}
	if it.Err() != nil {
		return errRequire
	}
	if unknown == nil {
		return nil
	}
	return &sip.StatusError{Code: 420, Reason: "Bad Extension", Extra: []sip.Field{
		{Name: "Unsupported", Value: strings.Join(unknown, ", ")}, // MUST: those and no others
	}}
}

func (x *Registrar) supports(tag []byte) bool {
	for _, s := range x.supported {
		if strings.EqualFold(s, string(tag)) {
			return true
		}
	}
	return false
}

// authenticate says who sent r (RFC 3261 10.3 step 3, 22). Without a verifier anybody is let through.
func (x *Registrar) authenticate(r *transport.Request) (user []byte, res auth.Result) {
	if x.verifier == nil {
		return nil, auth.OK
	}
	user, res = x.verifier.Verify(&r.Message, sip.HeaderAuthorization, r.Now, r.Remote.Addr())
	if res == auth.OK {
		r.Authenticated()
	}
	return user, res
}

// challenge answers 401 (RFC 3261 22.2: a registrar never uses 407), or 400 to what cannot be read.
func (x *Registrar) challenge(r *transport.Request, toTag []byte, res auth.Result) error {
	if res == auth.Malformed {
		return errAuthorization
	}
	p, _ := x.pending.Get().(*pending)
	defer p.release()
	w := &p.response
	w.Begin(r.Buffer(), &r.Message, 401, "Unauthorized", toTag)
	x.verifier.AppendChallenges(w, "WWW-Authenticate", r.Now, r.Remote.Addr(), res == auth.Stale)
	b := w.End()
	if b == nil {
		return w.Err()
	}
	r.Respond(b)
	return nil
}

// addressOfRecord takes the AOR from To in its canonical form (RFC 3261 10.3 step 5).
func (p *pending) addressOfRecord(m *sip.Message) error {
	to, err := m.To()
	if err != nil {
		return errTo
	}
	u, err := sip.ParseURI(to.URI)
	if err != nil {
		return errTo
	}
	if !u.IsSIP || len(u.User) == 0 || !p.x.ours(u.Host) {
		return errNotFound
	}
	var ok bool
	if p.user, ok = sip.AppendUnescaped(p.user[:0], u.User); !ok {
		return errTo
	}
	u.Host = p.x.domain // "example.com." and "Example.com" are one name
	p.aor = sip.AppendAOR(p.aor[:0], &u)
	return nil
}

// ours reports whether host is the domain, whatever its case and with or without a final dot.
func (x *Registrar) ours(host []byte) bool {
	return bytes.EqualFold(bytes.TrimSuffix(host, []byte(".")), x.domain)
}

// authorize lets a user change its own AOR only (RFC 3261 10.3 step 4). User names and user parts are
// case-sensitive.
func (p *pending) authorize(user []byte) error {
	if p.x.verifier != nil && !bytes.Equal(user, p.user) {
		return errForbidden
	}
	return nil
}

// isToken reports whether b is a token (RFC 3261 25.1).
func isToken(b []byte) bool {
	for _, c := range b {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-.!%*_+`'~", c) >= 0:
		default:
			return false
		}
	}
	return len(b) != 0
}
