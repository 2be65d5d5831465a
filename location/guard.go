package location

import (
	"io"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// guard is the file system under Pebble. Pebble ends the process when it cannot continue its log or manifest:
// by Logger.Fatalf, or by a panic while a mutex is in a state that cannot be recovered from; and a table that it
// cannot write while it opens it tries again for ever. So it never hears of a failed write: the first one
// freezes the folder as a crash at that moment would have left it, which is what Pebble's recovery is made for.
// From then on writes are swallowed, and whoever relies on one asks failure afterwards: disk.write after every
// sync, so that nothing is acknowledged, and openDisk.
type guard struct {
	vfs.FS
	frozen atomic.Pointer[error]
}

// failure is the first failed write.
func (g *guard) failure() error {
	if err := g.frozen.Load(); err != nil {
		return *err
	}
	return nil
}

// check takes note of err, the outcome of a write.
func (g *guard) check(err error) {
	if err != nil {
		g.frozen.CompareAndSwap(nil, &err)
	}
}

// do makes a change to the folder unless it is frozen.
func (g *guard) do(change func() error) {
	if g.frozen.Load() == nil {
		g.check(change())
	}
}

// file makes or opens a file to write. In a frozen folder the file exists in name only.
func (g *guard) file(name string, open func() (vfs.File, error)) (vfs.File, error) {
	f := &guardFile{g: g, name: name}
	g.do(func() (err error) {
		if f.File, err = open(); err != nil {
			f.File = nil
		}
		return err
	})
	return f, nil
}

func (g *guard) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.file(name, func() (vfs.File, error) { return g.FS.Create(name, c) })
}

func (g *guard) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return g.file(name, func() (vfs.File, error) { return g.FS.OpenReadWrite(name, c, o...) })
}

func (g *guard) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.file(newname, func() (vfs.File, error) { return g.FS.ReuseForWrite(oldname, newname, c) })
}

func (g *guard) OpenDir(name string) (vfs.File, error) {
	return g.file(name, func() (vfs.File, error) { return g.FS.OpenDir(name) })
}

func (g *guard) Link(oldname, newname string) error {
	g.do(func() error { return g.FS.Link(oldname, newname) })
	return nil
}

func (g *guard) Rename(oldname, newname string) error {
	g.do(func() error { return g.FS.Rename(oldname, newname) })
	return nil
}

// Remove passes errors on, which Pebble only logs; but what a frozen database believes to be obsolete may be
// all there is of it.
func (g *guard) Remove(name string) error {
	if g.frozen.Load() != nil {
		return nil
	}
	return g.FS.Remove(name)
}

func (g *guard) RemoveAll(name string) error {
	if g.frozen.Load() != nil {
		return nil
	}
	return g.FS.RemoveAll(name)
}

func (g *guard) Unwrap() vfs.FS { return g.FS }

// guardFile is a file that was opened to write. File is nil if the folder froze before.
type guardFile struct {
	vfs.File
	g    *guard
	name string
}

func (f *guardFile) do(change func() error) {
	if f.File != nil {
		f.g.do(change)
	}
}

func (f *guardFile) Write(p []byte) (int, error) {
	f.do(func() error {
		_, err := f.File.Write(p)
		return err
	})
	return len(p), nil
}

func (f *guardFile) WriteAt(p []byte, off int64) (int, error) {
	f.do(func() error {
		_, err := f.File.WriteAt(p, off)
		return err
	})
	return len(p), nil
}

func (f *guardFile) Preallocate(offset, length int64) error {
	f.do(func() error { return f.File.Preallocate(offset, length) })
	return nil
}

func (f *guardFile) Sync() error {
	f.do(func() error { return f.File.Sync() })
	return nil
}

func (f *guardFile) SyncData() error {
	f.do(func() error { return f.File.SyncData() })
	return nil
}

func (f *guardFile) SyncTo(length int64) (full bool, err error) {
	f.do(func() (err error) {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, nil
}

func (f *guardFile) Close() error {
	if f.File != nil {
		f.g.check(f.File.Close())
	}
	return nil
}

func (f *guardFile) Read(p []byte) (int, error) {
	if f.File == nil {
		return 0, io.EOF
	}
	return f.File.Read(p)
}

func (f *guardFile) ReadAt(p []byte, off int64) (int, error) {
	if f.File == nil {
		return 0, io.EOF
	}
	return f.File.ReadAt(p, off)
}

// Stat of a file that exists in name only tells of its folder: Pebble needs a size for its statistics.
func (f *guardFile) Stat() (vfs.FileInfo, error) {
	if f.File == nil {
		return f.g.Stat(f.g.PathDir(f.name))
	}
	return f.File.Stat()
}

func (f *guardFile) Prefetch(offset, length int64) error {
	if f.File == nil {
		return nil
	}
	return f.File.Prefetch(offset, length)
}

func (f *guardFile) Fd() uintptr {
	if f.File == nil {
		return vfs.InvalidFd
	}
	return f.File.Fd()
}
