//go:build !race

package transport

import (
	"runtime"
	"testing"
)

// held is what the process holds on heap and stacks.
func held() uint64 {
	// Stacks shrink by half with each collection, pools empty in two.
	for range 5 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// TestIdleConnectionMemory: 12 KB for an idle connection that was used before, its goroutine included.
func TestIdleConnectionMemory(t *testing.T) {
	const conns, most = 1000, 12 << 10
	_, tcp, stop := start(t, Options{MaxConnectionsPerAddress: conns}, answer)
	warm := rawDial(t, tcp)
	b := make([]byte, 4096)
	q := []byte(options("1"))
	ask := func(c rawConn) {
		if _, err := c.Write(q); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(b); err != nil {
			t.Fatal(err)
		}
	}
	ask(warm)
	before := held()
	all := make([]rawConn, conns-1)
	for i := range all {
		all[i] = rawDial(t, tcp)
		ask(all[i])
	}
	each := (held() - before) / uint64(len(all))
	t.Logf("%d bytes a connection", each)
	if each > most {
		t.Errorf("%d bytes a connection, want at most %d", each, most)
	}
	if s := stop(); s.Accepted != conns {
		t.Errorf("%+v", s)
	}
}
