package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// secretSize is the length of the file from which all keys are derived.
const secretSize = 32

// makeDataDir makes the data directory for its owner alone.
func makeDataDir(dir string) error {
	if err := checkDataDir(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return configError("data directory %s cannot be made: %w; create it for the user that runs sipway, or name another with --data", printable(dir), pathCause(err))
	}
	return nil
}

// checkDataDir refuses a file where a data directory is wanted.
func checkDataDir(dir string) error {
	if at := dataFile(dir); at != "" {
		return configError("%s is a file, and data needs a directory; name another with --data", printable(at))
	}
	return nil
}

// dataFile returns the part of a directory's path that is a file, "" if all can be made.
func dataFile(dir string) string {
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case err == nil && !info.IsDir():
			return at
		case err == nil || at == filepath.Dir(at):
			return ""
		}
	}
}

// loadSecret returns the node's secret, made at the first start. Nonces and To
// tags hang on it, so it is kept over restarts.
func loadSecret(dir string) ([]byte, error) {
	file := filepath.Join(dir, "secret")
	secret, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		secret = make([]byte, secretSize)
		_, _ = rand.Read(secret) // never fails, crypto/rand says
		if err := writeFile(file, secret, 0o600); err != nil {
			return nil, configError("%s cannot be written: %w; give the user that runs sipway the right to write there", printable(file), pathCause(err))
		}
	case err != nil:
		return nil, configError("%s cannot be read: %w; it belongs to the user that made it", printable(file), pathCause(err))
	case len(secret) != secretSize:
		return nil, configError("%s has %d bytes instead of %d; remove it and a new one is made (clients then authenticate once more)", printable(file), len(secret), secretSize)
	}
	return secret, nil
}

// derive makes an independent key for one use of the secret.
func derive(secret []byte, use string) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(use))
	return h.Sum(nil)
}

// writeFile writes a file so that there is always the old or the new one, whole.
func writeFile(name string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already if all went well
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// pathCause takes operation and path, which the message has already, off err.
func pathCause(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	if l := (*os.LinkError)(nil); errors.As(err, &l) {
		return l.Err
	}
	return err
}

// exists says whether there is a file of that name.
func exists(name string) (bool, error) {
	_, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", printable(name), pathCause(err))
	}
	return true, nil
}
