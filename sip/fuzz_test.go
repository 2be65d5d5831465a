package sip

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

func seedMessages(f *testing.F, add func([]byte)) {
	for _, c := range tortureWant {
		add(readTorture(f, c.file))
	}
	for _, s := range []string{invite, editMessage, tcpOne, tcpTwo, options + basic + "\r\n"} {
		add([]byte(s))
	}
}

// FuzzMessage: whatever is parsed, all readers end; what can be answered is answered, and the answer parses; an edit that
// changes nothing keeps every byte, and one that pushes a Via and pops it again does too.
func FuzzMessage(f *testing.F) {
	seedMessages(f, func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Message
		err := m.Parse(b)
		valid := m.Validate()
		var status *StatusError
		if err != nil && (valid != err || !errors.As(err, &status)) {
			t.Fatalf("Parse %v, Validate %v", err, valid)
		}
		for i := range m.NumHeaders() {
			h := m.HeaderAt(i)
			it := m.Values(h.Name)
			for it.Next() {
				if len(it.Value()) == 0 && h.Name.isList() {
					t.Fatal("empty value")
				}
			}
			if CheckValue(AppendUnfolded(nil, h.Value)) != nil && !bytes.ContainsRune(h.Value, '\\') {
				t.Fatalf("a control came through: %q", h.Value)
			}
		}
		_, _ = m.TopVia()
		_, _, _ = m.Expires()
		checkRespond(t, &m)
		if err != nil {
			return
		}
		var e Edit
		same2, err := e.Append(nil, &m)
		if err != nil || !bytes.Equal(same2, m.Bytes()) {
			t.Fatalf("%v: %q", err, same2)
		}
		if valid != nil || m.NumHeaders() == MaxHeaders || len(m.Bytes()) > MaxMessage-100 || m.section > MaxHeaderSection-100 {
			return
		}
		_ = e.Prepend("Via", []byte("SIP/2.0/UDP me;branch=z9hG4bKpush"))
		pushed, err := e.Append(nil, &m)
		var p Message
		if err != nil || p.Parse(pushed) != nil {
			t.Fatalf("%v: %q", err, pushed)
		}
		e.Reset()
		_ = e.RemoveValue(HeaderVia, 0)
		popped, err := e.Append(nil, &p)
		if err != nil || !bytes.Equal(popped, m.Bytes()) {
			t.Fatalf("%v: %q", err, popped)
		}
	})
}

// FuzzStream: however a stream is cut, the same messages come out and the same error.
func FuzzStream(f *testing.F) {
	seedMessages(f, func(b []byte) { f.Add(append(slices.Clip(b), tcpTwo...), uint16(3), uint16(7)) })
	f.Fuzz(func(t *testing.T, b []byte, first, step uint16) {
		if len(b) > 4<<10 {
			b = b[:4<<10]
		}
		whole, wholeErr := frameAll(b, nil)
		var cuts []int
		for at := int(first); at < len(b); at += int(step)%97 + 1 {
			cuts = append(cuts, at)
		}
		cut, cutErr := frameAll(b, cuts)
		if wholeErr != cutErr || len(whole) != len(cut) {
			t.Fatalf("whole: %d, %v; cut: %d, %v", len(whole), wholeErr, len(cut), cutErr)
		}
		for i := range whole {
			if !bytes.Equal(whole[i], cut[i]) {
				t.Fatalf("message %d: %q and %q", i, whole[i], cut[i])
			}
			var m Message
			if m.Parse(whole[i]); m.section > 0 && !bytes.Equal(m.Bytes(), whole[i]) {
				t.Fatalf("Parse and Frame see other ends: %q of %q", m.Bytes(), whole[i])
			}
		}
	})
}

// FuzzURI: a URI equals itself, and the canonical form of a canonical form is the same.
func FuzzURI(f *testing.F) {
	for _, s := range []string{"sip:alice:pw@example.com:5060;transport=tcp;lr?subject=x&to=y", "sips:%61%40@[2001:db8::1]", "tel:+1;phone-context=x", "sip:a@1.2.3.4", "sip:h.;a=%41?"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := ParseURI(b)
		if err != nil {
			return
		}
		if !EqualURI(&u, &u) {
			t.Fatalf("%q is not equal to itself", b)
		}
		if u.IsSIP && (u.User != nil && len(u.User) == 0 || len(u.Host) == 0) {
			t.Fatalf("%q: %+v", b, u)
		}
		aor := AppendAOR(nil, &u)
		if CheckValue(aor) != nil || bytes.ContainsAny(aor, "<> \"") && u.IsSIP {
			t.Fatalf("%q", aor)
		}
		v, err := ParseURI(aor)
		if err != nil {
			if len(aor) > MaxURI { // escaping made it longer
				return
			}
			t.Fatalf("%q of %q: %v", aor, b, err)
		}
		if again := AppendAOR(nil, &v); !bytes.Equal(again, aor) {
			t.Fatalf("%q, then %q", aor, again)
		}
		if _, ok := u.Param("transport"); ok {
			w := u
			w.Params = nil
			if EqualURI(&u, &w) || EqualURI(&w, &u) {
				t.Fatalf("%q: transport on one side is equal", b)
			}
		}
	})
}

// FuzzVia: a Via that is taken keeps its parts when it is stamped, and is taken again.
func FuzzVia(f *testing.F) {
	for _, s := range []string{"SIP/2.0/UDP h:5060;branch=z9hG4bKx;rport", "SIP / 2.0 / TCP [::1] ; received = [::2] ;ttl=1;maddr=h;x=\"a;b\"", "SIP/2.0/UDP 192.0.2.1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := ParseVia(b)
		if err != nil {
			return
		}
		if len(v.Host) == 0 || len(v.Transport) == 0 {
			t.Fatalf("%+v", v)
		}
		var seen nameSet
		it := v.Params.Iter()
		for it.Next() {
			seen.add(&it)
		}
		if seen.n > MaxParams-2 || len(b) > MaxHeaderSection-100 {
			return
		}
		out := appendStamped(nil, b, &v, testSource)
		w, err := ParseVia(out)
		if err != nil || !bytes.Equal(w.Host, v.Host) || w.Port != v.Port || !bytes.Equal(w.Branch, v.Branch) || w.HasRPort != v.HasRPort {
			t.Fatalf("%v: %q of %q", err, out, b)
		}
		if v.HasRPort && (w.RPort != testSource.Port() || string(w.Received) != testSource.Addr().String()) {
			t.Fatalf("%q", out)
		}
	})
}

// FuzzNameAddr: what is taken has a URI that parses, and is the same put into <>.
func FuzzNameAddr(f *testing.F) {
	for _, s := range []string{"sip:a@h;tag=1", "\"a\\\"b\" <sip:a;b,c@h;lr?x=y>;tag=1;q=\"a;b\"", "Bob <tel:+1>", "<sip:h>"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseNameAddr(b)
		if err != nil {
			return
		}
		if _, err := ParseURI(a.URI); err != nil {
			t.Fatalf("%q: %v", a.URI, err)
		}
		if a.Tag != nil && !isTokens(a.Tag) {
			t.Fatalf("tag %q", a.Tag)
		}
		out := append(append(append([]byte("<"), a.URI...), '>'), a.Params...)
		again, err := ParseNameAddr(out)
		if len(out) > MaxHeaderSection {
			return
		}
		if err != nil || !bytes.Equal(again.URI, a.URI) || !bytes.Equal(again.Tag, a.Tag) || !bytes.Equal(trimLWS(again.Params), trimLWS(a.Params)) {
			t.Fatalf("%v: %q of %q", err, out, b)
		}
	})
}
