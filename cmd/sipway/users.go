package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/sipway/sipway/auth"
	"github.com/sipway/sipway/config"
)

func userCommand() *cli.Command {
	where := []cli.Flag{
		&cli.StringFlag{Name: "config", Usage: "the configuration `FILE` that names the users file"},
		&cli.StringFlag{Name: "data", Usage: "the data `DIRECTORY` of `serve --domain`", Value: config.DefaultData},
		&cli.StringFlag{Name: "domain", Usage: "the domain `NAME`, where USER does not say it"},
	}
	password := append([]cli.Flag{
		&cli.BoolFlag{Name: "json", Usage: "as JSON: user, and password if one was made; never asks for one"},
		&cli.StringFlag{Name: "password", Usage: "the `PASSWORD`; other users of this host can see it while the command runs"},
		&cli.StringFlag{Name: "password-file", Usage: "`FILE` whose first line is the password; - is standard input"},
	}, where...)
	return &cli.Command{
		Name:  "user",
		Usage: "add, list, remove users, or change a password",
		Description: "A running server takes a change within a second or two. Passwords are not stored:\n" +
			"the file holds hashes (HA1) that are good for one domain.",
		Subcommands: []*cli.Command{
			{Name: "add", Usage: "add a user; without a password on a terminal it asks, elsewhere it makes one", ArgsUsage: "USER or USER@DOMAIN", Flags: password, Action: userAdd},
			{Name: "list", Usage: "list the users", Flags: append([]cli.Flag{&cli.BoolFlag{Name: "json", Usage: "as JSON: domain and users"}}, where...), Action: userList},
			{Name: "rm", Usage: "remove a user; the bindings stay until they expire", ArgsUsage: "USER or USER@DOMAIN", Flags: where, Action: userRemove},
			{Name: "passwd", Usage: "change a password", ArgsUsage: "USER or USER@DOMAIN", Flags: password, Action: userPassword},
		},
	}
}

// usersFile is which file a command is about.
type usersFile struct {
	path   string
	domain string // "" if only the file itself knows
}

// oneUser returns the user of the first argument and the file it belongs to.
func oneUser(c *cli.Context) (user string, f usersFile, err error) {
	if c.NArg() != 1 {
		return "", f, usageError("name one user, as in `%s alice`", helpName(c))
	}
	user, domain, _ := strings.Cut(strings.TrimPrefix(c.Args().First(), "sip:"), "@")
	if user == "" {
		return "", f, usageError("%s names no user; write USER or USER@DOMAIN", printable(c.Args().First()))
	}
	if flag := c.String("domain"); flag != "" && domain != "" && !strings.EqualFold(flag, domain) {
		return "", f, usageError("the user is of %s, but --domain says %s", printable(domain), printable(flag))
	} else if domain == "" {
		domain = flag
	}
	f, err = findUsersFile(c, domain)
	return user, f, err
}

func findUsersFile(c *cli.Context, domain string) (usersFile, error) {
	if domain != "" {
		one, err := config.ForDomain(domain, "")
		if err != nil {
			return usersFile{}, usageError("%w", err)
		}
		domain = one.Domains[0].Name
	}
	file := c.String("config")
	if file == "" {
		if err := checkDataDir(c.String("data")); err != nil {
			return usersFile{}, err
		}
		return usersFile{path: filepath.Join(c.String("data"), "users.yaml"), domain: domain}, nil
	}
	cfg, err := config.Load(file)
	if err != nil {
		return usersFile{}, &exitError{exitConfig, err}
	}
	if c.IsSet("data") {
		cfg.SetData(c.String("data"))
	}
	d := cfg.Domain(domain)
	switch {
	case domain == "" && len(cfg.Domains) == 1:
		d = &cfg.Domains[0]
	case domain == "":
		return usersFile{}, usageError("%s has %d domains; say which one with USER@DOMAIN or --domain", printable(file), len(cfg.Domains))
	case d == nil:
		return usersFile{}, usageError("%s has no domain %s", printable(file), domain)
	}
	if d.Users == "" {
		return usersFile{}, configError("%s: domain %s has no users, because its register auth is none", d.At, d.Name)
	}
	return usersFile{path: d.Users, domain: d.Name}, nil
}

// open reads the file; make says that it may be made.
func (u usersFile) open(mayMake bool) (*auth.File, error) {
	there, err := exists(u.path)
	switch {
	case err != nil:
		return nil, configError("%w", err)
	case there:
		f, err := auth.LoadUsers(u.path)
		if err != nil {
			return nil, &exitError{exitConfig, err}
		}
		if u.domain != "" && f.Realm() != u.domain {
			return nil, configError("%s holds the users of %s, not of %s; name another file with --config or --data", printable(u.path), printable(f.Realm()), u.domain)
		}
		return f, nil
	case !mayMake:
		return nil, configError("there is no users file %s; `sipway serve --domain NAME` or `sipway user add USER@DOMAIN` makes one", printable(u.path))
	case u.domain == "":
		return nil, usageError("there is no users file %s yet; write USER@DOMAIN to begin one for that domain, or name another place with --data or --config", printable(u.path))
	}
	if err := makeDataDir(filepath.Dir(u.path)); err != nil {
		return nil, err
	}
	f, err := auth.NewFile(u.path, u.domain)
	if err != nil {
		return nil, configError("%w", err)
	}
	return f, nil
}

