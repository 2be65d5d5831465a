package config

import (
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Bounds on what is published and registered.
const (
	maxDomains  = 10_000
	maxZones    = 10_000
	maxEdges    = 64
	maxContacts = 100
)

func (r *reader) domains(c *Config, v value) {
	seen := map[string]Position{}
	ok := r.entries(v, func(key string, at Position, item value) {
		name, bad := domainName(key)
		if bad != nil {
			r.fail(at, bad.todo, "domain %s", bad.what)
			return
		}
		if first, twice := seen[name]; twice {
			r.fail(at, "keep one of them", "domain %s is already in line %d", quote(key), first.Line)
			return
		}
		seen[name] = at
		d := defaultDomain(name)
		d.At = at
		if item.node != nil && item.node.Type() != ast.NullType {
			r.domain(&d, item)
		}
		c.Domains = append(c.Domains, d)
	})
	switch {
	case ok && len(seen) == 0 && len(r.errs) == 0:
		r.fail(v.at, "add one, as in {example.com: {}}, or remove the key", "domains is empty")
	case len(seen) > maxDomains:
		r.fail(v.at, "split them over several servers", "there are more than %d domains", maxDomains)
	}
}

func (r *reader) domain(d *Domain, v value) {
	r.fields(v,
		field{key: "mode", set: into(r, &d.Mode, oneOf([]Mode{ModeRedirect}, "proxy"))},
		field{key: "users", set: r.pathInto(&d.Users, &d.UsersAt)},
		field{key: "register", set: func(v value) { r.register(&d.Register, v) }},
		field{key: "dns", set: func(v value) { r.domainDNS(d, v) }},
		field{key: "tls", later: "certificates"})
}

func (r *reader) register(g *Register, v value) {
	expires := duration(time.Second, 30*24*time.Hour)
	at := map[string]Position{}
	note := func(set func(value)) func(value) {
		return func(v value) { at[v.name] = v.at; set(v) }
	}
	before := len(r.errs)
	r.fields(v,
		field{key: "auth", set: into(r, &g.Auth, oneOf([]Auth{AuthDigest, AuthNone}))},
		field{key: "algorithms", set: note(list(r, &g.Algorithms, oneOf([]Algorithm{AlgorithmSHA256, AlgorithmMD5})))},
		field{key: "min_expires", set: note(into(r, &g.MinExpires, expires))},
		field{key: "max_expires", set: note(into(r, &g.MaxExpires, expires))},
		field{key: "default_expires", set: note(into(r, &g.DefaultExpires, expires))},
		field{key: "max_contacts", set: into(r, &g.MaxContacts, integer(1, maxContacts))})
	if len(r.errs) > before {
		return
	}
	if p, given := at["algorithms"]; given && g.Auth == AuthNone {
		r.fail(p, "remove it, or use auth: digest", "algorithms has no effect with register auth none")
	}
	for key, d := range map[string]time.Duration{"min_expires": g.MinExpires, "max_expires": g.MaxExpires, "default_expires": g.DefaultExpires} {
		if p, given := at[key]; given && d%time.Second != 0 {
			r.fail(p, "SIP counts whole seconds", "%s %s is no whole number of seconds", key, d)
		}
	}
	// RFC 3261 10.2.8: 423 may refuse only what is under an hour.
	if g.MinExpires > time.Hour {
		r.fail(at["min_expires"], "RFC 3261 10.2.8 lets a registrar refuse only what is shorter than 1h", "min_expires %s is more than 1h", short(g.MinExpires))
		return
	}
	if g.MinExpires > g.MaxExpires {
		p := at["min_expires"]
		if p.Line == 0 {
			p = at["max_expires"]
		}
		r.fail(p, "make min_expires the smaller one", "min_expires %s is more than max_expires %s", short(g.MinExpires), short(g.MaxExpires))
		return
	}
	p, given := at["default_expires"]
	switch {
	case g.DefaultExpires >= g.MinExpires && g.DefaultExpires <= g.MaxExpires:
	case given:
		r.fail(p, "choose a value between them", "default_expires %s is not between min_expires %s and max_expires %s",
			short(g.DefaultExpires), short(g.MinExpires), short(g.MaxExpires))
	default: // our own default gives way
		g.DefaultExpires = min(max(g.DefaultExpires, g.MinExpires), g.MaxExpires)
	}
}

func (r *reader) domainDNS(d *Domain, v value) {
	r.fields(v,
		field{key: "publish", set: into(r, &d.DNS.Publish, boolean)},
		field{key: "ns", set: list(r, &d.DNS.NS, domainName)},
		field{key: "ttl", set: into(r, &d.DNS.TTL, duration(time.Second, 7*24*time.Hour))},
		field{key: "extra", set: r.pathInto(&d.DNS.Extra, &d.ExtraAt)})
	sorted := slices.Sorted(slices.Values(d.DNS.NS))
	if len(slices.Compact(sorted)) != len(d.DNS.NS) {
		r.fail(v.at, "keep one of them", "ns names a server twice")
	}
}

func (r *reader) checkDomain(d *Domain) {
	if d.Register.Auth == AuthNone && d.UsersAt.Line != 0 {
		r.fail(d.UsersAt, "remove it, or use register: {auth: digest}", "users has no effect with register auth none, where anybody may register any user")
	}
	if !d.DNS.Publish && d.DNS.Extra != "" {
		r.fail(d.ExtraAt, "remove it, or set publish to true", "extra has no effect with dns publish false")
	}
}

func (r *reader) zones(c *Config, v value) {
	seen := map[string]Position{}
	ok := r.entries(v, func(key string, at Position, item value) {
		name, bad := zoneName(key)
		if bad != nil {
			r.fail(at, bad.todo, "zone %s", bad.what)
			return
		}
		if first, twice := seen[name]; twice {
			r.fail(at, "keep one of them", "zone %s is already in line %d", quote(key), first.Line)
			return
		}
		seen[name] = at
		z := Zone{Name: name, At: at}
		r.fields(item,
			field{key: "file", set: r.pathInto(&z.File, &z.At)},
			field{key: "transfer", later: "zone transfer to secondaries"})
		if z.File == "" && item.node != nil {
			r.fail(at, "add `file: "+name+".zone`", "zone %s has no file", quote(key))
		}
		c.Zones = append(c.Zones, z)
	})
	switch {
	case ok && len(seen) == 0 && len(r.errs) == 0:
		r.fail(v.at, "add one or remove the key", "zones is empty")
	case len(seen) > maxZones:
		r.fail(v.at, "split them over several servers", "there are more than %d zones", maxZones)
	}
}

// zoneName also takes names with underscores, as in _tcp.example.com.
func zoneName(s string) (string, *problem) {
	clean := make([]byte, len(s))
	for i := range len(s) {
		clean[i] = s[i]
		if s[i] == '_' {
			clean[i] = 'x'
		}
	}
	if _, bad := domainName(string(clean)); bad != nil {
		_, bad = domainName(s)
		return "", bad
	}
	return lowerName(s), nil
}

func lowerName(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	if n := len(b); n > 0 && b[n-1] == '.' {
		b = b[:n-1]
	}
	return string(b)
}

func (r *reader) edges(c *Config, v value) {
	items := r.items(v)
	if len(items) > maxEdges {
		r.fail(v.at, "publish fewer", "there are more than %d edges", maxEdges)
		return
	}
	for _, item := range items {
		e := Edge{Priority: 10, Weight: 100, At: item.at}
		item.name = "an edge"
		before := len(r.errs)
		r.fields(item,
			field{key: "name", set: into(r, &e.Name, domainName)},
			field{key: "addresses", set: list(r, &e.Addresses, publicAddress)},
			field{key: "priority", set: into(r, &e.Priority, integer[uint16](0, 65535))},
			field{key: "weight", set: into(r, &e.Weight, integer[uint16](0, 65535))})
		switch {
		case len(r.errs) > before:
		case e.Name == "":
			r.fail(item.at, "add `name: edge1`", "an edge has no name")
		case len(e.Addresses) == 0:
			r.fail(item.at, "add `addresses: [192.0.2.11]`", "edge %s has no addresses", quote(e.Name))
		case slices.ContainsFunc(c.Edges, func(o Edge) bool { return o.Name == e.Name }):
			r.fail(item.at, "keep one of them", "edge %s is there twice", quote(e.Name))
		default:
			c.Edges = append(c.Edges, e)
		}
	}
}
