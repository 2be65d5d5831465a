package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/sipway/sipway/config"
)

func TestSupervisorEndsInReverse(t *testing.T) {
	t.Parallel()
	log, _ := newLog(&bytes.Buffer{}, "json")
	s := newSupervisor(log)
	var mu sync.Mutex
	var order []string
	for _, name := range []string{"store", "admin", "sip"} {
		s.start(name, func(ctx context.Context) error {
			<-ctx.Done()
			mu.Lock()
			defer mu.Unlock()
			order = append(order, name)
			return nil
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.wait(ctx); err != nil {
		t.Error(err)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if got := strings.Join(order, " "); got != "sip admin store" {
		t.Error(got)
	}
}

func TestSupervisorPanic(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	log, _ := newLog(&text, "json")
	s := newSupervisor(log)
	s.start("good", func(ctx context.Context) error { <-ctx.Done(); return nil })
	s.start("bad", func(context.Context) error { panic("boom") })
	if err := s.wait(t.Context()); err == nil || err.Error() != "bad: panic: boom" {
		t.Errorf("wait: %v", err)
	}
	if err := s.stop(); err == nil {
		t.Error("stop forgot the panic")
	}
	if !strings.Contains(text.String(), "TestSupervisorPanic") || strings.Count(text.String(), "\n") != 1 {
		t.Errorf("log: %s", text.String())
	}
}

func TestSupervisorEarlyEnd(t *testing.T) {
	t.Parallel()
	log, _ := newLog(&bytes.Buffer{}, "json")
	s := newSupervisor(log)
	s.start("short", func(context.Context) error { return nil })
	if err := s.wait(t.Context()); !errors.Is(err, errEndedEarly) {
		t.Errorf("wait: %v", err)
	}
	_ = s.stop()
}

func TestSecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := loadSecret(dir)
	if err != nil || len(first) != secretSize {
		t.Fatal(len(first), err)
	}
	info, err := os.Stat(filepath.Join(dir, "secret"))
	if err != nil || info.Mode() != 0o600 {
		t.Error(info.Mode(), err)
	}
	again, err := loadSecret(dir)
	if err != nil || !bytes.Equal(first, again) {
		t.Error("the secret changed", err)
	}
	if bytes.Equal(derive(first, "a"), derive(first, "b")) || bytes.Equal(derive(first, "a"), first) {
		t.Error("derived keys are not independent")
	}
	write(t, dir, "secret", "short")
	if _, err := loadSecret(dir); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Error(err)
	}
	if _, err := loadSecret(filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "cannot be written") {
		t.Error(err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".secret*"))
	if len(left) > 0 {
		t.Error("left behind:", left)
	}
}

func TestMayBind(t *testing.T) {
	t.Parallel()
	without, with := []byte("Name:\tx\nCapEff:\t0000000000000000\n"), []byte("CapEff:\t0000000000000400\nX:\n")
	for _, c := range []struct {
		port   uint16
		first  int
		status []byte
		may    bool
	}{
		{53, 1024, without, false},
		{1023, 1024, without, false},
		{1024, 1024, without, true},
		{53, 53, without, true},
		{53, 0, without, true},
		{0, 1024, without, true},
		{53, 1024, with, true},
		{53, 1024, nil, true}, // unknown: try it
		{53, 1024, []byte("CapEff:\tzz\n"), true},
	} {
		if err := mayBind(c.port, c.first, c.status); (err == nil) != c.may {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestExplainListen(t *testing.T) {
	t.Parallel()
	l := config.Listener{Network: "tcp", Addr: netip.MustParseAddrPort("127.0.0.1:53"), At: config.Position{File: "c.yaml", Line: 3, Col: 9}}
	for _, c := range []struct {
		err  error
		code int
		want string
	}{
		{syscall.EADDRINUSE, exitNetwork, "c.yaml:3:9: cannot listen for sip on tcp://127.0.0.1:53: another program has this address (`ss -lpn 'sport = :53'`"},
		{syscall.EACCES, exitConfig, "setcap cap_net_bind_service"},
		{fs.ErrPermission, exitConfig, "setcap cap_net_bind_service"},
		{syscall.EADDRNOTAVAIL, exitConfig, "no such address"},
		{syscall.EAFNOSUPPORT, exitConfig, "address family"},
		{syscall.EMFILE, exitNetwork, "too many open files"},
	} {
		err := explainListen("sip", []config.Listener{l}, &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", c.err)})
		if coder := (*exitError)(nil); !errors.As(err, &coder) || coder.code != c.code || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.err, err)
		}
	}
}

func TestFixPorts(t *testing.T) {
	t.Parallel()
	zero, fix := netip.MustParseAddrPort("127.0.0.1:0"), netip.MustParseAddrPort("127.0.0.1:7")
	got, failed := fixPorts("sip", []config.Listener{{Network: "udp", Addr: zero}, {Network: "tcp", Addr: zero}, {Network: "tcp", Addr: fix}})
	if len(failed) > 0 || got[0].Addr.Port() == 0 || got[0].Addr != got[1].Addr || got[2].Addr != fix {
		t.Error(got, failed)
	}
}

func TestPublishedAddresses(t *testing.T) {
	t.Parallel()
	local := func() []netip.Addr {
		return []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	}
	none := func() []netip.Addr { return nil }
	only6 := func() []netip.Addr { return local()[1:] }
	for _, c := range []struct {
		name      string
		advertise []string
		listen    []string
		local     func() []netip.Addr
		want      string
	}{
		{"wildcard", nil, []string{"0.0.0.0:5060"}, local, "[192.0.2.1]"},
		{"both wildcards", nil, []string{"0.0.0.0:5060", "[::]:5060"}, local, "[192.0.2.1 2001:db8::1]"},
		{"IPv6 alone", nil, []string{"[::]:5060"}, local, "[2001:db8::1]"},
		{"own address", nil, []string{"198.51.100.7:5060"}, local, "[198.51.100.7]"},
		{"loopback", nil, []string{"127.0.0.1:5060"}, local, "[127.0.0.1]"},
		{"no network", nil, []string{"0.0.0.0:5060"}, none, "[127.0.0.1]"},
		{"no IPv6 network", nil, []string{"[::]:5060"}, none, "[::1]"},
		{"no network at all", nil, []string{"0.0.0.0:5060", "[::]:5060"}, none, "[127.0.0.1 ::1]"},
		{"IPv6 host", nil, []string{"0.0.0.0:5060", "[::]:5060"}, only6, "[2001:db8::1]"},
		{"advertised", []string{"203.0.113.5"}, []string{"0.0.0.0:5060"}, local, "[203.0.113.5]"},
	} {
		cfg := &config.Config{}
		for _, a := range c.advertise {
			cfg.Advertise = append(cfg.Advertise, netip.MustParseAddr(a))
		}
		for _, l := range c.listen {
			for _, network := range []string{"udp", "tcp"} {
				cfg.Listen.SIP = append(cfg.Listen.SIP, config.Listener{Network: network, Addr: netip.MustParseAddrPort(l)})
			}
		}
		if got := publishedAddresses(cfg, c.local); strings.TrimSpace(formatAddrs(got)) != c.want {
			t.Errorf("%s: %s, want %s", c.name, formatAddrs(got), c.want)
		}
	}
}

func formatAddrs(all []netip.Addr) string {
	text := make([]string, len(all))
	for i, a := range all {
		text[i] = a.String()
	}
	return "[" + strings.Join(text, " ") + "]"
}

func TestShellWord(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"./a-b_c.yaml": "./a-b_c.yaml", "a b": "'a b'", "": "''", "it's": `'it'\''s'`, "$(x)": "'$(x)'"} {
		if got := shellWord(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestLogEscapes(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		log, err := newLog(&out, format)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("event", "from", "\x1b[31m\r\nlevel=ERROR msg=forged")
		if strings.Count(out.String(), "\n") != 1 || strings.ContainsAny(out.String(), "\x1b\r") {
			t.Errorf("%s: %q", format, out.String())
		}
	}
}
