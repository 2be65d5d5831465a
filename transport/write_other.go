//go:build !unix

package transport

// canTry says that every write is left to the writer goroutine here.
const canTry = false

func (c *conn) tryWrite(uintptr) bool { return true }
