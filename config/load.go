package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Load reads and checks a file. Relative paths in it begin at its directory.
// The error is an Errors with everything that is wrong.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, Errors{fileError(path, err)}
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, Errors{fileError(path, err)}
	}
	return Parse(path, data)
}

func fileError(path string, err error) *Error {
	e := &Error{Pos: Position{File: path}, Msg: "cannot be read: " + cause(err).Error()}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Msg, e.Hint = "there is no such file", "name an existing one, or run `sipway serve --domain NAME` without a file"
	case errors.Is(err, fs.ErrPermission):
		e.Msg, e.Hint = "may not be read", "give the user that runs sipway the right to read it"
	}
	return e
}

// cause takes the operation and path, which the message has already, off err.
func cause(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Parse checks the text of a file. path names it in errors and is where its
// relative paths begin; nothing is opened.
func Parse(path string, data []byte) (*Config, error) {
	r := &reader{file: path, dir: filepath.Dir(path)}
	c := defaults()
	c.File = path
	c.Data = r.path(DefaultData)
	if root := r.parse(data); root != nil {
		r.config(c, value{node: root, name: "the file", at: r.pos(start(root))})
		r.check(c)
	}
	if len(r.errs) > 0 {
		return nil, r.errors()
	}
	return c, nil
}

// errors returns what was found in the order of the file, at most maxErrors.
func (r *reader) errors() Errors {
	slices.SortStableFunc(r.errs, func(a, b *Error) int {
		if a.Pos.Line != b.Pos.Line {
			return a.Pos.Line - b.Pos.Line
		}
		return a.Pos.Col - b.Pos.Col
	})
	if more := len(r.errs) - maxErrors; more > 0 {
		r.errs = append(r.errs[:maxErrors], &Error{Pos: Position{File: r.file}, Msg: fmt.Sprintf("and %d more", more)})
	}
	return r.errs
}

// path joins a relative path to the file's directory.
func (r *reader) path(p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(r.dir, p)
}

func (r *reader) pathInto(dst *string, at *Position) func(value) {
	return func(v value) {
		if at != nil {
			*at = v.at
		}
		s, ok := r.text(v)
		if !ok {
			return
		}
		if strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			r.fail(v.at, "write a path", "%s %s holds control characters", v.name, quote(s))
			return
		}
		*dst = r.path(s)
	}
}

func (r *reader) config(c *Config, root value) {
	r.fields(root,
		field{key: "node", set: func(v value) {
			c.NodeAt = v.at
			into(r, &c.Node, nodeName)(v)
		}},
		field{key: "data", set: r.pathInto(&c.Data, nil)},
		field{key: "listen", set: func(v value) { r.listen(&c.Listen, v) }},
		field{key: "advertise", set: list(r, &c.Advertise, publicAddress)},
		field{key: "domains", set: func(v value) { r.domains(c, v) }},
		field{key: "zones", set: func(v value) { r.zones(c, v) }},
		field{key: "edges", set: func(v value) { r.edges(c, v) }},
		field{key: "routes", later: "rules that send calls another way"},
		field{key: "tls", later: "certificates"},
		field{key: "resolver", set: func(v value) {
			r.fields(v,
				field{key: "servers", set: list(r, &c.Resolver.Servers, server)},
				field{key: "timeout", set: into(r, &c.Resolver.Timeout, duration(100*time.Millisecond, 30*time.Second))})
		}},
		field{key: "location", set: func(v value) { r.location(&c.Location, v) }},
		field{key: "limits", set: func(v value) { r.limits(&c.Limits, v) }},
	)
}

func (r *reader) listen(l *Listen, v value) {
	r.fields(v,
		field{key: "sip", set: func(v value) { l.SIP = r.listeners(v) }},
		field{key: "dns", set: func(v value) { l.DNS = r.listeners(v) }},
		field{key: "admin", set: func(v value) {
			if s, ok := scalar(v.node); ok && s == "off" {
				l.Admin = netip.AddrPort{}
				return
			}
			into(r, &l.Admin, adminAddress)(v)
		}})
}

// adminAddress takes loopback only: the API has no users and no TLS yet, and
// opening it to others has to be a decision that can be said, not a typo.
func adminAddress(s string) (netip.AddrPort, *problem) {
	ap, bad := addrPort(s)
	if bad == nil && !ap.Addr().IsLoopback() {
		return ap, &problem{
			quote(s) + " is not a loopback address, and the admin API has no passwords yet",
			"use 127.0.0.1:8300 and reach it through ssh or a proxy that asks who it is, or off",
		}
	}
	return ap, bad
}

