package auth

import (
	"net/netip"
	"time"

	"github.com/sipway/sipway/sip"
)

// Users tells the HA1 of a user. Implementations are safe for any number of goroutines.
type Users interface {
	// HA1 appends the user's lower-case hexadecimal HA1 for alg to dst. It reports false, and appends
	// nothing, for a user that does not exist or has no HA1 for alg. It keeps neither slice.
	HA1(dst []byte, username []byte, alg Algorithm) ([]byte, bool)
}

// Result is what [Verifier.Verify] found.
type Result uint8

const (
	// NoCredentials: no Digest credentials for our realm. Challenge with 401.
	NoCredentials Result = iota
	// OK: the credentials are right and the nonce is ours, fresh, and was given to this address.
	OK
	// Stale: the credentials are right but the nonce is too old, or not ours, or was given to another
	// address or for another algorithm. Challenge with 401 and stale=true.
	Stale
	// Denied: no such user, wrong password, or a variant that was not offered. Challenge with 401; the
	// cases are not told apart, neither here nor on the wire.
	Denied
	// Malformed: credentials that cannot be read, or whose digest-uri is not this request's. Answer 400.
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
type Verifier struct{}

// NewVerifier returns a verifier for realm. The secret keys the nonces: share it between the nodes of a
// domain and keep it over restarts, or every client is asked again. The hosts are names and addresses
// (without port) that denote this server, beside the realm itself: a digest-uri with one of them as its host
// is accepted, since some clients put the address they send to there.
func NewVerifier(realm string, secret []byte, users Users, hosts ...string) *Verifier {
	return &Verifier{}
}

// Realm returns the realm.
func (v *Verifier) Realm() string { return "" }

// Verify checks the credentials of m in the header lines of the given name (HeaderAuthorization for 401,
// HeaderProxyAuthorization for 407) against the time and the address the request came from. The username
// is non-nil only with OK; it is unquoted and unescaped, and points into m unless it held escapes.
func (v *Verifier) Verify(m *sip.Message, header sip.HeaderName, now time.Time, from netip.Addr) (username []byte, res Result) {
	return nil, NoCredentials
}

// AppendChallenges adds one challenge line for each algorithm, the strongest first (RFC 8760 2.3), to a
// 401 ("WWW-Authenticate") or 407 ("Proxy-Authenticate") that w is building.
func (v *Verifier) AppendChallenges(w *sip.Response, header string, now time.Time, from netip.Addr, stale bool) {
}
