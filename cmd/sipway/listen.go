package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/sipway/sipway/config"
)

const portHelp = "run as root, give the binary the right with `setcap cap_net_bind_service=+ep`, or choose a port from 1024 up"

// mayListen says whether this process may bind a port below 1024, without
// binding it. Where the system does not tell, it may.
func mayListen(at netip.AddrPort) error {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil
	}
	first := 1024
	if text, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start"); err == nil {
		if n, err := strconv.Atoi(string(bytes.TrimSpace(text))); err == nil {
			first = n
		}
	}
	return mayBind(at.Port(), first, status)
}

// mayBind reads the effective capabilities out of /proc/PID/status.
func mayBind(port uint16, first int, status []byte) error {
	const capNetBindService = 10
	if port == 0 || int(port) >= first {
		return nil
	}
	_, rest, found := bytes.Cut(status, []byte("CapEff:"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	caps, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 64)
	if !found || err != nil || caps&(1<<capNetBindService) != 0 {
		return nil
	}
	return fmt.Errorf("this user may not listen on port %d", port)
}

// unopened is a socket that could not be opened.
type unopened struct {
	what string // sip, dns or admin
	l    config.Listener
	err  error
}

// explainAll says what to do about all sockets that cannot be opened; ports
// that are taken are told once for all their addresses.
func explainAll(failed []unopened) error {
	var errs []error
	for len(failed) > 0 {
		first, same, rest := failed[0], []config.Listener(nil), []unopened(nil)
		for i, f := range failed {
			if i == 0 || f.what == first.what && f.l.Addr.Port() == first.l.Addr.Port() &&
				errors.Is(f.err, syscall.EADDRINUSE) && errors.Is(first.err, syscall.EADDRINUSE) {
				same = append(same, f.l)
			} else {
				rest = append(rest, f)
			}
		}
		errs = append(errs, explainListen(first.what, same, first.err))
		failed = rest
	}
	return errors.Join(errs...)
}

// explainListen says what to do about sockets of one port that cannot be opened.
func explainListen(what string, ls []config.Listener, err error) error {
	l, place := ls[0], ""
	if l.At.Line > 0 {
		place = l.At.String() + ": "
	}
	where := strings.Join(urls(ls), ", ")
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return &exitError{exitNetwork, fmt.Errorf("%scannot listen for %s on %s: another program has this address (`ss -lpn 'sport = :%d'` shows which); stop it, or choose another with --%s",
			place, what, where, l.Addr.Port(), what)}
	case errors.Is(err, fs.ErrPermission):
		return configError("%scannot listen for %s on %s: this user may not; %s", place, what, where, portHelp)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return configError("%scannot listen for %s on %s: this host has no such address (`ip addr` lists them); choose another with --%s", place, what, where, what)
	case errors.Is(err, syscall.EAFNOSUPPORT):
		return configError("%scannot listen for %s on %s: this host does not speak that address family; choose another with --%s", place, what, where, what)
	default:
		return &exitError{exitNetwork, fmt.Errorf("%scannot listen for %s on %s: %w", place, what, where, err)}
	}
}

// fixPorts replaces port 0 by a free one that UDP and TCP of that address can
// both have, as clients expect of SIP and DNS.
func fixPorts(what string, ls []config.Listener) ([]config.Listener, []unopened) {
	chosen := map[netip.Addr]uint16{}
	fixed := make([]config.Listener, len(ls))
	for i, l := range ls {
		if a := l.Addr.Addr(); l.Addr.Port() == 0 {
			if chosen[a] == 0 {
				port, err := freePort(a)
				if err != nil {
					return nil, []unopened{{what, l, err}}
				}
				chosen[a] = port
			}
			l.Addr = netip.AddrPortFrom(a, chosen[a])
		}
		fixed[i] = l
	}
	return fixed, nil
}

// freePort asks the system for a TCP port and takes it if UDP has it free too.
func freePort(a netip.Addr) (uint16, error) {
	const tries = 50
	var last error
	for range tries {
		tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
		if err != nil {
			return 0, err
		}
		port := tcp.Addr().(*net.TCPAddr).AddrPort().Port()
		udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, port)))
		_ = tcp.Close()
		if err == nil {
			_ = udp.Close()
			return port, nil
		}
		last = err
	}
	return 0, fmt.Errorf("no port is free for both UDP and TCP: %w", last)
}
