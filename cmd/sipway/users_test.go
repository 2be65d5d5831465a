package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestUserLife(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	users := func(code int, want string, args ...string) string {
		t.Helper()
		got, stdout, stderr := command(t, append(append([]string{"user"}, args...), "--data", data)...)
		if got != code || !strings.Contains(stdout+stderr, want) {
			t.Fatalf("user %q: exit %d, want %d; want %q in:\n%s%s", args, got, code, want, stdout, stderr)
		}
		return stdout
	}
	users(exitConfig, "there is no users file", "list")
	users(exitUsage, "write USER@DOMAIN to begin one", "add", "alice")
	users(exitUsage, "is no label", "add", "alice@exa mple")
	users(exitOK, "added alice@example.test\n", "add", "alice@Example.test", "--password", "x y,z")
	users(exitNo, "alice@example.test exists already", "add", "alice", "--password", "x")
	users(exitConfig, "holds the users of example.test, not of other.test", "add", "bob@other.test", "--password", "x")
	made := users(exitOK, "added bob@example.test with password ", "add", "bob")
	if !regexp.MustCompile(`password [a-z0-9-]{16,}\n$`).MatchString(made) {
		t.Errorf("password: %q", made)
	}
	users(exitOK, "alice@example.test\nbob@example.test\n", "list")
	file, err := os.ReadFile(filepath.Join(data, "users.yaml"))
	if err != nil || strings.Contains(string(file), "x y,z") {
		t.Errorf("the file holds a password: %s %v", file, err)
	}
	pass := write(t, t.TempDir(), "pass", "secret\nsecond line\n")
	users(exitOK, "changed the password of bob@example.test\n", "passwd", "bob", "--password-file", pass)
	changed, _ := os.ReadFile(filepath.Join(data, "users.yaml"))
	if string(changed) == string(file) {
		t.Error("the password did not change")
	}
	users(exitNo, "there is no user carol@example.test", "passwd", "carol", "--password", "x")
	users(exitNo, "there is no user carol@example.test", "rm", "carol")
	users(exitOK, "removed alice@example.test", "rm", "sip:alice@example.test")
	var list struct {
		Domain string
		Users  []string
	}
	if err := json.Unmarshal([]byte(users(exitOK, "", "list", "--json")), &list); err != nil || list.Domain != "example.test" || len(list.Users) != 1 || list.Users[0] != "bob" {
		t.Error(list, err)
	}
	users(exitUsage, "name one user", "rm")
	users(exitUsage, "name one user", "rm", "a", "b")
	users(exitUsage, "--domain says", "rm", "a@b.test", "--domain", "c.test")
	users(exitUsage, "not both", "passwd", "bob", "--password", "x", "--password-file", pass)
	users(exitUsage, "is empty", "passwd", "bob", "--password", "")
	users(exitUsage, "the password file "+pass+".none cannot be read: no such file or directory; name one", "passwd", "bob", "--password-file", pass+".none")
	users(exitUsage, "sipway: \"a%20b\" cannot be a user name: write the name itself, not its escaped form\n", "add", "a%20b")
	users(exitUsage, "cannot be a user name: leave out spaces", "add", "a b")
	users(exitOK, "added *@example.test", "add", "*")

	if made := users(exitOK, "changed the password of bob@example.test to ", "passwd", "bob"); !regexp.MustCompile(` to [a-z0-9-]{16,}\n$`).MatchString(made) {
		t.Errorf("password: %q", made)
	}
	for _, args := range [][]string{{"add", "dave", "--json"}, {"passwd", "dave", "--json"}, {"passwd", "dave", "--json", "--password", "x"}} {
		var got map[string]string
		err := json.Unmarshal([]byte(users(exitOK, "", args...)), &got)
		if made := len(args) == 3; err != nil || got["user"] != "dave@example.test" || (len(got["password"]) == 19) != made || (got["password"] != "") != made {
			t.Errorf("%q: %v %v", args, got, err)
		}
	}
	write(t, data, "users.yaml", "realm: example.test\nusers: {a: {md5: \"\n")
	users(exitConfig, "users.yaml:2:", "list")
	users(exitConfig, "check the indentation", "list")
}

func TestUserByConfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := write(t, dir, "c.yaml", "domains:\n  a.test: {users: a.yaml}\n  b.test: {users: b.yaml}\n  open.test: {register: {auth: none}}\n")
	for _, c := range []struct {
		user string
		code int
		want string
	}{
		{"x", exitUsage, "has 3 domains; say which one"},
		{"x@c.test", exitUsage, "has no domain c.test"},
		{"x@open.test", exitConfig, "register auth is none"},
		{"x@B.test", exitOK, "added x@b.test"},
	} {
		code, stdout, stderr := command(t, "user", "add", c.user, "--config", file, "--password", "p")
		if code != c.code || !strings.Contains(stdout+stderr, c.want) {
			t.Errorf("%s: exit %d: %s%s", c.user, code, stdout, stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "b.yaml")); err != nil {
		t.Error(err)
	}
}

// TestDataIsAFile: every command that takes --data says so in the same words.
func TestDataIsAFile(t *testing.T) {
	t.Parallel()
	file := write(t, t.TempDir(), "data", "")
	for _, args := range [][]string{
		{"user", "list", "--data", file},
		{"user", "add", "a@b.test", "--data", file},
		{"bindings", "list", "--data", file},
		{"serve", "--domain", "a.test", "--data", file, "--sip", "127.0.0.1:0"},
		{"serve", "--domain", "a.test", "--data", filepath.Join(file, "below"), "--sip", "127.0.0.1:0"},
	} {
		if code, _, stderr := command(t, args...); code != exitConfig || !strings.Contains(stderr, file+" is a file, and data needs a directory") {
			t.Errorf("%q: exit %d: %s", args, code, stderr)
		}
	}
}
