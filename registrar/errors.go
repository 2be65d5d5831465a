package registrar

import (
	"errors"
	"fmt"

	"github.com/sipway/sipway/location"
	"github.com/sipway/sipway/sip"
)

// Refusals. Static, so that refusing costs nothing; each reason is for whoever looks after the phone.
var (
	errRequire       = &sip.StatusError{Code: 400, Reason: "Bad Require"}
	errAuthorization = &sip.StatusError{Code: 400, Reason: "Bad Authorization"}
	errTo            = &sip.StatusError{Code: 400, Reason: "Bad To"}
	errCallID        = &sip.StatusError{Code: 400, Reason: "Call-ID Too Long"}
	errCSeq          = &sip.StatusError{Code: 400, Reason: "Bad CSeq"}
	errForbidden     = &sip.StatusError{Code: 403, Reason: "Not Your Address-of-Record"}
	errNotFound      = &sip.StatusError{Code: 404, Reason: "Not Found"}

	errContact      = &sip.StatusError{Code: 400, Reason: "Bad Contact"}
	errContactLong  = &sip.StatusError{Code: 400, Reason: "Contact Too Long"}
	errContactQ     = &sip.StatusError{Code: 400, Reason: "Bad q In Contact"}
	errContactTwice = &sip.StatusError{Code: 400, Reason: "Contact Listed Twice"}
	errContactMany  = &sip.StatusError{Code: 400, Reason: "Too Many Contacts In Request"}
	errHeaders      = &sip.StatusError{Code: 403, Reason: "Headers In Contact URI Not Allowed"}
	errUnreachable  = &sip.StatusError{Code: 403, Reason: "Contact Address Not Reachable"}
	errWildcard     = &sip.StatusError{Code: 400, Reason: "Contact * Needs Expires 0 And No Other Contact"}
	errPath         = &sip.StatusError{Code: 400, Reason: "Bad Path"}
	errPathLong     = &sip.StatusError{Code: 400, Reason: "Path Too Long"}
	errBindings     = &sip.StatusError{Code: 403, Reason: "Too Many Bindings For This Address-of-Record"}
	errLarge        = &sip.StatusError{Code: 513, Reason: "Too Many Bindings For UDP"}
	errBusy         = &sip.StatusError{Code: 503, Reason: "Registrar Overloaded", Extra: retry("5")}
)

func retry(seconds string) []sip.Field { return []sip.Field{{Name: "Retry-After", Value: seconds}} }

// outOfOrder refuses a request that is older than what it would change.
func outOfOrder(got, had uint32) error {
	return &sip.StatusError{Code: 400, Reason: fmt.Sprintf("CSeq %d Not Above %d For This Call-ID", got, had)}
}

// refusal is the answer to what location.Store.Update or the committer said.
func refusal(err error) error {
	if _, ok := errors.AsType[*sip.StatusError](err); ok {
		return err
	}
	if errors.Is(err, location.ErrBusy) {
		return errBusy
	}
	// RFC 3261 10.3 step 7: a back-end failure MUST be a 500.
	return &sip.StatusError{Code: 500, Reason: "Server Internal Error", Extra: retry("30"), Err: err}
}
