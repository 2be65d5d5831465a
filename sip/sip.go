// Package sip is the syntax of SIP: a message as its bytes plus an index of where the headers stand, the
// fields that sipway reads from it (Via, name-addr, URI, CSeq), edits as splices on the original bytes, a
// builder for responses, and the framing of messages on a stream.
//
// It implements RFC 3261 sections 7, 8.2.6, 18.2.1 (received), 18.3, 19.1, 20 and 25, the rport of RFC 3581
// section 4 and the IPv6 texts of RFC 5118. It is not a parser of message bodies, of SDP or of digest
// credentials, it knows no transaction or dialog, and it decides nothing that a role must decide.
//
// There is no I/O, clock, log or goroutine here, and nothing on the way of a request allocates: what is
// returned are slices of the message's own bytes, valid as long as these are.
//
// # What is refused, and how
//
// Each irregular form has one treatment, whatever the transport and the role:
//
//   - Bare CR or bare LF in the start line or a header: 400 from Parse; on a stream the connection cannot be
//     trusted any more, so Frame refuses too. The line is not indexed, so it is never copied anywhere.
//   - NUL and every other control (DEL too, HTAB not): 400 from Parse, the line is not indexed. The one
//     exception is a quoted-pair inside a quoted string, where RFC 3261 25.1 allows them and RFC 4475
//     3.1.1.2 has one.
//   - "Name :" with white space before the colon is the header Name (RFC 3261 7.3.1, HCOLON).
//   - A line without colon or with a name that is no token: 400 from Parse, the line is not indexed.
//   - A header of one value that stands twice (From, To, Call-ID, CSeq, Max-Forwards, Content-Length,
//     Content-Type, Content-Disposition, Expires, Min-Expires, Date, Timestamp, Event, Refer-To, Referred-By,
//     Session-Expires): 400 from Validate, even if both are alike. Content-Length twice is 400 from Parse and
//     Frame, as the end of the message is not known.
//   - A method in CSeq that is not the request's: 400 from Validate.
//   - Numbers out of range: CSeq of 2^31 or more, Max-Forwards over 255, a port of 0 or over 65535, a ttl
//     over 255, a Content-Length that is no number: 400. A malformed Expires is reported by Expires only, since RFC 3261
//     20.10 and 10.3 want the default then.
//   - A parameter twice in one URI, Via or name-addr: 400. Headers in the Request-URI: 400 (RFC 3261 19.1.1).
//   - SIP/x.y other than 2.0 in the start line: 505 from Validate. The case of "sip" does not matter.
//   - An empty list, or an empty value between commas: 400, save for the lists that RFC 3261 25.1 lets be empty.
//   - Bytes after the body of a datagram: ignored (RFC 3261 18.3). A Content-Length beyond it: 400.
//   - No empty line after the headers: 400.
//   - Past a bound: 513 for the message, its header section and its lines, 414 for the Request-URI, 400 for
//     the rest.
package sip

// The bounds on what a peer can make us hold or walk through. They are inclusive.
const (
	MaxMessage       = 64 << 10 // bytes in a message
	MaxHeaderSection = 16 << 10 // bytes from the start line to the empty line, this included
	MaxHeaders       = 128      // header lines, folded ones counted once
	MaxURI           = 1 << 10  // bytes in a URI
	MaxURIParams     = 32       // parameters in a URI, and headers in a URI
	MaxParams        = 64       // parameters of a Via or name-addr; a response of ours has up to two more
	MaxVia           = 40       // Via values in a request
	MaxRoute         = 20       // Route values in a request
)
