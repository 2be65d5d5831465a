package dispatch

import (
	"bytes"

	"github.com/sipway/sipway/sip"
	"github.com/sipway/sipway/transport"
)

// accepted is the body type that is not refused. What it says is never read: nothing here needs a body.
const accepted = "application/sdp"

// serveElement serves requests for the domain itself, a Request-URI without user part: here we are the UAS,
// whatever Max-Forwards says.
func (d *Dispatcher) serveElement(r *transport.Request, s *scratch, to *domain) error {
	switch r.Method() {
	case sip.MethodOptions:
	case sip.MethodInvite:
		return errNotOurs // nobody is there to take the call
	case sip.MethodBye:
		return errNoCall // RFC 3261 15.1.2
	default:
		return to.notAllowed // RFC 3261 8.2.1
	}
	if d.refuseRequire(r, s) {
		return nil
	}
	if err := checkContent(&r.Message); err != nil {
		return err
	}
	d.answerOptions(r, s, to)
	return nil
}

// answerOptions is RFC 3261 11.2.
func (d *Dispatcher) answerOptions(r *transport.Request, s *scratch, to *domain) {
	w := d.begin(r, s, 200, "")
	w.AddString("Allow", to.allow)
	w.AddString("Accept", accepted)
	w.AddString("Accept-Encoding", "identity")
	w.AddString("Accept-Language", "en")
	w.Open("Supported")
	for i, tag := range d.supported {
		if i > 0 {
			w.PutString(", ")
		}
		w.PutString(tag)
	}
	w.Close()
	d.send(r, s, 200)
}

// refuseRequire answers 420 with the option-tags of Require that are not supported, exactly those, and
// reports whether there were any (RFC 3261 8.2.2.3).
func (d *Dispatcher) refuseRequire(r *transport.Request, s *scratch) bool {
	if r.Count(sip.HeaderRequire) == 0 {
		return false
	}
	s.text = s.text[:0]
	it := r.Values(sip.HeaderRequire)
	for it.Next() {
		tag := it.Value()
		if !sip.IsToken(tag) { // RFC 3261 25.1, option-tag; it would be copied into the response
			d.refuse(r, s, errRequire)
			return true
		}
		if d.supports(tag) {
			continue
		}
		if len(s.text) > 0 {
			s.text = append(s.text, ", "...)
		}
		s.text = append(s.text, tag...)
	}
	if it.Err() != nil {
		d.refuse(r, s, errRequire)
		return true
	}
	if len(s.text) == 0 {
		return false
	}
	w := d.begin(r, s, 420, "Bad Extension")
	w.Add("Unsupported", s.text)
	d.send(r, s, 420)
	return true
}

func (d *Dispatcher) supports(tag []byte) bool {
	for _, t := range d.supported {
		if bytes.EqualFold(tag, []byte(t)) { // RFC 3261 7.3.1: tokens are case-insensitive
			return true
		}
	}
	return false
}

// checkContent is RFC 3261 8.2.3: a body of a kind we do not know must be marked optional.
func checkContent(m *sip.Message) error {
	if len(m.Body()) == 0 {
		return nil
	}
	if v, ok := m.Header(sip.HeaderContentDisposition); ok && optional(v) {
		return nil
	}
	if v, ok := m.Header(sip.HeaderContentEncoding); ok && !bytes.EqualFold(v, []byte("identity")) {
		return errEncoding
	}
	v, ok := m.Header(sip.HeaderContentType)
	if kind, _, _ := bytes.Cut(v, []byte(";")); !ok || !bytes.EqualFold(bytes.TrimSpace(kind), []byte(accepted)) {
		return errMediaType
	}
	return nil
}

// optional reports whether a Content-Disposition says handling=optional.
func optional(v []byte) bool {
	i := bytes.IndexByte(v, ';')
	if i < 0 {
		return false
	}
	handling, ok := sip.Params(v[i:]).Get("handling")
	return ok && bytes.EqualFold(handling, []byte("optional"))
}
