package transport

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sipway/sipway/sip"
)

// pipe serves one end of a net.Pipe, which holds no bytes by itself, and returns the other. It has to be
// called in a synctest bubble. The connection's end is counted in tr.
func pipe(tr *Transport) net.Conn {
	us, them := net.Pipe()
	tr.admit(us)
	return them
}

const pong = "\r\n"

// run feeds the parts to a connection, in a synctest bubble, and returns the messages the handler got and what came back.
func run(t testing.TB, parts ...[]byte) (got []string, back string) {
	tr := New(Options{}, handlerFunc(func(r *Request) {
		if r.Bad != nil {
			t.Errorf("%v in %q", r.Bad, r.Bytes())
		}
		got = append(got, string(r.Bytes()))
	}), nil)
	us, them := net.Pipe()
	tr.admit(us)
	var out bytes.Buffer
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = io.Copy(&out, them) })
	for _, p := range parts {
		if _, err := them.Write(p); err != nil {
			t.Errorf("write: %v", err)
		}
	}
	synctest.Wait() // all is read, handled and answered
	_ = them.Close()
	tr.owners.Wait()
	wg.Wait()
	return got, out.String()
}

// stream is three messages, with a body and long and short forms, between keepalives, and how many pings it holds.
func stream() (whole []byte, messages []string) {
	messages = []string{
		request("OPTIONS", "one", "192.0.2.9;branch=z9hG4bK1", ""),
		request("MESSAGE", "two", "192.0.2.9;branch=z9hG4bK2", "a body\r\n\r\nwith empty lines\r\n\r\n"),
		strings.Replace(request("REGISTER", "three", "192.0.2.9;branch=z9hG4bK3", "0123456789", "X: folded\r\n\tvalue"),
			"Content-Length:", "l :", 1),
	}
	return []byte("\r\n\r\n" + messages[0] + "\r\n" + messages[1] + "\r\n\r\n\r\n\r\n\r\n" + messages[2]), messages
}

const pings = 3

func check(t testing.TB, what string, got, want []string, back string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d messages: %q", what, len(got), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%s: message %d is %q, want %q", what, i, got[i], want[i])
		}
	}
	if back != strings.Repeat(pong, pings) {
		t.Fatalf("%s: came back %q", what, back)
	}
}

// TestEverySplit cuts a stream of three messages at every byte, and into single bytes.
func TestEverySplit(t *testing.T) {
	t.Parallel()
	whole, want := stream()
	synctest.Test(t, func(t *testing.T) {
		for i := range whole {
			got, back := run(t, whole[:i], whole[i:])
			check(t, fmt.Sprint("cut at ", i), got, want, back)
		}
		var bytewise [][]byte
		for i := range whole {
			bytewise = append(bytewise, whole[i:i+1])
		}
		got, back := run(t, bytewise...)
		check(t, "single bytes", got, want, back)
	})
}

func TestAnySplit(t *testing.T) {
	t.Parallel()
	whole, want := stream()
	rapid.Check(t, func(rt *rapid.T) {
		var parts [][]byte
		for rest := whole; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(rt, "n")
			parts = append(parts, rest[:n])
			rest = rest[n:]
		}
		synctest.Test(t, func(t *testing.T) {
			got, back := run(t, parts...)
			check(t, fmt.Sprint(len(parts), " parts"), got, want, back)
		})
	})
}

// TestLargeInSmallPieces moves through all sizes of buffer and back.
func TestLargeInSmallPieces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sizes := []int{0, 100, idleBuffer, idleBuffer + 1, busyBuffer, 3 * busyBuffer, 62_000, 10}
		var got []int
		tr := New(Options{}, handlerFunc(func(r *Request) { got = append(got, len(r.Body())) }), nil)
		them := pipe(tr)
		for _, n := range sizes {
			m := request("MESSAGE", "1", "192.0.2.9;branch=z9hG4bK1", strings.Repeat("x", n))
			for ; len(m) > 777; m = m[777:] {
				write(t, them, m[:777])
			}
			write(t, them, m)
			synctest.Wait()
			if held := tr.memory.Load(); held > busyBuffer {
				t.Errorf("%d bytes held after a message of %d", held, n)
			}
		}
		_ = them.Close()
		tr.owners.Wait()
		if fmt.Sprint(got) != fmt.Sprint(sizes) {
			t.Errorf("bodies of %v, want %v", got, sizes)
		}
		if tr.memory.Load() != 0 {
			t.Errorf("%d bytes left", tr.memory.Load())
		}
	})
}

