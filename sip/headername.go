package sip

// HeaderName is a header field that sipway knows by name. All others are HeaderOther and are found by
// their bytes.
type HeaderName uint8

// The header fields of RFC 3261 section 20 that sipway reads or writes, and some of its extensions. Compact
// forms (RFC 3261 7.3.3) are indexed under the same name.
const (
	HeaderOther HeaderName = iota
	HeaderVia
	HeaderFrom
	HeaderTo
	HeaderCallID
	HeaderCSeq
	HeaderContact
	HeaderRoute
	HeaderRecordRoute
	HeaderMaxForwards
	HeaderExpires
	HeaderMinExpires
	HeaderContentLength
	HeaderContentType
	HeaderContentEncoding
	HeaderContentDisposition
	HeaderAuthorization
	HeaderProxyAuthorization
	HeaderWWWAuthenticate
	HeaderProxyAuthenticate
	HeaderAuthenticationInfo
	HeaderRequire
	HeaderProxyRequire
	HeaderSupported
	HeaderUnsupported
	HeaderAllow
	HeaderAccept
	HeaderAcceptEncoding
	HeaderAcceptLanguage
	HeaderPath
	HeaderServiceRoute
	HeaderUserAgent
	HeaderServer
	HeaderTimestamp
	HeaderDate
	HeaderRetryAfter
	HeaderWarning
	HeaderSubject
	HeaderEvent
	HeaderAllowEvents
	HeaderReferTo
	HeaderReferredBy
	HeaderSessionExpires
	HeaderCallInfo
	HeaderAlertInfo
	HeaderErrorInfo
	HeaderInReplyTo
	HeaderReason
	headerNames // how many there are
)

// String returns the name in the long form that RFC 3261 writes, "" for HeaderOther.
//
//nolint:funlen // a table in the form of a switch
func (n HeaderName) String() string {
	switch n {
	case HeaderVia:
		return "Via"
	case HeaderFrom:
		return "From"
	case HeaderTo:
		return "To"
	case HeaderCallID:
		return "Call-ID"
	case HeaderCSeq:
		return "CSeq"
	case HeaderContact:
		return "Contact"
	case HeaderRoute:
		return "Route"
	case HeaderRecordRoute:
		return "Record-Route"
	case HeaderMaxForwards:
		return "Max-Forwards"
	case HeaderExpires:
		return "Expires"
	case HeaderMinExpires:
		return "Min-Expires"
	case HeaderContentLength:
		return "Content-Length"
	case HeaderContentType:
		return "Content-Type"
	case HeaderContentEncoding:
		return "Content-Encoding"
	case HeaderContentDisposition:
		return "Content-Disposition"
	case HeaderAuthorization:
		return "Authorization"
	case HeaderProxyAuthorization:
		return "Proxy-Authorization"
	case HeaderWWWAuthenticate:
		return "WWW-Authenticate"
	case HeaderProxyAuthenticate:
		return "Proxy-Authenticate"
	case HeaderAuthenticationInfo:
		return "Authentication-Info"
	case HeaderRequire:
		return "Require"
	case HeaderProxyRequire:
		return "Proxy-Require"
	case HeaderSupported:
		return "Supported"
	case HeaderUnsupported:
		return "Unsupported"
	case HeaderAllow:
		return "Allow"
	case HeaderAccept:
		return "Accept"
	case HeaderAcceptEncoding:
		return "Accept-Encoding"
	case HeaderAcceptLanguage:
		return "Accept-Language"
	case HeaderPath:
		return "Path"
	case HeaderServiceRoute:
		return "Service-Route"
	case HeaderUserAgent:
		return "User-Agent"
	case HeaderServer:
		return "Server"
	case HeaderTimestamp:
		return "Timestamp"
	case HeaderDate:
		return "Date"
	case HeaderRetryAfter:
		return "Retry-After"
	case HeaderWarning:
		return "Warning"
	case HeaderSubject:
		return "Subject"
	case HeaderEvent:
		return "Event"
	case HeaderAllowEvents:
		return "Allow-Events"
	case HeaderReferTo:
		return "Refer-To"
	case HeaderReferredBy:
		return "Referred-By"
	case HeaderSessionExpires:
		return "Session-Expires"
	case HeaderCallInfo:
		return "Call-Info"
	case HeaderAlertInfo:
		return "Alert-Info"
	case HeaderErrorInfo:
		return "Error-Info"
	case HeaderInReplyTo:
		return "In-Reply-To"
	case HeaderReason:
		return "Reason"
	default:
		return ""
	}
}

