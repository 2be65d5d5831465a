package auth

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// reloadInterval is how often Serve looks whether the file changed.
const reloadInterval = time.Second

// Live is a users file that is read again when it changes. It implements [Users] for any number of
// goroutines; a lookup costs one atomic load. A file that became bad, or vanished, keeps the users it had.
type Live struct {
	path, realm string
	onError     func(error)
	current     atomic.Pointer[File]

	mu   sync.Mutex  // one reload at a time
	seen fs.FileInfo // version last read, good or bad; nil: there was no file
}

// NewLive loads the file at path, which must be for realm. The errors of later reloads go to onError (may be
// nil) from the goroutine of Serve, once for each bad version of the file.
func NewLive(path, realm string, onError func(error)) (*Live, error) {
	l := &Live{path: path, realm: realm, onError: onError}
	if err := l.Reload(); err != nil {
		return nil, err
	}
	return l, nil
}

// Serve looks at the file about once a second until ctx ends, and returns nil.
func (l *Live) Serve(ctx context.Context) error {
	tick := time.NewTicker(reloadInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			l.poll()
		}
	}
}

// poll reloads the file if it is another version than the one last looked at.
func (l *Live) poll() {
	info, err := os.Stat(l.path)
	if err != nil {
		info = nil
	}
	l.mu.Lock()
	same := sameVersion(info, l.seen)
	l.mu.Unlock()
	if same {
		return
	}
	if err := l.Reload(); err != nil && l.onError != nil {
		l.onError(err)
	}
}

// Reload reads the file now. On an error the users stay as they were.
func (l *Live) Reload() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	// Looked at before it is read: a change in between is seen as another version later, never missed.
	info, err := os.Stat(l.path)
	if err != nil {
		l.seen = nil
		return fmt.Errorf("users file: %w", err)
	}
	l.seen = info
	f, err := LoadUsers(l.path)
	if err != nil {
		return err
	}
	if f.realm != l.realm {
		return fmt.Errorf("users file %s is for realm %q, this domain is %q: HA1 values hold for one realm only",
			l.path, f.realm, l.realm)
	}
	l.current.Store(f)
	return nil
}

// HA1 implements [Users].
func (l *Live) HA1(dst, username []byte, alg Algorithm) ([]byte, bool) {
	return l.current.Load().HA1(dst, username, alg)
}

// Offers implements [Users].
func (l *Live) Offers(alg Algorithm) bool { return l.current.Load().Offers(alg) }

// Exists reports whether there is a user of this name.
func (l *Live) Exists(username []byte) bool { return l.current.Load().Exists(username) }

// Names returns the users in alphabetical order.
func (l *Live) Names() []string { return l.current.Load().Names() }
