package main

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sipway/sipway/config"
)

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "serve a SIP domain: DNS records, registrations, redirected calls",
		UsageText: "sipway serve --domain example.test\n" +
			"sipway serve --config sipway.yaml",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "domain", Usage: "the domain `NAME` to serve without a configuration file"},
			&cli.StringFlag{Name: "config", Usage: "the configuration `FILE`"},
			&cli.StringFlag{Name: "data", Usage: "`DIRECTORY` of everything sipway writes (default: sipway-data)"},
			&cli.StringSliceFlag{Name: "sip", Usage: "`ADDRESS:PORT` for SIP on UDP and TCP, or udp://... or tcp://... for one of them; repeat for more"},
			&cli.StringSliceFlag{Name: "dns", Usage: "`ADDRESS:PORT` for DNS, in the same way"},
			&cli.StringFlag{Name: "admin", Usage: "loopback `ADDRESS:PORT` of the admin API, or off"},
			&cli.StringSliceFlag{Name: "advertise", Usage: "`ADDRESS` that others see, when it is not the one listened on; repeat for more"},
			&cli.StringFlag{Name: "algorithms", Usage: "digest algorithms to offer to phones, `LIST` of sha-256 and md5 (default: all that the users have)"},
			&cli.StringFlag{Name: "ready-file", Usage: "`FILE` to write where it listens to, as JSON, once it does; removed at the end"},
			&cli.StringFlag{Name: "log", Value: "auto", Usage: "`FORMAT` of the log on standard error: text, json, or auto (text on a terminal)"},
		},
		Action: serve,
	}
}

// serve is the command.
func serve(c *cli.Context) error {
	begun := time.Now()
	if err := noArguments(c); err != nil {
		return err
	}
	log, err := newLog(c.App.ErrWriter, c.String("log"))
	if err != nil {
		return err
	}
	cfg, err := serveConfig(c)
	if err != nil {
		return err
	}
	pre, err := prepare(cfg, localAddresses)
	if err != nil {
		return &exitError{exitConfig, err}
	}
	if err := makeDataDir(cfg.Data); err != nil {
		return err
	}
	secret, err := loadSecret(cfg.Data)
	if err != nil {
		return err
	}
	// The user is made when the store is locked: of two first starts on one directory only one makes it.
	var first *newUser
	s, err := build(pre, secret, log, func() error {
		first, err = makeFirstUser(pre)
		return err
	})
	if err == nil {
		err = s.listenAndRun(c, begun, first)
	}
	return errors.Join(err, first.forget())
}

// listenAndRun opens the sockets and serves.
func (s *server) listenAndRun(c *cli.Context, begun time.Time, first *newUser) error {
	if err := s.listen(); err != nil {
		return firstError(err, s.close())
	}
	return s.run(c, begun, first)
}

// run serves until the context ends or a part breaks.
func (s *server) run(c *cli.Context, begun time.Time, first *newUser) error {
	sup := newSupervisor(s.log)
	s.serve(sup)
	s.logStart(time.Since(begun))
	err := s.announce(c, first)
	if err == nil {
		err = sup.wait(c.Context)
	}
	s.notReady("the server ends")
	s.log.Info("stopping", "why", reason(err))
	removeRunFiles(s, c)
	err = firstError(err, sup.stop(), s.store.Close())
	if err != nil {
		s.log.Error("stopped", "error", err)
		return said(err)
	}
	s.log.Info("stopped")
	return nil
}

// announce tells people and programs that everything listens.
func (s *server) announce(c *cli.Context, first *newUser) error {
	for _, name := range runFiles(s, c) {
		if err := s.runFile().write(name); err != nil {
			return configError("%s cannot be written: %w; name a place for it that there is", printable(name), pathCause(err))
		}
	}
	w := welcome{server: s, program: c.App.Metadata["program"].(string), data: c.String("data"), file: c.String("config")}
	if first != nil {
		w.password = first.password
	}
	if err := w.print(c.App.Writer); err != nil {
		return err
	}
	first.wasShown()
	return nil
}

func runFiles(s *server, c *cli.Context) []string {
	names := []string{runFileName(s.pre.cfg.Data)}
	if name := c.String("ready-file"); name != "" {
		names = append(names, name)
	}
	return names
}

func removeRunFiles(s *server, c *cli.Context) {
	for _, name := range runFiles(s, c) {
		_ = os.Remove(name) // whoever reads a stale one finds nobody there
	}
}

func reason(err error) string {
	if err != nil {
		return err.Error()
	}
	return "asked to"
}

