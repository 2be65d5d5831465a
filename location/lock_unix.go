//go:build unix

package location

import (
	"errors"
	"strings"
	"syscall"
)

// heldByOther says whether err means that another process, or another Store of this one, holds the lock.
func heldByOther(err error) bool {
	return errors.Is(err, syscall.EAGAIN) || // EACCES is a file that this user may not open
		strings.Contains(err.Error(), "lock held by current process") // Pebble has no sentinel for it
}
