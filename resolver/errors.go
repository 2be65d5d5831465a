package resolver

// Class says why a URI gave no hop. Its text is part of the command's JSON and does not change.
type Class string

// The classes. A lookup fails with exactly one.
const (
	InvalidURI              Class = "invalid_uri"               // not a SIP or SIPS URI that names a host
	UnsupportedTransport    Class = "unsupported_transport"     // the client does not have the transport asked for
	SecureTransportRequired Class = "secure_transport_required" // a SIPS URI would need a clear transport
	FamilyMismatch          Class = "family_mismatch"           // an address literal of a family the client lacks
	ServiceNotAvailable     Class = "service_not_available"     // SRV target ".": RFC 2782
	NoSuchDomain            Class = "no_such_domain"            // NXDOMAIN
	NoAddress               Class = "no_address"                // names exist, no usable address does
	DNSFailure              Class = "dns_failure"               // SERVFAIL, timeout or no server to ask
	LoopOrLimit             Class = "loop_or_limit"             // the bound on work for one lookup was reached
)

// Error is what [Resolver.Resolve] and [ParseDestination] fail with.
type Error struct {
	Class  Class
	Detail string // what happened and where, in plain words; may hold names from the network, escaped by RFC 1035 5.1
}

// Error gives the class and the detail.
func (e *Error) Error() string {
	if e.Detail == "" {
		return string(e.Class)
	}
	return string(e.Class) + ": " + e.Detail
}

// Is reports whether target is an *Error of the same class, so that errors.Is(err, &Error{Class: NoAddress})
// holds for any detail.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Class == e.Class && (t.Detail == "" || t.Detail == e.Detail)
}
