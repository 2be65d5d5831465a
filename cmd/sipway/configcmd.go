package main

import (
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
			Flags:  []cli.Flag{&cli.StringFlag{Name: "config", Usage: "the configuration `FILE`, as for serve"}},
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
	cfg, err := config.Load(file)
	if err != nil {
		return &exitError{exitConfig, err}
	}
	pre, err := prepare(cfg, localAddresses)
	if err != nil {
		return &exitError{exitConfig, err}
	}
	for _, d := range cfg.Domains {
		if d.Register.Auth == config.AuthNone {
			fmt.Fprintf(c.App.ErrWriter, "%s: warning: register auth is none: anybody may register any user of %s\n", d.At, d.Name)
		}
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s is good: %s, %s, %s\n", printable(file),
		count(len(cfg.Domains), "domain"), count(len(cfg.Zones), "plain zone"), count(len(pre.sockets()), "listener"))
	return err
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