func (r *reader) listeners(v value) []Listener {
	var all []Listener
	for _, item := range r.items(v) {
		l, ok := read(r, item, listener)
		if !ok {
			continue
		}
		l.At = item.at
		all = append(all, l)
	}
	return all
}

func (r *reader) location(l *Location, v value) {
	store := "embedded"
	r.fields(v,
		field{key: "store", set: into(r, &store, oneOf([]string{"embedded"}, "valkey", "redis"))},
		field{key: "durability", set: into(r, &l.Durability, oneOf([]Durability{DurabilityStrict, DurabilityRelaxed, DurabilityNone}))},
		field{key: "url", later: "a shared store"})
}

func (r *reader) limits(l *Limits, v value) {
	r.fields(v,
		field{key: "connections", set: into(r, &l.Connections, integer(1, 1_000_000))},
		field{key: "connections_per_address", set: into(r, &l.ConnectionsPerAddress, integer(1, 1_000_000))},
		field{key: "header_timeout", set: into(r, &l.HeaderTimeout, duration(time.Second, 5*time.Minute))},
		field{key: "idle_timeout", set: into(r, &l.IdleTimeout, duration(10*time.Second, 24*time.Hour))},
		field{key: "write_queue", set: into(r, &l.WriteQueue, size(4<<10, 16<<20))},
		field{key: "dns_connections", set: into(r, &l.DNSConnections, integer(1, 1_000_000))},
		field{key: "dns_idle_timeout", set: into(r, &l.DNSIdleTimeout, duration(time.Second, 10*time.Minute))})
}

// check is what needs more than one value at a time.
func (r *reader) check(c *Config) {
	r.checkListeners("sip", c.Listen.SIP, c)
	r.checkListeners("dns", c.Listen.DNS, c)
	published := map[string]Position{}
	needUsers := 0
	for i := range c.Domains {
		d := &c.Domains[i]
		if d.DNS.Publish {
			published[d.Name] = d.At
		}
		if d.Register.Auth == AuthDigest && d.UsersAt.Line == 0 {
			needUsers++
		}
	}
	for i := range c.Domains {
		d := &c.Domains[i]
		r.checkDomain(d)
		switch {
		case d.Register.Auth != AuthDigest || d.UsersAt.Line != 0:
		case needUsers > 1:
			r.fail(d.At, "name a file of its own, as in `users: "+d.Name+".users.yaml`", "domain %s has no users file, and neither has another", quote(d.Name))
		default:
			d.defaultUsers(c.Data)
		}
	}
	for _, z := range c.Zones {
		if at, both := published[z.Name]; both {
			r.fail(z.At, "remove one of them, or set dns.publish to false there", "zone %s is also generated for the domain in line %d", quote(z.Name), at.Line)
		}
	}
	if len(c.Domains) == 0 && len(c.Zones) == 0 && len(r.errs) == 0 {
		r.fail(Position{File: r.file, Line: 1, Col: 1}, "add `domains: {example.com: {}}`", "there is neither a domain nor a zone to serve")
	}
}

// checkListeners refuses the same socket twice, within one list and between
// SIP and DNS.
func (r *reader) checkListeners(what string, ls []Listener, c *Config) {
	others := c.Listen.SIP
	if what == "sip" {
		others = nil // a clash is reported once, at the DNS listener
	}
	for i, l := range ls {
		for _, o := range append(slices.Clone(others), ls[:i]...) {
			if l.Addr.Port() == 0 || !overlap(l, o) {
				continue
			}
			where := "by default"
			if o.At.Line > 0 {
				where = fmt.Sprintf("in line %d", o.At.Line)
			}
			r.fail(l.At, "remove one or change its port", "%s listener %s takes the socket of %s %s", what, l, o, where)
			break
		}
		if l.Network == "tcp" && l.Addr.Port() != 0 && l.Addr == c.Listen.Admin {
			r.fail(l.At, "give one of them another port", "%s listener %s takes the socket of the admin API", what, l)
		}
	}
}

// overlap says whether two listeners cannot both be bound.
func overlap(a, b Listener) bool {
	if a.Network != b.Network || a.Addr.Port() != b.Addr.Port() {
		return false
	}
	x, y := a.Addr.Addr(), b.Addr.Addr()
	return x == y || x.Is4() == y.Is4() && (x.IsUnspecified() || y.IsUnspecified())
}
