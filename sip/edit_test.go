package sip

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const editMessage = "INVITE sip:old@h SIP/2.0\r\n" +
	"X-Odd :  kept ;; \r\n\t folded\r\n" +
	"v:  SIP/2.0/UDP a ,SIP/2.0/UDP b\r\n" +
	"ROUTE: <sip:r1;lr>\r\n" +
	"Route : <sip:r2;lr> , \"x,y\" <sip:r3;lr>,<sip:r4;lr>\r\n" +
	"VIA: SIP/2.0/UDP c\r\n" +
	"max-forwards:  07 \r\n" +
	"From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n" +
	"X-Odd:again\r\n\r\nbody"

func TestEdit(t *testing.T) {
	t.Parallel()
	m := mustParse(t, []byte(editMessage))
	swap := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(editMessage) }
	b := func(s string) []byte { return []byte(s) }
	for _, c := range []struct {
		name string
		edit func(e *Edit)
		want string
	}{
		{"nothing", func(*Edit) {}, editMessage},
		{"forward", func(e *Edit) { // what a proxy does: RFC 3261 16.6
			_ = e.Prepend("Via", b("SIP/2.0/UDP me;branch=z9hG4bKq"))
			_ = e.ReplaceRequestURI(b("sip:new@example.com;x"))
			_ = e.ReplaceValue(HeaderMaxForwards, 0, b("6"))
			_ = e.RemoveValue(HeaderRoute, 0)
			_ = e.Prepend("Record-Route", b("<sip:me;lr>"))
		}, swap("sip:old@h", "sip:new@example.com;x", "X-Odd :", "Record-Route: <sip:me;lr>\r\nX-Odd :", "v:  ", "Via: SIP/2.0/UDP me;branch=z9hG4bKq\r\nv:  ", "07", "6", "ROUTE: <sip:r1;lr>\r\n", "")},
		{"backward: top Via", func(e *Edit) { _ = e.RemoveValue(HeaderVia, 0) }, swap("SIP/2.0/UDP a ,", "")},
		{"second of a line", func(e *Edit) { _ = e.RemoveValue(HeaderVia, 1) }, swap(" ,SIP/2.0/UDP b", "")},
		{"all of a line", func(e *Edit) { _ = e.RemoveValue(HeaderVia, 1); _ = e.RemoveValue(HeaderVia, 0) }, swap("v:  SIP/2.0/UDP a ,SIP/2.0/UDP b\r\n", "")},
		{"middle", func(e *Edit) { _ = e.RemoveValue(HeaderRoute, 2) }, swap("\"x,y\" <sip:r3;lr>,", "")},
		{"ends", func(e *Edit) { _ = e.RemoveValue(HeaderRoute, 1); _ = e.RemoveValue(HeaderRoute, 3) }, swap("<sip:r2;lr> , ", "", ",<sip:r4;lr>", "")},
		{"tail", func(e *Edit) { _ = e.RemoveValue(HeaderRoute, 2); _ = e.RemoveValue(HeaderRoute, 3) }, swap(" , \"x,y\" <sip:r3;lr>,<sip:r4;lr>", "")},
		{"header", func(e *Edit) { _ = e.RemoveHeader(HeaderRoute) }, swap("ROUTE: <sip:r1;lr>\r\n", "", "Route : <sip:r2;lr> , \"x,y\" <sip:r3;lr>,<sip:r4;lr>\r\n", "")},
		{"header that is not there", func(e *Edit) { _ = e.RemoveHeader(HeaderExpires) }, editMessage},
		{
			"header replaced", func(e *Edit) { _ = e.RemoveHeader(HeaderVia); _ = e.Prepend("via", b("x")) },
			swap("v:  SIP/2.0/UDP a ,SIP/2.0/UDP b\r\n", "via: x\r\n", "VIA: SIP/2.0/UDP c\r\n", ""),
		},
		{"twice on top", func(e *Edit) { _ = e.Prepend("Via", b("1")); _ = e.Prepend("Via", b("2")) }, swap("v:  ", "Via: 2\r\nVia: 1\r\nv:  ")},
		{"unknown name", func(e *Edit) { _ = e.Prepend("x-ODD", b("1")) }, swap("X-Odd :", "x-ODD: 1\r\nX-Odd :")},
		{"at the end", func(e *Edit) { _ = e.Add("P", b("1")); _ = e.Add("Q", b("2")) }, swap("again\r\n", "again\r\nP: 1\r\nQ: 2\r\n")},
		{"a value", func(e *Edit) { _ = e.ReplaceValue(HeaderRoute, 2, b("<sip:n>")) }, swap("\"x,y\" <sip:r3;lr>", "<sip:n>")},
	} {
		t.Run(c.name, func(t *testing.T) {
			var e Edit
			c.edit(&e)
			out, err := e.Append([]byte("kept|"), m)
			if err != nil {
				t.Fatal(err)
			}
			same(t, string(out), "kept|"+c.want)
			same(t, string(m.Bytes()), editMessage)
		})
	}
	for name, edit := range map[string]func(e *Edit){
		"no such value":          func(e *Edit) { _ = e.ReplaceValue(HeaderVia, 3, nil) },
		"no such value to go":    func(e *Edit) { _ = e.RemoveValue(HeaderVia, -1) },
		"same value twice":       func(e *Edit) { _ = e.ReplaceValue(HeaderVia, 0, nil); _ = e.ReplaceValue(HeaderVia, 0, nil) },
		"replaced and removed":   func(e *Edit) { _ = e.ReplaceValue(HeaderVia, 1, nil); _ = e.RemoveHeader(HeaderVia) },
		"bad URI":                func(e *Edit) { _ = e.ReplaceRequestURI([]byte("sip:a b")) },
		"bad name":               func(e *Edit) { _ = e.Add("a b", nil) },
		"no name":                func(e *Edit) { _ = e.Prepend("", nil) },
		"two Request-URIs":       func(e *Edit) { _ = e.ReplaceRequestURI([]byte("sip:a")); _ = e.ReplaceRequestURI([]byte("sip:b")) },
		"overlap at its one end": func(e *Edit) { _ = e.RemoveValue(HeaderVia, 0); _ = e.ReplaceValue(HeaderVia, 0, []byte("x")) },
	} {
		var e Edit
		edit(&e)
		if out, err := e.Append(nil, m); err == nil {
			t.Errorf("%s: %s", name, out)
		}
	}
}

