package test

import (
	"bytes"
	"context"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestPackageComments demands exactly one package comment in each package, in the form that godoc reads.
func TestPackageComments(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}}\t{{.Dir}}\t{{.Name}}\t{{join .GoFiles \" \"}}", module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) < 4 { // a folder of tests only
			continue
		}
		path, dir, name, files := fields[0], fields[1], fields[2], strings.Fields(fields[3])
		var commented []string
		for _, file := range files {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, file), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if f.Doc == nil {
				continue
			}
			commented = append(commented, file)
			want := "Package " + name + " "
			if name == "main" {
				want = "Command " + filepath.Base(path) + " "
			}
			if text := f.Doc.Text(); !strings.HasPrefix(text, want) {
				t.Errorf("%s: %s: the package comment begins %.30q, want %q", path, file, text, want)
			}
		}
		if len(commented) != 1 {
			t.Errorf("%s has %d package comments (%v), want exactly one", path, len(commented), commented)
		}
	}
}

// TestReadmeFloors holds the picture of the floors in the README against the packages that exist.
func TestReadmeFloors(t *testing.T) {
	t.Parallel()
	readme := readFile(t, "../README.md")
	for pkg := range imports(t) {
		if !strings.Contains(readme, "\n"+pkg+"/") {
			t.Errorf("README.md: the picture of the floors has no line for %s/", pkg)
		}
	}
}

// TestReadmeBenchmarks holds the README's table against the bars: whoever pastes a new one sees what got worse.
func TestReadmeBenchmarks(t *testing.T) {
	t.Parallel()
	rows := regexp.MustCompile(`(?m)^\|.*\| ([0-9.]+)x \| ([0-9.]+)x \|`).FindAllStringSubmatch(readFile(t, "../README.md"), -1)
	if len(rows) < 3 {
		t.Fatalf("README.md: %d rows of the benchmark's table have a bar, want redirect, REGISTER and DNS at least", len(rows))
	}
	for _, row := range rows {
		ratio, err1 := strconv.ParseFloat(row[1], 64)
		bar, err2 := strconv.ParseFloat(row[2], 64)
		if err1 != nil || err2 != nil || ratio < bar {
			t.Errorf("README.md: below its bar: %s", row[0])
		}
	}
}

var yamlBlock = regexp.MustCompile("(?s)\n```yaml\n(.*?)\n```\n")

// TestReadmeConfig has the README's configuration judged by the command that judges everyone's.
func TestReadmeConfig(t *testing.T) {
	t.Parallel()
	block := yamlBlock.FindStringSubmatch(readFile(t, "../README.md"))
	if block == nil {
		t.Fatal("README.md has no yaml block")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"sipway.yaml":       block[1],
		"users.yaml":        "realm: example.com\nusers:\n  alice: {sha-256: " + strings.Repeat("0", 64) + "}\n",
		"example.com.zone":  "www.example.com. 60 IN A 192.0.2.80\n",
		"corp.example.zone": "@ 60 IN SOA ns hostmaster 1 7200 900 1209600 60\n@ 60 IN NS ns\nns 60 IN A 192.0.2.53\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	validate := exec.Command(buildSipway(t, dir), "config", "validate", "sipway.yaml")
	validate.Dir = dir
	if out, err := validate.CombinedOutput(); err != nil {
		t.Errorf("README.md: the configuration is refused: %v\n%s", err, out)
	}
}

// buildSipway builds the binary into dir/bin and returns its path.
func buildSipway(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "bin", "sipway")
	if out, err := exec.Command("go", "build", "-o", path, "../cmd/sipway").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

var consoleBlock = regexp.MustCompile("(?s)\n```console\n(.*?)\n```\n")

// TestReadmeCommands runs the README's console blocks, top to bottom, in a network namespace of its own
// where the machine lets us make one: each `$ command` must exit 0, and each line shown below it must
// come out in that order (`...` in such a line stands for anything). A `serve` runs on in the background.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("dig"); err != nil && os.Getenv("SIPWAY_SKIP_PEERS") == "1" && os.Getenv("CI") != "true" {
		t.Skip("no dig here and SIPWAY_SKIP_PEERS=1")
	}
	blocks := consoleBlock.FindAllStringSubmatch(readFile(t, "../README.md"), -1)
	if len(blocks) == 0 {
		t.Fatal("README.md has no console block to run")
	}
	dir := t.TempDir()
	bin := filepath.Dir(buildSipway(t, dir))
	var steps []readmeStep
	for _, block := range blocks {
		steps = append(steps, parseConsole(block[1])...)
	}
	output := runReadme(t, dir, bin, steps)
	for i, step := range steps {
		mark := "\n@@@ " + step.marker(i) + "\n"
		_, rest, ok := strings.Cut(output, mark)
		if !ok {
			t.Fatalf("README.md: %q was not reached; the session so far:\n%s", step.command, output)
		}
		shown, _, _ := strings.Cut(rest, "\n@@@ ")
		checkShown(t, step, shown)
	}
}

type readmeStep struct {
	command string
	want    []string
}

func (s readmeStep) marker(i int) string { return "step " + string(rune('A'+i)) }

func (s readmeStep) serves() bool { return strings.Contains(s.command, "sipway serve") }

func parseConsole(block string) []readmeStep {
	var steps []readmeStep
	for line := range strings.Lines(block) {
		line = strings.TrimRight(line, "\n")
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			command = strings.ReplaceAll(command, "go run ./cmd/sipway", "sipway")
			steps = append(steps, readmeStep{command: command})
			continue
		}
		if len(steps) > 0 && strings.TrimSpace(line) != "" && strings.TrimSpace(line) != "..." {
			last := &steps[len(steps)-1]
			last.want = append(last.want, line)
		}
	}
	return steps
}

// runReadme writes the steps as one shell script, runs it and returns all that was printed.
func runReadme(t *testing.T, dir, bin string, steps []readmeStep) string {
	t.Helper()
	var script bytes.Buffer
	script.WriteString("set -u\nip link set lo up 2>/dev/null\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n")
	for i, step := range steps {
		script.WriteString("echo; echo '@@@ " + step.marker(i) + "'\n")
		if step.serves() {
			script.WriteString(step.command + " > serve.log 2>&1 &\n" +
				"for i in $(seq 300); do (exec 3<>/dev/tcp/127.0.0.1/8300) 2>/dev/null && break; sleep 0.1; done\ncat serve.log\n")
			continue
		}
		script.WriteString(step.command + " 2>&1\n" +
			"code=$?; [ $code = 0 ] || { echo \"exit code $code\"; cat serve.log; exit 1; }\n")
	}
	script.WriteString("echo; echo '@@@ end'\n")
	name, args := "bash", []string{"-c", script.String()}
	if exec.Command("unshare", "-n", "ip", "link", "set", "lo", "up").Run() == nil {
		name, args = "unshare", append([]string{"-n", "bash"}, args...)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the README's session failed: %v\n%s", err, out)
	}
	return string(out)
}

// checkShown looks for the README's lines, in order, among the lines that were printed.
func checkShown(t *testing.T, step readmeStep, shown string) {
	t.Helper()
	lines := strings.Split(shown, "\n")
	for _, want := range step.want {
		pattern := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(squeeze(want)), `\.\.\.`, ".*") + "$")
		found := false
		for len(lines) > 0 && !found {
			found = pattern.MatchString(squeeze(lines[0]))
			lines = lines[1:]
		}
		if !found {
			t.Errorf("README.md: `%s` does not print %q; it printed:\n%s", step.command, want, shown)
			return
		}
	}
}

// squeeze folds white space, so that a column's width is no reason to fail.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