// said keeps the exit code of an error that the log holds already.
func said(err error) error {
	code := exitNo
	if coder, ok := errors.AsType[cli.ExitCoder](err); ok {
		code = coder.ExitCode()
	}
	return &exitError{code, errors.New("")}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// logStart writes one line for each thing that is open, and each that is open
// further than usual.
func (s *server) logStart(took time.Duration) {
	opened := func(what string, ls []config.Listener) {
		for _, l := range ls {
			s.log.Info("listening", "for", what, "transport", l.Network, "address", l.Addr.String(), "world", !l.Addr.Addr().IsLoopback())
		}
	}
	opened("sip", s.sip)
	opened("dns", s.dns)
	if s.admin != nil {
		s.log.Info("listening", "for", "admin", "transport", "tcp", "address", s.adminAt.String(), "world", false)
	}
	for _, d := range s.pre.cfg.Domains {
		if d.Register.Auth == config.AuthNone {
			s.log.Warn("anybody may register any user of this domain", "domain", d.Name, "register", "auth none")
		} else if info, err := os.Stat(d.Users); err == nil && info.Mode()&0o077 != 0 {
			s.log.Warn("others on this host can read the users file, whose hashes are as good as passwords: chmod 600", "file", d.Users, "mode", info.Mode().String())
		}
	}
	for _, text := range s.pre.warnings(s.sip, s.dns) {
		s.log.Warn("configuration", "warning", text)
	}
	if s.pre.cfg.Location.Durability == config.DurabilityNone {
		s.log.Warn("bindings are in memory only and end with this process", "durability", "none")
	}
	s.log.Info("ready", "version", versionText(), "node", s.pre.cfg.Node, "domains", len(s.pre.cfg.Domains),
		"bindings", s.store.Stats().Bindings, "took", took.Round(time.Millisecond/10).String())
}

// serveConfig makes the configuration of file and options.
func serveConfig(c *cli.Context) (cfg *config.Config, err error) {
	domain, file := c.String("domain"), c.String("config")
	switch {
	case domain != "" && file != "":
		return nil, usageError("give --domain for a start without a file or --config for one with it, not both")
	case file != "":
		if cfg, err = loadConfig(file); err != nil {
			return nil, err
		}
	case domain != "":
		if cfg, err = config.ForDomain(domain, ""); err != nil {
			return nil, usageError("--domain: %w", err)
		}
		onHost(cfg)
	default:
		return nil, usageError("say which domain to serve, as in `sipway serve --domain example.test`, or which --config FILE")
	}
	return cfg, override(c, cfg)
}

// loadConfig returns what a file means on this host.
func loadConfig(file string) (*config.Config, error) {
	cfg, err := config.Load(file)
	if err != nil {
		return nil, &exitError{exitConfig, err}
	}
	onHost(cfg)
	return cfg, nil
}

func onHost(cfg *config.Config) {
	name, _ := os.Hostname() // "" makes the default name
	cfg.OnHost(name, slices.ContainsFunc(localAddresses(), netip.Addr.Is6))
}

// override puts the options over the file.
func override(c *cli.Context, cfg *config.Config) error {
	if c.IsSet("data") {
		if c.String("data") == "" {
			return usageError("--data is empty; name a directory")
		}
		cfg.SetData(c.String("data"))
	}
	for flag, dst := range map[string]*[]config.Listener{"sip": &cfg.Listen.SIP, "dns": &cfg.Listen.DNS} {
		if !c.IsSet(flag) {
			continue
		}
		*dst = nil
		for _, text := range c.StringSlice(flag) {
			ls, err := config.ParseListeners(text)
			if err != nil {
				return usageError("--%s: %w", flag, err)
			}
			*dst = append(*dst, ls...)
		}
	}
	if c.IsSet("admin") {
		at, err := config.ParseAdmin(c.String("admin"))
		if err != nil {
			return usageError("--admin: %w", err)
		}
		cfg.Listen.Admin = at
	}
	if c.IsSet("advertise") {
		cfg.Advertise = nil
		for _, text := range c.StringSlice("advertise") {
			a, err := config.ParseAdvertise(text)
			if err != nil {
				return usageError("--advertise: %w", err)
			}
			cfg.Advertise = append(cfg.Advertise, a)
		}
	}
	if c.IsSet("algorithms") {
		all, err := config.ParseAlgorithms(c.String("algorithms"))
		if err != nil {
			return usageError("--algorithms: %w", err)
		}
		if !cfg.SetAlgorithms(all) {
			return usageError("--algorithms has no effect, because no domain has register auth digest; leave it out")
		}
	}
	if err := cfg.CheckListeners(); err != nil {
		return usageError("%w", err)
	}
	return nil
}