func TestEditRefuses(t *testing.T) {
	t.Parallel()
	var e Edit
	_ = e.ReplaceRequestURI([]byte("sip:a"))
	if _, err := e.Append(nil, mustParse(t, []byte("SIP/2.0 200 OK\r\nX: y\r\n\r\n"))); err != ErrNoValue {
		t.Error(err)
	}
	var bad Message
	_ = bad.Parse([]byte("INVITE sip:a SIP/2.0\r\nX\r\n\r\n"))
	e.Reset()
	if _, err := e.Append(nil, &bad); err != ErrParse {
		t.Error(err)
	}
	none := mustParse(t, []byte("INVITE sip:a SIP/2.0\r\n\r\n"))
	_ = e.Prepend("Via", []byte("x"))
	if out, err := e.Append(nil, none); err != nil || string(out) != "INVITE sip:a SIP/2.0\r\nVia: x\r\n\r\n" {
		t.Errorf("%q %v", out, err)
	}
}

// TestEditRemoval: whatever set of values goes, the others stay, in their order, and so does every other line.
func TestEditRemoval(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		text.WriteString("OPTIONS sip:h SIP/2.0\r\n")
		n := 0
		for range rapid.IntRange(1, 4).Draw(t, "lines") {
			text.WriteString(rapid.SampledFrom([]string{"Route: ", "ROUTE :", "route:\r\n "}).Draw(t, "name"))
			for i := range rapid.IntRange(1, 4).Draw(t, "values") {
				if i > 0 {
					text.WriteString(rapid.SampledFrom([]string{",", " , ", ",\r\n\t"}).Draw(t, "comma"))
				}
				text.WriteString("<sip:h" + itoa(n) + ";x=,>")
				n++
			}
			text.WriteString("\r\nX-Other: " + itoa(n) + "\r\n")
		}
		text.WriteString("\r\n")
		gone := rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, min(n, MaxEdits), rapid.ID[int]).Draw(t, "gone")
		var m, after Message
		if err := m.Parse([]byte(text.String())); err != nil {
			t.Fatal(err)
		}
		var e Edit
		for _, i := range gone {
			_ = e.RemoveValue(HeaderRoute, i)
		}
		out, err := e.Append(nil, &m)
		if err != nil {
			t.Fatal(err)
		}
		if err := after.Parse(out); err != nil {
			t.Fatalf("%v: %q", err, out)
		}
		it := after.Values(HeaderRoute)
		for i := range n {
			if slices.Contains(gone, i) {
				continue
			}
			if want := "<sip:h" + itoa(i) + ";x=,>"; !it.Next() || string(it.Value()) != want {
				t.Fatalf("%s is missing: %q", want, out)
			}
		}
		if it.Next() || it.Err() != nil {
			t.Fatalf("too many: %q, %v", out, it.Err())
		}
		if bytes.Count(out, []byte("X-Other: ")) != bytes.Count(m.Bytes(), []byte("X-Other: ")) {
			t.Fatalf("another line is gone: %q", out)
		}
	})
}
