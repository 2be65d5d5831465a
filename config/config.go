package config

import (
	"net/netip"
	"path/filepath"
	"strings"
	"time"
)

// DefaultData is the data directory when neither file nor flag names one.
const DefaultData = "sipway-data"

// Config is the whole checked configuration. Nothing in it is missing or out of
// bounds; fields that a default filled look the same as those a file filled.
// It is read-only once made: reload makes a new one.
type Config struct {
	File      string // the file it came from, "" for ForDomain
	Node      string // this node's name, one DNS label, lower case
	Data      string // directory of everything sipway writes
	Listen    Listen
	Advertise []netip.Addr // what others see; empty: found from the listeners
	Domains   []Domain     // at least one, or Zones has one; in file order
	Zones     []Zone       // plain zones served beside the generated ones
	Edges     []Edge       // empty: this node alone
	Resolver  Resolver
	Location  Location
	Limits    Limits

	NodeAt Position // zero: Node is the default
}

// Position is a place in the file: line and column count from one, column in
// characters. The zero Position is nowhere: a default or a flag.
type Position struct {
	File      string
	Line, Col int
}

// Listen holds the sockets to open.
type Listen struct {
	SIP   []Listener
	DNS   []Listener
	Admin netip.AddrPort // not valid: no admin API
}

// Listener is one socket. Port 0 asks the system for a free port.
type Listener struct {
	Network string // "udp" or "tcp"
	Addr    netip.AddrPort
	At      Position
}

// String returns the listener as the file spells it, as in udp://0.0.0.0:5060.
func (l Listener) String() string { return l.Network + "://" + l.Addr.String() }

// Mode is how calls for a domain are answered.
type Mode string

// ModeRedirect answers calls with 302 and the live contacts. It is the only
// mode in this version.
const ModeRedirect Mode = "redirect"

// Algorithm names a digest algorithm (RFC 8760 2.1).
type Algorithm string

// The digest algorithms.
const (
	AlgorithmSHA256 Algorithm = "sha-256"
	AlgorithmMD5    Algorithm = "md5"
)

// Auth is how a REGISTER is authenticated.
type Auth string

// The ways to authenticate a REGISTER.
const (
	AuthDigest Auth = "digest" // RFC 7616, users from a file
	AuthNone   Auth = "none"   // anybody may register any user part
)

// Domain is one SIP domain.
type Domain struct {
	Name     string // lower case, no trailing dot
	Mode     Mode
	Users    string // file with HA1 values; "" with AuthNone
	Register Register
	DNS      DomainDNS

	At        Position
	UsersAt   Position // zero: Users is the default, made at the first start
	ExtraAt   Position
	UsersMade bool // Users is the default place: it need not exist yet
}

// Register holds the registrar's rules of a domain (RFC 3261 10.3 step 7).
type Register struct {
	Auth           Auth
	Algorithms     []Algorithm   // offered with AuthDigest; empty: all that the users file can serve
	MinExpires     time.Duration // shorter and under an hour: 423
	MaxExpires     time.Duration // longer is cut to this
	DefaultExpires time.Duration
	MaxContacts    int // bindings of one AOR
}

// DomainDNS says what of a domain is published in DNS.
type DomainDNS struct {
	Publish bool
	NS      []string // lower case, no trailing dot; empty: the edges' names
	TTL     time.Duration
	Extra   string // file of more records, "" if none
}

// Zone is a plain zone file.
type Zone struct {
	Name string // lower case, no trailing dot
	File string
	At   Position // of the file's name
}

// Edge is a node that answers SIP for the domains and is published by SRV.
type Edge struct {
	Name             string // one label below each domain, or a whole name with dots
	Addresses        []netip.Addr
	Priority, Weight uint16 // RFC 2782
	At               Position
}

// Resolver says whom the resolver asks.
type Resolver struct {
	Servers []netip.AddrPort // empty: the system's
	Timeout time.Duration    // for one question to one server
}

