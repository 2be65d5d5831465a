//go:build linux && !portable

package datagram

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sendWait is how long a full send buffer may take to drain before packets
// are dropped, in milliseconds. UDP's sender is the interface queue: if that
// has no room for so long, more waiting only grows the loss behind us. A batch
// waits sendWaits times at most.
const (
	sendWait  = 5
	sendWaits = 4
)

// mmsghdr is the kernel's struct mmsghdr.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// batch is the memory of one recvmmsg or sendmmsg: for each slot a header, an
// address, a control message and bytes. The headers point at the rest for
// good; between calls only lengths change.
type batch struct {
	hdrs     []mmsghdr
	iovs     []unix.Iovec
	names    []name
	controls []packetInfo
	bytes    []byte
	size     int // bytes per slot
	n        int // slots filled, when sending

	info, v4 bool
	send     func(fd uintptr) // closure made once
	sendmmsg func(fd uintptr, h []mmsghdr) (int, unix.Errno)
}

func newBatch(s *socket, slots, size int) *batch {
	b := &batch{
		hdrs: make([]mmsghdr, slots), iovs: make([]unix.Iovec, slots),
		names: make([]name, slots), controls: make([]packetInfo, slots),
		bytes: make([]byte, slots*size), size: size, info: s.info, v4: s.v4,
		sendmmsg: sendmmsg,
	}
	b.send = func(fd uintptr) { b.transmit(fd, &s.count) }
	for i := range b.hdrs {
		b.iovs[i].Base = &b.bytes[i*size]
		h := &b.hdrs[i].hdr
		h.Name = &b.names[i][0]
		h.Iov = &b.iovs[i]
		h.SetIovlen(1)
		if s.info {
			h.Control = (*byte)(unsafe.Pointer(&b.controls[i]))
		}
	}
	b.rearm(slots)
	return b
}

func (b *batch) slot(i int) []byte { return b.bytes[i*b.size : (i+1)*b.size : (i+1)*b.size] }

// rearm sets the lengths of the first n slots, which the kernel overwrote,
// to what there is room for.
func (b *batch) rearm(n int) {
	for i := range n {
		b.iovs[i].SetLen(b.size)
		h := &b.hdrs[i].hdr
		h.Namelen = b.nameLen()
		h.Flags = 0
		if b.info {
			h.SetControllen(int(unsafe.Sizeof(packetInfo{})))
		}
	}
}

func (b *batch) nameLen() uint32 {
	if b.v4 {
		return unix.SizeofSockaddrInet4
	}
	return unix.SizeofSockaddrInet6
}

// add fills the next slot with p, from local if that is valid. The slot's name
// is set already.
func (b *batch) add(local netip.Addr, scope uint32, p []byte) {
	k := b.n
	b.n++
	slot := b.slot(k)
	if len(p) > 0 && &p[0] != &slot[0] {
		copy(slot, p)
	}
	b.iovs[k].SetLen(len(p))
	h := &b.hdrs[k].hdr
	h.Namelen = b.nameLen()
	if b.info {
		h.SetControllen(b.controls[k].set(local, scope))
		if h.Controllen == 0 {
			h.Control = nil
		} else {
			h.Control = (*byte)(unsafe.Pointer(&b.controls[k]))
		}
	}
}

// flush sends the batch and empties it.
func (b *batch) flush(s *socket) {
	if b.n == 0 {
		return
	}
	if err := s.raw.Control(b.send); err != nil {
		s.count.sendClosed.Add(uint64(b.n))
	}
	b.n = 0
}

// transmit sends the slots in order. sendmmsg stops at the first message that
// fails and reports its error only when it is the first of the call.
func (b *batch) transmit(fd uintptr, count *counters) {
	retried, waits := -1, 0
	for i := 0; i < b.n; {
		n, err := b.sendmmsg(fd, b.hdrs[i:b.n])
		switch {
		case err == 0 && n > 0:
			count.out.Add(uint64(n))
			i += n
		case err == unix.EAGAIN:
			if waits++; waits > sendWaits || !writable(fd) {
				count.sendFull.Add(uint64(b.n - i))
				return
			}
		case err == unix.ECONNREFUSED && retried != i:
			retried = i // an ICMP error of an earlier packet, reported once
		default:
			count.sendErrors.Add(1)
			i++
		}
	}
}

