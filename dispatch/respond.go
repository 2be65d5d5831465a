package dispatch

import (
	"errors"

	"github.com/sipway/sipway/sip"
	"github.com/sipway/sipway/transport"
)

// What is refused here. Static, so that refusing costs nothing.
var (
	errBadMessage  = &sip.StatusError{Code: 400, Reason: "Bad Request"}
	errBadURI      = &sip.StatusError{Code: 400, Reason: "Bad Request-URI"}
	errRequire     = &sip.StatusError{Code: 400, Reason: "Bad Require"}
	errNotOurs     = &sip.StatusError{Code: 404, Reason: "Not Found"}
	errScheme      = &sip.StatusError{Code: 416, Reason: "Unsupported URI Scheme"}
	errNoCall      = &sip.StatusError{Code: 481, Reason: "Call/Transaction Does Not Exist"}
	errTooManyHops = &sip.StatusError{Code: 483, Reason: "Too Many Hops"}
	errInternal    = &sip.StatusError{Code: 500, Reason: "Server Internal Error"}
	errMediaType   = &sip.StatusError{
		Code: 415, Reason: "Unsupported Media Type",
		Extra: []sip.Field{{Name: "Accept", Value: accepted}},
	}
	errEncoding = &sip.StatusError{
		Code: 415, Reason: "Unsupported Media Type",
		Extra: []sip.Field{{Name: "Accept-Encoding", Value: "identity"}},
	}
)

// refuse answers r with what err says: a *sip.StatusError with its header fields, anything else with 500 and
// not a word about the inside.
func (d *Dispatcher) refuse(r *transport.Request, s *scratch, err error) {
	status, ok := errors.AsType[*sip.StatusError](err)
	if !ok {
		status = errInternal
	}
	w := d.begin(r, s, status.Code, status.Reason)
	for i := range status.Extra {
		w.AddString(status.Extra[i].Name, status.Extra[i].Value)
	}
	d.send(r, s, status.Code)
}

// answer sends a response of no more than the header fields every response has.
func (d *Dispatcher) answer(r *transport.Request, s *scratch, code int) {
	d.begin(r, s, code, "")
	d.send(r, s, code)
}

// begin starts a response in r's memory (RFC 3261 8.2.6.2).
func (d *Dispatcher) begin(r *transport.Request, s *scratch, code int, reason string) *sip.Response {
	if reason == "" {
		reason = sip.ReasonPhrase(code)
	}
	s.response.Begin(r.Buffer(), &r.Message, code, reason, s.tag)
	return &s.response
}

// send ends and sends the response that begin started. One that cannot be built is dropped and counted.
func (d *Dispatcher) send(r *transport.Request, s *scratch, code int) {
	b := s.response.End()
	if b == nil {
		s.count.dropped[droppedUnbuildable].Add(1)
		return
	}
	s.count.answers[min(max(code/100, 0), len(s.count.answers)-1)].Add(1)
	r.Respond(b)
}
