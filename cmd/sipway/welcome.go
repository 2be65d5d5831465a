package main

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipway/sipway/config"
)

// welcome is what a person reads when a server has started.
type welcome struct {
	*server
	program  string // how it was started
	password string // of the user just made, "" if none was
	data     string // --data, "" if not given
	file     string // --config, "" if not given
}

// print writes the whole text in one piece.
func (w welcome) print(out io.Writer) error {
	var b strings.Builder
	w.head(&b)
	for _, d := range w.pre.cfg.Domains {
		if d.Register.Auth == config.AuthNone {
			fmt.Fprintf(&b, "\nWARNING: register auth is none: anybody who reaches SIP may register any user of %s.\n", d.Name)
		}
	}
	for _, text := range w.pre.warnings(w.sip, w.dns) {
		fmt.Fprintf(&b, "\nWARNING: %s.\n", text)
	}
	if w.password != "" {
		fmt.Fprintf(&b, "\nFirst start: made user %s@%s with password %s\n", firstUser, w.pre.newUsers.Name, w.password)
		fmt.Fprintf(&b, "It is shown this once. `%s` sets another.\n", w.command("user passwd "+firstUser))
	}
	if w.pre.cfg.File == "" {
		w.delegation(&b)
		w.next(&b)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (w welcome) head(b *strings.Builder) {
	names := make([]string, 0, len(w.pre.cfg.Domains))
	for _, d := range w.pre.cfg.Domains {
		names = append(names, d.Name)
	}
	for _, z := range w.pre.plain {
		names = append(names, "zone "+strings.TrimSuffix(z.Origin(), "."))
	}
	const most = 5
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", more))
	}
	fmt.Fprintf(b, "sipway %s serves %s\n\n", versionText(), strings.Join(names, ", "))
	line := func(what, text, who string) {
		b.WriteString(strings.TrimRight(fmt.Sprintf("  %-9s %-46s %s", what, text, who), " ") + "\n")
	}
	for _, one := range []struct {
		what string
		ls   []config.Listener
	}{{"SIP", w.sip}, {"DNS", w.dns}} {
		if len(one.ls) > 0 {
			line(one.what, listenerText(one.ls), reach(one.ls))
		}
	}
	if w.admin != nil {
		line("admin", "http://"+w.adminAt.String(), "this host only")
	}
	line("data", printable(w.pre.cfg.Data), string(w.pre.cfg.Location.Durability)+" durability")
	if len(w.pre.plans) > 0 && len(w.pre.cfg.Edges) == 0 {
		text := make([]string, 0, len(w.pre.addresses))
		for _, a := range w.pre.addresses {
			text = append(text, a.String())
		}
		line("published", "as "+w.published()+" at "+strings.Join(text, ", "), scope(w.pre.addresses))
	}
}

// published returns the name of this node in the records.
func (w welcome) published() string {
	if len(w.pre.plans) == 1 {
		return w.pre.cfg.Node + "." + w.pre.plans[0].Domain
	}
	return w.pre.cfg.Node + " of each domain"
}

// listenerText writes udp and tcp of one address together.
func listenerText(ls []config.Listener) string {
	var order []netip.AddrPort
	networks := map[netip.AddrPort][]string{}
	for _, l := range ls {
		if networks[l.Addr] == nil {
			order = append(order, l.Addr)
		}
		networks[l.Addr] = append(networks[l.Addr], l.Network)
	}
	text := make([]string, 0, len(order))
	for _, at := range order {
		text = append(text, strings.Join(networks[at], "+")+" "+at.String())
	}
	return strings.Join(text, ", ")
}

// reach says who can open these sockets.
func reach(ls []config.Listener) string {
	switch {
	case !slices.ContainsFunc(ls, func(l config.Listener) bool { return !l.Addr.Addr().IsLoopback() }):
		return "this host only"
	case slices.ContainsFunc(ls, func(l config.Listener) bool { return l.Addr.Addr().IsUnspecified() }):
		return "OPEN to every network of this host"
	default:
		return "OPEN to the network of that address"
	}
}

// scope says who can use the addresses that are published.
func scope(addresses []netip.Addr) string {
	all := func(is func(netip.Addr) bool) bool {
		return !slices.ContainsFunc(addresses, func(a netip.Addr) bool { return !is(a) })
	}
	switch {
	case all(netip.Addr.IsLoopback):
		return "of use on this host only; --advertise changes it"
	case all(func(a netip.Addr) bool { return a.IsPrivate() || a.IsLoopback() }):
		return "private addresses; --advertise changes it"
	default:
		return ""
	}
}

// next writes three commands that work as they stand.
func (w welcome) next(b *strings.Builder) {
	d := w.pre.cfg.Domains[0]
	fmt.Fprintf(b, "\nTry next:\n")
	if len(w.dns) > 0 {
		at := reachable(w.dns[0].Addr)
		fmt.Fprintf(b, "  dig @%s -p %d NAPTR %s\n", at.Addr(), at.Port(), d.Name)
		fmt.Fprintf(b, "  %s resolve sip:%s@%s --server %s\n", w.program, firstUser, d.Name, shellWord(at.String()))
	}
	fmt.Fprintf(b, "  %s\n", w.command("bindings list"))
	if len(w.sip) > 0 {
		at := reachable(w.sip[0].Addr)
		if a := w.pre.addresses; w.sip[0].Addr.Addr().IsUnspecified() && len(a) > 0 {
			at = netip.AddrPortFrom(a[0], at.Port())
		}
		fmt.Fprintf(b, "A phone registers as %s@%s with %s as its proxy, over %s.\n", firstUser, d.Name, at, w.networks(w.sip[0].Addr))
		if d.Register.Auth == config.AuthDigest && !slices.Equal(d.Register.Algorithms, []config.Algorithm{config.AlgorithmMD5}) {
			fmt.Fprintf(b, "A phone that gives up at once (baresip 1.0, sipp 3.6) knows MD5 only: serve with --algorithms md5.\n")
		}
	}
}

// networks returns what SIP listens on at an address: udp or tcp.
func (w welcome) networks(at netip.AddrPort) string {
	var all []string
	for _, l := range w.sip {
		if l.Addr == at {
			all = append(all, l.Network)
		}
	}
	return strings.Join(all, " or ")
}

// command returns another command line for the same data.
func (w welcome) command(words string) string {
	text := w.program + " " + words
	if w.file != "" {
		text += " --config " + shellWord(w.file)
	}
	if w.data != "" {
		text += " --data " + shellWord(w.data)
	}
	return text
}

// shellWord quotes what a shell would not take as one word.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%", r)
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(printable(s), "'", `'\''`) + "'"
}
