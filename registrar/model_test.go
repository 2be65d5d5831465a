package registrar

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipway/sipway/location"
	"github.com/sipway/sipway/sip"
	"pgregory.net/rapid"
)

// model is RFC 3261 10.3 for one AOR, written as naively as possible.
type model struct {
	bindings []modelBinding
	now      int64 // seconds
}

type modelBinding struct {
	uri, callID, branch string
	cseq                int
	ends                int64
}

type modelContact struct {
	uri     string
	expires int // -1: not given
}

type modelRequest struct {
	wildcard       bool
	contacts       []modelContact
	expires        int // -1: not given
	callID, branch string
	cseq           int
}

const modelMax = 4 // bindings

func (m *model) register(r modelRequest) string {
	m.bindings = slices.DeleteFunc(m.bindings, func(b modelBinding) bool { return b.ends <= m.now })
	next := slices.Clone(m.bindings)
	if r.wildcard {
		if r.expires != 0 || len(r.contacts) != 0 {
			return "400"
		}
		for _, b := range next {
			if b.callID == r.callID && b.cseq >= r.cseq {
				return "400"
			}
		}
		next = nil
	}
	for _, c := range r.contacts {
		if e := m.expiry(r, c); e > 0 && e < 60 {
			return "423 Min-Expires=60"
		}
	}
	for i, c := range r.contacts {
		for _, d := range r.contacts[:i] {
			if equal(c.uri, d.uri) {
				return "400"
			}
		}
	}
	for _, c := range r.contacts {
		var ok bool
		if next, ok = m.apply(next, r, c); !ok {
			return "400"
		}
	}
	if len(next) > modelMax && len(next) > len(m.bindings) {
		return "403"
	}
	m.bindings = next
	out := "200"
	for _, b := range next {
		out += fmt.Sprintf(" <%s>;expires=%d", b.uri, b.ends-m.now)
	}
	return out
}

func (m *model) expiry(r modelRequest, c modelContact) int {
	switch {
	case c.expires >= 0:
		return c.expires
	case r.expires >= 0:
		return r.expires
	}
	return 3600
}

func (m *model) apply(list []modelBinding, r modelRequest, c modelContact) ([]modelBinding, bool) {
	e := m.expiry(r, c)
	added := modelBinding{c.uri, r.callID, r.branch, r.cseq, m.now + int64(min(e, 7200))}
	var out []modelBinding
	placed := e == 0
	for _, b := range list {
		if !equal(b.uri, c.uri) {
			out = append(out, b)
			continue
		}
		if b.callID == r.callID && b.cseq == r.cseq && b.branch == r.branch {
			return list, true
		}
		if b.callID == r.callID && b.cseq >= r.cseq {
			return nil, false
		}
		if !placed {
			out, placed = append(out, added), true
		}
	}
	if !placed {
		out = append(out, added)
	}
	return out, true
}

func equal(a, b string) bool {
	u, err1 := sip.ParseURI([]byte(a))
	v, err2 := sip.ParseURI([]byte(b))
	return err1 == nil && err2 == nil && sip.EqualURI(&u, &v)
}

func (r modelRequest) lines() []string {
	lines := []string{"Via: SIP/2.0/UDP h;branch=" + r.branch, "Call-ID: " + r.callID, fmt.Sprintf("CSeq: %d REGISTER", r.cseq)}
	if r.expires >= 0 {
		lines = append(lines, fmt.Sprintf("Expires: %d", r.expires))
	}
	var contacts []string
	if r.wildcard {
		contacts = append(contacts, "*")
	}
	for _, c := range r.contacts {
		v := "<" + c.uri + ">"
		if c.expires >= 0 {
			v += fmt.Sprintf(";expires=%d", c.expires)
		}
		contacts = append(contacts, v)
	}
	if contacts != nil {
		lines = append(lines, "Contact: "+strings.Join(contacts, ", "))
	}
	return lines
}

func drawRequest(t *rapid.T, cseq int) modelRequest {
	expires := rapid.SampledFrom([]int{-1, -1, 0, 30, 60, 100, 3600, 9000})
	contact := rapid.Custom(func(t *rapid.T) modelContact {
		return modelContact{rapid.SampledFrom([]string{
			"sip:b@h1", "sip:b@H1", "sip:b@h1;security=on", "sip:b@h1;security=off", "sip:b@h2", "sips:b@h2", "sip:b@h2;transport=tcp",
			"sip:b@h3", "sip:%62@h3", "tel:+1",
		}).Draw(t, "uri"), expires.Draw(t, "contact expires")}
	})
	return modelRequest{
		wildcard: rapid.IntRange(0, 7).Draw(t, "wildcard") == 0,
		contacts: rapid.SliceOfN(contact, 0, 3).Draw(t, "contacts"),
		expires:  expires.Draw(t, "expires"),
		callID:   rapid.SampledFrom([]string{"c1", "C1", "c2"}).Draw(t, "callid"),
		cseq:     max(1, cseq+rapid.IntRange(-2, 1).Draw(t, "cseq")),
	}
}

// TestModel: any sequence of REGISTERs, retransmissions and waits is answered as the naive model does.
func TestModel(t *testing.T) {
	t.Parallel()
	for _, durability := range []location.Durability{location.None, location.Strict} {
		t.Run(durability.String(), func(t *testing.T) {
			t.Parallel()
			s := openStore(t, t.TempDir(), durability)
			stop := serve(t, s)
			defer stop()
			p := newPhone(t, func(o *Options) { o.MaxBindings, o.Store = modelMax, s })
			user := 0
			rapid.Check(t, func(rt *rapid.T) {
				user++
				to := fmt.Sprintf("To: <sip:user%d@d.test>", user)
				m, now, cseq, branch := model{now: start.Unix()}, start, 1, 0
				var sent []modelRequest
				for range rapid.IntRange(1, 30).Draw(rt, "length") {
					var r modelRequest
					switch what := rapid.IntRange(0, 9).Draw(rt, "what"); {
					case what == 0:
						d := rapid.SampledFrom([]int{1, 59, 60, 3600}).Draw(rt, "wait")
						now, m.now = now.Add(time.Duration(d)*time.Second), m.now+int64(d)
						continue
					case what == 1 && len(sent) > 0:
						r = sent[len(sent)-1]
					default:
						r = drawRequest(rt, cseq)
						branch++
						r.branch = fmt.Sprintf("z9hG4bK%d", branch)
						cseq = max(cseq, r.cseq) + 1
					}
					sent = append(sent, r)
					want := m.register(r)
					p.now = now
					if got := brief(p.send(p.register(append(r.lines(), to)...))); got != want {
						rt.Fatalf("%v\n got %s\nwant %s", r.lines(), got, want)
					}
				}
			})
		})
	}
}
