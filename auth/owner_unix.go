//go:build unix && !solaris && !aix

package auth

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// lockFolder waits until no other process that asked has the folder, and takes it until unlock.
func lockFolder(dir string) (unlock func() error, err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		if err = syscall.Flock(int(d.Fd()), syscall.LOCK_EX); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d.Close, nil
}

// keepOwner gives f the owner of the file it will replace, so that a server that runs as another user than
// the administrator can still read it. Without the right to do so the file stays with who wrote it.
func keepOwner(f *os.File, old fs.FileInfo) {
	if st, ok := old.Sys().(*syscall.Stat_t); ok {
		_ = f.Chown(int(st.Uid), int(st.Gid))
	}
}
