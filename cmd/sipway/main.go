// Command sipway turns a domain name into a working SIP domain, and finds the
// servers of any other one by RFC 3263.
//
// It is the roof of the house: one file for each subcommand, and build.go, the
// one place where parts are wired. It decides nothing about SIP or DNS. It owns
// the goroutines that run the parts (supervise.go), logs what ends them, and is
// the only package that ends the process.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/sipway/sipway/config"
)

func main() {
	ctx, stop := untilSignal()
	code := run(ctx, os.Args, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// untilSignal returns a context that the first SIGINT or SIGTERM ends; the
// second one ends the process at once.
func untilSignal() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(exitNo)
	}()
	return ctx, cancel
}

// The exit codes of every command.
const (
	exitOK      = 0
	exitNo      = 1 // a negative answer, or a server that broke
	exitUsage   = 2
	exitNetwork = 3 // network or timeout
	exitConfig  = 78
)

// exitError is an error that knows its exit code.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// ExitCode is what cli.ExitCoder asks for.
func (e *exitError) ExitCode() int { return e.code }

func usageError(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

func configError(format string, args ...any) error {
	return &exitError{exitConfig, fmt.Errorf(format, args...)}
}

// run runs one command line, args[0] being the program's name, and returns the
// exit code. It ends when the command does, or soon after ctx does.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	app := newApp(args[0], stdout, stderr)
	err := app.RunContext(ctx, interleave(app, args))
	if err == nil {
		return exitOK
	}
	code := exitNo
	if coder, ok := errors.AsType[cli.ExitCoder](err); ok {
		code = coder.ExitCode()
	}
	if text := err.Error(); text != "" {
		if all := config.Errors(nil); !errors.As(err, &all) { // they begin with file:line:col
			text = "sipway: " + text
		}
		fmt.Fprintln(stderr, printableLines(text))
	}
	return code
}

func newApp(name string, stdout, stderr io.Writer) *cli.App {
	app := &cli.App{
		Name:                 "sipway",
		Usage:                "turn a domain name into a working SIP domain",
		UsageText:            "sipway COMMAND [options]",
		Description:          "Begin with: sipway serve --domain example.test",
		Version:              versionText(),
		HideVersion:          true, // there is the command
		HideHelp:             true, // the built-in flag is one variable for all: strict adds one to each command
		Flags:                []cli.Flag{helpFlag()},
		EnableBashCompletion: true,
		Writer:               stdout,
		ErrWriter:            stderr,
		Metadata:             map[string]any{"program": programName(name)},
		ExitErrHandler:       func(*cli.Context, error) {}, // run decides
		Commands:             commands(),
		// Addresses and paths may hold commas in no sensible case, but passwords do.
		DisableSliceFlagSeparator: true,
	}
	app.Action = wantCommand
	app.OnUsageError = onUsageError
	strict(app.Commands)
	return app
}

func commands() []*cli.Command {
	return []*cli.Command{
		serveCommand(), resolveCommand(), userCommand(), bindingsCommand(),
		configCommand(), versionCommand(), completionCommand(),
	}
}

// strict makes every mistake on a command line an error with exit code 2.
func strict(commands []*cli.Command) {
	for _, c := range commands {
		if c.OnUsageError == nil {
			c.OnUsageError = onUsageError
		}
		if len(c.Subcommands) > 0 && c.Action == nil {
			c.Action = wantCommand
		}
		c.HideHelp = true
		c.Flags = append(slices.Clip(c.Flags), helpFlag())
		strict(c.Subcommands)
	}
}

func helpFlag() cli.Flag {
	return &cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "show help", DisableDefaultText: true}
}

func onUsageError(c *cli.Context, err error, _ bool) error {
	text := err.Error()
	if flag, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		text = "there is no option --" + strings.TrimLeft(flag, "-")
		if c.Command != nil {
			if near := cli.SuggestFlag(c.Command.Flags, strings.TrimLeft(flag, "-"), false); near != "" {
				text += "; did you mean " + near + "?"
			}
		}
	}
	return usageError("%s; `%s --help` lists the options", text, helpName(c))
}

func helpName(c *cli.Context) string {
	if c.Command != nil && c.Command.HelpName != "" {
		return c.Command.HelpName
	}
	return "sipway"
}

// wantCommand is the action of what only holds commands.
func wantCommand(c *cli.Context) error {
	if !c.Args().Present() {
		_ = cli.ShowSubcommandHelp(c)
		return &exitError{exitUsage, errors.New("")}
	}
	word := c.Args().First()
	known := c.App.Commands
	if c.Command != nil && len(c.Command.Subcommands) > 0 {
		known = c.Command.Subcommands
	}
	near := ""
	if suggested := cli.SuggestCommand(known, word); suggested != "" {
		near = strings.ToLower(suggested[:1]) + suggested[1:] + " "
	}
	return usageError("there is no command %s; %s`%s --help` lists them", printable(word), near, helpName(c))
}

// noArguments refuses what a command would otherwise ignore.
func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		return usageError("%s takes no argument, but got %s; `%s --help` lists the options",
			helpName(c), printable(c.Args().First()), helpName(c))
	}
	return nil
}

// programName returns how a person can start this program again.
func programName(argv0 string) string {
	switch {
	case strings.Contains(filepath.ToSlash(argv0), "/go-build"): // a temporary file of `go run`
		return "go run ./cmd/sipway"
	case strings.ContainsRune(argv0, filepath.Separator) && !filepath.IsAbs(argv0):
		return argv0
	default:
		return "sipway"
	}
}
