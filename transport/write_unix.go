//go:build unix

package transport

import "syscall"

// canTry says that a stream with a descriptor can be written to without waiting.
const canTry = true

// tryWrite is the body of RawConn.Write: it always returns true, so that the call never parks.
func (c *conn) tryWrite(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), c.tryBytes)
		switch err {
		case nil:
			c.tryN = n
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
		default:
			c.tryErr = err
		}
		return true
	}
}
