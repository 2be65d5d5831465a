package auth

import (
	"bytes"
	"crypto/subtle"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sipway/sipway/sip"
)

// Users tells the HA1 of a user. Implementations are safe for any number of goroutines.
type Users interface {
	// HA1 appends the user's lower-case hexadecimal HA1 for alg to dst. It reports false, and appends
	// nothing, for a user that does not exist or has no HA1 for alg. It keeps neither slice.
	HA1(dst []byte, username []byte, alg Algorithm) ([]byte, bool)
	// Offers reports whether challenges name alg. It is true for at least one algorithm, and does not depend
	// on a user: that would tell who exists.
	Offers(alg Algorithm) bool
}

// Result is what [Verifier.Verify] found.
type Result uint8

const (
	// NoCredentials means no Digest credentials for our realm. Challenge with 401.
	NoCredentials Result = iota
	// OK means that the credentials are right and the nonce is ours, fresh, and was given to this address.
	OK
	// Stale means that the credentials are right but the nonce is too old, or not ours, or was given to another
	// address or for another algorithm. Challenge with 401 and stale=true.
	Stale
	// Denied means no such user, wrong password, or a variant that was not offered. Challenge with 401; the
	// cases are not told apart, neither here nor on the wire.
	Denied
	// Malformed means credentials that cannot be read, or whose digest-uri is not this request's. Answer 400.
	Malformed
)

// String returns the name of the constant.
func (r Result) String() string {
	switch r {
	case NoCredentials:
		return "NoCredentials"
	case OK:
		return "OK"
	case Stale:
		return "Stale"
	case Denied:
		return "Denied"
	case Malformed:
		return "Malformed"
	default:
		return "unknown"
	}
}

// Verifier challenges and verifies for one realm. It is safe for any number of goroutines and keeps
// nothing about clients.
type Verifier struct {
	realm   string
	quoted  string // realm as a quoted-string
	users   Users
	key     nonceKey
	names   []string     // of this server, lower case
	addrs   []netip.Addr // of this server, unmapped
	dummy   [numAlgorithms]string
	scratch sync.Pool // of *scratch
}

// scratch is the memory of one verification.
type scratch struct {
	creds    credentials
	ha1      []byte
	text     []byte // what is hashed
	response [maxHexSize]byte
	want     []byte
}

// NewVerifier returns a verifier for realm. The secret keys the nonces: share it between the nodes of a
// domain and keep it over restarts, or every client is asked again; an empty one is replaced by a random one.
// The hosts are names and addresses (without port) that denote this server, beside the realm itself: a
// digest-uri with one of them as its host is accepted, since some clients put the address they send to there.
func NewVerifier(realm string, secret []byte, users Users, hosts ...string) *Verifier {
	v := &Verifier{realm: realm, users: users, key: newNonceKey(secret, realm)}
	v.quoted = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(realm) + `"`
	v.scratch.New = func() any { return new(scratch) }
	for _, h := range append([]string{realm}, hosts...) {
		if a, err := netip.ParseAddr(strings.Trim(h, "[]")); err == nil {
			v.addrs = append(v.addrs, a.Unmap().WithZone(""))
		} else {
			v.names = append(v.names, strings.ToLower(strings.TrimSuffix(h, ".")))
		}
	}
	for alg := range numAlgorithms {
		// Any text that no password hashes to will do: a match with it is not believed anyway.
		v.dummy[alg] = HA1(alg, "", realm, "no such user")
	}
	return v
}

// Realm returns the realm.
func (v *Verifier) Realm() string { return v.realm }

// Verify checks the credentials of m in the header lines of the given name (HeaderAuthorization for 401,
// HeaderProxyAuthorization for 407) against the time and the address the request came from. The username
// is non-nil only with OK; it is unquoted and unescaped, and points into m unless it held escapes.
func (v *Verifier) Verify(m *sip.Message, header sip.HeaderName, now time.Time, from netip.Addr) (username []byte, res Result) {
	s, _ := v.scratch.Get().(*scratch)
	defer v.scratch.Put(s)
	alg, res := v.find(s, m, header)
	if res != OK {
		return nil, res
	}
	c := &s.creds
	if res := v.check(c, m); res != OK {
		return nil, res
	}
	// From here the work is the same whether the user exists, the password is right and the nonce is ours,
	// so that the time it takes does not tell (RFC 7616 5: enumeration and guessing).
	fresh := v.key.fresh(c.nonce.value, alg, now, from)
	if !v.right(s, m, alg) {
		return nil, Denied
	}
	if !fresh {
		return nil, Stale // RFC 7616 3.3: right digest, bad nonce: no need to ask the person again
	}
	if c.username.escaped {
		return bytes.Clone(c.username.value), OK // by now from someone we know
	}
	return c.username.value, OK
}

