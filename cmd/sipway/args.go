package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// interleave lets options stand behind arguments, as in
// `sipway resolve sip:bob@example.com --server 127.0.0.1`: it moves the options
// of the command in front of its arguments, where urfave/cli looks for them.
// What follows `--` is never an option. `help COMMAND` becomes `COMMAND --help`;
// of a command that does not exist the name is left alone, so that it is refused.
func interleave(app *cli.App, args []string) []string {
	if len(args) == 0 || args[len(args)-1] == "--generate-bash-completion" {
		return args
	}
	out, rest := slices.Clone(args[:1]), args[1:]
	if len(rest) > 0 && rest[0] == "help" { // sipway help user add
		rest = append(slices.Clone(rest[1:]), "--help")
	}
	flags, known := app.Flags, app.Commands
	for len(rest) > 0 {
		i := slices.IndexFunc(known, func(c *cli.Command) bool { return c.HasName(rest[0]) })
		if i < 0 {
			break
		}
		out, rest = append(out, rest[0]), rest[1:]
		flags, known = known[i].Flags, known[i].Subcommands
	}
	help := func(words []string) []string {
		if len(known) > 0 && len(words) > 0 {
			return append(out, words[0])
		}
		return append(out, "--help") // urfave/cli takes an argument here for a command
	}
	var arguments []string
	for len(rest) > 0 {
		arg := rest[0]
		rest = rest[1:]
		switch {
		case arg == "--":
			arguments = append(arguments, rest...)
			rest = nil
		case arg == "--help" || arg == "-h":
			return help(arguments)
		case len(arg) < 2 || arg[0] != '-':
			arguments = append(arguments, arg)
		default:
			out = append(out, arg)
			if takesValue(flags, arg) && len(rest) > 0 {
				out, rest = append(out, rest[0]), rest[1:]
			}
		}
	}
	if slices.ContainsFunc(arguments, func(a string) bool { return strings.HasPrefix(a, "-") }) {
		out = append(out, "--")
	}
	return append(out, arguments...)
}

// takesValue says whether the next word belongs to this option.
func takesValue(flags []cli.Flag, arg string) bool {
	name := strings.TrimLeft(arg, "-")
	if strings.Contains(name, "=") {
		return false
	}
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			_, isBool := f.(*cli.BoolFlag)
			return !isBool
		}
	}
	return false
}
