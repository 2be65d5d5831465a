package sip

import "strconv"

// StatusError is a refusal that knows its response: the status code, the reason phrase and further header
// lines. Those that this package returns are static: they are compared by pointer or with errors.As, and are never altered.
type StatusError struct {
	Code   int     // 300 to 699
	Reason string  // "" stands for ReasonPhrase(Code)
	Extra  []Field // lines to add to the response
	Err    error   // what was behind it, for the log, or nil
}

// Field is one header line to add: the name without colon and the value without CRLF.
type Field struct{ Name, Value string }

// Error returns the status line's text, and what was behind it.
func (e *StatusError) Error() string {
	reason := e.Reason
	if reason == "" {
		reason = ReasonPhrase(e.Code)
	}
	s := strconv.Itoa(e.Code) + " " + reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns Err.
func (e *StatusError) Unwrap() error { return e.Err }

// What Parse, Validate and Frame refuse, with a reason that names the place (RFC 3261 21.4.1: "the Reason-Phrase
// SHOULD identify the syntax problem in more detail").
var (
	errStartLine   = &StatusError{Code: 400, Reason: "Malformed Start Line"}
	errNotCRLF     = &StatusError{Code: 400, Reason: "Bare CR or LF"}
	errControl     = &StatusError{Code: 400, Reason: "Control Character in Header"}
	errHeaderLine  = &StatusError{Code: 400, Reason: "Malformed Header Line"}
	errNoEmptyLine = &StatusError{Code: 400, Reason: "No Empty Line After Headers"}
	errManyHeaders = &StatusError{Code: 513, Reason: "Too Many Header Lines"}
	errBigHeaders  = &StatusError{Code: 513, Reason: "Header Section Too Large"}
	errBigMessage  = &StatusError{Code: 513, Reason: "Message Too Large"}
	errLength      = &StatusError{Code: 400, Reason: "Malformed Content-Length"}
	errLengthTwice = &StatusError{Code: 400, Reason: "More Than One Content-Length"}
	errNoLength    = &StatusError{Code: 400, Reason: "Missing Content-Length"}
	errShort       = &StatusError{Code: 400, Reason: "Content-Length Beyond the Message"}
	errBigBody     = &StatusError{Code: 413}

	errVersion     = &StatusError{Code: 505}
	errURITooLong  = &StatusError{Code: 414}
	errRequestURI  = &StatusError{Code: 400, Reason: "Malformed Request-URI"}
	errURIHeaders  = &StatusError{Code: 400, Reason: "Headers in the Request-URI"}
	errNoVia       = &StatusError{Code: 400, Reason: "Missing Via"}
	errVia         = &StatusError{Code: 400, Reason: "Malformed Via"}
	errManyVia     = &StatusError{Code: 400, Reason: "Too Many Via Values"}
	errNoFrom      = &StatusError{Code: 400, Reason: "Missing From"}
	errFrom        = &StatusError{Code: 400, Reason: "Malformed From"}
	errNoTo        = &StatusError{Code: 400, Reason: "Missing To"}
	errTo          = &StatusError{Code: 400, Reason: "Malformed To"}
	errNoCallID    = &StatusError{Code: 400, Reason: "Missing Call-ID"}
	errCallID      = &StatusError{Code: 400, Reason: "Malformed Call-ID"}
	errNoCSeq      = &StatusError{Code: 400, Reason: "Missing CSeq"}
	errCSeq        = &StatusError{Code: 400, Reason: "Malformed CSeq"}
	errCSeqMethod  = &StatusError{Code: 400, Reason: "CSeq Method Is Not the Request's"}
	errMaxForwards = &StatusError{Code: 400, Reason: "Malformed Max-Forwards"}
	errContact     = &StatusError{Code: 400, Reason: "Malformed Contact"}
	errRoute       = &StatusError{Code: 400, Reason: "Malformed Route"}
	errManyRoute   = &StatusError{Code: 400, Reason: "Too Many Route Values"}
	errRecordRoute = &StatusError{Code: 400, Reason: "Malformed Record-Route"}
	errExpires     = &StatusError{Code: 400, Reason: "Malformed Expires"}
	errURI         = &StatusError{Code: 400, Reason: "Malformed URI"}
	errNameAddr    = &StatusError{Code: 400, Reason: "Malformed Name or Address"}
	errParams      = &StatusError{Code: 400, Reason: "Malformed Parameters"}
	errList        = &StatusError{Code: 400, Reason: "Malformed List of Values"}
)

// A header that may stand once stands twice (RFC 3261 7.3.1).
var (
	errTwoFrom               = &StatusError{Code: 400, Reason: "More Than One From"}
	errTwoTo                 = &StatusError{Code: 400, Reason: "More Than One To"}
	errTwoCallID             = &StatusError{Code: 400, Reason: "More Than One Call-ID"}
	errTwoCSeq               = &StatusError{Code: 400, Reason: "More Than One CSeq"}
	errTwoMaxForwards        = &StatusError{Code: 400, Reason: "More Than One Max-Forwards"}
	errTwoContentType        = &StatusError{Code: 400, Reason: "More Than One Content-Type"}
	errTwoContentDisposition = &StatusError{Code: 400, Reason: "More Than One Content-Disposition"}
	errTwoExpires            = &StatusError{Code: 400, Reason: "More Than One Expires"}
	errTwoMinExpires         = &StatusError{Code: 400, Reason: "More Than One Min-Expires"}
	errTwoDate               = &StatusError{Code: 400, Reason: "More Than One Date"}
	errTwoTimestamp          = &StatusError{Code: 400, Reason: "More Than One Timestamp"}
	errTwoEvent              = &StatusError{Code: 400, Reason: "More Than One Event"}
	errTwoReferTo            = &StatusError{Code: 400, Reason: "More Than One Refer-To"}
	errTwoReferredBy         = &StatusError{Code: 400, Reason: "More Than One Referred-By"}
	errTwoSessionExpires     = &StatusError{Code: 400, Reason: "More Than One Session-Expires"}
)

func errDuplicate(n HeaderName) error {
	switch n {
	case HeaderFrom:
		return errTwoFrom
	case HeaderTo:
		return errTwoTo
	case HeaderCallID:
		return errTwoCallID
	case HeaderCSeq:
		return errTwoCSeq
	case HeaderMaxForwards:
		return errTwoMaxForwards
	case HeaderContentType:
		return errTwoContentType
	case HeaderContentDisposition:
		return errTwoContentDisposition
	case HeaderExpires:
		return errTwoExpires
	case HeaderMinExpires:
		return errTwoMinExpires
	case HeaderDate:
		return errTwoDate
	case HeaderTimestamp:
		return errTwoTimestamp
	case HeaderEvent:
		return errTwoEvent
	case HeaderReferTo:
		return errTwoReferTo
	case HeaderReferredBy:
		return errTwoReferredBy
	case HeaderSessionExpires:
		return errTwoSessionExpires
	default:
		return errLengthTwice
	}
}

// ReasonPhrase returns the phrase of RFC 3261 21 (and of RFC 6665, 3329, 4028, 4412, 5626, 6442 and others for
// their codes), or that of the class for a code that is not registered.
func ReasonPhrase(code int) string {
	switch code / 100 {
	case 1, 2, 3:
		return reasonGood(code)
	case 4:
		return reasonClient(code)
	default:
		return reasonServer(code)
	}
}

func reasonGood(code int) string {
	switch code {
	case 100:
		return "Trying"
	case 180:
		return "Ringing"
	case 181:
		return "Call Is Being Forwarded"
	case 182:
		return "Queued"
	case 183:
		return "Session Progress"
	case 199:
		return "Early Dialog Terminated"
	case 200:
		return "OK"
	case 202:
		return "Accepted"
	case 204:
		return "No Notification"
	case 300:
		return "Multiple Choices"
	case 301:
		return "Moved Permanently"
	case 302:
		return "Moved Temporarily"
	case 305:
		return "Use Proxy"
	case 380:
		return "Alternative Service"
	}
	switch code / 100 {
	case 1:
		return "Progress"
	case 2:
		return "OK"
	default:
		return "Redirection"
	}
}

//nolint:funlen // a table in the form of a switch
func reasonClient(code int) string {
	if code < 420 {
		return reasonHTTP(code)
	}
	switch code {
	case 420:
		return "Bad Extension"
	case 421:
		return "Extension Required"
	case 422:
		return "Session Interval Too Small"
	case 423:
		return "Interval Too Brief"
	case 428:
		return "Use Identity Header"
	case 429:
		return "Provide Referrer Identity"
	case 430:
		return "Flow Failed"
	case 433:
		return "Anonymity Disallowed"
	case 439:
		return "First Hop Lacks Outbound Support"
	case 440:
		return "Max-Breadth Exceeded"
	case 469:
		return "Bad Info Package"
	case 480:
		return "Temporarily Unavailable"
	case 481:
		return "Call/Transaction Does Not Exist"
	case 482:
		return "Loop Detected"
	case 483:
		return "Too Many Hops"
	case 484:
		return "Address Incomplete"
	case 485:
		return "Ambiguous"
	case 486:
		return "Busy Here"
	case 487:
		return "Request Terminated"
	case 488:
		return "Not Acceptable Here"
	case 489:
		return "Bad Event"
	case 491:
		return "Request Pending"
	case 493:
		return "Undecipherable"
	case 494:
		return "Security Agreement Required"
	default:
		return "Client Error"
	}
}

// reasonHTTP holds the codes that SIP shares with HTTP.
func reasonHTTP(code int) string {
	switch code {
	case 400:
		return "Bad Request"
	case 401:
		return "Unauthorized"
	case 402:
		return "Payment Required"
	case 403:
		return "Forbidden"
	case 404:
		return "Not Found"
	case 405:
		return "Method Not Allowed"
	case 406:
		return "Not Acceptable"
	case 407:
		return "Proxy Authentication Required"
	case 408:
		return "Request Timeout"
	case 410:
		return "Gone"
	case 412:
		return "Conditional Request Failed"
	case 413:
		return "Request Entity Too Large"
	case 414:
		return "Request-URI Too Long"
	case 415:
		return "Unsupported Media Type"
	case 416:
		return "Unsupported URI Scheme"
	case 417:
		return "Unknown Resource-Priority"
	default:
		return "Client Error"
	}
}

func reasonServer(code int) string {
	switch code {
	case 500:
		return "Server Internal Error"
	case 501:
		return "Not Implemented"
	case 502:
		return "Bad Gateway"
	case 503:
		return "Service Unavailable"
	case 504:
		return "Server Time-out"
	case 505:
		return "Version Not Supported"
	case 513:
		return "Message Too Large"
	case 580:
		return "Precondition Failure"
	case 600:
		return "Busy Everywhere"
	case 603:
		return "Decline"
	case 604:
		return "Does Not Exist Anywhere"
	case 606:
		return "Not Acceptable"
	}
	if code/100 == 6 {
		return "Global Failure"
	}
	return "Server Error"
}