// find looks for the credentials of our realm among all lines (RFC 3261 22.3: a request may carry several),
// with an algorithm that we offered. OK means that s.creds holds them.
func (v *Verifier) find(s *scratch, m *sip.Message, header sip.HeaderName) (Algorithm, Result) {
	res := NoCredentials
	for i := range m.NumHeaders() {
		h := m.HeaderAt(i)
		if h.Name != header {
			continue
		}
		s.creds.reset()
		digest, ok := s.creds.parse(h.Value)
		switch {
		case !digest: // RFC 3261 22: Basic, or anything else we did not ask for, is no credentials
		case !ok:
			res = max(res, Malformed)
		case string(s.creds.realm.value) != v.realm:
			if !s.creds.realm.set {
				res = max(res, Malformed)
			}
		default:
			alg, offered := parseAlgorithm(s.creds.algorithm.value, s.creds.algorithm.set)
			if offered && v.users.Offers(alg) {
				return alg, OK
			}
			res = max(res, Denied) // RFC 8760 2.4: only what was offered
		}
	}
	return 0, res
}

// check looks at everything that does not depend on the user.
func (v *Verifier) check(c *credentials, m *sip.Message) Result {
	switch {
	case !c.complete(), len(m.MethodBytes()) > maxMethod:
		return Malformed
	case c.usernameExt.set, c.userhash.set && equalFold(c.userhash.value, "true"):
		return Denied // RFC 7616 3.4: forms that only an offer of userhash or charset invites
	case !c.qop.set, !equalFold(c.qop.value, "auth"):
		return Denied // we always offer qop="auth", so every client must use it (RFC 3261 22.4 item 8)
	case !c.completeAuth(), !isHex(c.response.value):
		return Malformed
	case !v.denotes(c.uri.value, m.RequestURI()):
		return Malformed // RFC 7616 3.4.6: 400 when the resources differ
	}
	return OK
}

// denotes reports whether the digest-uri stands for what the Request-URI asks. RFC 3261 22.4 item 6: the two
// need not be equal. Accepted are URIs equal by 19.1.4, and those whose host is the Request-URI's or ours.
func (v *Verifier) denotes(digest, request []byte) bool {
	if bytes.Equal(digest, request) {
		return true
	}
	d, err := sip.ParseURI(digest)
	if err != nil || !d.IsSIP {
		return false
	}
	if v.ownHost(&d) {
		return true
	}
	r, err := sip.ParseURI(request)
	return err == nil && (bytes.EqualFold(d.Host, r.Host) || sip.EqualURI(&d, &r))
}

// ownHost reports whether u's host is the realm or one of the hosts given to NewVerifier.
func (v *Verifier) ownHost(u *sip.URI) bool {
	if a, ok := u.Addr(); ok {
		return slices.Contains(v.addrs, a.Unmap())
	}
	host := bytes.TrimSuffix(u.Host, []byte("."))
	for _, own := range v.names {
		if equalFold(host, own) {
			return true
		}
	}
	return false
}

// right computes the response of RFC 7616 3.4.1 and compares. An unknown user costs the same and fails.
func (v *Verifier) right(s *scratch, m *sip.Message, alg Algorithm) bool {
	c := &s.creds
	ha1, known := v.users.HA1(s.ha1[:0], c.username.value, alg)
	if !known || len(ha1) != alg.hexSize() {
		ha1, known = append(s.ha1[:0], v.dummy[alg]...), false
	}
	s.ha1 = ha1

	// A2 (RFC 7616 3.4.3, qop=auth)
	t := append(s.text[:0], m.MethodBytes()...)
	t = append(t, ':')
	t = append(t, c.uri.value...)
	a2 := len(t)
	t = alg.appendHash(t, t)

	t = append(t, ha1...)
	for _, p := range [...][]byte{c.nonce.value, c.nc.value, c.cnonce.value, c.qop.value, t[a2 : a2+alg.hexSize()]} {
		t = append(t, ':')
		t = append(t, p...)
	}
	s.want = alg.appendHash(s.want[:0], t[a2+alg.hexSize():])
	s.text = t

	got := s.response[:min(len(c.response.value), maxHexSize)]
	for i := range got { // some clients write the digits in upper case
		got[i] = c.response.value[i]
		if got[i] < '0' || got[i] > '9' {
			got[i] |= 0x20
		}
	}
	same := subtle.ConstantTimeCompare(got, s.want) == 1 && len(got) == len(c.response.value)
	return same && known
}

// AppendChallenges adds one challenge line for each algorithm offered, the strongest first (RFC 8760 2.3), to a
// 401 ("WWW-Authenticate") or 407 ("Proxy-Authenticate") that w is building.
func (v *Verifier) AppendChallenges(w *sip.Response, header string, now time.Time, from netip.Addr, stale bool) {
	milli := now.UnixMilli()
	mac := v.key.mac(milli, from)
	s, _ := v.scratch.Get().(*scratch)
	defer v.scratch.Put(s)
	for alg := range numAlgorithms {
		if !v.users.Offers(alg) {
			continue
		}
		b := append(s.text[:0], "Digest realm="...)
		b = append(b, v.quoted...)
		b = append(b, `, nonce="`...)
		n := len(b)
		b = append(b, "01234567890123456789012345678901"[:nonceSize]...)
		encodeNonce(b[n:], milli, half(&mac, alg))
		b = append(b, `", qop="auth", algorithm=`...)
		b = append(b, alg.String()...)
		if stale {
			b = append(b, ", stale=true"...)
		}
		w.Add(header, b)
		s.text = b
	}
}
