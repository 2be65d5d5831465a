package location

import (
	"bytes"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func genBinding(t *rapid.T) Binding {
	text := rapid.SliceOfN(rapid.Byte(), 0, 300)
	b := Binding{
		URI: text.Draw(t, "uri"), Params: text.Draw(t, "params"), CallID: text.Draw(t, "callid"), Path: text.Draw(t, "path"),
		Q: rapid.Uint16Range(0, 1000).Draw(t, "q"), Expires: rapid.Int64Min(0).Draw(t, "expires"), CSeq: rapid.Uint32().Draw(t, "cseq"),
		Transport: rapid.Byte().Draw(t, "transport"), Updated: rapid.Int64Min(0).Draw(t, "updated"),
		Request: rapid.Uint64().Draw(t, "request"),
	}
	port := rapid.Uint16().Draw(t, "port")
	switch rapid.IntRange(0, 2).Draw(t, "family") {
	case 1:
		b.Source = netip.AddrPortFrom(netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "ip4"))), port)
	case 2:
		b.Source = netip.AddrPortFrom(netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "ip6"))), port)
	}
	return b
}

func TestRecordRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(genBinding), 0, 12).Draw(t, "bindings")
		var r Record
		soonest := int64(0)
		for i := range want {
			r = AppendBinding(r, &want[i])
			if i == 0 || want[i].Expires < soonest {
				soonest = want[i].Expires
			}
		}
		if r.Len() != len(want) || r.SoonestExpiry() != soonest || r.Check() != nil {
			t.Fatalf("len %d, soonest %d, check %v", r.Len(), r.SoonestExpiry(), r.Check())
		}
		if again := NewRecord(want); !bytes.Equal(again, r) || cap(again) > len(r)+recordHeader {
			t.Fatalf("NewRecord made %d bytes in %d, AppendBinding %d", len(again), cap(again), len(r))
		}
		it, got := r.Bindings(), Binding{}
		for i := range want {
			if !it.Next(&got) || fmt.Sprint(got) != fmt.Sprint(want[i]) {
				t.Fatalf("binding %d: got %v, want %v", i, got, want[i])
			}
		}
		if it.Next(&got) {
			t.Fatal("one too many")
		}
		for n := range r { // every cut is found
			if n != 0 && r[:n].Check() == nil {
				t.Fatalf("cut to %d of %d passes", n, len(r))
			}
		}
	})
}

func TestRecordZero(t *testing.T) {
	t.Parallel()
	for _, r := range []Record{nil, {}, {recordVersion}, {recordVersion + 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}} {
		it, b := r.Bindings(), Binding{}
		if r.Len() != 0 || r.SoonestExpiry() != 0 || it.Next(&b) {
			t.Errorf("%v has bindings", r)
		}
	}
	var none Binding
	r := AppendBinding(nil, &none)
	it, b := r.Bindings(), Binding{}
	if !it.Next(&b) || len(b.URI) != 0 || b.Source.IsValid() {
		t.Errorf("the zero binding became %v", b)
	}
}

// TestRecordReadsLaterFields: what a later sipway adds at the end of a binding is skipped.
func TestRecordReadsLaterFields(t *testing.T) {
	t.Parallel()
	b := Binding{URI: []byte("sip:a@192.0.2.1"), Expires: 1}
	plain := AppendBinding(nil, &b)
	n := plain[recordHeader] + 3 // its length, in one byte as it is below 128
	r := append(Record{}, plain[:recordHeader]...)
	r = append(append(append(r, n), plain[recordHeader+1:]...), 7, 7, 7)
	it, got := r.Bindings(), Binding{}
	if !it.Next(&got) || !bytes.Equal(got.URI, b.URI) || r.Check() != nil {
		t.Errorf("%v, %v", got, r.Check())
	}
}

func TestRecordCountIsBounded(t *testing.T) {
	t.Parallel()
	r, b := Record(nil), Binding{}
	for range maxBindings + 5 {
		r = AppendBinding(r, &b)
	}
	if r.Len() != maxBindings || r.Check() != nil {
		t.Error(r.Len(), r.Check())
	}
}

func TestRecordAllocates(t *testing.T) {
	b := binding("sip:alice@192.0.2.4:5060;transport=udp", 1, 1)
	b.Path = []byte(strings.Repeat("<sip:edge.example.com;lr>,", 4))
	buf := make(Record, 0, 4096)
	n := testing.AllocsPerRun(100, func() {
		buf = AppendBinding(AppendBinding(buf[:0], b), b)
		it, got := buf.Bindings(), Binding{}
		for it.Next(&got) {
		}
	})
	if n != 0 {
		t.Errorf("%v allocations to encode and decode", n)
	}
}

func FuzzRecord(f *testing.F) {
	one := AppendBinding(nil, binding("sip:a@192.0.2.1", 1, 1))
	f.Add([]byte(nil))
	f.Add([]byte(one))
	f.Add([]byte(AppendBinding(bytes.Clone(one), &Binding{Source: netip.MustParseAddrPort("[2001:db8::1]:5060")})))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := Record(data)
		good := r.Check() == nil
		var again Record
		it, b := r.Bindings(), Binding{}
		n := 0
		for it.Next(&b) {
			again = AppendBinding(again, &b)
			n++
		}
		r.SoonestExpiry()
		if good && n != r.Len() {
			t.Fatalf("%d bindings, the header says %d", n, r.Len())
		}
		// What was read is written and read alike.
		a, c := r.Bindings(), again.Bindings()
		var x, y Binding
		for c.Next(&y) {
			a.Next(&x)
			if !reflect.DeepEqual(fmt.Sprint(x), fmt.Sprint(y)) {
				t.Fatalf("%v became %v", x, y)
			}
		}
	})
}
