package redirect

import (
	"github.com/sipway/sipway/location"
	"github.com/sipway/sipway/sip"
)

// contact is one place to try.
type contact struct {
	uri     []byte // points into the location.Record
	q       uint16 // thousandths
	seconds int64  // of life left, at least 1
	updated int64
}

// before is the order of a 302: the higher q first, among equals the one that registered last.
func (c *contact) before(d *contact) bool {
	if c.q != d.q {
		return c.q > d.q
	}
	return c.updated > d.updated
}

// contacts are the best maxContacts of a record, in order.
type contacts struct {
	best [maxContacts]contact
	n    int
	self bool // a binding was left out because it equals the Request-URI
}

// gather collects the bindings of rec that live at now (Unix milliseconds) and may be given to somebody who
// asked for target.
func (l *contacts) gather(rec location.Record, target *sip.URI, now int64) {
	l.n, l.self = 0, false
	var b location.Binding
	for it := rec.Bindings(); it.Next(&b); {
		if b.Expires <= now {
			continue
		}
		c := contact{uri: b.URI, q: b.Q, seconds: max((b.Expires-now)/1000, 1), updated: b.Updated}
		if l.usable(&c, target) {
			l.insert(c)
		}
	}
}

// usable decides whether the contact may stand in a 302 for target, and takes from it what may not.
func (l *contacts) usable(c *contact, target *sip.URI) bool {
	u, err := sip.ParseURI(c.uri)
	if err != nil {
		return false
	}
	if target.Secure && !u.Secure {
		return false // RFC 3261 26.4.4: a SIPS request is not redirected to less
	}
	if !u.IsSIP {
		return true // 8.3: a Contact need not be a SIP URI
	}
	if u.Headers != nil {
		// RFC 3261 19.1.5: header fields that a callee wants callers to send are not passed on.
		c.uri = c.uri[:len(c.uri)-len(u.Headers)-1]
		u.Headers = nil
	}
	if sip.EqualURI(&u, target) {
		l.self = true // RFC 3261 8.3: never to a URI equal to the Request-URI
		return false
	}
	return true
}

// insert keeps the list sorted; the order among equals is that of insertion.
func (l *contacts) insert(c contact) {
	at := l.n
	for at > 0 && c.before(&l.best[at-1]) {
		at--
	}
	if at == maxContacts {
		return
	}
	l.n = min(l.n+1, maxContacts)
	copy(l.best[at+1:l.n], l.best[at:l.n-1])
	l.best[at] = c
}

// write adds the list as one Contact header field. The URI stands in <> always, so that its commas,
// semicolons and question marks are its own (RFC 3261 20.10).
func (l *contacts) write(w *sip.Response, datagram bool) {
	const around = len(`, <>;q=0.555;expires=4294967295`)
	size := 0
	w.Open("Contact")
	for i := range l.best[:l.n] {
		c := &l.best[i]
		size += len(c.uri) + around
		if i > 0 {
			if datagram && size > maxDatagramContacts {
				break
			}
			w.PutString(", ")
		}
		w.PutString("<")
		w.Put(c.uri)
		w.PutString(">;q=")
		var q [5]byte
		w.Put(sip.AppendQ(q[:0], c.q))
		w.PutString(";expires=")
		w.PutInt(int(c.seconds))
	}
	w.Close()
}
