package script

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync/atomic"
)

// Ports for servers come from below the range that Linux and macOS hand to clients,
// so that no outgoing socket of a parallel script can take one between probe and use.
const (
	firstPort = 20000
	lastPort  = 29999
)

// portOffset starts anywhere, so that two test processes on one machine seldom meet.
var (
	portOffset = rand.Uint32N((lastPort - firstPort + 1) / 2)
	portsGiven atomic.Uint32
)

// freePort returns a loopback port that is free for UDP and TCP and that this process
// has not given out before. It gives every other one: a phone takes the next one for TLS unasked.
func freePort() (int, error) {
	for range (lastPort - firstPort + 1) / 2 {
		port := firstPort + 2*((portOffset+portsGiven.Add(1))%((lastPort-firstPort+1)/2))
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))
		udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
		if err != nil {
			continue
		}
		tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
		_ = udp.Close()
		if err != nil {
			continue
		}
		_ = tcp.Close()
		return int(port), nil
	}
	return 0, errors.New("no free port on 127.0.0.1 between 20000 and 29999")
}