// ParseHeaderName returns the name that b spells, in any case and in the long or the compact form.
//
//nolint:funlen // a table in the form of a switch
func ParseHeaderName(b []byte) HeaderName {
	switch len(b) {
	case 1:
		return compactName(b[0] | 0x20)
	case 2:
		return nameIf(b, "To", HeaderTo)
	case 3:
		return nameIf(b, "Via", HeaderVia)
	case 4:
		switch b[0] | 0x20 {
		case 'c':
			return nameIf(b, "CSeq", HeaderCSeq)
		case 'd':
			return nameIf(b, "Date", HeaderDate)
		case 'f':
			return nameIf(b, "From", HeaderFrom)
		case 'p':
			return nameIf(b, "Path", HeaderPath)
		}
	case 5:
		switch b[0] | 0x20 {
		case 'a':
			return nameIf(b, "Allow", HeaderAllow)
		case 'e':
			return nameIf(b, "Event", HeaderEvent)
		case 'r':
			return nameIf(b, "Route", HeaderRoute)
		}
	case 6:
		switch b[0] | 0x20 {
		case 'a':
			return nameIf(b, "Accept", HeaderAccept)
		case 'r':
			return nameIf(b, "Reason", HeaderReason)
		case 's':
			return nameIf(b, "Server", HeaderServer)
		}
	case 7:
		switch b[2] | 0x20 {
		case 'b':
			return nameIf(b, "Subject", HeaderSubject)
		case 'l':
			return nameIf(b, "Call-ID", HeaderCallID)
		case 'n':
			return nameIf(b, "Contact", HeaderContact)
		case 'p':
			return nameIf(b, "Expires", HeaderExpires)
		case 'q':
			return nameIf(b, "Require", HeaderRequire)
		case 'r':
			return nameIf(b, "Warning", HeaderWarning)
		}
	case 8:
		return nameIf(b, "Refer-To", HeaderReferTo)
	case 9:
		switch b[0] | 0x20 {
		case 'c':
			return nameIf(b, "Call-Info", HeaderCallInfo)
		case 's':
			return nameIf(b, "Supported", HeaderSupported)
		case 't':
			return nameIf(b, "Timestamp", HeaderTimestamp)
		}
	case 10:
		switch b[0] | 0x20 {
		case 'a':
			return nameIf(b, "Alert-Info", HeaderAlertInfo)
		case 'e':
			return nameIf(b, "Error-Info", HeaderErrorInfo)
		case 'u':
			return nameIf(b, "User-Agent", HeaderUserAgent)
		}
	case 11:
		switch b[2] | 0x20 {
		case '-':
			return nameIf(b, "In-Reply-To", HeaderInReplyTo)
		case 'f':
			return nameIf(b, "Referred-By", HeaderReferredBy)
		case 'n':
			return nameIf(b, "Min-Expires", HeaderMinExpires)
		case 's':
			return nameIf(b, "Unsupported", HeaderUnsupported)
		case 't':
			return nameIf(b, "Retry-After", HeaderRetryAfter)
		}
	case 12:
		switch b[0] | 0x20 {
		case 'a':
			return nameIf(b, "Allow-Events", HeaderAllowEvents)
		case 'c':
			return nameIf(b, "Content-Type", HeaderContentType)
		case 'm':
			return nameIf(b, "Max-Forwards", HeaderMaxForwards)
		case 'r':
			return nameIf(b, "Record-Route", HeaderRecordRoute)
		}
	case 13:
		switch b[0] | 0x20 {
		case 'a':
			return nameIf(b, "Authorization", HeaderAuthorization)
		case 'p':
			return nameIf(b, "Proxy-Require", HeaderProxyRequire)
		case 's':
			return nameIf(b, "Service-Route", HeaderServiceRoute)
		}
	case 14:
		return nameIf(b, "Content-Length", HeaderContentLength)
	case 15:
		switch b[7] | 0x20 {
		case '-':
			return nameIf(b, "Session-Expires", HeaderSessionExpires)
		case 'e':
			return nameIf(b, "Accept-Encoding", HeaderAcceptEncoding)
		case 'l':
			return nameIf(b, "Accept-Language", HeaderAcceptLanguage)
		}
	case 16:
		switch b[0] | 0x20 {
		case 'c':
			return nameIf(b, "Content-Encoding", HeaderContentEncoding)
		case 'w':
			return nameIf(b, "WWW-Authenticate", HeaderWWWAuthenticate)
		}
	case 18:
		return nameIf(b, "Proxy-Authenticate", HeaderProxyAuthenticate)
	case 19:
		switch b[0] | 0x20 {
		case 'a':
			return nameIf(b, "Authentication-Info", HeaderAuthenticationInfo)
		case 'c':
			return nameIf(b, "Content-Disposition", HeaderContentDisposition)
		case 'p':
			return nameIf(b, "Proxy-Authorization", HeaderProxyAuthorization)
		}
	}
	return HeaderOther
}

