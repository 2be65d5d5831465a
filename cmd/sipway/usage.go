package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

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

// onUsageError says in our words what package flag found wrong.
func onUsageError(c *cli.Context, err error, _ bool) error {
	var flags []cli.Flag
	if c.Command != nil {
		flags = c.Command.Flags
	}
	text := flagProblem(err.Error(), flags, c.App.Metadata["args"].([]string))
	return usageError("%s `%s --help` lists the options", text, helpName(c))
}

// flagProblem returns a sentence with its final mark.
func flagProblem(text string, flags []cli.Flag, args []string) string {
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		if near := cli.SuggestFlag(flags, name, false); near != "" {
			return fmt.Sprintf("there is no option %s; did you mean %s?", typed(name, args), near)
		}
		return fmt.Sprintf("there is no option %s;", typed(name, args))
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: -"); ok {
		return fmt.Sprintf("%s needs a value, as in `--%s %s`;", typed(name, args), name, placeholder(flags, name))
	}
	if word, ok := strings.CutPrefix(text, "bad flag syntax: "); ok {
		return word + " is no option;"
	}
	if m := regexp.MustCompile(`^invalid (?:boolean )?value (".*") for (?:flag )?-([^:]+): `).FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("--%s: %s;", m[2], badValue(m[1], m[2], flags))
	}
	return text + ";"
}

// typed returns an option as it stands on the command line.
func typed(name string, args []string) string {
	for _, arg := range args {
		word, _, _ := strings.Cut(arg, "=")
		if strings.HasPrefix(word, "-") && strings.TrimLeft(word, "-") == name {
			return word
		}
	}
	return "--" + name
}

// placeholder returns the word that stands for an option's value in the help.
func placeholder(flags []cli.Flag, name string) string {
	if f, ok := flagNamed(flags, name).(cli.DocGenerationFlag); ok {
		if _, rest, found := strings.Cut(f.GetUsage(), "`"); found {
			word, _, _ := strings.Cut(rest, "`")
			return word
		}
	}
	return "VALUE"
}

func badValue(value, name string, flags []cli.Flag) string {
	switch flagNamed(flags, name).(type) {
	case *cli.BoolFlag:
		return fmt.Sprintf("it takes no value such as %s; write --%s alone", value, name)
	case *cli.DurationFlag:
		return value + " is no duration; write one with its unit, as in 5s"
	default:
		return value + " is no whole number"
	}
}

func flagNamed(flags []cli.Flag, name string) cli.Flag {
	if i := slices.IndexFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) }); i >= 0 {
		return flags[i]
	}
	return nil
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
