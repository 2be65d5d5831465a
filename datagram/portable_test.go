//go:build !linux || portable

package datagram

import "syscall"

const (
	packetInfoWorks = false
	errInUse        = syscall.EADDRINUSE
)
