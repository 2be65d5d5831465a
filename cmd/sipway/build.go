package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sipway/sipway/admin"
	"github.com/sipway/sipway/auth"
	"github.com/sipway/sipway/config"
	"github.com/sipway/sipway/dispatch"
	"github.com/sipway/sipway/location"
	"github.com/sipway/sipway/nameserver"
	"github.com/sipway/sipway/redirect"
	"github.com/sipway/sipway/registrar"
	"github.com/sipway/sipway/transport"
	"github.com/sipway/sipway/zones"
)

// server is all parts of one node, wired and not yet serving.
type server struct {
	pre     *prepared
	log     *slog.Logger
	started time.Time
	name    string // random: tells this process from the next on the same port

	published zones.Published
	store     *location.Store
	users     []*auth.Live
	dispatch  *dispatch.Dispatcher
	transport *transport.Transport // nil: no domain
	names     *nameserver.Server   // nil: nothing is published
	admin     *admin.Server        // nil: off

	sip, dns []config.Listener // as bound
	adminAt  netip.AddrPort
	ready    atomic.Pointer[string] // why not; nil: ready
	panicked atomic.Int64           // when that was last logged, Unix nanoseconds
}

// build wires the parts of a node, bottom floor first. It is the one place that
// knows both configuration and parts. It calls locked when no other process can
// have the data directory.
func build(pre *prepared, secret []byte, log *slog.Logger, locked func() error) (s *server, err error) {
	s = &server{pre: pre, log: log, started: time.Now(), name: rand.Text()}
	s.notReady("the server starts")
	c := pre.cfg

	// knowledge
	s.store, err = location.Open(filepath.Join(c.Data, "location"), location.Options{
		Durability: durability(c.Location.Durability),
		OnBatch: func() {
			if s.transport != nil {
				s.transport.Flush()
			}
		},
		Logger: log.With("part", "location"),
	})
	if err != nil {
		return nil, explainStore(c.Data, err)
	}
	if err := locked(); err != nil {
		return nil, errors.Join(err, s.store.Close())
	}

	// roles
	var domains []dispatch.Domain
	for i := range c.Domains {
		d, err := s.domain(&c.Domains[i], secret)
		if err != nil {
			return nil, errors.Join(err, s.store.Close())
		}
		domains = append(domains, d)
	}
	if len(domains) > 0 {
		s.dispatch, err = dispatch.New(dispatch.Options{
			Domains:   domains,
			Names:     s.hostNames(),
			Addresses: hostAddresses(pre.addresses),
			Secret:    derive(secret, "to tag"),
			OnPanic:   s.rolePanicked,
		})
		if err != nil {
			return nil, errors.Join(err, s.store.Close())
		}
		// wire
		s.transport = transport.New(transportOptions(c.Limits), s.dispatch, log.With("part", "sip"))
	}
	if pre.hasZones() {
		s.names = nameserver.New(&s.published, nameserver.Options{
			MaxConnections: c.Limits.DNSConnections,
			Idle:           c.Limits.DNSIdleTimeout,
		}, log.With("part", "dns"))
	}
	if c.Listen.Admin.IsValid() {
		s.admin = admin.New(admin.Options{
			Instance: s.name, Ready: s.isReady, Bindings: s.bindings, Status: s.status, ErrorLog: log.With("part", "admin"),
		})
	}
	return s, nil
}

// domain wires the roles of one domain.
func (s *server) domain(d *config.Domain, secret []byte) (dispatch.Domain, error) {
	register := registrar.Options{
		Domain:         d.Name,
		Store:          s.store,
		MinExpires:     d.Register.MinExpires,
		MaxExpires:     d.Register.MaxExpires,
		DefaultExpires: d.Register.DefaultExpires,
		MaxBindings:    d.Register.MaxContacts,
	}
	forward := redirect.Options{Domain: d.Name, Locations: s.store}
	if d.Register.Auth == config.AuthDigest {
		log := s.log.With("part", "users", "domain", d.Name)
		users, err := auth.NewLive(d.Users, d.Name, func(err error) {
			log.Warn("the changed users file is not used", "error", err)
		})
		if err != nil {
			return dispatch.Domain{}, &exitError{exitConfig, err}
		}
		s.users = append(s.users, users)
		register.Verifier = auth.NewVerifier(d.Name, derive(secret, "nonce"), offered(users, d.Register.Algorithms), s.hosts()...)
		forward.Users = users
	}
	r, err := registrar.New(register)
	if err != nil {
		return dispatch.Domain{}, configError("domain %s: %w", d.Name, err)
	}
	return dispatch.Domain{Name: d.Name, Registrar: r, Redirect: redirect.New(forward)}, nil
}

// offered limits the digest algorithms to those that the configuration names, if it does.
func offered(users auth.Users, names []config.Algorithm) auth.Users {
	if len(names) == 0 {
		return users
	}
	var algs []auth.Algorithm
	for _, name := range names {
		if alg, ok := auth.ParseAlgorithm(string(name)); ok {
			algs = append(algs, alg)
		}
	}
	return auth.Limit(users, algs)
}

// rolePanicked logs a panic that cost one request a 500, once a second at most:
// peers may have found out how to make one.
func (s *server) rolePanicked(value any) {
	now, last := time.Now().UnixNano(), s.panicked.Load()
	if now-last >= int64(time.Second) && s.panicked.CompareAndSwap(last, now) {
		s.log.Error("a request made its role panic; please report it", "panic", fmt.Sprint(value), "stack", string(debug.Stack()))
	}
}

