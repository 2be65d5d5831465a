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
	"os/exec"
	"os/signal"
	"path/filepath"
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
	app := newApp(args, stdout, stderr)
	err := app.RunContext(ctx, interleave(app, args))
	if err == nil {
		return exitOK
	}
	code := exitNo
	if coder, ok := errors.AsType[cli.ExitCoder](err); ok {
		code = coder.ExitCode()
	}
	if text := message(err); text != "" {
		fmt.Fprintln(stderr, printableLines(text))
	}
	return code
}

// message returns a line for each thing that is wrong. It begins with its place
// in a file, or with the program's name.
func message(err error) string {
	lines := strings.Split(err.Error(), "\n")
	if all := config.Errors(nil); errors.As(err, &all) {
		lines = lines[:0]
		for _, one := range all {
			lines = append(lines, one.Error())
			if one.Pos.File == "" {
				lines[len(lines)-1] = "sipway: " + one.Error()
			}
		}
		return strings.Join(lines, "\n")
	}
	if len(lines) == 1 && lines[0] == "" {
		return ""
	}
	return "sipway: " + strings.Join(lines, "\nsipway: ")
}

func newApp(args []string, stdout, stderr io.Writer) *cli.App {
	app := &cli.App{
		Name:                 "sipway",
		Usage:                "turn a domain name into a working SIP domain",
		UsageText:            "sipway COMMAND [options]",
		Description:          "Begin with: sipway serve --domain example.test",
		Version:              versionText(),
		HideVersion:          true, // the option is ours
		HideHelp:             true, // the built-in flag is one variable for all: strict adds one to each command
		Flags:                []cli.Flag{helpFlag(), &cli.BoolFlag{Name: "version", Usage: "print the version", DisableDefaultText: true}},
		EnableBashCompletion: true,
		Writer:               stdout,
		ErrWriter:            stderr,
		Metadata:             map[string]any{"args": args, "program": programName(args[0], exec.LookPath)},
		ExitErrHandler:       func(*cli.Context, error) {}, // run decides
		Commands:             commands(),
		// Addresses and paths may hold commas in no sensible case, but passwords do.
		DisableSliceFlagSeparator: true,
	}
	app.Action = root
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

// root is what `sipway` does without a command.
func root(c *cli.Context) error {
	if c.Bool("version") {
		return printVersion(c)
	}
	return wantCommand(c)
}

// programName returns how a person can start this program again. look finds a
// program by the word that a shell is given.
func programName(argv0 string, look func(string) (string, error)) string {
	if strings.Contains(filepath.ToSlash(argv0), "/go-build") { // a temporary file of `go run`
		return "go run ./cmd/sipway"
	}
	word := filepath.Base(argv0)
	if word == argv0 { // a shell found it
		return shellWord(word)
	}
	if found, err := look(word); err == nil && sameFile(found, argv0) {
		return shellWord(word)
	}
	return shellWord(argv0)
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}
