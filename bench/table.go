package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// results are the figures of all rounds by server.
type results struct {
	figures map[string]map[work][]figure
	starts  map[string][]time.Duration
	pss     map[string][]int64
}

func newResults() *results {
	return &results{map[string]map[work][]figure{}, map[string][]time.Duration{}, map[string][]int64{}}
}

func (r *results) add(s server, w work, f figure) {
	if r.figures[s.name] == nil {
		r.figures[s.name] = map[work][]figure{}
	}
	r.figures[s.name][w] = append(r.figures[s.name][w], f)
}

func (r *results) start(s server, d time.Duration) { r.starts[s.name] = append(r.starts[s.name], d) }
func (r *results) memory(s server, n int64)        { r.pss[s.name] = append(r.pss[s.name], n) }

// median returns the median figure of a server at a work, each part for itself.
func (r *results) median(name string, w work) figure {
	all := r.figures[name][w]
	part := func(get func(figure) float64) float64 {
		values := make([]float64, len(all))
		for i, f := range all {
			values[i] = get(f)
		}
		return median(values)
	}
	return figure{
		rate: part(func(f figure) float64 { return f.rate }),
		cpu:  part(func(f figure) float64 { return f.cpu }),
		busy: part(func(f figure) float64 { return f.busy }),
	}
}

// median returns the middle value, the lower one of two, and zero of none.
func median[T int64 | float64 | time.Duration](values []T) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// bar is one row of the table: what sipway must reach against which peers.
type bar struct {
	name  string
	work  work
	ours  string
	peers []string // the better one counts
	least float64  // 0: no bar
}

var bars = []bar{
	{"redirect, INVITE to 302", redirectWork, "sipway", []string{"kamailio"}, 2},
	{"OPTIONS to 200", optionsWork, "sipway", []string{"kamailio"}, 0},
	{"REGISTER, both in memory", registerWork, "sipway-memory", []string{"kamailio"}, 0},
	{"REGISTER, 200 after sync to disk; peer in memory", registerWork, "sipway", []string{"kamailio"}, 1},
	{"DNS, SIP query mix", dnsWork, "sipway-dns", []string{"nsd", "knot"}, 0.9},
}

// idle is the share of its core below which a server was waiting for the load.
const idle = 0.9

var errBarMissed = errors.New("a bar is missed")

// print writes the tables and returns an error when a bar is missed.
func (p *plan) print(w io.Writer, r *results) error {
	fmt.Fprintf(w, "Medians of %d rounds of %v, server on one core of %s, load on another, %s.\n\n", p.rounds, p.window, cpuModel(), runtime.Version())
	fmt.Fprintln(w, "| work | peer | peer/s | sipway/s | ratio | bar | peer CPU | sipway CPU |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|")
	missed, waited := false, false
	for _, b := range bars {
		ours := r.median(b.ours, b.work)
		if ours.rate == 0 {
			continue
		}
		peer, theirs := r.best(b)
		if theirs.rate == 0 {
			continue
		}
		ratio, verdict := ours.rate/theirs.rate, "-"
		if b.least > 0 {
			verdict = fmt.Sprintf("%gx", b.least)
			if ratio < b.least {
				missed, verdict = true, verdict+" **missed**"
			}
		}
		mark := ""
		if ours.busy < idle {
			waited, mark = true, " *"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s%s | %.2fx | %s | %.1f us | %.1f us |\n",
			b.name, peer, thousands(theirs.rate), thousands(ours.rate), mark, ratio, verdict, theirs.cpu, ours.cpu)
	}
	if waited {
		fmt.Fprintf(w, "\n\\* sipway used less than %.0f%% of its core: the load generator, or for durable work the disk, was the limit.\n", idle*100)
	}
	if err := p.printSizes(w, r); err != nil {
		return err
	}
	if missed {
		return errBarMissed
	}
	return nil
}

// best returns the peer that did the work fastest.
func (r *results) best(b bar) (name string, f figure) {
	for _, peer := range b.peers {
		if m := r.median(peer, b.work); m.rate > f.rate {
			name, f = peer, m
		}
	}
	return name, f
}

// printSizes writes what has no ratio: start, memory and the size of the binary.
func (p *plan) printSizes(w io.Writer, r *results) error {
	fmt.Fprintln(w, "\n| server | exec to first answer | memory after the load |")
	fmt.Fprintln(w, "|---|---|---|")
	for _, s := range servers {
		if len(r.starts[s.name]) > 0 {
			fmt.Fprintf(w, "| %s | %d ms | %.1f MB |\n", s.name, median(r.starts[s.name]).Milliseconds(), float64(median(r.pss[s.name]))/1e6)
		}
	}
	info, err := os.Stat(p.sipway)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nThe sipway binary has %.1f MB.\n", float64(info.Size())/1e6)
	return nil
}

// thousands writes a rate as in 12,345.
func thousands(rate float64) string {
	s := fmt.Sprintf("%.0f", rate)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// cpuModel names the processor for the reader of a table.
func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "this machine"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "this machine"
}