// change reads the file, changes and saves it, again if somebody else saved in between. f is nil if it
// cannot be read.
func (u usersFile) change(mayMake bool, change func(f *auth.File) error) (f *auth.File, err error) {
	const tries = 100
	for range tries {
		if f, err = u.open(mayMake); err != nil {
			return nil, err
		}
		if err = change(f); err != nil {
			return f, err
		}
		if err = f.Save(); !errors.Is(err, auth.ErrFileChanged) {
			return f, err
		}
	}
	return f, err
}

func userAdd(c *cli.Context) error {
	return changeUser(c, true, "added %s", " with password ", func(f *auth.File, user, password string) error { return f.Add(user, password) })
}

func userPassword(c *cli.Context) error {
	return changeUser(c, false, "changed the password of %s", " to ", func(f *auth.File, user, password string) error { return f.SetPassword(user, password) })
}

func changeUser(c *cli.Context, mayMake bool, done, to string, change func(f *auth.File, user, password string) error) error {
	user, where, err := oneUser(c)
	if err != nil {
		return err
	}
	f, err := where.open(mayMake)
	if err != nil {
		return err
	}
	if there := f.Exists([]byte(user)); there == mayMake { // before anybody types a password
		return userError(f, user, map[bool]error{true: auth.ErrUserExists, false: auth.ErrNoUser}[there])
	}
	password, made, err := choosePassword(c)
	if err != nil {
		return err
	}
	f, err = where.change(mayMake, func(f *auth.File) error { return change(f, user, password) })
	if err != nil {
		return userError(f, user, err)
	}
	who := user + "@" + f.Realm()
	if !made {
		password, to = "", ""
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, struct {
			User     string `json:"user"`
			Password string `json:"password,omitempty"`
		}{who, password})
	}
	_, err = fmt.Fprintf(c.App.Writer, done+"%s\n", printable(who), to+password)
	return err
}

func userError(f *auth.File, user string, err error) error {
	if f == nil {
		return err // says it all
	}
	who := printable(user) + "@" + printable(f.Realm())
	switch {
	case errors.Is(err, auth.ErrUserExists):
		return &exitError{exitNo, fmt.Errorf("%s exists already; `sipway user passwd` changes a password", who)}
	case errors.Is(err, auth.ErrNoUser):
		return &exitError{exitNo, fmt.Errorf("there is no user %s; `sipway user list` lists them", who)}
	case errors.Is(err, auth.ErrFileChanged):
		return &exitError{exitNo, fmt.Errorf("%s was changed by somebody else at the same time; try again", printable(f.Path()))}
	case errors.Is(err, fs.ErrPermission):
		return configError("%s cannot be written: %w; use the user that runs sipway", printable(f.Path()), pathCause(err))
	default:
		return &exitError{exitUsage, err}
	}
}

func userRemove(c *cli.Context) error {
	user, where, err := oneUser(c)
	if err != nil {
		return err
	}
	f, err := where.change(false, func(f *auth.File) error { return f.Remove(user) })
	if err != nil {
		return userError(f, user, err)
	}
	_, err = fmt.Fprintf(c.App.Writer, "removed %s@%s; bindings stay until they expire\n", printable(user), printable(f.Realm()))
	return err
}

func userList(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	where, err := findUsersFile(c, c.String("domain"))
	if err != nil {
		return err
	}
	f, err := where.open(false)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, struct {
			Domain string   `json:"domain"`
			Users  []string `json:"users"`
		}{f.Realm(), append([]string{}, f.Names()...)})
	}
	for _, name := range f.Names() {
		if _, err := fmt.Fprintf(c.App.Writer, "%s@%s\n", printable(name), printable(f.Realm())); err != nil {
			return err
		}
	}
	return nil
}

// choosePassword returns the password of the options, of a person, or a new one.
func choosePassword(c *cli.Context) (password string, made bool, err error) {
	file := c.String("password-file")
	switch {
	case c.IsSet("password") && file != "":
		return "", false, usageError("give --password or --password-file, not both")
	case c.IsSet("password"):
		password = c.String("password")
	case file == "-":
		password, err = firstLine(c.App.Reader)
	case file != "":
		var f *os.File
		if f, err = os.Open(file); err == nil {
			password, err = firstLine(f)
			_ = f.Close()
		}
		if err != nil {
			return "", false, usageError("the password file %s cannot be read: %w; name one whose first line is the password, or - for standard input", printable(file), pathCause(err))
		}
	case c.Bool("json"):
		return auth.GeneratePassword(), true, nil
	case isTerminal(c.App.Reader) && isTerminal(c.App.Writer):
		password, err = askPassword(c)
		if err == nil && password == "" {
			return auth.GeneratePassword(), true, nil
		}
	default:
		return auth.GeneratePassword(), true, nil
	}
	if err != nil {
		return "", false, usageError("no password: %w", err)
	}
	if password == "" {
		return "", false, usageError("the password is empty; leave --password out and one is made")
	}
	return password, false, nil
}

func firstLine(r io.Reader) (string, error) {
	const longest = 1024
	line, err := bufio.NewReader(io.LimitReader(r, longest)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func askPassword(c *cli.Context) (string, error) {
	in, ok := c.App.Reader.(*os.File)
	if !ok {
		return "", nil
	}
	ask := func(text string) (string, error) {
		fmt.Fprint(c.App.Writer, text)
		b, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(c.App.Writer)
		return string(b), err
	}
	first, err := ask("Password (empty: make one): ")
	if err != nil || first == "" {
		return "", err
	}
	second, err := ask("Again: ")
	if err == nil && first != second {
		err = errors.New("the two are not the same")
	}
	return first, err
}
