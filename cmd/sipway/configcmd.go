package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/sipway/sipway/config"
)

func configCommand() *cli.Command {
	return &cli.Command{
		Name:  "config",
		Usage: "check a configuration file",
		Subcommands: []*cli.Command{{
			Name:      "validate",
			Usage:     "say whether `serve --config FILE` would start, and if not, every reason",
			ArgsUsage: "FILE",
			Description: "It reads the users and zones that the file names, and opens no socket and no store.\n" +
				"Exit code 0 if all is well, 78 if not.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "config", Usage: "the configuration `FILE`, as for serve"},
				&cli.BoolFlag{Name: "json", Usage: "as JSON: good, domains, zones, listeners, warnings, and errors with file, line, col, what and todo"},
			},
			Action: configValidate,
		}},
	}
}

func configValidate(c *cli.Context) error {
	file := c.String("config")
	switch {
	case file == "" && c.NArg() == 1:
		file = c.Args().First()
	case file == "" || c.NArg() > 0:
		return usageError("name one file, as in `sipway config validate sipway.yaml`")
	}
	v, err := judge(file)
	if c.Bool("json") {
		if printed := printJSON(c.App.Writer, v); printed != nil {
			return printed
		}
		if err != nil {
			err = &exitError{exitConfig, errors.New("")} // it is in the JSON
		}
		return err
	}
	if err != nil {
		return err
	}
	for _, text := range v.Warnings {
		fmt.Fprintf(c.App.ErrWriter, "%s\n", printable(text))
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s is good: %s, %s, %s\n", printable(file),
		count(v.Domains, "domain"), count(v.Zones, "plain zone"), count(v.Listeners, "listener"))
	return err
}

// verdict is what `config validate --json` prints.
type verdict struct {
	Good      bool      `json:"good"`
	Domains   int       `json:"domains"`
	Zones     int       `json:"zones"` // plain ones
	Listeners int       `json:"listeners"`
	Warnings  []string  `json:"warnings"`
	Errors    []finding `json:"errors"`
}

// finding is one thing that is wrong. Line and column count from one; both are
// 0 if it is about no line.
type finding struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Col  int    `json:"col"`
	What string `json:"what"`
	Todo string `json:"todo"`
}

// judge reads a file as a start would. The error is the one that the start ends with.
func judge(file string) (verdict, error) {
	v := verdict{Warnings: []string{}, Errors: []finding{}}
	cfg, err := loadConfig(file)
	var pre *prepared
	if err == nil {
		if pre, err = prepare(cfg, localAddresses); err != nil {
			err = &exitError{exitConfig, err}
		}
	}
	if err != nil {
		all := config.Errors(nil)
		_ = errors.As(err, &all) // both return nothing else
		for _, e := range all {
			v.Errors = append(v.Errors, finding{e.Pos.File, e.Pos.Line, e.Pos.Col, e.Msg, e.Hint})
		}
		return v, err
	}
	for _, d := range cfg.Domains {
		if d.Register.Auth == config.AuthNone {
			v.Warnings = append(v.Warnings, fmt.Sprintf("%s: warning: register auth is none: anybody may register any user of %s", d.At, d.Name))
		}
	}
	for _, text := range pre.warnings(cfg.Listen.SIP, cfg.Listen.DNS) {
		v.Warnings = append(v.Warnings, file+": warning: "+text)
	}
	v.Good, v.Domains, v.Zones, v.Listeners = true, len(cfg.Domains), len(cfg.Zones), len(pre.sockets())
	return v, nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
