package resolver

import (
	"bufio"
	"io"
	"net/netip"
	"os"
	"strings"
)

// maxServers is how many name servers are used (resolv.conf(5): MAXNS is 3; a flag may give more).
const maxServers = 8

// SystemServers reads the name servers of resolv.conf(5) at path. Like libc it takes the one on this machine
// when the file is missing or names none. Search list and options are not used: a SIP domain is absolute
// (RFC 1535).
func SystemServers(path string) ([]netip.AddrPort, error) {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return loopbackServer(), nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only: nothing is lost
	servers, err := parseResolvConf(f)
	if err == nil && len(servers) == 0 {
		servers = loopbackServer()
	}
	return servers, err
}

func loopbackServer() []netip.AddrPort {
	return []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 53)}
}

// parseResolvConf takes the addresses of "nameserver" lines; what it does not understand it skips, as libc does.
func parseResolvConf(r io.Reader) ([]netip.AddrPort, error) {
	var out []netip.AddrPort
	lines := bufio.NewScanner(r)
	for lines.Scan() && len(out) < maxServers {
		field := strings.Fields(lines.Text())
		if len(field) < 2 || field[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(field[1]); err == nil {
			out = append(out, netip.AddrPortFrom(a.Unmap(), 53))
		}
	}
	return out, lines.Err()
}
