package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sipway/sipway/admin"
	"github.com/sipway/sipway/config"
	"github.com/sipway/sipway/location"
)

func bindingsCommand() *cli.Command {
	return &cli.Command{
		Name:  "bindings",
		Usage: "see who is registered where",
		Subcommands: []*cli.Command{{
			Name:  "list",
			Usage: "list the live bindings of a running server, or of its data directory when none runs",
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "json", Usage: "as JSON: {\"aors\": [{\"aor\", \"bindings\": [...]}]}"},
				&cli.StringFlag{Name: "domain", Usage: "only the AORs of the domain `NAME`"},
				&cli.StringFlag{Name: "admin", Usage: "`ADDRESS:PORT` of the running server's admin API (default: the one of the data directory)"},
				&cli.StringFlag{Name: "data", Usage: "the data `DIRECTORY`", Value: config.DefaultData},
				&cli.StringFlag{Name: "config", Usage: "the configuration `FILE` that names the data directory"},
			},
			Action: bindingsList,
		}},
	}
}

// pageSize is how many AORs are in memory at a time.
const pageSize = 10_000

// lister gives AORs in order, page by page.
type lister func(ctx context.Context, after string) (admin.Page, error)

func bindingsList(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	list, err := findBindings(c)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		all, err := allPages(c.Context, list)
		if err != nil {
			return err
		}
		return printJSON(c.App.Writer, admin.Page{AORs: all})
	}
	return printBindings(c.Context, c.App.Writer, list)
}

// findBindings asks the server that runs, or reads the store when none does.
func findBindings(c *cli.Context) (lister, error) {
	data, domain := c.String("data"), strings.TrimSuffix(c.String("domain"), ".")
	if file := c.String("config"); file != "" {
		cfg, err := config.Load(file)
		if err != nil {
			return nil, &exitError{exitConfig, err}
		}
		if domain != "" && cfg.Domain(domain) == nil {
			return nil, notServed(domain, domainNames(cfg))
		}
		if !c.IsSet("data") {
			data = cfg.Data
		}
	}
	if at := c.String("admin"); at != "" {
		if _, err := config.ParseAdmin(at); err != nil || at == "off" {
			return nil, usageError("--admin: %s is no loopback ADDRESS:PORT, as in 127.0.0.1:8300", printable(at))
		}
		return askServer(at, domain, ""), nil
	}
	run := readRunFile(data)
	if at, err := netip.ParseAddrPort(run.Admin); err == nil && at.Addr().IsLoopback() {
		list := askServer(at.String(), domain, run.Name)
		if _, err := list(c.Context, ""); err == nil || !errors.Is(err, errSilent) {
			if domain != "" && !slices.ContainsFunc(run.Domains, func(d string) bool { return strings.EqualFold(d, domain) }) {
				return nil, notServed(domain, run.Domains)
			}
			return list, nil
		}
		// Nobody there: the file is left from a crash.
	}
	if err := checkDataDir(data); err != nil {
		return nil, err
	}
	return readStore(data, domain)
}

func notServed(domain string, served []string) error {
	if len(served) == 0 {
		served = []string{"no SIP domain"}
	}
	return &exitError{exitNo, fmt.Errorf("%s is not served here, but %s; name one of them, or another server with --admin or --data",
		printable(domain), printable(strings.Join(served, ", ")))}
}

// errSilent is the middle of a sentence about a server.
var errSilent = errors.New("does not answer")

// netCause takes method, URL and addresses, which the message has already, off err.
func netCause(err error) error {
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return errno
	}
	if e := (*url.Error)(nil); errors.As(err, &e) {
		if e.Timeout() {
			return errors.New("timeout")
		}
		return e.Err
	}
	return err
}

