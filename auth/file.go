package auth

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxFileSize bounds a users file, in bytes: some 400,000 users.
const maxFileSize = 64 << 20

// Errors of File's changes.
var (
	ErrUserExists  = errors.New("user exists already")
	ErrNoUser      = errors.New("no such user")
	ErrFileChanged = errors.New("the users file changed since it was read: try again")
)

// File is the users of one realm as users.yaml holds them: HA1 values, never passwords.
//
//	realm: example.test
//	users:
//	  alice: {sha-256: hex, md5: hex}
//
// A user may have one of the two values only; then the other algorithm is offered to nobody, since a client
// takes the first that it knows (RFC 8760 2.4). A File is for one goroutine; [Live] is what servers read.
type File struct {
	path, realm string
	users       map[string]user
	offers      [numAlgorithms]bool // kept with every change
	read        fs.FileInfo         // the file it came from, nil if there was none
}

// user is one user's HA1 values.
type user struct {
	sha256 [sha256.Size]byte
	md5    [md5.Size]byte
	has    [numAlgorithms]bool
}

// NewFile returns an empty file of users for realm, to be written to path by Save. The realm is normally
// the SIP domain.
func NewFile(path, realm string) (*File, error) {
	if err := checkRealm(realm); err != nil {
		return nil, err
	}
	f := &File{path: path, realm: realm, users: map[string]user{}}
	f.offers = f.common()
	return f, nil
}

// LoadUsers reads and checks a users file. Errors say file, line and column.
func LoadUsers(path string) (*File, error) {
	// Opening a pipe would wait for its other end, and that in a running server.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("users file: %s is no regular file", path)
	}
	in, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("users file: %w", err)
	}
	defer func() { _ = in.Close() }()
	info, err := in.Stat()
	if err != nil {
		return nil, fmt.Errorf("users file: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(in, maxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("users file %s: %w", path, err)
	}
	if len(text) > maxFileSize {
		return nil, fmt.Errorf("users file %s: larger than %d MB: split the users over several domains", path, maxFileSize>>20)
	}
	f := &File{path: path, users: map[string]user{}, read: info}
	if err := f.parse(text); err != nil {
		return nil, err
	}
	f.offers = f.common()
	return f, nil
}

// common returns the algorithms for which every user has a value; all, if there is none such.
func (f *File) common() (algs [numAlgorithms]bool) {
	found := false
	for alg := range numAlgorithms {
		algs[alg] = true
		for _, u := range f.users {
			algs[alg] = algs[alg] && u.has[alg]
		}
		found = found || algs[alg]
	}
	if !found {
		for alg := range numAlgorithms {
			algs[alg] = true
		}
	}
	return algs
}

// Path returns where the file is.
func (f *File) Path() string { return f.path }

// Realm returns the realm the HA1 values were made for.
func (f *File) Realm() string { return f.realm }

// Names returns the users in alphabetical order.
func (f *File) Names() []string { return slices.Sorted(maps.Keys(f.users)) }

// Exists reports whether there is a user of this name. Names are case-sensitive, as the user part of a SIP
// URI is (RFC 3261 19.1.4).
func (f *File) Exists(username []byte) bool {
	_, ok := f.users[string(username)]
	return ok
}

// HA1 implements [Users].
func (f *File) HA1(dst, username []byte, alg Algorithm) ([]byte, bool) {
	u, ok := f.users[string(username)]
	if !ok || alg >= numAlgorithms || !u.has[alg] {
		return dst, false
	}
	if alg == MD5 {
		return hex.AppendEncode(dst, u.md5[:]), true
	}
	return hex.AppendEncode(dst, u.sha256[:]), true
}

// Offers implements [Users].
func (f *File) Offers(alg Algorithm) bool { return alg < numAlgorithms && f.offers[alg] }

// Add adds a user that must not exist yet, else ErrUserExists.
func (f *File) Add(user, password string) error {
	if f.Exists([]byte(user)) {
		return fmt.Errorf("%q: %w", user, ErrUserExists)
	}
	return f.set(user, password)
}

// SetPassword changes the password of a user that must exist, else ErrNoUser.
func (f *File) SetPassword(user, password string) error {
	if !f.Exists([]byte(user)) {
		return fmt.Errorf("%q: %w", user, ErrNoUser)
	}
	return f.set(user, password)
}

