package transport

import (
	"net/netip"
	"testing"
)

// TestAuthenticatedConnections: who has proved who it is does not count among its address's connections, is
// taken out once, and leaves no trace when it ends.
func TestAuthenticatedConnections(t *testing.T) {
	t.Parallel()
	here := netip.MustParseAddr("192.0.2.1")
	tr := New(Options{MaxConnectionsPerAddress: 2}, handlerFunc(answer), nil)
	open := func() *conn {
		c := newConn(tr, nil, netip.AddrPort{}, netip.AddrPortFrom(here, 5060))
		tr.conns[c] = struct{}{}
		tr.perAddr[here]++
		tr.owners.Add(1)
		return c
	}
	first, second := open(), open()
	for range 2 {
		(&Request{conn: first}).Authenticated()
	}
	if n := tr.perAddr[here]; n != 1 {
		t.Errorf("%d connections count, want 1", n)
	}
	tr.forget(first)
	if n := tr.perAddr[here]; n != 1 || len(tr.conns) != 1 {
		t.Errorf("%d count and %d live, want 1 and 1", n, len(tr.conns))
	}
	tr.forget(second)
	if n, known := tr.perAddr[here]; known {
		t.Errorf("%d are remembered of an address without connections", n)
	}
	(&Request{}).Authenticated() // UDP: nothing to do
}
