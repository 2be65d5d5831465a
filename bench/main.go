// Command bench measures sipway beside Kamailio, NSD and Knot on this machine and prints a table of ratios.
//
// Each server runs alone, pinned to core 0, with the load (sipload, dnsperf) on core 1, all on loopback; servers
// take turns, and the median of the rounds counts. The figures are of this machine; the ratios are the
// result. It installs nothing: test/peers/install bench does. It ends every process that it starts, also
// when it is interrupted, and exits with 1 when a bar is missed.
//
// main.go has the flags and the plan, server.go starts and watches servers, load.go runs the load, table.go prints.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// plan is what the flags ask for.
type plan struct {
	sipway string // the binary
	rounds int
	window time.Duration // of one measurement
	users  int
	only   []string // names of servers, or what they speak; empty: all

	sipload string // built by run
	dir     string // everything the servers write
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	p, err := parseFlags(args)
	if err != nil {
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	if p.dir, err = os.MkdirTemp("", "sipway-bench"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(p.dir) }()
	p.sipload = filepath.Join(p.dir, "sipload")
	build := exec.CommandContext(ctx, "go", "build", "-o", p.sipload, "github.com/sipway/sipway/bench/sipload")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building sipload: %w\n%s", err, out)
	}
	results := newResults()
	for round := range p.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, p.rounds)
		for _, s := range p.turns(round) {
			if err := p.measure(ctx, s, results); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	return p.print(os.Stdout, results)
}

func parseFlags(args []string) (*plan, error) {
	p := &plan{}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.StringVar(&p.sipway, "sipway", "bin/sipway", "the `binary` to measure")
	fs.IntVar(&p.rounds, "rounds", 3, "`turns` of each server; the median counts")
	fs.DurationVar(&p.window, "d", 2*time.Second, "length of one measurement")
	fs.IntVar(&p.users, "users", 10_000, "registered users")
	only := fs.String("only", "", "measure only these: `sip`, dns, or names of servers, with commas between")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if *only != "" {
		p.only = strings.Split(*only, ",")
	}
	switch {
	case fs.NArg() > 0:
		return nil, fmt.Errorf("there are no arguments, but got %q", fs.Arg(0))
	case len(p.turns(0)) == 0:
		return nil, fmt.Errorf("-only %s: no such server", *only)
	case p.rounds < 1 || p.window < 100*time.Millisecond || p.users < 1:
		return nil, errors.New("want at least one round, one user and 100ms")
	}
	var err error
	p.sipway, err = filepath.Abs(p.sipway)
	return p, err
}

// check says all that is missing at once.
func (p *plan) check() error {
	if runtime.GOOS != "linux" {
		return errors.New("needs Linux: it pins processes to cores and reads /proc")
	}
	if runtime.NumCPU() < 2 {
		return errors.New("needs two cores: one for the server, one for the load")
	}
	if _, err := os.Stat(p.sipway); err != nil {
		return fmt.Errorf("no sipway binary (%w): run make build, or name one by -sipway", err)
	}
	// Debian keeps daemons in sbin, which is not on everyone's PATH.
	if err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin"); err != nil {
		return err
	}
	need := [][2]string{{"taskset", "util-linux"}, {"dnsperf", "dnsperf"}}
	for _, s := range p.turns(0) {
		if s.pkg != "" {
			need = append(need, [2]string{s.argv(p, "")[0], s.pkg})
		}
	}
	var missing []string
	for _, n := range need {
		if _, err := exec.LookPath(n[0]); err != nil {
			missing = append(missing, n[1])
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing Debian packages: %s: run test/peers/install bench", strings.Join(missing, " "))
	}
	return nil
}

// turns returns the servers of one round. Every other round goes backwards, so that none always
// follows the same one.
func (p *plan) turns(round int) []server {
	var all []server
	for _, s := range servers {
		if len(p.only) == 0 || slices.Contains(p.only, s.speaks) || slices.Contains(p.only, s.name) {
			all = append(all, s)
		}
	}
	if round%2 == 1 {
		slices.Reverse(all)
	}
	return all
}

// measure gives one server its turn.
func (p *plan) measure(ctx context.Context, s server, to *results) error {
	r, err := p.start(ctx, s)
	if err != nil {
		return err
	}
	defer r.stop()
	to.start(s, r.ready)
	for _, w := range s.works {
		figure, err := p.load(ctx, r, w)
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", w, err, r.log())
		}
		fmt.Fprintf(os.Stderr, "  %-14s %-24s %8.0f/s %6.2f us CPU\n", s.name, w, figure.rate, figure.cpu)
		to.add(s, w, figure)
	}
	memory, err := r.memory()
	if err != nil {
		return err
	}
	to.memory(s, memory)
	return r.err()
}
