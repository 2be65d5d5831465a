//go:build unix && !solaris && !aix

package auth

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestNoPipe: a users file that is a pipe is refused; it would wait for a writer for ever.
func TestNoPipe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "users.yaml")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip("no pipes here:", err)
	}
	if _, err := LoadUsers(path); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("%v", err)
	}
}
