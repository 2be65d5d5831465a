package script

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// poll is how often a wait looks again for its event.
const poll = 10 * time.Millisecond

// process is a program that a script started in the background. Its output is in NAME.log.
type process struct {
	name string
	log  string // absolute path
	cmd  *exec.Cmd
	done chan struct{} // closed when it ended
	err  error         // of Wait; read after done
}

type processesKey struct{}

// processes are those of one script.
type processes struct {
	t      testscript.T
	mu     sync.Mutex
	byName map[string]*process
}

func procs(ts *testscript.TestScript) *processes {
	return ts.Value(processesKey{}).(*processes)
}

func (ps *processes) add(p *process) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.byName[p.name] = p
}

// take returns the process of that name and forgets it.
func (ps *processes) take(name string) *process {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.byName[name]
	delete(ps.byName, name)
	return p
}

func (ps *processes) running(name string) bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.byName[name]
	return p != nil && !p.ended()
}

// killAll ends what a script left running.
func (ps *processes) killAll() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.byName {
		p.signal(syscall.SIGKILL)
		<-p.done
	}
	clear(ps.byName)
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// signal reaches the children too: start makes each process the leader of its group.
func (p *process) signal(sig syscall.Signal) {
	if !p.ended() {
		_ = syscall.Kill(-p.cmd.Process.Pid, sig)
	}
}

// text returns what the process has written so far.
func (p *process) text() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// start runs a program in the background with the script's directory and environment.
func start(ts *testscript.TestScript, name string, argv []string) *process {
	ps := procs(ts)
	if ps.running(name) {
		ts.Fatalf("%s runs already", name)
	}
	file := lookPath(ts.Getenv("PATH"), argv[0])
	if file == "" {
		ts.Fatalf("no program %s", argv[0])
	}
	p := &process{name: name, log: ts.MkAbs(name + ".log"), done: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	ts.Check(err)
	defer func() { _ = out.Close() }() // the child has its own descriptor

	p.cmd = exec.Command(file, argv[1:]...)
	p.cmd.Dir = ts.MkAbs(".")
	p.cmd.Env = environ(ts)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	ts.Check(p.cmd.Start())
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	ps.add(p)
	return p
}

// environ is the part of a script's environment that programs need.
func environ(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "WORK", "NO_COLOR", "LC_ALL", "GORACE", "SIP", "DNS", "ADMIN"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

// waitUntil polls until ok, and fails the script when patience or the process ends.
func waitUntil(ts *testscript.TestScript, p *process, what string, ok func() bool) {
	deadline := time.Now().Add(patience)
	for !ok() {
		if p != nil && p.ended() && !ok() {
			ts.Fatalf("%s ended (%v) before %s:\n%s", p.name, p.err, what, p.text())
		}
		if time.Now().After(deadline) {
			log := ""
			if p != nil {
				log = "\n" + p.text()
			}
			ts.Fatalf("no %s within %v%s", what, patience, log)
		}
		time.Sleep(poll)
	}
}

// cmdServe is `serve ARGS...`: runs `sipway serve ARGS` and returns when it listens, which its
// ready file tells. Its output is in sipway.log.
func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("unsupported: ! serve; use exits")
	}
	ready := ts.MkAbs("sipway.ready")
	if err := os.Remove(ready); err != nil && !errors.Is(err, fs.ErrNotExist) { // of one that crashed
		ts.Fatalf("%v", err)
	}
	p := start(ts, "sipway", append([]string{"sipway", "serve", "--ready-file", ready}, args...))
	waitUntil(ts, p, "ready file", func() bool {
		_, err := os.Stat(ready)
		return err == nil
	})
}

// cmdStart is `start NAME PROGRAM ARGS...`: a peer in the background, output in NAME.log.
func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME PROGRAM [ARG...]")
	}
	start(ts, args[0], args[1:])
}

// cmdTerminate is `terminate [NAME]`: SIGTERM, and the process (sipway by default) must exit
// with 0. With `!` any end will do.
func cmdTerminate(ts *testscript.TestScript, neg bool, args []string) {
	p := named(ts, args)
	p.signal(syscall.SIGTERM)
	p.await(ts)
	if p.err != nil && !neg {
		ts.Fatalf("%s after SIGTERM: %v\n%s", p.name, p.err, p.text())
	}
}

// cmdCrash is `crash [NAME]`: kill -9, at once and without goodbye.
func cmdCrash(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("unsupported: ! crash")
	}
	p := named(ts, args)
	p.signal(syscall.SIGKILL)
	p.await(ts)
	var exit *exec.ExitError
	if !errors.As(p.err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		ts.Fatalf("%s had ended before it was killed: %v\n%s", p.name, p.err, p.text())
	}
}

func named(ts *testscript.TestScript, args []string) *process {
	name := "sipway"
	switch len(args) {
	case 0:
	case 1:
		name = args[0]
	default:
		ts.Fatalf("one process at a time")
	}
	p := procs(ts).take(name)
	if p == nil {
		ts.Fatalf("%s was not started", name)
	}
	return p
}

func (p *process) await(ts *testscript.TestScript) {
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGQUIT) // a Go program says where it hangs
		<-p.done
		ts.Fatalf("%s did not end within %v:\n%s", p.name, patience, p.text())
	}
}

// cmdAwait is `await FILE REGEXP [COUNT]`: until FILE has COUNT (1) matches. A FILE
// NAME.log of a running process fails at once when the process ends without it.
func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: await FILE REGEXP [COUNT]")
	}
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	count := 1
	if len(args) == 3 {
		count, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	file := ts.MkAbs(args[0])
	ps := procs(ts)
	ps.mu.Lock()
	var writer *process
	for _, p := range ps.byName {
		if p.log == file {
			writer = p
		}
	}
	ps.mu.Unlock()
	waitUntil(ts, writer, fmt.Sprintf("%d times %s in %s", count, args[1], args[0]), func() bool {
		b, err := os.ReadFile(file)
		return err == nil && len(re.FindAllIndex(b, count)) >= count
	})
}

// cmdCapture is `capture NAME FILE REGEXP`: sets $NAME to what the first group of REGEXP matches in FILE.
func cmdCapture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: capture NAME FILE REGEXP")
	}
	re, err := regexp.Compile("(?m)" + args[2])
	ts.Check(err)
	m := re.FindStringSubmatch(ts.ReadFile(args[1]))
	if len(m) < 2 {
		ts.Fatalf("no group of %s matches in %s:\n%s", args[2], args[1], ts.ReadFile(args[1]))
	}
	ts.Setenv(args[0], m[1])
}

// cmdMask is `mask FILE REGEXP...`: replaces all matches by asterisks, so that files can be compared.
func cmdMask(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: mask FILE REGEXP...")
	}
	text := ts.ReadFile(args[0])
	for _, pattern := range args[1:] {
		re, err := regexp.Compile("(?m)" + pattern)
		ts.Check(err)
		text = re.ReplaceAllString(text, "***")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}