func writable(fd uintptr) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	n, err := unix.Poll(p, sendWait)
	return n == 1 || err == unix.EINTR
}

func recvmmsg(fd uintptr, h []mmsghdr) (int, unix.Errno) {
	for {
		n, _, err := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&h[0])), uintptr(len(h)), unix.MSG_DONTWAIT, 0, 0)
		if err != unix.EINTR {
			return int(n), err
		}
	}
}

func sendmmsg(fd uintptr, h []mmsghdr) (int, unix.Errno) {
	for {
		n, _, err := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&h[0])), uintptr(len(h)), unix.MSG_DONTWAIT, 0, 0)
		if err != unix.EINTR {
			return int(n), err
		}
	}
}

// name is a sockaddr_in or a sockaddr_in6: family, port in network order,
// then the IPv4 address, or flow label, IPv6 address and scope.
type name [unix.SizeofSockaddrInet6]byte

func (n *name) addrPort(v4 bool) netip.AddrPort {
	port := binary.BigEndian.Uint16(n[2:])
	if v4 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(n[4:8])), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(n[8:24])), port)
}

func (n *name) scope(v4 bool) uint32 {
	if v4 {
		return 0
	}
	return binary.NativeEndian.Uint32(n[24:])
}

func (n *name) setPort(port uint16) { binary.BigEndian.PutUint16(n[2:], port) }

func (n *name) set(a *Address) {
	*n = name{}
	n.setPort(a.port)
	if a.v4 {
		binary.NativeEndian.PutUint16(n[:], unix.AF_INET)
		copy(n[4:8], a.remote[:4])
		return
	}
	binary.NativeEndian.PutUint16(n[:], unix.AF_INET6)
	copy(n[8:24], a.remote[:])
	binary.NativeEndian.PutUint32(n[24:], a.scope)
}

// packetInfo is one control message, IP_PKTINFO or IPV6_PKTINFO (RFC 3542 6).
type packetInfo struct {
	hdr  unix.Cmsghdr
	data [24]byte // in_pktinfo is 12 bytes, in6_pktinfo 20, padded to words
}

// local returns the address the packet was sent to, given the length of the
// control data the kernel wrote.
func (c *packetInfo) local(v4 bool, n int) netip.Addr {
	switch {
	case v4 && n >= unix.CmsgLen(unix.SizeofInet4Pktinfo) && c.hdr.Level == unix.IPPROTO_IP && c.hdr.Type == unix.IP_PKTINFO:
		// ipi_spec_dst: the destination, or for a broadcast our own address.
		return netip.AddrFrom4([4]byte(c.data[4:8]))
	case v4:
		return netip.IPv4Unspecified()
	case n >= unix.CmsgLen(unix.SizeofInet6Pktinfo) && c.hdr.Level == unix.IPPROTO_IPV6 && c.hdr.Type == unix.IPV6_PKTINFO:
		if a := netip.AddrFrom16([16]byte(c.data[:16])); !a.IsMulticast() {
			return a
		}
	}
	return netip.IPv6Unspecified()
}

// set says that a packet shall leave from the address and returns the length
// of the control data; 0 lets the kernel choose.
func (c *packetInfo) set(from netip.Addr, scope uint32) int {
	if !from.IsValid() || from.IsUnspecified() {
		return 0
	}
	c.data = [24]byte{}
	if from.Is4() {
		c.hdr.Level, c.hdr.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
		c.hdr.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
		a := from.As4()
		copy(c.data[4:8], a[:])
		return unix.CmsgSpace(unix.SizeofInet4Pktinfo)
	}
	c.hdr.Level, c.hdr.Type = unix.IPPROTO_IPV6, unix.IPV6_PKTINFO
	c.hdr.SetLen(unix.CmsgLen(unix.SizeofInet6Pktinfo))
	a := from.As16()
	copy(c.data[:16], a[:])
	if from.IsLinkLocalUnicast() { // meaningless without its interface
		binary.NativeEndian.PutUint32(c.data[16:], scope)
	}
	return unix.CmsgSpace(unix.SizeofInet6Pktinfo)
}
