package sip

// Method is a request method that sipway knows by name. Methods are case-sensitive (RFC 3261 7.1): "invite" is
// MethodUnknown, and Message.MethodBytes says what was written.
type Method uint8

// The methods of RFC 3261, 3262, 6665, 3903, 6086, 3515, 3428 and 3311.
const (
	MethodUnknown Method = iota
	MethodInvite
	MethodAck
	MethodBye
	MethodCancel
	MethodOptions
	MethodRegister
	MethodPrack
	MethodSubscribe
	MethodNotify
	MethodPublish
	MethodInfo
	MethodRefer
	MethodMessage
	MethodUpdate
)

// String returns the method as it stands in a start line, or "UNKNOWN".
func (m Method) String() string {
	switch m {
	case MethodInvite:
		return "INVITE"
	case MethodAck:
		return "ACK"
	case MethodBye:
		return "BYE"
	case MethodCancel:
		return "CANCEL"
	case MethodOptions:
		return "OPTIONS"
	case MethodRegister:
		return "REGISTER"
	case MethodPrack:
		return "PRACK"
	case MethodSubscribe:
		return "SUBSCRIBE"
	case MethodNotify:
		return "NOTIFY"
	case MethodPublish:
		return "PUBLISH"
	case MethodInfo:
		return "INFO"
	case MethodRefer:
		return "REFER"
	case MethodMessage:
		return "MESSAGE"
	case MethodUpdate:
		return "UPDATE"
	default:
		return "UNKNOWN"
	}
}

// ParseMethod returns the method that b names, MethodUnknown for any other.
func ParseMethod(b []byte) Method {
	switch string(b) {
	case "INVITE":
		return MethodInvite
	case "ACK":
		return MethodAck
	case "BYE":
		return MethodBye
	case "CANCEL":
		return MethodCancel
	case "OPTIONS":
		return MethodOptions
	case "REGISTER":
		return MethodRegister
	case "PRACK":
		return MethodPrack
	case "SUBSCRIBE":
		return MethodSubscribe
	case "NOTIFY":
		return MethodNotify
	case "PUBLISH":
		return MethodPublish
	case "INFO":
		return MethodInfo
	case "REFER":
		return MethodRefer
	case "MESSAGE":
		return MethodMessage
	case "UPDATE":
		return MethodUpdate
	default:
		return MethodUnknown
	}
}