// Durability says when a binding counts as stored.
type Durability string

// The durabilities, from safest to fastest.
const (
	DurabilityStrict  Durability = "strict"  // 200 only after the sync to disk
	DurabilityRelaxed Durability = "relaxed" // synced soon after the 200
	DurabilityNone    Durability = "none"    // memory only
)

// Location says where bindings are kept.
type Location struct {
	Durability Durability
}

// Limits are the bounds an operator may move.
type Limits struct {
	Connections           int           // SIP stream connections
	ConnectionsPerAddress int           // of one remote address
	HeaderTimeout         time.Duration // from a message's first byte to the end of its header
	IdleTimeout           time.Duration // of a SIP connection
	WriteQueue            int           // bytes that may wait on one connection
	DNSConnections        int           // DNS over TCP
	DNSIdleTimeout        time.Duration
}

// ForDomain returns the configuration of `sipway serve --domain name`: SIP on
// UDP and TCP 5060 and DNS on UDP and TCP 5300 of all IPv4 addresses (OnHost
// adds the others), the admin API on 127.0.0.1:8300, bindings and users in data (DefaultData if empty).
// The error says what is wrong with name.
func ForDomain(name, data string) (*Config, error) {
	d, bad := domainName(name)
	if bad != nil {
		return nil, &Error{Msg: "domain " + bad.what, Hint: bad.todo}
	}
	if data == "" {
		data = DefaultData
	}
	c := defaults()
	c.Data = data
	c.Domains = []Domain{defaultDomain(d)}
	c.Domains[0].defaultUsers(data)
	return c, nil
}

// defaults returns a Config without domains.
func defaults() *Config {
	any4 := func(port uint16) netip.AddrPort { return netip.AddrPortFrom(netip.IPv4Unspecified(), port) }
	return &Config{
		Node: "edge1",
		Data: DefaultData,
		Listen: Listen{
			SIP:   []Listener{{Network: "udp", Addr: any4(5060)}, {Network: "tcp", Addr: any4(5060)}},
			DNS:   []Listener{{Network: "udp", Addr: any4(5300)}, {Network: "tcp", Addr: any4(5300)}},
			Admin: netip.MustParseAddrPort("127.0.0.1:8300"),
		},
		Resolver: Resolver{Timeout: 2 * time.Second},
		Location: Location{Durability: DurabilityStrict},
		Limits: Limits{
			Connections:           20_000,
			ConnectionsPerAddress: 64,
			HeaderTimeout:         10 * time.Second,
			IdleTimeout:           3 * time.Minute,
			WriteQueue:            64 << 10,
			DNSConnections:        1000,
			DNSIdleTimeout:        10 * time.Second,
		},
	}
}

func defaultDomain(name string) Domain {
	return Domain{
		Name: name,
		Mode: ModeRedirect,
		Register: Register{
			Auth:           AuthDigest,
			MinExpires:     time.Minute,
			MaxExpires:     2 * time.Hour,
			DefaultExpires: time.Hour,
			MaxContacts:    10,
		},
		DNS: DomainDNS{Publish: true, TTL: time.Minute},
	}
}

// defaultUsers names the users file that the first start makes.
func (d *Domain) defaultUsers(data string) {
	d.Users = filepath.Join(data, "users.yaml")
	d.UsersMade = true
}

// SetData moves the data directory, and the default users file with it: what
// --data does.
func (c *Config) SetData(dir string) {
	c.Data = dir
	for i := range c.Domains {
		if d := &c.Domains[i]; d.UsersMade {
			d.defaultUsers(dir)
		}
	}
}

// Domain returns the domain of that name in any case, nil if there is none.
func (c *Config) Domain(name string) *Domain {
	name = strings.TrimSuffix(name, ".")
	for i := range c.Domains {
		if strings.EqualFold(c.Domains[i].Name, name) {
			return &c.Domains[i]
		}
	}
	return nil
}