func durability(d config.Durability) location.Durability {
	switch d {
	case config.DurabilityRelaxed:
		return location.Relaxed
	case config.DurabilityNone:
		return location.None
	default:
		return location.Strict
	}
}

func transportOptions(l config.Limits) transport.Options {
	return transport.Options{
		MaxConnections:           l.Connections,
		MaxConnectionsPerAddress: l.ConnectionsPerAddress,
		HeaderTimeout:            l.HeaderTimeout,
		IdleTimeout:              l.IdleTimeout,
		WriteQueue:               l.WriteQueue,
	}
}

// hostNames returns the names under which this node is published.
func (s *server) hostNames() []string {
	var names []string
	for _, d := range s.pre.cfg.Domains {
		edges := []string{s.pre.cfg.Node}
		for _, e := range s.pre.cfg.Edges {
			edges = append(edges, e.Name)
		}
		for _, e := range edges {
			if !strings.Contains(e, ".") {
				e += "." + d.Name
			}
			names = append(names, e)
		}
	}
	return names
}

// hosts returns names and addresses that clients may put where a host stands.
func (s *server) hosts() []string {
	hosts := s.hostNames()
	for _, a := range s.pre.addresses {
		hosts = append(hosts, a.String())
	}
	for _, l := range s.pre.cfg.Listen.SIP {
		if a := l.Addr.Addr(); !a.IsUnspecified() {
			hosts = append(hosts, a.String())
		} else {
			hosts = append(hosts, loopback(a).String())
		}
	}
	return hosts
}

func hostAddresses(addresses []netip.Addr) []netip.AddrPort {
	var all []netip.AddrPort
	for _, a := range addresses {
		all = append(all, netip.AddrPortFrom(a, 0)) // whatever the port
	}
	return all
}

// listen opens every socket and publishes the zones for the ports they got.
// The error names every socket that cannot be opened.
func (s *server) listen() error {
	c := s.pre.cfg
	var failed []unopened
	if s.admin != nil {
		at, err := s.admin.Listen(c.Listen.Admin)
		if err != nil {
			failed = append(failed, unopened{"admin", config.Listener{Network: "tcp", Addr: c.Listen.Admin}, err})
		}
		s.adminAt = at
	}
	if s.names != nil {
		var not []unopened
		s.dns, not = listenAll("dns", c.Listen.DNS, s.names.Listen)
		failed = append(failed, not...)
	}
	if s.transport != nil {
		var not []unopened
		s.sip, not = listenAll("sip", c.Listen.SIP, func(network string, at netip.AddrPort) (netip.AddrPort, error) {
			kind := transport.UDP
			if network == "tcp" {
				kind = transport.TCP
			}
			return s.transport.Listen(kind, at)
		})
		failed = append(failed, not...)
	}
	if len(failed) > 0 {
		return explainAll(failed)
	}
	all, err := s.pre.zones(s.sip, s.dns, uint32(time.Now().Unix()))
	if err != nil {
		return &exitError{exitConfig, err}
	}
	s.published.Swap(zones.NewSet(all...))
	for _, z := range all {
		for _, w := range z.Warnings() {
			s.log.Warn("zone", "zone", z.Origin(), "warning", w)
		}
	}
	return nil
}

func listenAll(what string, ls []config.Listener, listen func(string, netip.AddrPort) (netip.AddrPort, error)) ([]config.Listener, []unopened) {
	fixed, failed := fixPorts(what, ls)
	for i, l := range fixed {
		at, err := listen(l.Network, l.Addr)
		if err != nil {
			failed = append(failed, unopened{what, l, err})
			continue
		}
		fixed[i].Addr = at
	}
	return fixed, failed
}

// serve hands every part to the supervisor, bottom floor first: they end in
// the reverse order, so that what was accepted is stored before the store closes.
func (s *server) serve(sup *supervisor) {
	sup.start("location", s.store.Serve)
	for _, u := range s.users {
		sup.start("users", u.Serve)
	}
	if s.admin != nil {
		sup.start("admin", s.admin.Serve)
	}
	if s.names != nil {
		sup.start("dns", s.names.Serve)
	}
	if s.transport != nil {
		sup.start("sip", s.transport.Serve)
	}
	s.ready.Store(nil)
}

// close gives back what listen and build opened, when serve is never called.
func (s *server) close() error {
	var errs []error
	if s.transport != nil {
		errs = append(errs, s.transport.Close())
	}
	if s.names != nil {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		errs = append(errs, s.names.Serve(ended))
	}
	if s.admin != nil {
		errs = append(errs, s.admin.Close())
	}
	return errors.Join(append(errs, s.store.Close())...)
}

func (s *server) notReady(why string) { s.ready.Store(&why) }

// isReady is what /readyz asks.
func (s *server) isReady() error {
	if why := s.ready.Load(); why != nil {
		return errors.New(*why)
	}
	if err := s.store.Stats().Failed; err != nil {
		return fmt.Errorf("bindings cannot be stored: %w", err)
	}
	return nil
}

// explainStore says what to do about a store that cannot be opened.
func explainStore(data string, err error) error {
	if errors.Is(err, location.ErrLocked) {
		return &exitError{exitNetwork, fmt.Errorf("data directory %s belongs to a sipway that is running; stop it, or name another directory with --data", printable(data))}
	}
	return configError("the bindings in %s cannot be opened: %w", printable(data), err)
}
