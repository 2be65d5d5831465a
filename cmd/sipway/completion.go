package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

// The shells ask the binary itself what may follow, so these never go stale.
const (
	bashCompletion = `_sipway() {
  local cur="${COMP_WORDS[COMP_CWORD]}" words=("${COMP_WORDS[@]:0:COMP_CWORD}")
  [[ "$cur" == -- ]] && words+=(-) || { [[ "$cur" == -* ]] && words+=("$cur"); }
  mapfile -t COMPREPLY < <(compgen -W "$("${words[@]}" --generate-bash-completion 2>/dev/null)" -- "$cur")
}
complete -o bashdefault -o default -F _sipway sipway
`
	zshCompletion = `#compdef sipway
_sipway() {
  local -a found
  local cur="${words[-1]}"
  if [[ "$cur" == -* ]]; then
    found=("${(@f)$(${words[@]:0:#words[@]-1} ${cur} --generate-bash-completion 2>/dev/null)}")
  else
    found=("${(@f)$(${words[@]:0:#words[@]-1} --generate-bash-completion 2>/dev/null)}")
  fi
  if [[ -n "${found[1]}" ]]; then _describe 'values' found; else _files; fi
}
compdef _sipway sipway
`
)

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print the completions of a shell: bash, zsh or fish",
		ArgsUsage: "SHELL",
		Description: "bash:  source <(sipway completion bash)\n" +
			"zsh:   source <(sipway completion zsh)\n" +
			"fish:  sipway completion fish | source",
		BashComplete: func(c *cli.Context) { fmt.Fprintln(c.App.Writer, "bash\nzsh\nfish") },
		Action: func(c *cli.Context) error {
			text := ""
			if c.NArg() > 1 {
				return usageError("name one shell, as in `sipway completion bash`; %s is too much", printable(c.Args().Get(1)))
			}
			switch shell := c.Args().First(); shell {
			case "bash":
				text = bashCompletion
			case "zsh":
				text = zshCompletion
			case "fish":
				var err error
				if text, err = c.App.ToFishCompletion(); err != nil {
					return err
				}
			default:
				return usageError("name a shell: bash, zsh or fish, not %q", shell)
			}
			_, err := fmt.Fprint(c.App.Writer, text)
			return err
		},
	}
}
