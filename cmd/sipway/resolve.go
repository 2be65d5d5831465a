package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/miekg/dns"
	"github.com/urfave/cli/v2"

	"github.com/sipway/sipway/admin"
	"github.com/sipway/sipway/resolver"
	"github.com/sipway/sipway/zones"
)

func resolveCommand() *cli.Command {
	return &cli.Command{
		Name:      "resolve",
		Usage:     "find the servers of a SIP URI, in the order they are tried (RFC 3263)",
		ArgsUsage: "URI",
		Description: "URI is sip:bob@example.com, sips:example.com;transport=tcp and so on; bob@example.com and example.com\n" +
			"are taken as sip:. The system's name servers are asked unless --server or --zone says otherwise.\n" +
			"Exit code: 0 there are servers, 1 there are none, 2 usage, 3 the DNS did not answer.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "as JSON: uri, targets, error, detail, trace"},
			&cli.BoolFlag{Name: "trace", Usage: "show every step: what was asked, what came, what was decided"},
			&cli.StringSliceFlag{Name: "server", Usage: "ask the name server at `HOST:PORT` (repeatable)"},
			&cli.StringFlag{Name: "transports", Value: "udp,tcp,tls", Usage: "what the client has, in the order it prefers: `LIST` of udp, tcp, tls, sctp, tls-sctp, ws, wss"},
			&cli.StringFlag{Name: "families", Usage: "address families and their order: `LIST` of ip6, ip4 (default: both, by RFC 6724)"},
			&cli.Uint64Flag{Name: "seed", Usage: "fix the draws of SRV weights: the same `N` gives the same records the same order"},
			&cli.StringFlag{Name: "zone", Usage: "ask the zone in `FILE` instead of the network"},
			&cli.StringFlag{Name: "config", Usage: "ask as the server of the configuration `FILE` would: its own zones, then its resolver's servers"},
			&cli.DurationFlag{Name: "timeout", Value: 4 * time.Second, Usage: "give up after `TIME`"},
		},
		Action: resolveAction,
	}
}

func resolveAction(c *cli.Context) error {
	if c.NArg() != 1 {
		return usageError("resolve takes one URI, but got %d; for example: sipway resolve sip:bob@example.com", c.NArg())
	}
	uri := completeURI(c.Args().First())
	o, err := resolveOptions(c)
	if err != nil {
		return err
	}
	if err := chooseSource(c, uri, &o); err != nil {
		return refuseResolve(c, uri, err)
	}
	r, err := resolver.New(o)
	if err != nil {
		if len(o.Servers) > 0 { // too many
			return refuseResolve(c, uri, usageError("--server: %w", err))
		}
		return refuseResolve(c, uri, configError("%w", err))
	}
	defer r.Close()
	if c.Bool("json") {
		res, err := r.Resolve(c.Context, uri)
		if werr := writeResult(c.App.Writer, res); werr != nil {
			return werr
		}
		return resolveExit(err, true)
	}
	p := painter(c.App.Writer)
	fmt.Fprintf(c.App.Writer, "%s\n", p.bold(printable(uri))) // at once: the DNS may take its time
	res, err := r.Resolve(c.Context, uri)
	if werr := printResult(c.App.Writer, p, res, c.Bool("trace")); werr != nil {
		return werr
	}
	return resolveExit(err, false)
}

// refuseResolve ends a lookup that has nobody to ask: whoever reads JSON gets JSON.
func refuseResolve(c *cli.Context, uri string, err error) error {
	if c.Bool("json") {
		e := &resolver.Error{Class: resolver.DNSFailure, Detail: err.Error()}
		_ = writeResult(c.App.Writer, &resolver.Result{URI: uri, Err: e})
	}
	return err
}

// completeURI lets people leave the scheme out.
func completeURI(arg string) string {
	scheme, _, ok := strings.Cut(arg, ":")
	known := []string{"sip", "sips", "tel", "urn", "http", "https", "mailto", "im", "pres", "xmpp"}
	if ok && slices.Contains(known, strings.ToLower(scheme)) {
		return arg
	}
	return "sip:" + arg
}

