package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/sipway/sipway/zones"
)

// delegation writes what the operator of the zone above has to enter.
func (w welcome) delegation(b *strings.Builder) {
	if len(w.pre.plans) == 0 || len(w.dns) == 0 {
		return
	}
	plan := w.pre.complete(0, w.sip, w.dns, 1)
	records := delegationRecords(plan)
	if len(records) == 0 {
		return
	}
	_, parent, _ := strings.Cut(plan.Domain, ".")
	fmt.Fprintf(b, "\nTo delegate %s, ask the operator of `%s.` to add:\n", plan.Domain, parent)
	for _, r := range records {
		fmt.Fprintf(b, "  %s\n", r)
	}
	if len(onPort(w.dns, 53)) == 0 {
		fmt.Fprintf(b, "The world asks port 53, so serve with %s before that.\n", worldDNS(w.pre.addresses))
	}
	if len(w.pre.cfg.Edges) == 0 && scope(w.pre.addresses) != "" {
		fmt.Fprintf(b, "It needs a public address, too: --advertise ADDRESS.\n")
	}
}

// delegationRecords returns the NS records of a domain and the addresses of
// those servers that lie in it (RFC 1034 4.2.1).
func delegationRecords(plan zones.Plan) []string {
	rrs, err := zones.Generate(plan)
	if err != nil {
		return nil
	}
	apex := dns.Fqdn(plan.Domain)
	servers := map[string]bool{}
	var text []string
	show := func(rr dns.RR) {
		f := strings.Fields(rr.String())
		text = append(text, fmt.Sprintf("%-28s %s", f[0], strings.Join(f[2:], " ")))
	}
	for _, rr := range rrs {
		if ns, ok := rr.(*dns.NS); ok && strings.EqualFold(ns.Hdr.Name, apex) {
			servers[strings.ToLower(ns.Ns)] = true
			show(rr)
		}
	}
	for _, rr := range rrs {
		switch rr.(type) {
		case *dns.A, *dns.AAAA:
			if servers[strings.ToLower(rr.Header().Name)] {
				show(rr)
			}
		}
	}
	return text
}

// worldDNS returns the options that serve DNS to the world in the families of
// these addresses.
func worldDNS(addresses []netip.Addr) string {
	var all []string
	if slices.ContainsFunc(addresses, netip.Addr.Is4) {
		all = append(all, "--dns 0.0.0.0:53")
	}
	if slices.ContainsFunc(addresses, netip.Addr.Is6) {
		all = append(all, "--dns '[::]:53'")
	}
	return strings.Join(all, " ")
}
