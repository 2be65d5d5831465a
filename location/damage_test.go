package location

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestTornLog: a log that is cut, or has a bit flipped, in one of its last records never keeps the store
// from starting, and nothing before the damage is lost.
func TestTornLog(t *testing.T) {
	t.Parallel()
	mem := vfs.NewCrashableMem()
	s := open(t, "d", Options{fs: mem})
	stop := serve(t, s)
	const n = 12
	var ends [n]int // where the log ended after each update
	for i := range n {
		if err := do(t, s, fmt.Sprintf("sip:%02d@example.com", i), put("sip:x@192.0.2.1", far, uint32(i))); err != nil {
			t.Fatal(err)
		}
		ends[i] = len(logOf(t, mem).data)
	}
	crashed := mem.CrashClone(vfs.CrashCloneCfg{})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	log := logOf(t, crashed)
	check := func(what string, off int, data []byte) {
		t.Helper()
		fs := vfs.NewMem()
		if _, err := vfs.Clone(crashed, fs, "d", "d"); err != nil {
			t.Fatal(err)
		}
		w, err := fs.Create(log.name, vfs.WriteCategoryUnspecified)
		if err == nil {
			_, err = w.Write(bytes.Clone(data)) // which MemFS scribbles on under -race
		}
		if err = errors.Join(err, w.Sync(), w.Close()); err != nil {
			t.Fatal(err)
		}
		s, err := Open("d", Options{fs: fs})
		if err != nil {
			t.Fatalf("%s at %d: %v", what, off, err)
		}
		for i, end := range ends {
			if end <= off && s.Lookup(fmt.Appendf(nil, "sip:%02d@example.com", i)) == nil {
				t.Errorf("%s at %d: binding %d, which ends at %d, is lost", what, off, i, end)
			}
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s at %d: %v", what, off, err)
		}
	}
	step := 11
	if testing.Short() {
		step = 17
	}
	for off := ends[n-4]; off < len(log.data); off += step {
		check("cut", off, log.data[:off])
		flipped := bytes.Clone(log.data)
		flipped[off] ^= 1 << (off % 8)
		check("flipped", off, flipped)
	}
}

type logFile struct {
	name string
	data []byte
}

// logOf returns the write-ahead log of the store in d.
func logOf(t *testing.T, fs vfs.FS) logFile {
	t.Helper()
	names, err := fs.List("d")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, ".log") {
			continue
		}
		f, err := fs.Open("d/" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		data, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		return logFile{"d/" + name, data}
	}
	t.Fatal("no log")
	return logFile{}
}