// resolveOptions reads the options that need no I/O.
func resolveOptions(c *cli.Context) (resolver.Options, error) {
	o := resolver.Options{Trace: true, Limit: c.Duration("timeout")}
	if o.Limit <= 0 {
		return o, usageError("--timeout %s is no time to wait; for example: --timeout 4s", c.Duration("timeout"))
	}
	o.Timeout = min(2*time.Second, o.Limit/2) // two servers, or one twice
	for _, name := range list(c.String("transports")) {
		t, err := resolver.ParseTransport(name)
		if err != nil {
			return o, usageError("--transports: %w", err)
		}
		if slices.Contains(o.Transports, t) {
			return o, usageError("--transports: %s is there twice", t)
		}
		o.Transports = append(o.Transports, t)
	}
	if len(o.Transports) == 0 {
		return o, usageError("--transports is empty; for example: --transports udp,tcp,tls")
	}
	for _, name := range list(c.String("families")) {
		f, err := resolver.ParseFamily(name)
		if err != nil {
			return o, usageError("--families: %w", err)
		}
		if slices.Contains(o.Families, f) {
			return o, usageError("--families: %s is there twice", f)
		}
		o.Families = append(o.Families, f)
	}
	if c.IsSet("families") && len(o.Families) == 0 {
		return o, usageError("--families is empty; for example: --families ip6,ip4")
	}
	if c.IsSet("seed") {
		seed := c.Uint64("seed")
		o.Rand = func() uint64 { return seed }
	}
	return o, nil
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// chooseSource sets whom to ask: a zone file, the servers named, or the system's.
func chooseSource(c *cli.Context, uri string, o *resolver.Options) error {
	file := c.String("zone")
	servers := c.StringSlice("server")
	if c.IsSet("config") {
		if len(servers) > 0 || c.IsSet("zone") {
			return usageError("--config names whom to ask: leave --server and --zone out")
		}
		return askAsServer(c.String("config"), c.IsSet("timeout"), o)
	}
	if !c.IsSet("zone") {
		for _, s := range servers {
			all, err := serverAddresses(c.Context, s)
			if err != nil {
				return err
			}
			o.Servers = append(o.Servers, all...)
		}
		return nil
	}
	if len(servers) > 0 {
		return usageError("--zone asks no server: give --zone or --server, not both")
	}
	published, err := loadZoneFile(file, uri)
	if err != nil {
		return err
	}
	o.Own = published
	o.Source = func(_ context.Context, q resolver.Question) *resolver.RRset {
		return &resolver.RRset{Question: q, RCode: resolver.Refused, Detail: "not in the zone of " + file + ", and nothing else is asked"}
	}
	return nil
}

// serverAddresses reads HOST:PORT, HOST, or an address alone; the port is 53 unless given. A name may have
// several addresses: each is a server.
func serverAddresses(ctx context.Context, s string) ([]netip.AddrPort, error) {
	if a, err := netip.ParseAddrPort(s); err == nil && a.Port() != 0 {
		return []netip.AddrPort{a}, nil
	}
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(a, 53)}, nil
	}
	host, port := s, "53"
	if h, p, err := net.SplitHostPort(s); err == nil {
		host, port = h, p
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || host == "" {
		return nil, usageError("--server %s is not HOST:PORT; for example: --server 192.0.2.53:53", printable(s))
	}
	r, err := resolver.New(resolver.Options{})
	if err != nil {
		return nil, &exitError{exitNetwork, err}
	}
	defer r.Close()
	res, err := r.Resolve(ctx, "sip:"+net.JoinHostPort(host, port)) // addresses only: the port is given
	if err != nil {
		return nil, &exitError{exitNetwork, fmt.Errorf("--server %s: %w; give its IP address", printable(s), err)}
	}
	var all []netip.AddrPort
	for i := range res.Targets {
		all = append(all, res.Targets[i].AddrPort())
	}
	return all, nil
}

