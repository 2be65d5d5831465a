package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sipway/sipway/auth"
	"github.com/sipway/sipway/config"
	"github.com/sipway/sipway/zones"
)

// prepared is what a configuration names, read and checked, with no socket and
// no store opened: what `config validate` does and `serve` begins with.
type prepared struct {
	cfg       *config.Config
	addresses []netip.Addr // of this node, as others see them
	plans     []zones.Plan // of the published domains; ports are not known yet
	plansAt   []*config.Domain
	plain     []*zones.Zone
	newUsers  *config.Domain // its users file has to be made
}

// prepare reads everything that c names. The error is a config.Errors with all
// that is wrong.
func prepare(c *config.Config, local func() []netip.Addr) (*prepared, error) {
	if at := dataFile(c.Data); at != "" {
		return nil, config.Errors{{Msg: printable(at) + " is a file, and data needs a directory", Hint: "name another with --data"}}
	}
	p, errs := prepareZones(c, local)
	for i := range c.Domains {
		d := &c.Domains[i]
		if todo, err := p.users(d); err != nil {
			errs = append(errs, configFault(d.UsersAt, todo, err))
		}
	}
	for _, l := range p.sockets() {
		if err := mayListen(l.Addr); err != nil {
			errs = append(errs, configFault(l.At, portHelp, fmt.Errorf("%s: %w", l, err)))
		}
	}
	if len(errs) > 0 {
		slices.SortStableFunc(errs, func(a, b *config.Error) int {
			return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
		})
		return nil, errs
	}
	return p, nil
}

func configFault(at config.Position, todo string, err error) *config.Error {
	if at.Line == 0 {
		at = config.Position{}
	}
	return &config.Error{Pos: at, Msg: err.Error(), Hint: todo}
}

// prepareZones reads what of c is published in DNS.
func prepareZones(c *config.Config, local func() []netip.Addr) (p *prepared, errs config.Errors) {
	p = &prepared{cfg: c, addresses: publishedAddresses(c, local)}
	fail := func(at config.Position, todo string, err error) { errs = append(errs, configFault(at, todo, err)) }
	for i := range c.Domains {
		d := &c.Domains[i]
		if err := p.plan(d); err != nil {
			fail(d.ExtraAt, "the extra records of "+d.Name+" cannot be read", err)
		}
	}
	for _, z := range c.Zones {
		rrs, err := zones.ParseFile(z.Name, z.File)
		if err != nil {
			fail(z.At, "zone "+z.Name+" cannot be served", err)
			continue
		}
		compiled, err := zones.Compile(z.Name, rrs)
		if err != nil {
			fail(z.At, "zone "+z.Name+" cannot be served", fmt.Errorf("%s: %w", printable(z.File), err))
			continue
		}
		p.plain = append(p.plain, compiled)
	}
	if _, err := p.zones(c.Listen.SIP, c.Listen.DNS, 1); err != nil {
		if one := (*config.Error)(nil); errors.As(err, &one) {
			errs = append(errs, one)
		}
	}
	return p, errs
}

// sockets returns the listeners that will be opened.
func (p *prepared) sockets() []config.Listener {
	var all []config.Listener
	if len(p.cfg.Domains) > 0 {
		all = append(all, p.cfg.Listen.SIP...)
	}
	if p.hasZones() {
		all = append(all, p.cfg.Listen.DNS...)
	}
	return all
}

func (p *prepared) hasZones() bool { return len(p.plans)+len(p.plain) > 0 }

// users checks the users file of a domain, or notes that it has to be made. It
// returns what is wrong, and what to do about it.
func (p *prepared) users(d *config.Domain) (todo string, err error) {
	if d.Register.Auth != config.AuthDigest {
		return "", nil
	}
	there, err := exists(d.Users)
	switch {
	case err != nil:
		return "", err
	case !there && d.UsersMade:
		p.newUsers = d
		return "", nil
	case !there:
		return fmt.Sprintf("make it with `sipway user add NAME@%s --config %s`", d.Name, shellWord(p.cfg.File)),
			fmt.Errorf("users file %s does not exist", printable(d.Users))
	}
	f, err := auth.LoadUsers(d.Users)
	if err != nil {
		return "", err
	}
	if f.Realm() != d.Name { // as auth.Live compares: HA1 values hold for one spelling
		return "name another file, or another directory with --data",
			fmt.Errorf("users file %s is for %s, and its passwords are of no use to %s", printable(d.Users), printable(f.Realm()), d.Name)
	}
	return "", nil
}

// plan collects what a domain publishes.
func (p *prepared) plan(d *config.Domain) error {
	if !d.DNS.Publish {
		return nil
	}
	plan := zones.Plan{Domain: d.Name, NS: d.DNS.NS, TTL: uint32(d.DNS.TTL / time.Second)}
	for _, e := range p.cfg.Edges {
		plan.Edges = append(plan.Edges, zones.Edge{Name: e.Name, Addresses: e.Addresses, Priority: e.Priority, Weight: e.Weight})
	}
	if len(plan.NS) == 0 {
		plan.NS = []string{"ns1"}
	}
	if len(plan.Edges) == 0 {
		plan.Edges = []zones.Edge{{Name: p.cfg.Node, Addresses: p.addresses, Priority: 10, Weight: 100}}
	}
	var err error
	if d.DNS.Extra != "" {
		plan.Extra, err = zones.ParseFile(d.Name, d.DNS.Extra)
	}
	p.plans, p.plansAt = append(p.plans, plan), append(p.plansAt, d)
	return err
}
