//go:build unix

package location

import (
	"errors"
	"strings"
	"syscall"
)

// heldByOther says whether err means that another process, or another Store of this one, holds the lock.
func heldByOther(err error) bool {
	return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) ||
		strings.Contains(err.Error(), "lock held by current process") // Pebble has no sentinel for it
}
