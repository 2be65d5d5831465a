package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Save writes the file: to a temporary file beside it with mode 0600, synced, renamed over the old one, and
// the folder synced, so that there is always the old or the new version, whole. The owner of the old one is
// kept where that is allowed. Comments and order of an edited file are lost. When somebody else wrote the
// file since it was read, Save changes nothing and returns ErrFileChanged: read it again and repeat the change.
// Two processes that save at the same time take turns.
func (f *File) Save() (err error) {
	path := f.path
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	unlock, err := lockFolder(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("users file %s: %w", f.path, err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	old, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		old = nil
	case err != nil:
		return fmt.Errorf("users file: %w", err)
	}
	if !sameVersion(old, f.read) {
		return fmt.Errorf("%s: %w", f.path, ErrFileChanged)
	}
	if err := writeAtomic(path, f.marshal(), old); err != nil {
		return fmt.Errorf("users file %s: %w", f.path, err)
	}
	f.read, err = os.Stat(path)
	return err
}

// sameVersion reports whether two looks at a file saw the same version; nil stands for no file.
func sameVersion(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

func writeAtomic(path string, text []byte, old fs.FileInfo) (err error) {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // made with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreMissing(os.Remove(tmp.Name())))
		}
	}()
	if old != nil {
		keepOwner(tmp, old)
	}
	_, err = tmp.Write(text)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// syncDir makes the rename durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