// Remove removes a user that must exist, else ErrNoUser.
func (f *File) Remove(user string) error {
	if !f.Exists([]byte(user)) {
		return fmt.Errorf("%q: %w", user, ErrNoUser)
	}
	delete(f.users, user)
	f.offers = f.common()
	return nil
}

func (f *File) set(name, password string) error {
	if err := checkUser(name); err != nil {
		return err
	}
	if password == "" {
		return errors.New("the password is empty; leave it out and one is made")
	}
	text := []byte(name + ":" + f.realm + ":" + password)
	f.users[name] = user{sha256: sha256.Sum256(text), md5: md5.Sum(text), has: [numAlgorithms]bool{true, true}}
	f.offers = f.common()
	return nil
}

// setHA1 fills in one value from its hexadecimal text.
func (u *user) setHA1(alg Algorithm, text string) error {
	raw, err := hex.DecodeString(text)
	if err != nil || len(text) != alg.hexSize() {
		return fmt.Errorf("want %d hexadecimal digits for %s: make them by `sipway user passwd`", alg.hexSize(), alg)
	}
	if alg == MD5 {
		copy(u.md5[:], raw)
	} else {
		copy(u.sha256[:], raw)
	}
	u.has[alg] = true
	return nil
}

// checkUser says why name cannot be a user, and what to do. A colon would make HA1 ambiguous (RFC 7616 3.4.2);
// the others would be wrong or unreadable in a URI, a header or a terminal. An escape of RFC 3986 2.1 is
// refused because what is looked up is the name that it stands for (RFC 3261 19.1.4): that user could never
// log in.
func checkUser(name string) error {
	why := ""
	switch {
	case name == "":
		return errors.New("a user needs a name")
	case len(name) > maxUsername:
		return fmt.Errorf("a user name of %d bytes is too long; at most %d", len(name), maxUsername)
	case !utf8.ValidString(name):
		why = "it is not UTF-8"
	case strings.Contains(name, "@"):
		why = "leave the domain away, the realm says it"
	case hasEscape(name):
		why = "write the name itself, not its escaped form"
	case strings.ContainsAny(name, `:"\<>`), strings.ContainsFunc(name, unprintable):
		why = `leave out spaces, controls and : " \ < >`
	default:
		return nil
	}
	return fmt.Errorf("%q cannot be a user name: %s", name, why)
}

// hasEscape reports whether there is a % with two hexadecimal digits behind it.
func hasEscape(name string) bool {
	for i := range len(name) - 2 {
		if name[i] == '%' {
			if _, err := hex.DecodeString(name[i+1 : i+3]); err == nil {
				return true
			}
		}
	}
	return false
}

func checkRealm(realm string) error {
	switch {
	case realm == "":
		return errors.New("the realm is empty: it is normally the SIP domain")
	case len(realm) > maxRealm:
		return fmt.Errorf("realm of %d bytes: at most %d", len(realm), maxRealm)
	case !utf8.ValidString(realm), strings.ContainsAny(realm, `"\`), strings.ContainsFunc(realm, unprintable):
		return fmt.Errorf("realm %q: no spaces, controls, or any of \" \\", realm)
	}
	return nil
}

func unprintable(r rune) bool { return r == ' ' || !unicode.IsPrint(r) }

// marshal writes the file in its one form.
func (f *File) marshal() []byte {
	var b bytes.Buffer
	b.WriteString("# Users of one SIP domain: HA1 values (RFC 7616 3.4.2), as secret as the passwords they stand for.\n" +
		"# Written by `sipway user`; comments and order are not kept.\n" +
		"realm: " + strconv.Quote(f.realm) + "\n")
	if len(f.users) == 0 {
		b.WriteString("users: {}\n")
		return b.Bytes()
	}
	b.WriteString("users:\n")
	for _, name := range f.Names() {
		u := f.users[name]
		var values []string
		if u.has[SHA256] {
			values = append(values, `sha-256: "`+hex.EncodeToString(u.sha256[:])+`"`)
		}
		if u.has[MD5] {
			values = append(values, `md5: "`+hex.EncodeToString(u.md5[:])+`"`)
		}
		fmt.Fprintf(&b, "  %s: {%s}\n", strconv.Quote(name), strings.Join(values, ", "))
	}
	return b.Bytes()
}
