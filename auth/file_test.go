package auth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const (
	someSHA = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
	someMD5 = "8ca523f5e9506fed4657c9700eebdbec"
)

func TestUsersRoundTrip(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "users.yaml")
	f, err := NewFile(path, "d.test")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"alice", "007", "no", "null", "+46701234567", "1e5", "0x10", "bob.b-b_b", "åsa", "a#b", "{x}", "~"}
	for _, n := range names {
		if err := f.Add(n, "pw of "+n); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Save(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	g, err := LoadUsers(path)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(g.Names()) != fmt.Sprint(f.Names()) || g.Realm() != "d.test" || g.Path() != path {
		t.Fatalf("%q: %q", g.Realm(), g.Names())
	}
	for _, n := range names {
		for _, alg := range []Algorithm{SHA256, MD5} {
			if h, ok := g.HA1(nil, []byte(n), alg); !ok || string(h) != HA1(alg, n, "d.test", "pw of "+n) {
				t.Errorf("%s of %q: %q, %v", alg, n, h, ok)
			}
		}
	}
	if _, ok := g.HA1(nil, []byte("nobody"), MD5); ok || g.Exists([]byte("nobody")) {
		t.Error("nobody exists")
	}
}

func TestUsersChange(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "users.yaml")
	f, _ := NewFile(path, "d.test")
	if err := f.Save(); err != nil { // no users yet
		t.Fatal(err)
	}
	if g, err := LoadUsers(path); err != nil || len(g.Names()) != 0 {
		t.Fatal(err)
	}
	steps := []struct {
		err, want error
	}{
		{f.Add("alice", "one"), nil},
		{f.Add("alice", "two"), ErrUserExists},
		{f.SetPassword("alice", "three"), nil},
		{f.SetPassword("bob", "x"), ErrNoUser},
		{f.Remove("bob"), ErrNoUser},
		{f.Save(), nil},
		{f.Remove("alice"), nil},
		{f.Save(), nil},
	}
	for i, s := range steps {
		if !errors.Is(s.err, s.want) {
			t.Errorf("step %d: %v, want %v", i, s.err, s.want)
		}
	}
	for _, name := range []string{"", "a b", "a:b", "alice@d.test", `a"b`, "a\nb", "\xff", "a%20b", "%aF", strings.Repeat("x", maxUsername+1)} {
		if err := f.Add(name, "pw"); err == nil {
			t.Errorf("%q was taken for a user", name)
		}
	}
	for _, name := range []string{strings.Repeat("x", maxUsername), "*", "*98", "100%", "%4", "a%zz", "#1", "jörg"} {
		if err := f.Add(name, "pw"); err != nil {
			t.Error(err)
		}
	}
	if err := f.Add("carol", ""); err == nil {
		t.Error("an empty password was taken")
	}
	if _, err := NewFile(path, `a"b`); err == nil {
		t.Error("a realm with a quote was taken")
	}
}

// Two administrators at once: the second one learns it, and nothing is lost.
func TestSaveSeesOthers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "users.yaml")
	a, _ := NewFile(path, "d.test")
	b, _ := NewFile(path, "d.test")
	_, _ = a.Add("alice", "pw"), b.Add("bob", "pw")
	if err := a.Save(); err != nil {
		t.Fatal(err)
	}
	if err := b.Save(); !errors.Is(err, ErrFileChanged) {
		t.Fatalf("got %v", err)
	}
	if err := a.Add("anna", "pw"); err != nil || a.Save() != nil {
		t.Fatal("the one who wrote last may go on", err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Fatalf("left behind: %v, %v", entries, err)
	}
}

// A symbolic link stays one, and what it points to is replaced.
func TestSaveThroughLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target, link := filepath.Join(dir, "real.yaml"), filepath.Join(dir, "users.yaml")
	write(t, target, "realm: d.test\n")
	if err := os.Symlink(target, link); err != nil {
		t.Skip(err)
	}
	f, err := LoadUsers(link)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Add("alice", "pw"), f.Save()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Fatal("the link was replaced", err)
	}
	if g, err := LoadUsers(target); err != nil || !g.Exists([]byte("alice")) {
		t.Fatal(err)
	}
}

func TestUsersErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i, tc := range []struct{ text, want string }{
		{"", ":1:1: want one document"},
		{"users: {}\n", ":1:1: no realm"},
		{"realm: d.test\nuser: {}\n", `:2:1: unknown key "user"`},
		{"realm: d.test\nrealm: e.test\n", "; keep one of them"},
		{"realm: d.test\nusers:\n  a%20b: {md5: " + someMD5 + "}\n", ":3:3: \"a%20b\" cannot be a user name: write the name itself, not its escaped form"},
		{"realm: [d.test]\n", ":1:8: want a plain value"},
		{"realm: \"a b\"\n", `:1:8: realm "a b"`},
		{"- realm\n", ":1:1: want `key: value` pairs"},
		{"realm: d.test\nusers: [alice]\n", ":2:8: want `key: value` pairs"},
		{"realm: d.test\nusers:\n  alice: secret\n", ":3:10: want `key: value` pairs"},
		{"realm: d.test\nusers:\n  alice: {}\n", `:3:3: user "alice" has no HA1`},
		{"realm: d.test\nusers:\n  alice: {md5: abc}\n", ":3:16: user \"alice\": want 32 hexadecimal digits"},
		{"realm: d.test\nusers:\n  alice: {sha-256: " + someMD5 + "}\n", "want 64 hexadecimal digits"},
		{"realm: d.test\nusers:\n  alice: {sha: " + someSHA + "}\n", `:3:11: unknown key "sha"`},
		{"realm: d.test\nusers:\n  alice: {password: x}\n", ":3:11: passwords are not kept here"},
		{"realm: d.test\nusers:\n  a@d.test: {md5: " + someMD5 + "}\n", ":3:3: \"a@d.test\" cannot be a user name: leave the domain away"},
		{"realm: d.test\nusers:\n  alice: {md5: " + someMD5 + "}\n  alice: {md5: " + someMD5 + "}\n", ":4:3: "},
		{"realm: d.test\nusers:\n  alice: &a {md5: " + someMD5 + "}\n  bob: *a\n", ":3:10: want `key: value` pairs"},
		{"realm: d.test\nusers: {alice: {md5: \"\n", ":2:"},
		{"realm: d.test\nusers: {alice: {md5: \"\n", "; check the indentation"},
		{"realm: d.test\n---\nrealm: e.test\n", ":1:1: want one document"},
	} {
		path := filepath.Join(dir, fmt.Sprint(i, ".yaml"))
		write(t, path, tc.text)
		if _, err := LoadUsers(path); err == nil || !strings.HasPrefix(err.Error(), path) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: got %v, want %q", tc.text, err, tc.want)
		}
	}
	if _, err := LoadUsers(filepath.Join(dir, "none.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// What people write by hand.
func TestUsersByHand(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "users.yaml")
	digits := strings.Repeat("1", 32)
	write(t, path, "# mine\nrealm: d.test # the domain\nusers:\n  alice: {sha-256: "+someSHA+", md5: "+strings.ToUpper(someMD5)+"}\n"+
		"  0123:\n    md5: "+digits+"\n  'b':\n    sha-256: "+someSHA+"\n")
	f, err := LoadUsers(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		user string
		alg  Algorithm
		want string
	}{{"alice", SHA256, someSHA}, {"alice", MD5, someMD5}, {"0123", MD5, digits}, {"0123", SHA256, ""}, {"b", SHA256, someSHA}, {"b", MD5, ""}} {
		if got, ok := f.HA1(nil, []byte(tc.user), tc.alg); string(got) != tc.want || ok != (tc.want != "") {
			t.Errorf("%s of %s: %q, %v", tc.alg, tc.user, got, ok)
		}
	}
	if err := f.Save(); err != nil { // one value only stays one value only
		t.Fatal(err)
	}
	if g, err := LoadUsers(path); err != nil || fmt.Sprint(g.users) != fmt.Sprint(f.users) {
		t.Fatal(err)
	}
}

func TestLive(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "users.yaml")
	if _, err := NewLive(path, "d.test", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("no file: %v", err)
	}
	f, _ := NewFile(path, "d.test")
	if err := errors.Join(f.Add("alice", "pw"), f.Save()); err != nil {
		t.Fatal(err)
	}
	if _, err := NewLive(path, "e.test", nil); err == nil || !strings.Contains(err.Error(), `realm "d.test"`) {
		t.Fatalf("another realm: %v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		var failed atomic.Int32
		l, err := NewLive(path, "d.test", func(err error) {
			if !strings.Contains(err.Error(), path) {
				t.Errorf("an error that does not say where: %v", err)
			}
			failed.Add(1)
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.Serve(ctx) }()
		second := func() {
			time.Sleep(reloadInterval) // of synctest's clock
			synctest.Wait()
		}
		expect := func(what, names string, errs int) {
			t.Helper()
			second()
			if got := strings.Join(l.Names(), " "); got != names || int(failed.Load()) != errs {
				t.Errorf("%s: users %q, want %q; %d errors, want %d", what, got, names, failed.Load(), errs)
			}
		}
		expect("nothing happened", "alice", 0)
		if err := errors.Join(f.Add("bob", "pw"), f.Save()); err != nil {
			t.Fatal(err)
		}
		expect("bob came", "alice bob", 0)
		if _, ok := l.HA1(nil, []byte("bob"), MD5); !ok || !l.Exists([]byte("bob")) {
			t.Error("no bob")
		}
		write(t, path, "realm: d.test\nusers: oops\n")
		expect("a bad file", "alice bob", 1)
		expect("still bad, said once", "alice bob", 1)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		expect("no file", "alice bob", 2)
		expect("still none, said once", "alice bob", 2)
		write(t, path, "realm: d.test\nusers:\n  carol: {md5: "+someMD5+"}\n")
		expect("good again", "carol", 2)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestGeneratePassword(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		p := GeneratePassword()
		if len(p) != 19 || seen[p] || strings.Trim(p, passwordAlphabet+"-") != "" {
			t.Fatalf("password %q", p)
		}
		seen[p] = true
	}
	if len(passwordAlphabet) != 32 {
		t.Error("the alphabet is not 5 bits a sign")
	}
}

// TestSaveTogether: of many who change the file at the same time nobody's change is lost without an error.
func TestSaveTogether(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "users.yaml")
	first, err := NewFile(path, "d.test")
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Save(); err != nil {
		t.Fatal(err)
	}
	const writers = 20
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for {
				f, err := LoadUsers(path)
				if err == nil {
					err = f.Add(fmt.Sprintf("u%d", i), "secret")
				}
				if err == nil {
					err = f.Save()
				}
				if !errors.Is(err, ErrFileChanged) {
					if err != nil {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	wg.Wait()
	f, err := LoadUsers(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(f.Names()); n != writers {
		t.Errorf("%d users, want %d", n, writers)
	}
}