// TestReadDeadlines runs on the bubble's clock, so durations are exact.
func TestReadDeadlines(t *testing.T) {
	t.Parallel()
	m := request("MESSAGE", "1", "192.0.2.9;branch=z9hG4bK1", strings.Repeat("x", 3000))
	headers := strings.Index(m, "\r\n\r\n") + 4
	trickle := func(s string, every time.Duration) func(c net.Conn) {
		return func(c net.Conn) {
			for i := range s {
				if _, err := io.WriteString(c, s[i:i+1]); err != nil {
					return
				}
				time.Sleep(every)
			}
		}
	}
	count := func(n *counters) map[string]uint64 {
		return map[string]uint64{
			"idle": n.closedIdle.Load(), "header": n.closedHeaderTimeout.Load(), "message": n.closedMessageTimeout.Load(),
		}
	}
	for name, tc := range map[string]struct {
		send  func(c net.Conn)
		after time.Duration
		why   string
	}{
		"nothing":     {func(net.Conn) {}, 3 * time.Minute, "idle"},
		"one message": {func(c net.Conn) { _, _ = io.WriteString(c, m) }, 3 * time.Minute, "idle"},
		"keepalives":  {trickle("\r\n\r\n\r\n\r\n", time.Second), 3*time.Minute + 7*time.Second, "idle"},
		"keepalives cut in the middle": {func(c net.Conn) {
			for _, s := range []string{"\r\n\r", "\n\r", "\n\r\n\r", "\n\r\n"} { // RFC 5626 4.4.1
				_, _ = io.WriteString(c, s)
				time.Sleep(9 * time.Second)
			}
		}, 3*time.Minute + 27*time.Second, "idle"},
		"one byte":              {trickle("O", 0), 10 * time.Second, "header"},
		"half a CRLF":           {trickle("\r", 0), 10 * time.Second, "header"},
		"a header byte by byte": {trickle(m, 500*time.Millisecond), 10 * time.Second, "header"},
		"headers and no body":   {trickle(m[:headers], 0), 30 * time.Second, "message"},
		"a body byte by byte": {func(c net.Conn) {
			_, _ = io.WriteString(c, m[:headers])
			trickle(m[headers:], time.Second)(c)
		}, 30 * time.Second, "message"},
		"the second message": {func(c net.Conn) {
			time.Sleep(time.Minute)
			_, _ = io.WriteString(c, m+m[:100])
		}, 70 * time.Second, "header"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tr := New(Options{}, handlerFunc(func(*Request) {}), nil)
				them := pipe(tr)
				began := time.Now()
				var sender sync.WaitGroup
				sender.Go(func() { tc.send(them) })
				go func() { _, _ = io.Copy(io.Discard, them) }() // pongs
				tr.owners.Wait()
				if took := time.Since(began); took != tc.after {
					t.Errorf("closed after %v, want %v", took, tc.after)
				}
				for why, n := range count(&tr.count) {
					if (n == 1) != (why == tc.why) {
						t.Errorf("%d closed for %s", n, why)
					}
				}
				_ = them.Close()
				sender.Wait()
			})
		})
	}
}