// loadZoneFile makes a zone that can be asked from a file: of one zone, when it has an SOA, or of records from
// anywhere.
func loadZoneFile(file, uri string) (*zones.Published, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, configError("--zone: %w", err)
	}
	name, whole := zoneFileOrigin(text, file, uri)
	parse := zones.ParseRecords
	if whole {
		parse = zones.ParseFile
	}
	rrs, err := parse(name, file)
	if err != nil {
		return nil, configError("--zone: %w", err)
	}
	origin, have := ".", map[uint16]bool{}
	for _, rr := range rrs {
		if rr.Header().Rrtype == dns.TypeSOA {
			origin = rr.Header().Name
		}
	}
	for _, rr := range rrs {
		have[rr.Header().Rrtype] = have[rr.Header().Rrtype] || dns.CanonicalName(rr.Header().Name) == dns.CanonicalName(origin)
	}
	// A part of a zone, as `dns: extra` takes it, has no apex; for asking it any will do.
	hdr := func(t uint16) dns.RR_Header {
		return dns.RR_Header{Name: origin, Rrtype: t, Class: dns.ClassINET, Ttl: 300}
	}
	if !have[dns.TypeSOA] {
		rrs = append(rrs, &dns.SOA{Hdr: hdr(dns.TypeSOA), Ns: "ns.invalid.", Mbox: "hostmaster.invalid.", Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: 60})
	}
	if !have[dns.TypeNS] {
		rrs = append(rrs, &dns.NS{Hdr: hdr(dns.TypeNS), Ns: "ns.invalid."})
	}
	zone, err := zones.Compile(origin, rrs)
	if err != nil {
		return nil, configError("--zone %s: %w", printable(file), err)
	}
	published := new(zones.Published)
	published.Swap(zones.NewSet(zone))
	return published, nil
}

// zoneFileOrigin finds what relative names in a zone file are relative to, and whether it is a whole zone: has an
// SOA. A file rarely says: name servers have it from their configuration. It is the owner of the SOA, when that is
// absolute or an $ORIGIN says what it is relative to; without an SOA the first $ORIGIN; the file's name, when
// that is the URI's domain or one above it; otherwise the domain.
func zoneFileOrigin(text []byte, file, uri string) (name string, whole bool) {
	host := "."
	if d, err := resolver.ParseDestination(uri); err == nil && d.Host != "" {
		host = d.Host + "."
	}
	first, origin := "", ""
	for line := range bytes.Lines(text) {
		line, _, _ = bytes.Cut(line, []byte(";"))
		field := bytes.Fields(line)
		if len(field) == 0 {
			continue
		}
		if len(field) > 1 && bytes.EqualFold(field[0], []byte("$ORIGIN")) {
			name := string(field[1])
			switch {
			case strings.HasSuffix(name, "."):
				first, origin = cmp.Or(first, name), name
			case first == "" && dns.IsSubDomain(name+".", host): // the final dot was forgotten
				first, origin = ".", name+"."
			}
			continue
		}
		if !slices.ContainsFunc(field[1:], func(f []byte) bool { return bytes.EqualFold(f, []byte("SOA")) }) {
			continue
		}
		whole = true
		if len(field[0]) > 1 && bytes.HasSuffix(field[0], []byte(".")) {
			return string(field[0]), whole
		}
		if origin != "" {
			return ownerUnder(field[0], line, origin), whole
		}
		break // an $ORIGIN further down is not the SOA's
	}
	if first != "" {
		return first, whole
	}
	base := strings.ToLower(filepath.Base(file))
	base = strings.TrimPrefix(strings.TrimSuffix(strings.TrimSuffix(base, ".zone"), ".db"), "db.") + "."
	if _, ok := dns.IsDomainName(base); ok && dns.IsSubDomain(base, host) {
		return base, whole
	}
	return host, whole
}

// ownerUnder is the owner of the record in line, whose first field is given, when names are relative to origin.
func ownerUnder(first, line []byte, origin string) string {
	origin = dns.Fqdn(origin)
	if string(first) == "@" || line[0] == ' ' || line[0] == '\t' {
		return origin
	}
	return string(first) + "." + strings.TrimPrefix(origin, ".")
}

