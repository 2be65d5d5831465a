package location

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Keys on disk: formatKey holds the version of the layout; 'b' and the AOR hold a Record.
const (
	formatKey     = "format"
	formatVersion = "1"
	bindingPrefix = 'b'

	maxChunk = 1 << 20 // bytes in one Pebble batch; a longer queue goes into several, still with one sync
)

// disk is the Pebble database of a Store. Only the committer writes to it.
type disk struct {
	db    *pebble.DB
	lock  *pebble.Lock
	guard *guard
	batch *pebble.Batch

	panicked bool // in the midst of a write: its locks may be held, so it cannot be closed
}

// pebbleLog takes what Pebble says. Fatalf must not end the process: it freezes the folder.
type pebbleLog struct {
	l *slog.Logger
	g *guard
}

func (p *pebbleLog) Infof(string, ...any) {}

func (p *pebbleLog) Errorf(format string, args ...any) {
	if p.g.failure() == nil { // what a frozen database has to say is of no interest
		p.l.Warn("database of bindings", "error", fmt.Sprintf(format, args...))
	}
}

func (p *pebbleLog) Fatalf(format string, args ...any) {
	p.g.check(fmt.Errorf(format, args...))
}

func pebbleOptions(g *guard, l *slog.Logger) *pebble.Options {
	o := &pebble.Options{
		FS:                    g,
		Logger:                &pebbleLog{l: l, g: g},
		FormatMajorVersion:    pebble.FormatValueSeparation,
		CacheSize:             1 << 20, // memory holds all bindings: disk is read at Open only
		MemTableSize:          8 << 20,
		MaxOpenFiles:          64,
		L0CompactionThreshold: 4,
	}
	return o
}

// openDisk opens or makes the database in dir.
func openDisk(dir string, fs vfs.FS, l *slog.Logger) (*disk, error) {
	if err := fs.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("bindings: cannot make the folder %s: %w", dir, err)
	}
	lock, err := lockDir(dir, fs)
	if err != nil {
		return nil, err
	}
	d := &disk{lock: lock, guard: &guard{FS: fs}}
	o := pebbleOptions(d.guard, l)
	o.Lock = lock
	if d.db, err = openDB(dir, o, d.guard); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if err := d.checkFormat(dir); err != nil {
		return nil, errors.Join(err, d.close())
	}
	d.batch = d.db.NewBatch()
	return d, nil
}

// openDB is pebble.Open on the folder of g, with errors for people.
func openDB(dir string, o *pebble.Options, g *guard) (db *pebble.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, fmt.Errorf("bindings: the database in %s cannot be opened: %v", dir, p)
		}
	}()
	db, err = pebble.Open(dir, o)
	if failed := g.failure(); failed != nil {
		if err == nil {
			err = db.Close()
		}
		return nil, fmt.Errorf("bindings: cannot write to the database in %s: %w", dir, errors.Join(failed, err))
	}
	if err != nil {
		return nil, explain(dir, err)
	}
	return db, nil
}

func lockDir(dir string, fs vfs.FS) (*pebble.Lock, error) {
	lock, err := pebble.LockDirectory(dir, fs)
	if err == nil {
		return lock, nil
	}
	if heldByOther(err) {
		return nil, fmt.Errorf("bindings: %s is %w: stop the other sipway, or give this one a data folder of its own",
			dir, ErrLocked)
	}
	return nil, fmt.Errorf("bindings: cannot lock %s: %w", dir, err)
}

// explain says what to do about an error of pebble.Open.
func explain(dir string, err error) error {
	if pebble.IsCorruptionError(err) {
		return fmt.Errorf("bindings: the database in %s is damaged: move the folder away and start again "+
			"(phones register anew within their expiry), or restore it: %w", dir, err)
	}
	return fmt.Errorf("bindings: cannot open the database in %s: %w", dir, err)
}

// checkFormat refuses a layout of a later version and marks a new database with ours.
func (d *disk) checkFormat(dir string) error {
	v, closer, err := d.db.Get([]byte(formatKey))
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		// Not synced: it goes to disk with the first binding.
		return d.db.Set([]byte(formatKey), []byte(formatVersion), pebble.NoSync)
	case err != nil:
		return explain(dir, err)
	}
	got := string(v)
	if err := closer.Close(); err != nil {
		return explain(dir, err)
	}
	if got != formatVersion {
		return fmt.Errorf("bindings: %s was written by a newer sipway (format %q, this one reads %s): run that one",
			dir, got, formatVersion)
	}
	return nil
}

// write makes ops durable, with one sync. After an error the database must not be written to again.
func (d *disk) write(ops []op) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = d.guard.failure()
			d.panicked = true
			if err == nil {
				err = fmt.Errorf("database panicked: %v", p)
			}
		}
	}()
	if err := d.guard.failure(); err != nil {
		return err
	}
	d.batch.Reset()
	for i := range ops {
		if err := d.add(&ops[i]); err != nil {
			return err
		}
		if d.batch.Len() >= maxChunk && i < len(ops)-1 {
			// The sync of the last part covers this one: they are in one log.
			if err := d.db.Apply(d.batch, pebble.NoSync); err != nil {
				return err
			}
			d.batch.Reset()
		}
	}
	if d.batch.Empty() {
		return nil // barriers only, and what they wait for was written before
	}
	if err := d.db.ApplyNoSyncWait(d.batch, pebble.Sync); err != nil {
		return err
	}
	if err := d.batch.SyncWait(); err != nil {
		return err
	}
	return d.guard.failure()
}

// add puts one op into the batch.
func (d *disk) add(o *op) error {
	if o.barrier {
		return nil
	}
	if len(o.rec) == 0 {
		k := d.batch.DeleteDeferred(1 + len(o.key))
		k.Key[0] = bindingPrefix
		copy(k.Key[1:], o.key)
		return k.Finish()
	}
	k := d.batch.SetDeferred(1+len(o.key), len(o.rec))
	k.Key[0] = bindingPrefix
	copy(k.Key[1:], o.key)
	copy(k.Value, o.rec)
	return k.Finish()
}

// scan calls fn with every Record, in order of AOR, until it returns false. aor and r are valid during fn.
func scanDB(db *pebble.DB, fn func(aor, r []byte) bool) error {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{bindingPrefix}, UpperBound: []byte{bindingPrefix + 1}})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(err, it.Close())
		}
		if !fn(it.Key()[1:], v) {
			break
		}
	}
	return it.Close()
}

func (d *disk) close() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("bindings: database panicked while it closed: %v", p)
		}
	}()
	if d.panicked {
		return nil // the end of the process closes it
	}
	if d.batch != nil {
		err = d.batch.Close()
	}
	return errors.Join(err, d.db.Close(), d.lock.Close())
}
