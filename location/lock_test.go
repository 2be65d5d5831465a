//go:build unix

package location

import (
	"errors"
	"io"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// forbiddenFS is a folder of another user.
type forbiddenFS struct{ vfs.FS }

func (forbiddenFS) Lock(string) (io.Closer, error) {
	return nil, syscall.EACCES
}

// TestForbiddenIsNotLocked: what this user may not open is no sign of another server.
func TestForbiddenIsNotLocked(t *testing.T) {
	t.Parallel()
	_, err := lockDir(t.TempDir(), forbiddenFS{vfs.NewMem()})
	if errors.Is(err, ErrLocked) || !errors.Is(err, syscall.EACCES) {
		t.Errorf("%v", err)
	}
}
