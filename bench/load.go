package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// figure is the outcome of one measurement.
type figure struct {
	rate float64 // answers a second
	cpu  float64 // microseconds of the server's CPU time an answer
	busy float64 // share of its core that the server used
}

// load runs one kind of load against a server and reads what it cost.
func (p *plan) load(ctx context.Context, r *running, w work) (figure, error) {
	before, err := r.cpu()
	if err != nil {
		return figure{}, err
	}
	begin := time.Now()
	run := p.runSipload
	if w == dnsWork {
		run = p.runDNSPerf
	}
	done, rate, err := run(ctx, r, w)
	if err != nil {
		return figure{}, err
	}
	took := time.Since(begin)
	after, err := r.cpu()
	if err != nil {
		return figure{}, err
	}
	used := after - before
	return figure{
		rate: rate,
		cpu:  float64(used.Nanoseconds()) / 1e3 / float64(done),
		busy: used.Seconds() / took.Seconds(),
	}, nil
}

// runSipload returns the right answers and their rate.
func (p *plan) runSipload(ctx context.Context, r *running, w work) (int, float64, error) {
	mode, expect := "options", 200
	switch w {
	case registerWork:
		mode = "register"
	case redirectWork:
		mode, expect = "redirect", 302
	default:
	}
	out, err := p.onLoadCore(ctx, p.sipload, "-json", "-mode", mode, "-expect", strconv.Itoa(expect),
		"-target", r.addr.String(), "-domain", domain, "-users", strconv.Itoa(p.users), "-d", p.window.String())
	if err != nil {
		return 0, 0, err
	}
	var report struct {
		Done       int            `json:"done"`
		PerSecond  float64        `json:"per_second"`
		Unexpected int            `json:"unexpected"`
		Lost       int            `json:"lost"`
		Status     map[string]int `json:"status"`
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return 0, 0, fmt.Errorf("sipload said %q: %w", out, err)
	}
	if report.Done == 0 || report.Unexpected > 0 {
		return 0, 0, fmt.Errorf("want only %d, got %v, lost %d", expect, report.Status, report.Lost)
	}
	return report.Done, report.PerSecond, nil
}

var (
	completedLine = regexp.MustCompile(`Queries completed:\s+(\d+)`)
	rateLine      = regexp.MustCompile(`Queries per second:\s+([0-9.]+)`)
)

// runDNSPerf returns the completed queries and their rate.
func (p *plan) runDNSPerf(ctx context.Context, r *running, _ work) (int, float64, error) {
	queries, err := peers.ReadFile("peers/queries.txt")
	if err != nil {
		return 0, 0, err
	}
	file := filepath.Join(r.dir, "queries.txt")
	if err := os.WriteFile(file, queries, 0o600); err != nil {
		return 0, 0, err
	}
	seconds := max(1, int(p.window.Round(time.Second)/time.Second))
	out, err := p.onLoadCore(ctx, "dnsperf", "-s", r.addr.Addr().String(), "-p", strconv.Itoa(int(r.addr.Port())),
		"-d", file, "-c", "8", "-q", "200", "-l", strconv.Itoa(seconds), "-T", "1")
	if err != nil {
		return 0, 0, err
	}
	return parseDNSPerf(out)
}

func parseDNSPerf(out []byte) (done int, rate float64, err error) {
	completed, perSecond := completedLine.FindSubmatch(out), rateLine.FindSubmatch(out)
	if completed == nil || perSecond == nil {
		return 0, 0, fmt.Errorf("dnsperf said %q", out)
	}
	if done, err = strconv.Atoi(string(completed[1])); err != nil {
		return 0, 0, err
	}
	rate, err = strconv.ParseFloat(string(perSecond[1]), 64)
	if err == nil && done == 0 {
		err = fmt.Errorf("no query was answered: %q", out)
	}
	return done, rate, err
}

// onLoadCore runs a generator and returns its output.
func (p *plan) onLoadCore(ctx context.Context, argv ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, p.window+30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", loadCore}, argv...)...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("%s: %w\n%s%s", argv[0], err, out, exit.Stderr)
	}
	return out, err
}