// TestWriteQueue: a peer that reads nothing may leave exactly the bound unread.
func TestWriteQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const bound = 10_000
		tr := New(Options{WriteQueue: bound}, handlerFunc(answer), nil)
		them := pipe(tr)
		var c *conn
		for c = range tr.conns {
			break // there is one
		}
		for range 10 {
			if err := c.send(make([]byte, bound/10)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if tr.memory.Load() != bound {
			t.Errorf("%d bytes held", tr.memory.Load())
		}
		// Read them all, and as much again.
		for range 2 {
			if n, err := io.ReadFull(them, make([]byte, bound)); err != nil {
				t.Fatalf("%d bytes: %v", n, err)
			}
			synctest.Wait()
			if tr.memory.Load() != 0 || c.queued != 0 || c.draining {
				t.Fatalf("%d bytes held, %d queued, draining %t", tr.memory.Load(), c.queued, c.draining)
			}
			if err := c.send(make([]byte, bound)); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.send([]byte("x")); err != ErrSlow {
			t.Errorf("one byte more: %v", err)
		}
		if err := c.send([]byte("x")); err != ErrClosed {
			t.Errorf("after that: %v", err)
		}
		tr.owners.Wait()
		if tr.count.closedSlow.Load() != 1 || tr.memory.Load() != 0 {
			t.Errorf("%d closed, %d bytes held", tr.count.closedSlow.Load(), tr.memory.Load())
		}
		_ = them.Close()
	})
}

func TestWriteTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := New(Options{}, handlerFunc(answer), nil)
		them := pipe(tr)
		began := time.Now()
		write(t, them, options("1")) // and do not read the answer
		tr.owners.Wait()
		if took := time.Since(began); took != 30*time.Second || tr.count.closedSlow.Load() != 1 {
			t.Errorf("closed after %v, %d as slow", took, tr.count.closedSlow.Load())
		}
		_ = them.Close()
	})
}

// TestBufferMemory: what connections hold together has a bound, too.
func TestBufferMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := New(Options{BufferMemory: 2 * sip.MaxMessage}, handlerFunc(func(*Request) {}), nil)
		m := request("MESSAGE", "1", "192.0.2.9;branch=z9hG4bK1", strings.Repeat("x", 60_000))
		var conns []net.Conn
		for range 3 {
			c := pipe(tr)
			conns = append(conns, c)
			_, _ = io.WriteString(c, m[:1000])
			synctest.Wait()
		}
		if n := tr.count.closedMemory.Load(); n != 1 || tr.memory.Load() != 2*sip.MaxMessage {
			t.Errorf("%d closed, %d bytes held", n, tr.memory.Load())
		}
		write(t, conns[0], m[1000:])
		synctest.Wait()
		if tr.count.requests.Load() != 1 || tr.memory.Load() > sip.MaxMessage+busyBuffer {
			t.Errorf("%d requests, %d bytes held", tr.count.requests.Load(), tr.memory.Load())
		}
		// Room again.
		c := pipe(tr)
		write(t, c, m)
		synctest.Wait()
		if tr.count.requests.Load() != 2 {
			t.Errorf("%d requests", tr.count.requests.Load())
		}
		for _, c := range append(conns, c) {
			_ = c.Close()
		}
		tr.owners.Wait()
		if tr.memory.Load() != 0 {
			t.Errorf("%d bytes left", tr.memory.Load())
		}
	})
}

func TestTCPPanicClosesTheConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := New(Options{}, handlerFunc(func(r *Request) {
			if string(r.CallID()) == "boom" {
				panic("boom")
			}
			answer(r)
		}), nil)
		boom, other := pipe(tr), pipe(tr)
		write(t, boom, options("boom"))
		if _, err := boom.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the connection says %v", err)
		}
		write(t, other, options("1"))
		if _, err := readMessage(bufio.NewReader(other)); err != nil {
			t.Errorf("another connection: %v", err)
		}
		_ = other.Close()
		tr.owners.Wait()
		if tr.count.panics.Load() != 1 || tr.count.closedPanic.Load() != 1 {
			t.Errorf("%d panics, %d closed", tr.count.panics.Load(), tr.count.closedPanic.Load())
		}
	})
}

// TestPingFlood: a peer that only pings and never reads fills its queue and is gone.
func TestPingFlood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := New(Options{WriteQueue: 100}, handlerFunc(answer), nil)
		them := pipe(tr)
		n, err := io.WriteString(them, strings.Repeat("\r\n", 200_000))
		if err == nil {
			t.Errorf("all %d bytes were read", n)
		}
		tr.owners.Wait()
		if tr.count.closedSlow.Load() != 1 {
			t.Error("not closed as slow")
		}
	})
}
