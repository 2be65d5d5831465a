package transport

import (
	"time"

	"github.com/sipway/sipway/sip"
)

// Sizes that are ours alone, in bytes.
const (
	idleBuffer     = 2 << 10  // what a connection holds while nothing is on its way: most messages fit
	busyBuffer     = 16 << 10 // the next size, for long headers and for peers that send many messages at once
	responseBuffer = 4 << 10  // what a response over TCP is built in before it has to grow
	lingerBytes    = 256 << 10
)

// Options are the bounds of design section 7. The zero value of each field means its default. Sizes are bytes.
type Options struct {
	MaxMessage int // a whole message on a stream; 64 KB, which is also the most
	MaxHeader  int // its start line and headers; 16 KB, which is also the most

	MaxConnections           int // 20,000
	MaxConnectionsPerAddress int // of one IPv4 address or IPv6 /64 that have not authenticated; 64
	WriteQueue               int // waiting for one peer to read, before its connection is closed; 64 KB
	// BufferMemory bounds what all connections together hold for unfinished messages and slow readers; a
	// connection that needs more is closed. 256 MB.
	BufferMemory int64

	HeaderTimeout  time.Duration // from a message's first byte to the end of its headers; 10 s
	MessageTimeout time.Duration // from its first byte to its last; 30 s
	IdleTimeout    time.Duration // between messages or keepalives; 3 min
	WriteTimeout   time.Duration // for a queue that does not get shorter; 30 s
	LingerTimeout  time.Duration // for the peer to read our last response before the connection is closed; 1 s

	UDPSockets    int // per address; GOMAXPROCS
	UDPBatch      int // packets in a system call; 32
	UDPReadBuffer int // the kernel's receive buffer, per socket; 4 MB
}

func (o Options) withDefaults() Options {
	preset := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	wait := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	preset(&o.MaxMessage, sip.MaxMessage)
	preset(&o.MaxHeader, sip.MaxHeaderSection)
	o.MaxMessage = min(o.MaxMessage, sip.MaxMessage)
	o.MaxHeader = min(o.MaxHeader, sip.MaxHeaderSection, o.MaxMessage)
	preset(&o.MaxConnections, 20_000)
	preset(&o.MaxConnectionsPerAddress, 64)
	preset(&o.WriteQueue, 64<<10)
	if o.BufferMemory <= 0 {
		o.BufferMemory = 256 << 20
	}
	wait(&o.HeaderTimeout, 10*time.Second)
	wait(&o.MessageTimeout, 30*time.Second)
	o.MessageTimeout = max(o.MessageTimeout, o.HeaderTimeout)
	wait(&o.IdleTimeout, 3*time.Minute)
	wait(&o.WriteTimeout, 30*time.Second)
	wait(&o.LingerTimeout, time.Second)
	return o
}
