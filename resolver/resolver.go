package resolver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// OwnZones answers from zones that this process serves.
type OwnZones interface {
	// Answer gives the answer to a DNS message in wire form, or nil when the name is in none of the zones. It
	// is called from many goroutines; query must not be kept, the answer is read before the next call.
	Answer(query []byte) []byte
}

// Options configure a Resolver. The zero value asks the system's name servers for a client with UDP, TCP and
// TLS on both families.
type Options struct {
	// Transports are what the client has, in the order it prefers where the RFC leaves the choice. nil: UDP,
	// TCP, TLS.
	Transports []Transport
	// Families are what the client has; given, they are also the order within one name. nil: both, by RFC 6724.
	Families []Family
	// Servers are the recursive name servers. nil: those of /etc/resolv.conf.
	Servers []netip.AddrPort
	// Source answers instead of Servers when it is not nil.
	Source Source
	// Own, when not nil, is asked first, in process.
	Own OwnZones
	// Rand gives the randomness for SRV weights, 64 bits a lookup; it must be safe for concurrent use. nil: a
	// good one. The same numbers give the same choices.
	Rand func() uint64
	// Timeout is for one try with one server. 0: 2 s.
	Timeout time.Duration
	// Limit is for one whole lookup. 0: 4 s.
	Limit time.Duration
	// Budget is how many questions one lookup may send. 0: 64.
	Budget int
	// Patience is how long the second address family of a name is waited for once the first has answered (RFC
	// 8305 3, RFC 7984 3.1). 0: 250 ms.
	Patience time.Duration
	// CacheBytes bounds the cache. 0: 64 MB.
	CacheBytes int
	// Trace fills [Result.Trace]. It costs time; for people, not for servers.
	Trace bool
	// Now is the clock. nil: time.Now.
	Now func() time.Time
	// SourceAddress gives the address from which the system sends to dst (RFC 6724). nil: the routing table.
	SourceAddress func(dst netip.Addr) netip.Addr
}

// Resolver locates SIP servers. It is safe for concurrent use. Close it to end its goroutines.
type Resolver struct {
	o       Options
	policy  Policy
	cache   *cache
	source  Source
	flights *flights
	whom    string                     // " from " and the servers, for what people read
	draws   func() (again func() Draw) // the randomness of one lookup, the same at every pass
}

// New makes a Resolver. It fails when a transport or family is unknown, or the system's configuration cannot
// be read.
func New(o Options) (*Resolver, error) {
	setDefaults(&o)
	for _, t := range o.Transports {
		if t == NoTransport || t >= numTransports {
			return nil, fmt.Errorf("resolver: transport %d is none that is known", t)
		}
	}
	for _, f := range o.Families {
		if f != IP4 && f != IP6 {
			return nil, fmt.Errorf("resolver: family %d is neither 4 nor 6", f)
		}
	}
	r := &Resolver{o: o, cache: newCache(o.CacheBytes), source: o.Source}
	r.policy = Policy{Transports: slices.Clone(o.Transports), Families: slices.Clone(o.Families)}
	if len(o.Families) == 0 {
		r.policy.Families = []Family{IP6, IP4}
		r.policy.Order = func(a []netip.Addr) { SortAddresses(a, o.SourceAddress) }
	}
	if r.source == nil {
		c, err := newClient(o)
		if err != nil {
			return nil, err
		}
		r.source = c.query
		for i, server := range c.servers {
			r.whom += []string{" from ", ", "}[min(i, 1)] + server.String()
		}
	}
	r.draws = r.seeded
	r.flights = newFlights(r.chase, o.Limit, func(set *RRset) { r.cache.put(set, o.Now()) })
	return r, nil
}

func setDefaults(o *Options) {
	if len(o.Transports) == 0 {
		o.Transports = []Transport{UDP, TCP, TLS}
	}
	if o.Rand == nil {
		o.Rand = rand.Uint64
	}
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Second
	}
	if o.Limit <= 0 {
		o.Limit = 4 * time.Second
	}
	if o.Budget <= 0 {
		o.Budget = 64
	}
	if o.Patience <= 0 {
		o.Patience = 250 * time.Millisecond
	}
	if o.CacheBytes <= 0 {
		o.CacheBytes = 64 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

func newClient(o Options) (*client, error) {
	servers := slices.Clone(o.Servers)
	if len(servers) == 0 {
		var err error
		if servers, err = SystemServers("/etc/resolv.conf"); err != nil {
			return nil, fmt.Errorf("resolver: reading the system's name servers: %w; name one with --server or in the configuration", err)
		}
	}
	if len(servers) > maxServers {
		return nil, fmt.Errorf("resolver: %d name servers, %d is the most", len(servers), maxServers)
	}
	return &client{servers: servers, timeout: o.Timeout, rounds: 2}, nil
}

// Close ends all lookups under way and waits for the resolver's goroutines.
func (r *Resolver) Close() { r.flights.close() }

// seeded makes the draws of one lookup: whenever Select runs again, it sees the same numbers again.
func (r *Resolver) seeded() func() Draw {
	var (
		seed = r.o.Rand()
		pcg  rand.PCG
		g    = rand.New(&pcg)
		draw = func(sum uint32) uint32 { return uint32(g.Uint64N(uint64(sum) + 1)) }
	)
	return func() Draw {
		pcg.Seed(seed, 0x3263_2782)
		return draw
	}
}

// Query is a lookup with all that can be said about it.
type Query struct {
	URI  string
	Size int // of the request in bytes, 0 when it is small or not known (RFC 3261 18.1.1)
}

// Resolve finds the hops of a SIP or SIPS URI. The Result is never nil; the error, when there is one, is the
// *Error that it holds.
func (r *Resolver) Resolve(ctx context.Context, uri string) (*Result, error) {
	return r.Lookup(ctx, Query{URI: uri})
}

// Lookup is Resolve for a request of known size.
func (r *Resolver) Lookup(ctx context.Context, query Query) (*Result, error) {
	d, err := ParseDestination(query.URI)
	if err != nil {
		res := &Result{URI: query.URI}
		if !errors.As(err, &res.Err) {
			res.Err = &Error{InvalidURI, err.Error()}
		}
		return res, res.Err
	}
	l := lookup{r: r, d: &d, policy: r.policy, again: r.draws(), began: r.o.Now()}
	l.policy.Size = query.Size
	res := l.run(ctx)
	if res.Err != nil {
		return res, res.Err
	}
	return res, nil
}
