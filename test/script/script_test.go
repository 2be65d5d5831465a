package script

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds every wait of a script. Waits end by an event; the bound only turns
// a hang into a failure, so it is long enough for a busy machine.
const patience = 60 * time.Second

// binDir holds the sipway binary that TestMain built.
var binDir string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds the binary once for all scripts. It is apart from TestMain because
// os.Exit skips deferred calls.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sipway-script")
	if err != nil {
		fmt.Fprintln(os.Stderr, "script:", err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()

	args := append([]string{"build"}, buildFlags...)
	args = append(args, "-o", filepath.Join(dir, "sipway"), "github.com/sipway/sipway/cmd/sipway")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "script: building sipway: %v\n%s", err, out)
		return 1
	}
	binDir = dir
	return m.Run()
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                ".",
		Setup:              setup,
		RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"acknowledged": cmdAcknowledged,
			"await":        cmdAwait,
			"capture":      cmdCapture,
			"crash":        cmdCrash,
			"exits":        cmdExits,
			"expand":       cmdExpand,
			"hops":         cmdHops,
			"mask":         cmdMask,
			"need":         cmdNeed,
			"ports":        cmdPorts,
			"serve":        cmdServe,
			"sip":          cmdSIP,
			"sipp":         cmdSIPp,
			"start":        cmdStart,
			"terminate":    cmdTerminate,
			"zone-ready":   cmdZoneReady,
		},
	})
}

// setup gives a script its binary, its ports and a home without the user's files.
func setup(env *testscript.Env) error {
	// Debian keeps daemons in sbin, which is not on everyone's PATH.
	path := strings.Join([]string{binDir, os.Getenv("PATH"), "/usr/sbin", "/sbin"}, string(os.PathListSeparator))
	env.Setenv("PATH", path)
	env.Setenv("NO_COLOR", "1")
	env.Setenv("LC_ALL", "C")
	env.Setenv("GORACE", "atexit_sleep_ms=0") // a second a command otherwise; a race still ends in exit code 66
	for _, name := range []string{"SIP", "DNS", "ADMIN"} {
		port, err := freePort()
		if err != nil {
			return err
		}
		env.Setenv(name, fmt.Sprintf("127.0.0.1:%d", port))
		env.Setenv(name+"_PORT", fmt.Sprint(port))
	}
	p := &processes{t: env.T(), byName: map[string]*process{}}
	env.Values[processesKey{}] = p
	env.Defer(p.killAll)
	return nil
}

// cmdPorts is `ports NAME...`: more free ports, as $NAME and $NAME_PORT.
func cmdPorts(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: ports NAME...")
	}
	for _, name := range args {
		port, err := freePort()
		ts.Check(err)
		ts.Setenv(name, fmt.Sprintf("127.0.0.1:%d", port))
		ts.Setenv(name+"_PORT", fmt.Sprint(port))
	}
}

// cmdExpand is `expand FILE...`: replaces ${NAME} in files by the script's environment.
func cmdExpand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: expand FILE...")
	}
	for _, name := range args {
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(expand(ts, ts.ReadFile(name))), 0o600))
	}
}

// expand replaces ${NAME} and nothing else: a lone $ is common in zone files and passwords.
func expand(ts *testscript.TestScript, text string) string {
	return expandBraces(text, func(name string) string {
		if name == "/" {
			return string(filepath.Separator)
		}
		return ts.Getenv(name)
	})
}

func expandBraces(text string, get func(string) string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			b.WriteString("${" + rest)
			return b.String()
		}
		b.WriteString(get(name))
		text = after
	}
}

// cmdNeed is `need PROGRAM...`: the peers a script cannot do without.
func cmdNeed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: need PROGRAM...")
	}
	var missing []string
	for _, name := range args {
		if lookPath(ts.Getenv("PATH"), name) == "" {
			missing = append(missing, name)
		}
		if name == "baresip" && !hasNetwork() {
			missing = append(missing, "network address other than loopback, which baresip needs,")
		}
	}
	if len(missing) == 0 {
		return
	}
	if os.Getenv("SIPWAY_SKIP_PEERS") == "1" && os.Getenv("CI") != "true" {
		procs(ts).t.Skip("no", strings.Join(missing, ", "), "here and SIPWAY_SKIP_PEERS=1")
		return
	}
	ts.Fatalf("no %s here: run test/peers/install, or set SIPWAY_SKIP_PEERS=1 to leave these scripts out",
		strings.Join(missing, ", "))
}

// hasNetwork reports whether an interface has an address that is of use beyond this host.
func hasNetwork() bool {
	all, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(all, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().IsGlobalUnicast()
	})
}

// lookPath returns the file of a program, or "". The script's PATH counts, not ours.
func lookPath(path, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file
		}
	}
	return ""
}

// cmdExits is `exits CODE PROGRAM ARGS...`: runs a program and compares its exit code;
// stdout and stderr can be asked afterwards.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG...]")
	}
	code := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := err.(*exec.ExitError)
		if !ok {
			ts.Fatalf("exits: %v", err)
		}
		code = fmt.Sprint(exit.ExitCode())
	}
	if code != args[0] {
		ts.Fatalf("%s exited with %s, want %s", args[1], code, args[0])
	}
}
