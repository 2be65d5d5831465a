// Package datagram owns UDP sockets and moves packets through them in
// batches. It knows addresses and bytes; what the bytes say (SIP, DNS) is the
// business of its callers, transport and nameserver.
//
// A [Group] is one UDP address served by several sockets (SO_REUSEPORT), one
// goroutine each. The goroutine reads with recvmmsg, hands every packet to
// the [Handler] inline and sends the replies of the batch with one sendmmsg.
// Nothing on that way allocates, takes a lock that another socket takes, or
// waits for anything but the socket. Replies that are ready later go through
// [Group.Send] and [Group.Flush] from any goroutine.
//
// It is not a connection abstraction and has no timers. Goroutines owned: one
// per socket, started by [Group.Serve] and ended before it returns.
//
// Systems other than Linux get a portable form with the same API, one socket
// per Group and no batches: good for development, not meant for load.
package datagram

import (
	"errors"
	"net/netip"
	"time"
)

// Limits of Options; Listen refuses what lies outside.
const (
	maxSockets = 1024
	maxBatch   = 1024   // UIO_MAXIOV, the kernel's own cap on recvmmsg
	maxPacket  = 65_535 // what a UDP length field can say
)

// Options tune a Group. The zero value serves.
type Options struct {
	// Sockets is how many sockets share the address; 0 means GOMAXPROCS, at
	// most 1024. A single one is used where SO_REUSEPORT does not spread load.
	Sockets int
	// Batch is how many packets one system call moves at most; 0 means 32,
	// at most 1024.
	Batch int
	// MaxIn is the largest packet received, in bytes; longer ones are counted
	// and dropped. 0 means 65,535, which is also the most.
	MaxIn int
	// MaxOut is the largest packet sent, in bytes. 0 means 65,535, which is
	// also the most. A slot's memory is only resident once it was used.
	MaxOut int
	// ReadBuffer asks the kernel for a receive buffer of that many bytes per
	// socket (it caps it at net.core.rmem_max). 0 means 4 MB, negative leaves
	// the system's default.
	ReadBuffer int
	// Panicked, when set, is told what a Handler panicked with, inside the
	// deferred call, so that debug.Stack shows the culprit. It may be called
	// from several goroutines at once and once per packet: limit what it does.
	Panicked func(v any)
}

func (o Options) withDefaults(cores int) (Options, error) {
	for _, f := range []struct {
		name           string
		value          *int
		preset, atMost int
	}{
		{"Sockets", &o.Sockets, min(cores, maxSockets), maxSockets},
		{"Batch", &o.Batch, 32, maxBatch},
		{"MaxIn", &o.MaxIn, maxPacket, maxPacket},
		{"MaxOut", &o.MaxOut, maxPacket, maxPacket},
		{"ReadBuffer", &o.ReadBuffer, 4 << 20, 1 << 30},
	} {
		if *f.value == 0 {
			*f.value = f.preset
		}
		if *f.value > f.atMost || *f.value < 0 && f.name != "ReadBuffer" {
			return o, optionError{f.name, *f.value, f.atMost}
		}
	}
	return o, nil
}

// Errors that Send returns. Both are final for the packet.
var (
	ErrTooBig    = errors.New("datagram: packet is longer than Options.MaxOut")
	ErrNoAddress = errors.New("datagram: address does not belong to this group")
)

// Handler is given every packet that arrived. ServePacket runs in the
// goroutine of the socket, for several sockets at once; while it runs, the
// other packets of that socket wait. A panic in it is recovered and counted.
type Handler interface {
	ServePacket(p *Packet)
}

// Packet is one datagram that arrived. It and its Data are valid only during
// ServePacket.
type Packet struct {
	// Data is the payload, owned by the Group; the handler may change it.
	Data []byte
	// Remote is where the packet came from, IPv4 never in mapped form, without
	// zone.
	Remote netip.AddrPort
	// Local is the address it was sent to, on a wildcard socket too. It is
	// the unspecified address when the packet was sent to an IPv6 multicast
	// group, from which nothing can be answered.
	Local netip.AddrPort
	// Now is when the batch was read.
	Now time.Time
	// Socket is the number of the socket, from 0 to Group.Sockets()-1, so that
	// a handler can keep state per goroutine.
	Socket int

	sock    *socket
	slot    int
	replied bool
}

// Out returns the packet's transmit slot: length 0, capacity Options.MaxOut.
// A reply appended to it is sent without being copied.
func (p *Packet) Out() []byte { return p.sock.out() }

// Reply queues b to Remote from Local; it leaves with the batch. A b that was
// not built in Out is copied. A b longer than Options.MaxOut is counted and
// dropped, an empty one is dropped.
func (p *Packet) Reply(b []byte) { p.ReplyToPort(p.Remote.Port(), b) }

// ReplyToPort is Reply to another port of the same host, which is where RFC
// 3261 18.2.2 sends the response when rport was not asked for.
func (p *Packet) ReplyToPort(port uint16, b []byte) {
	switch {
	case len(b) == 0:
	case len(b) > p.sock.g.o.MaxOut:
		p.sock.count.tooBig.Add(1)
	case p.replied:
		// The packet's slot is taken: the second reply goes the way of those
		// that come later. The loop flushes them behind the batch.
		_ = p.sock.g.Send(p.Address().WithPort(port), b)
	default:
		p.replied = true
		p.sock.reply(p, port, b)
	}
}

// Address returns where a later reply has to go; it stays valid as long as
// the Group.
func (p *Packet) Address() Address { return p.sock.address(p) }

// Address says to whom, from which local address and through which socket a
// packet is sent. It is a comparable value without pointers; the zero Address
// is invalid.
type Address struct {
	remote, local [16]byte
	scope         uint32 // IPv6 zone index of a link-local remote
	port          uint16
	socket        uint16 // index + 1; 0 marks the zero Address
	v4            bool
}

// WithPort returns a with another remote port.
func (a Address) WithPort(port uint16) Address {
	a.port = port
	return a
}

// Remote returns the address and port the packet goes to, without zone.
func (a Address) Remote() netip.AddrPort {
	return netip.AddrPortFrom(a.addr(a.remote), a.port)
}

// Local returns the address it leaves from; invalid when the kernel chooses.
func (a Address) Local() netip.Addr {
	if a.local == ([16]byte{}) {
		return netip.Addr{}
	}
	return a.addr(a.local)
}

func (a Address) addr(b [16]byte) netip.Addr {
	if a.v4 {
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.AddrFrom16(b)
}

func put(dst *[16]byte, a netip.Addr) {
	if a.Is4() {
		b := a.As4()
		copy(dst[:], b[:])
	} else if a.Is6() {
		*dst = a.As16()
	}
}
