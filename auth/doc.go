// Package auth answers one question: who sent this request? It holds the users of a domain (a file of HA1
// values), makes Digest challenges and verifies Digest credentials.
//
// It is stateless: a nonce is the time and a keyed hash over the time, the realm and the source address, so
// nothing is remembered between a challenge and its answer, and a restart with the same secret invalidates
// nothing. The price, stated: within its five minutes a nonce may be used again, from the same address, and
// nonce counts are not compared (RFC 7616 5.5 leaves that to the server).
//
// It is not an authorization policy (which user may change which address-of-record is the registrar's
// decision), and it has no client side.
//
// RFC 3261 section 22, RFC 7616, RFC 8760. Algorithms: SHA-256 and MD5, offered in that order; qop "auth"
// only, and required in the answer (RFC 3261 22.4 item 8 obliges every client that saw qop to send it);
// no userhash, no username*, no -sess, never Basic.
//
// Goroutines: none of its own. [Live.Serve] runs in the caller's.
package auth
