package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Cores of the two sides.
const (
	serverCore = "0"
	loadCore   = "1"
)

const domain = "sip.test"

//go:embed peers
var peers embed.FS

// work is one kind of load.
type work string

const (
	registerWork work = "REGISTER to 200"
	redirectWork work = "INVITE to 302"
	optionsWork  work = "OPTIONS to 200"
	dnsWork      work = "SIP query mix"
)

// server is one of the things to measure.
type server struct {
	name       string
	speaks     string // "sip" or "dns"
	pkg        string // Debian package; "" for our own
	config     string // template under peers/
	durability string // for sipway
	argv       func(p *plan, config string) []string
	works      []work // in this order; register comes first, so that there are users
}

var servers = []server{
	{
		name: "kamailio", speaks: "sip", pkg: "kamailio", config: "kamailio.cfg",
		argv: func(_ *plan, config string) []string {
			return []string{"kamailio", "-f", config, "-DD", "-E", "-m", "512", "-M", "16", "-b", "4194304", "-Y", filepath.Dir(config)}
		},
		works: []work{registerWork, redirectWork, optionsWork},
	},
	{
		name: "sipway", speaks: "sip", config: "sipway-sip.yaml", durability: "strict", argv: sipwayArgs,
		works: []work{registerWork, redirectWork, optionsWork},
	},
	{
		name: "sipway-memory", speaks: "sip", config: "sipway-sip.yaml", durability: "none", argv: sipwayArgs,
		works: []work{registerWork},
	},
	{
		name: "nsd", speaks: "dns", pkg: "nsd", config: "nsd.conf",
		argv:  func(_ *plan, config string) []string { return []string{"nsd", "-d", "-c", config} },
		works: []work{dnsWork},
	},
	{name: "sipway-dns", speaks: "dns", config: "sipway-dns.yaml", argv: sipwayArgs, works: []work{dnsWork}},
	{
		name: "knot", speaks: "dns", pkg: "knot", config: "knot.conf",
		argv:  func(_ *plan, config string) []string { return []string{"knotd", "-c", config} },
		works: []work{dnsWork},
	},
}

func sipwayArgs(p *plan, config string) []string {
	return []string{p.sipway, "serve", "--config", config}
}

// running is a server at work.
type running struct {
	server
	addr    netip.AddrPort
	dir     string
	cmd     *exec.Cmd
	done    chan struct{} // closed when it ended
	exit    error         // read after done
	ready   time.Duration // from exec to the first answer
	logFile string
}

// start runs a server with a fresh directory and returns when it answers.
func (p *plan) start(ctx context.Context, s server) (*running, error) {
	dir, err := os.MkdirTemp(p.dir, s.name+"-")
	if err != nil {
		return nil, err
	}
	r := &running{server: s, dir: dir, done: make(chan struct{}), logFile: filepath.Join(dir, "log")}
	config, err := r.configure()
	if err != nil {
		return nil, err
	}
	out, err := os.Create(r.logFile)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }() // the child has its own descriptor
	argv := append([]string{"taskset", "-c", serverCore}, s.argv(p, config)...)
	r.cmd = exec.Command(argv[0], argv[1:]...)
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = dir, out, out
	r.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	begin := time.Now()
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		r.exit = r.cmd.Wait()
		close(r.done)
	}()
	if err := r.await(ctx); err != nil {
		r.stop()
		return nil, fmt.Errorf("%w\n%s", err, r.log())
	}
	r.ready = time.Since(begin)
	return r, nil
}

// configure writes the server's files and returns the path of its configuration.
func (r *running) configure() (string, error) {
	ports := map[string]netip.AddrPort{}
	for _, name := range []string{"LISTEN", "DNS", "SIP", "ADMIN"} {
		addr, err := freePort()
		if err != nil {
			return "", err
		}
		ports[name] = addr
	}
	r.addr = ports["LISTEN"]
	replace := []string{
		"${DIR}", r.dir, "${DOMAIN}", domain, "${DURABILITY}", r.durability,
		"${HOST}", r.addr.Addr().String(), "${PORT}", strconv.Itoa(int(r.addr.Port())),
	}
	for name, addr := range ports {
		replace = append(replace, "${"+name+"}", addr.String())
	}
	text, err := peers.ReadFile("peers/" + r.config)
	if err != nil {
		return "", err
	}
	zone, err := peers.ReadFile("peers/bench.zone")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(r.dir, "bench.zone"), zone, 0o600); err != nil {
		return "", err
	}
	path := filepath.Join(r.dir, r.config)
	return path, os.WriteFile(path, []byte(strings.NewReplacer(replace...).Replace(string(text))), 0o600)
}

// freePort returns an address that was free just now, for UDP and TCP.
func freePort() (netip.AddrPort, error) {
	for range 100 {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return netip.AddrPort{}, err
		}
		addr := l.Addr().(*net.TCPAddr).AddrPort()
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(addr))
		_ = l.Close()
		if err != nil {
			continue
		}
		return addr, c.Close()
	}
	return netip.AddrPort{}, errors.New("no free port on 127.0.0.1")
}

// Probes that a ready server answers.
const optionsProbe = "OPTIONS sip:" + domain + " SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bKprobe\r\nMax-Forwards: 70\r\n" +
	"From: <sip:probe@" + domain + ">;tag=1\r\nTo: <sip:" + domain + ">\r\nCall-ID: probe\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"

// dnsProbe asks for the SOA of sip.test.
var dnsProbe = []byte("\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03sip\x04test\x00\x00\x06\x00\x01")

// await sends probes until the server gives a right answer or ends.
func (r *running) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	buf := make([]byte, 4096)
	for {
		select {
		case <-r.done:
			return fmt.Errorf("ended before it answered: %w", errors.Join(r.exit, errEnded))
		case <-ctx.Done():
			return fmt.Errorf("no answer at %v: %w", r.addr, ctx.Err())
		default:
		}
		if r.probe(buf) {
			return nil
		}
	}
}

var errEnded = errors.New("process ended")

// probe asks once. A closed port says so at once; a pause keeps that from becoming a busy loop.
func (r *running) probe(buf []byte) bool {
	conn, err := net.Dial("udp4", r.addr.String())
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	question := dnsProbe
	if r.speaks == "sip" {
		question = fmt.Appendf(nil, optionsProbe, conn.LocalAddr())
	}
	if _, err := conn.Write(question); err != nil {
		return false
	}
	_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	n, err := conn.Read(buf)
	if err != nil {
		time.Sleep(time.Millisecond)
		return false
	}
	if r.speaks == "sip" {
		return bytes.HasPrefix(buf[:n], []byte("SIP/2.0 200 "))
	}
	return n >= 12 && buf[3]&0x0f == 0 && buf[7] == 1 // NOERROR with one answer
}

// stop ends the server and its children.
func (r *running) stop() {
	_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-r.done:
	case <-time.After(5 * time.Second):
	}
	_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
	<-r.done
}

// err says whether the server died under the load.
func (r *running) err() error {
	select {
	case <-r.done:
		return fmt.Errorf("ended under load: %w\n%s", errors.Join(r.exit, errEnded), r.log())
	default:
		return nil
	}
}

// log returns the end of what the server wrote.
func (r *running) log() string {
	b, err := os.ReadFile(r.logFile)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2000):])
}
