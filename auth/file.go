package auth

// File is the users of one realm as users.yaml holds them: HA1 values, never passwords.
//
//	realm: example.test
//	users:
//	  alice: {sha-256: hex, md5: hex}
//
// A File is for one goroutine; [Live] is what servers read.
type File struct{}

// NewFile returns an empty file of users for realm, to be written to path by Save.
func NewFile(path, realm string) (*File, error) { return &File{}, nil }

// LoadUsers reads and checks a users file. Errors say file, line and column.
func LoadUsers(path string) (*File, error) { return &File{}, nil }

// Path returns where the file is.
func (f *File) Path() string { return "" }

// Realm returns the realm the HA1 values were made for.
func (f *File) Realm() string { return "" }

// Names returns the users in alphabetical order.
func (f *File) Names() []string { return nil }

// Exists reports whether there is a user of this name.
func (f *File) Exists(username []byte) bool { return false }

// HA1 implements [Users].
func (f *File) HA1(dst, username []byte, alg Algorithm) ([]byte, bool) { return dst, false }

// Add adds a user that must not exist yet.
func (f *File) Add(user, password string) error { return nil }

// SetPassword changes the password of a user that must exist.
func (f *File) SetPassword(user, password string) error { return nil }

// Remove removes a user that must exist.
func (f *File) Remove(user string) error { return nil }

// Save writes the file atomically with mode 0600. Comments and order of an edited file are lost.
func (f *File) Save() error { return nil }