// writeResult writes one line of JSON that no terminal obeys.
func writeResult(w io.Writer, res *resolver.Result) error {
	text, err := json.Marshal(res)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", admin.ASCII(text))
	return err
}

// resolveExit makes the exit code of what a lookup ended with, and the words for it.
func resolveExit(err error, quiet bool) error {
	var e *resolver.Error
	if !errors.As(err, &e) {
		return err
	}
	code, hint := exitNo, ""
	switch e.Class {
	case resolver.InvalidURI:
		code, hint = exitUsage, "write it as sip:user@domain"
	case resolver.DNSFailure:
		code, hint = exitNetwork, "try again, or ask another name server with --server"
	case resolver.UnsupportedTransport:
		hint = "--transports says what the client has"
	case resolver.SecureTransportRequired:
		hint = "leave the transport out, or use sip:"
	case resolver.FamilyMismatch:
		hint = "--families says what the client has"
	case resolver.ServiceNotAvailable:
		hint = "only the owner of the domain can change that"
	case resolver.NoSuchDomain:
		hint = "check the spelling"
	case resolver.NoAddress, resolver.LoopOrLimit:
		hint = "--trace shows each step; the owner of the domain has to mend it"
	}
	if quiet { // the JSON has said it
		return &exitError{code, errors.New("")}
	}
	return &exitError{code, fmt.Errorf("%w; %s", e, hint)}
}

// paint colours text for eyes, or does not.
type paint bool

// painter looks whether w is a terminal whose user wants colours (https://no-color.org).
func painter(w io.Writer) paint {
	return paint(isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb")
}

func (p paint) bold(s string) string { return p.sgr("1", s) }
func (p paint) dim(s string) string  { return p.sgr("2", s) }

func (p paint) sgr(code, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// printResult shows a result to a person. Everything in it may come from the network.
func printResult(w io.Writer, p paint, res *resolver.Result, trace bool) error {
	var b bytes.Buffer
	if trace {
		printTrace(&b, p, res.Trace)
	}
	if len(res.Targets) > 0 {
		var table bytes.Buffer
		tw := tabwriter.NewWriter(&table, 0, 8, 2, ' ', 0)
		fmt.Fprintln(tw, "  #\tTRANSPORT\tADDRESS\tHOST\tSERVICE\tPRIORITY\tWEIGHT\tTTL")
		for i := range res.Targets {
			t := &res.Targets[i]
			priority, weight, ttl := "-", "-", "-"
			if t.Service != "" {
				priority, weight = strconv.Itoa(int(t.Priority)), strconv.Itoa(int(t.Weight))
			}
			if t.TTL > 0 {
				ttl = strconv.FormatUint(uint64(t.TTL), 10)
			}
			fmt.Fprintf(tw, "  %d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", i+1, t.Transport, t.AddrPort(),
				printable(t.Host), printable(cmp.Or(t.Service, "-")), priority, weight, ttl)
		}
		_ = tw.Flush() // into memory
		header, rows, _ := strings.Cut(table.String(), "\n")
		fmt.Fprintf(&b, "%s\n%s", p.dim(header), rows)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func printTrace(b *bytes.Buffer, p paint, steps []resolver.Step) {
	for _, s := range steps {
		how := ""
		if s.Source != "" {
			how = p.dim(fmt.Sprintf(" (%s, %.1f ms)", printable(s.Source), float64(s.Elapsed)/float64(time.Millisecond)))
		}
		fmt.Fprintf(b, "  %s %s%s\n", p.bold(strings.ToUpper(printable(s.Step))), printable(s.Name), how)
		for _, r := range s.Records {
			fmt.Fprintf(b, "      %s %s\n", printable(r), p.dim("ttl "+strconv.FormatUint(uint64(s.TTL), 10)))
		}
		if s.Note != "" {
			for note := range strings.SplitSeq(s.Note, "; ") {
				fmt.Fprintf(b, "    %s %s\n", p.dim("->"), printable(note))
			}
		}
	}
}
