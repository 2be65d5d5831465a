package main

import (
	"bytes"
	"os"

	"github.com/sipway/sipway/auth"
)

// firstUser is who the first start makes.
const firstUser = "alice"

// newUser is the user that this start made. A nil *newUser is none.
type newUser struct {
	password string
	path     string // the users file made for it
	text     []byte // of that file
	shown    bool   // somebody could read the password
}

// makeFirstUser makes the users file of a domain that has none yet, with one
// user in it. It returns nil if nothing was to be made.
func makeFirstUser(pre *prepared) (*newUser, error) {
	if pre.newUsers == nil {
		return nil, nil
	}
	d := pre.newUsers
	f, err := auth.NewFile(d.Users, d.Name)
	if err != nil {
		return nil, configError("%s: %w", printable(d.Users), err)
	}
	u := &newUser{password: auth.GeneratePassword(), path: d.Users}
	if err := f.Add(firstUser, u.password); err != nil {
		return nil, err
	}
	if err := f.Save(); err != nil {
		return nil, configError("%s cannot be written: %w", printable(d.Users), pathCause(err))
	}
	u.text, err = os.ReadFile(d.Users)
	return u, err
}

func (u *newUser) wasShown() {
	if u != nil {
		u.shown = true
	}
}

// forget takes the users file away again when the start failed before anybody
// could read the password, so that the next start makes one that is shown. A
// file that somebody has changed since stays.
func (u *newUser) forget() error {
	if u == nil || u.shown {
		return nil
	}
	text, err := os.ReadFile(u.path)
	if err != nil || !bytes.Equal(text, u.text) {
		return nil
	}
	if err := os.Remove(u.path); err != nil {
		return configError("%s holds a user whose password was never shown, and cannot be removed: %w; remove it before the next start", printable(u.path), pathCause(err))
	}
	return nil
}