// askServer asks the admin API at an address. With a name, whoever else answers there counts as silent.
func askServer(at, domain, name string) lister {
	const timeout, longestPage = 30 * time.Second, 256 << 20
	client := &http.Client{Timeout: timeout, Transport: &http.Transport{DisableKeepAlives: true}}
	return func(ctx context.Context, after string) (page admin.Page, err error) {
		query := url.Values{"limit": {strconv.Itoa(pageSize)}, "after": {after}, "domain": {domain}}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at+"/v1/bindings?"+query.Encode(), nil)
		if err != nil {
			return page, err
		}
		resp, err := client.Do(r)
		if err != nil {
			return page, &exitError{exitNetwork, fmt.Errorf("the admin API at %s %w: %w; is the server running?", at, errSilent, netCause(err))}
		}
		defer func() { _ = resp.Body.Close() }()
		body := json.NewDecoder(io.LimitReader(resp.Body, longestPage))
		if name != "" && resp.Header.Get(admin.InstanceHeader) != name {
			return page, &exitError{exitNetwork, fmt.Errorf("the server of this data directory %w: another program has %s", errSilent, at)}
		}
		if resp.StatusCode != http.StatusOK {
			return page, &exitError{exitNetwork, fmt.Errorf("http://%s/v1/bindings answers %s; is that sipway's admin API?", at, printable(resp.Status))}
		}
		if err := body.Decode(&page); err != nil {
			return page, &exitError{exitNetwork, fmt.Errorf("http://%s/v1/bindings does not answer as sipway does: %w", at, err)}
		}
		return page, nil
	}
}

// readStore reads the bindings on disk.
func readStore(data, domain string) (lister, error) {
	dir := filepath.Join(data, "location")
	now := time.Now()
	if err := location.List(dir, func(string, location.Record) bool { return false }); err != nil {
		switch {
		case errors.Is(err, location.ErrLocked):
			return nil, &exitError{exitNetwork, fmt.Errorf("a server is running on %s, but where its admin API is cannot be found; name it with --admin", printable(data))}
		case errors.Is(err, fs.ErrNotExist):
			return nil, configError("there are no bindings in %s; name another directory with --data, or a running server with --admin", printable(data))
		}
		return nil, configError("the bindings in %s cannot be read: %w", printable(data), err)
	}
	return func(_ context.Context, after string) (page admin.Page, err error) {
		err = location.List(dir, func(aor string, r location.Record) bool {
			switch {
			case aor <= after || domain != "" && !admin.InDomain(aor, domain) || !anyLive(r, now.UnixMilli()):
			case len(page.AORs) == pageSize:
				page.Next = page.AORs[pageSize-1].AOR
				return false
			default:
				page.AORs = append(page.AORs, admin.AOR{AOR: aor, Bindings: showRecord(r, now)})
			}
			return true
		})
		return page, err
	}, nil
}

func allPages(ctx context.Context, list lister) ([]admin.AOR, error) {
	all := []admin.AOR{}
	for after := ""; ; {
		page, err := list(ctx, after)
		if err != nil {
			return nil, err
		}
		all = append(all, page.AORs...)
		if after = page.Next; after == "" {
			return all, nil
		}
	}
}

// printBindings writes one line for each binding.
func printBindings(ctx context.Context, w io.Writer, list lister) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	some := false
	for after := ""; ; {
		page, err := list(ctx, after)
		if err != nil {
			return err
		}
		for _, a := range page.AORs {
			for _, b := range a.Bindings {
				if !some {
					fmt.Fprintln(t, "AOR\tCONTACT\tQ\tEXPIRES\tFROM")
					some = true
				}
				fmt.Fprintf(t, "%s\t%s\t%.3g\t%s\t%s\n", printable(a.AOR), printable(b.Contact), b.Q,
					time.Duration(b.Expires)*time.Second, printable(strings.TrimSpace(b.Transport+" "+b.Source)))
			}
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if !some {
		fmt.Fprintln(t, "nobody is registered")
	}
	return t.Flush()
}

// printJSON writes v as JSON of printable ASCII.
func printJSON(w io.Writer, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", admin.ASCII(text))
	return err
}
