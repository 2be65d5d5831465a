package test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sipway/sipway"

// floors is a statement of policy: the picture of README.md as a table. A line "a, b < c, d" lets c and d
// import a and b, and all that a and b may import. A package that stands nowhere here may not exist.
// NONE stands for the standard library and foreign modules. What is not allowed is an arrow up.
const floors = `
	# ground: values
	NONE < sip;

	# knowledge: names, users, records
	NONE < config, zones, location;
	sip < resolver;

	# wire: sockets and timers
	NONE < datagram;
	sip, datagram < transport;
	zones, datagram < nameserver;

	# roles: they decide
	sip < auth;
	auth, location, transport < registrar, redirect;
	transport < dispatch;

	NONE < admin;

	# the binary wires all parts
	config, dispatch, registrar, redirect, nameserver, resolver, admin < cmd/sipway;

	# side by side with the peers; tests
	NONE < bench, bench/sipload, test, test/script;
`

// TestFloors holds every import between our packages against the table.
func TestFloors(t *testing.T) {
	t.Parallel()
	allowed := parseFloors(t, floors)
	seen := map[string]bool{}
	for pkg, imports := range imports(t) {
		seen[pkg] = true
		may, ok := allowed[pkg]
		if !ok {
			t.Errorf("package %s stands on no floor: add it to the table, or to a room that exists", pkg)
			continue
		}
		for _, imp := range imports {
			if !may[imp] {
				t.Errorf("%s imports %s: an arrow up (or sideways) that the floors do not allow", pkg, imp)
			}
		}
	}
	for pkg := range allowed {
		if !seen[pkg] {
			t.Errorf("the table names %s, which does not exist", pkg)
		}
	}
}

// TestFloorsTableCanFail shows that the table is a real check: an arrow up is not in its closure.
func TestFloorsTableCanFail(t *testing.T) {
	t.Parallel()
	allowed := parseFloors(t, floors)
	for _, up := range [][2]string{{"sip", "transport"}, {"zones", "sip"}, {"location", "registrar"}, {"transport", "dispatch"}} {
		if allowed[up[0]][up[1]] {
			t.Errorf("the table lets %s import %s", up[0], up[1])
		}
	}
}

// parseFloors returns, for each package, the set of our packages that it may import.
func parseFloors(t *testing.T, table string) map[string]map[string]bool {
	t.Helper()
	var text strings.Builder
	for line := range strings.Lines(table) {
		line, _, _ = strings.Cut(line, "#")
		text.WriteString(line)
	}
	allowed := map[string]map[string]bool{}
	for rule := range strings.SplitSeq(text.String(), ";") {
		if strings.TrimSpace(rule) == "" {
			continue
		}
		below, above, ok := strings.Cut(rule, "<")
		if !ok {
			t.Fatalf("floor rule without '<': %q", rule)
		}
		for a := range strings.SplitSeq(above, ",") {
			a = strings.TrimSpace(a)
			if allowed[a] == nil {
				allowed[a] = map[string]bool{}
			}
			for b := range strings.SplitSeq(below, ",") {
				b = strings.TrimSpace(b)
				if b == "NONE" {
					continue
				}
				if allowed[b] == nil {
					t.Fatalf("floor rule for %s names %s before its own rule: write the lower floor first", a, b)
				}
				allowed[a][b] = true
				for c := range allowed[b] {
					allowed[a][c] = true
				}
			}
		}
	}
	return allowed
}

// imports lists our packages with the imports among them, tests left out.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		name := strings.TrimPrefix(fields[0], module+"/")
		own := []string{}
		for _, imp := range fields[1:] {
			if rest, ok := strings.CutPrefix(imp, module+"/"); ok {
				own = append(own, rest)
			}
		}
		slices.Sort(own)
		all[name] = own
	}
	return all
}