// compactName knows the compact forms of RFC 3261 7.3.3 and of RFC 3515, 3892, 4028 and 6665. c is lower case.
func compactName(c byte) HeaderName {
	switch c {
	case 'b':
		return HeaderReferredBy
	case 'c':
		return HeaderContentType
	case 'e':
		return HeaderContentEncoding
	case 'f':
		return HeaderFrom
	case 'i':
		return HeaderCallID
	case 'k':
		return HeaderSupported
	case 'l':
		return HeaderContentLength
	case 'm':
		return HeaderContact
	case 'o':
		return HeaderEvent
	case 'r':
		return HeaderReferTo
	case 's':
		return HeaderSubject
	case 't':
		return HeaderTo
	case 'u':
		return HeaderAllowEvents
	case 'v':
		return HeaderVia
	case 'x':
		return HeaderSessionExpires
	default:
		return HeaderOther
	}
}

// nameIf returns n if b is name in any case. Nearly always it is written as RFC 3261 does, which one comparison
// of words tells.
func nameIf(b []byte, name string, n HeaderName) HeaderName {
	if string(b) == name || foldEqualString(b, name) {
		return n
	}
	return HeaderOther
}

// isList reports whether the values of n may stand on one line with commas between them (RFC 3261 7.3.1). All
// other headers hold one value a line, whatever commas are in it.
func (n HeaderName) isList() bool {
	switch n {
	case HeaderVia, HeaderContact, HeaderRoute, HeaderRecordRoute, HeaderPath, HeaderServiceRoute,
		HeaderRequire, HeaderProxyRequire, HeaderSupported, HeaderUnsupported, HeaderAllow, HeaderAllowEvents,
		HeaderAccept, HeaderAcceptEncoding, HeaderAcceptLanguage, HeaderContentEncoding, HeaderWarning,
		HeaderCallInfo, HeaderAlertInfo, HeaderErrorInfo, HeaderInReplyTo, HeaderReason:
		return true
	default:
		return false
	}
}

// mayBeEmpty reports whether RFC 3261 25.1 lets a list stand there without a value, or the header holds text of any kind.
func (n HeaderName) mayBeEmpty() bool {
	switch n {
	case HeaderSupported, HeaderAllow, HeaderAllowEvents, HeaderAccept, HeaderAcceptEncoding, HeaderAcceptLanguage:
		return true
	default:
		return !n.isList()
	}
}
