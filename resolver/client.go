package resolver

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// client is the Source that asks recursive name servers over UDP and, when an answer does not fit, TCP.
type client struct {
	servers []netip.AddrPort
	timeout time.Duration // of one try
	rounds  int
	good    atomic.Uint32 // index of the server that answered last
}

// query asks one server after the other, each at most rounds times, until one answers or ctx ends. A server
// that cannot help (SERVFAIL, REFUSED, junk) is no reason to give up on the next; what the last one said
// counts when none helps.
func (c *client) query(ctx context.Context, q Question) *RRset {
	var (
		last     *RRset
		problems []string
	)
	start := int(c.good.Load())
	for try := 0; try < c.rounds*len(c.servers) && ctx.Err() == nil; try++ {
		i := (start + try) % len(c.servers)
		set, err := c.ask(ctx, c.servers[i], q)
		switch {
		case err != nil:
			if p := fmt.Sprintf("%s: %s", c.servers[i], reason(err)); !slices.Contains(problems, p) {
				problems = append(problems, p)
			}
			continue
		case !set.Failed():
			c.good.Store(uint32(i))
			return set
		case set.RCode == Limit:
			return set
		}
		set.Detail = "says " + c.servers[i].String()
		last = set
		if try+1 >= len(c.servers) { // each was heard or tried: a second round would hear the same
			break
		}
	}
	if last != nil {
		return last
	}
	if len(problems) == 0 {
		problems = append(problems, "no time left to ask")
	}
	return failed(q, NoAnswer, strings.Join(problems, "; "))
}

// ask is one try with one server: UDP, then TCP when the answer is cut off (RFC 7766 5), then without EDNS
// when the server is too old for it (RFC 6891 7).
func (c *client) ask(ctx context.Context, server netip.AddrPort, q Question) (*RRset, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	set, err := c.exchange(ctx, server, q, true)
	if err == nil && (set.RCode == FormErr || set.RCode == NotImp) {
		if plain, err := c.exchange(ctx, server, q, false); err == nil {
			return plain, nil
		}
	}
	return set, err
}

func (c *client) exchange(ctx context.Context, server netip.AddrPort, q Question, edns bool) (*RRset, error) {
	var seed [2]byte
	rand.Read(seed[:]) // never fails
	id := binary.BigEndian.Uint16(seed[:])
	// Two bytes in front for the length that TCP wants (RFC 1035 4.2.2).
	query, err := appendQuery(make([]byte, 512), q, id, edns)
	if err != nil {
		return nil, fmt.Errorf("cannot be asked: %w", err)
	}
	set, truncated, err := overUDP(ctx, server, q, id, query)
	if err == nil && truncated {
		set, err = overTCP(ctx, server, q, id, query)
	}
	return set, err
}

// overUDP sends query and waits for its answer. What is not the answer is ignored and the wait goes on: an
// attacker must not be able to end it with junk (RFC 5452 9.1, CVE-2023-28452).
func overUDP(ctx context.Context, server netip.AddrPort, q Question, id uint16, query []byte) (set *RRset, truncated bool, err error) {
	conn, err := dialUDP(server)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = conn.Close() }()
	stop := endWith(ctx, conn)
	defer stop()
	if _, err := conn.Write(query); err != nil {
		return nil, false, err
	}
	buf := make([]byte, 4096) // more than we said we take: a larger one is cut and ignored as malformed
	for {
		n, err := conn.Read(buf) // connected: from this server's address and port only
		if err != nil {
			return nil, false, err
		}
		truncated, err := matches(buf[:n], q, id)
		if err != nil {
			continue
		}
		if truncated {
			return nil, true, nil // RFC 2181 9: nothing in it is used
		}
		set, err := parseAnswer(buf[:n], q)
		if errors.Is(err, errMalformed) {
			continue
		}
		return set, false, err
	}
}

// dialUDP connects a socket with a source port from crypto/rand (RFC 5452 9.2), the system's choice when
// those drawn are taken.
func dialUDP(server netip.AddrPort) (*net.UDPConn, error) {
	remote := net.UDPAddrFromAddrPort(server)
	for range 8 {
		var b [2]byte
		rand.Read(b[:])
		port := binary.BigEndian.Uint16(b[:])
		if port < 1024 {
			continue
		}
		if conn, err := net.DialUDP("udp", &net.UDPAddr{Port: int(port)}, remote); err == nil {
			return conn, nil
		}
	}
	return net.DialUDP("udp", nil, remote)
}

// overTCP asks again where the answer may be 64 KB.
func overTCP(ctx context.Context, server netip.AddrPort, q Question, id uint16, query []byte) (*RRset, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", server.String())
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	stop := endWith(ctx, conn)
	defer stop()
	framed := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(query)), uint16(len(query)))
	if _, err := conn.Write(append(framed, query...)); err != nil {
		return nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, buf); err != nil {
		return nil, err
	}
	truncated, err := matches(buf, q, id)
	if err != nil {
		return nil, err
	}
	if truncated {
		return nil, errors.New("answer truncated over TCP")
	}
	return parseAnswer(buf, q)
}

// endWith makes ctx's end the end of all waiting on conn. stop takes it back.
func endWith(ctx context.Context, conn net.Conn) (stop func() bool) {
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	past := time.Unix(1, 0)
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(past) })
}

// reason says in a few words what went wrong with a server.
func reason(err error) string {
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded) || isTimeout(err):
		return "no answer in time"
	case errors.As(err, &op):
		return op.Err.Error()
	default:
		return err.Error()
	}
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}
