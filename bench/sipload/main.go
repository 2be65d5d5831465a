// Command sipload is a windowed SIP load generator over UDP, what dnsperf is for DNS: each socket keeps a
// fixed number of requests open, counts final responses and starts the next request for each.
//
//	sipload -mode register -target 127.0.0.1:5060 -domain example.test -users 10000 -d 3s
//	sipload -mode redirect -expect 302 ...    INVITE with SDP; every final response gets its ACK
//	sipload -mode options  -expect 200 ...
//
// It is a benchmark tool, not a client: it sends no credentials, checks of a response only the status
// code and the branch (RFC 3261 17.1.3), and retransmits on a flat half second. Register first, so that
// the users exist. One goroutine a socket, all of which end with the run.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sipload:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	mode     mode
	target   netip.AddrPort
	domain   string
	contact  netip.AddrPort
	users    int
	sockets  int
	window   int
	duration time.Duration
	total    int
	expect   int
	json     bool
}

func parseFlags(args []string) (options, error) {
	var o options
	fs := flag.NewFlagSet("sipload", flag.ContinueOnError)
	modeName := fs.String("mode", "redirect", "what to send: `register`, redirect or options")
	target := fs.String("target", "127.0.0.1:5060", "the server, `ADDRESS:PORT`")
	contact := fs.String("contact", "127.0.0.1:5999", "the `ADDRESS:PORT` that register binds users to")
	fs.StringVar(&o.domain, "domain", "sip.test", "the SIP `domain`")
	fs.IntVar(&o.users, "users", 10_000, "users u000000 and up, one after the other")
	fs.IntVar(&o.sockets, "socks", 4, "client sockets")
	fs.IntVar(&o.window, "window", 64, "open requests a socket")
	fs.DurationVar(&o.duration, "d", 4*time.Second, "how long to send")
	fs.IntVar(&o.total, "n", 0, "stop after this many final responses; 0: only by -d")
	fs.IntVar(&o.expect, "expect", 0, "the status code that counts as right; 0: any final one")
	fs.BoolVar(&o.json, "json", false, "print one JSON object")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	var err error
	if o.target, err = netip.ParseAddrPort(*target); err != nil {
		return o, fmt.Errorf("-target: %w", err)
	}
	if o.contact, err = netip.ParseAddrPort(*contact); err != nil {
		return o, fmt.Errorf("-contact: %w", err)
	}
	var ok bool
	if o.mode, ok = modes[*modeName]; !ok {
		return o, fmt.Errorf("-mode %s: want register, redirect or options", *modeName)
	}
	switch {
	case fs.NArg() > 0:
		return o, fmt.Errorf("there are no arguments, but got %q", fs.Arg(0))
	case o.users < 1 || o.users > maxUsers:
		return o, fmt.Errorf("-users %d: want 1 to %d", o.users, maxUsers)
	case o.sockets < 1 || o.sockets > maxSockets:
		return o, fmt.Errorf("-socks %d: want 1 to %d", o.sockets, maxSockets)
	case o.window < 1 || o.window > maxWindow:
		return o, fmt.Errorf("-window %d: want 1 to %d", o.window, maxWindow)
	}
	return o, nil
}

// report is what a run found out, and the object that -json prints.
type report struct {
	Mode          string      `json:"mode"`
	Done          int         `json:"done"` // final responses, right or wrong
	Seconds       float64     `json:"seconds"`
	PerSecond     float64     `json:"per_second"`
	Unexpected    int         `json:"unexpected"` // final responses other than -expect
	Lost          int         `json:"lost"`       // no final response within 3 s
	Retransmitted int         `json:"retransmitted"`
	P50           int         `json:"p50_us"`
	P99           int         `json:"p99_us"`
	Status        map[int]int `json:"status"`
}

func run(args []string) error {
	o, err := parseFlags(args)
	if err != nil {
		return err
	}
	begin := time.Now()
	generators := make([]*generator, o.sockets)
	for i := range generators {
		if generators[i], err = newGenerator(&o, i); err != nil {
			return err
		}
		defer generators[i].close()
	}
	ended := make(chan error)
	for _, g := range generators {
		go func() { ended <- g.run(begin.Add(o.duration)) }()
	}
	for range generators {
		if e := <-ended; e != nil {
			err = e
		}
	}
	if err != nil {
		return err
	}
	r := sum(&o, generators, time.Since(begin))
	if o.json {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	fmt.Println(r)
	return nil
}

// sum adds up what the sockets counted.
func sum(o *options, generators []*generator, took time.Duration) *report {
	r := &report{Mode: o.mode.String(), Seconds: took.Seconds(), Status: map[int]int{}}
	var all histogram
	for _, g := range generators {
		r.Lost += g.lost
		r.Retransmitted += g.retransmitted
		all.add(&g.latency)
		for code, n := range g.status {
			if n == 0 {
				continue
			}
			r.Done += n
			r.Status[code] += n
			if o.expect != 0 && code != o.expect {
				r.Unexpected += n
			}
		}
	}
	r.PerSecond = float64(r.Done) / r.Seconds
	r.P50, r.P99 = all.quantile(0.5), all.quantile(0.99)
	return r
}

// String is the line for eyes.
func (r *report) String() string {
	var status []string
	for code, n := range r.Status {
		status = append(status, fmt.Sprintf("%d:%d", code, n))
	}
	slices.Sort(status)
	return fmt.Sprintf("%s: %.0f/s, %d in %.2f s, unexpected %d, lost %d, retransmitted %d, p50 %d us, p99 %d us, status %s",
		r.Mode, r.PerSecond, r.Done, r.Seconds, r.Unexpected, r.Lost, r.Retransmitted, r.P50, r.P99, strings.Join(status, " "))
}
