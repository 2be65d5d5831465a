package location

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// load fills memory from disk. AORs whose bindings have all expired are deleted; damaged records are
// counted, said and left where they are.
func (s *Store) load() error {
	now := s.o.Now().UnixMilli()
	gone := s.disk.db.NewBatch()
	err := scanDB(s.disk.db, func(aor, r []byte) bool {
		rec := Record(r)
		if err := rec.Check(); err != nil || len(r) == 0 {
			s.damaged++
			s.o.Logger.Warn("a damaged record of bindings was skipped", "aor", string(aor))
			return true
		}
		if expired(rec, now) {
			// Not synced: a deletion that is lost is found again at the next start.
			return gone.Delete(append([]byte{bindingPrefix}, aor...), nil) == nil
		}
		sh := s.shard(aor)
		sh.put(string(aor), nil, bytes.Clone(rec), 0)
		return true
	})
	if err == nil && !gone.Empty() {
		err = s.disk.db.Apply(gone, pebble.NoSync)
	}
	if err = errors.Join(err, gone.Close()); err != nil {
		return fmt.Errorf("bindings: cannot read %s: %w", s.dir, err)
	}
	return nil
}

// expired says whether none of r's bindings lives at now, Unix milliseconds.
func expired(r Record, now int64) bool {
	it, b := r.Bindings(), Binding{}
	for it.Next(&b) {
		if b.Expires > now {
			return false
		}
	}
	return true
}

// List reads the bindings in dir without changing anything, in order of AOR, until fn returns false. r is
// valid during fn and may hold expired bindings. While a Store has dir open the error wraps ErrLocked: ask
// that process. A folder that holds no bindings yields an error that wraps os.ErrNotExist.
func List(dir string, fn func(aor string, r Record) bool) (err error) {
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("bindings: no database in %s: %w", dir, err)
	}
	lock, err := lockDir(dir, vfs.Default)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	g := &guard{FS: vfs.Default}
	o := pebbleOptions(g, slog.New(slog.DiscardHandler))
	o.ReadOnly, o.Lock = true, lock
	db, err := openDB(dir, o, g)
	if errors.Is(err, pebble.ErrDBDoesNotExist) {
		return fmt.Errorf("bindings: no database in %s: %w", dir, os.ErrNotExist)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return scanDB(db, func(aor, r []byte) bool { return fn(string(aor), Record(r)) })
}
