package script

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// match compares an answer with a pattern. `*` stands for any text within a line. The status
// line comes first; header fields may come in any order, those of one name in that of
// the pattern; fields that the pattern does not name are an error unless it has a `...` line.
// What follows the first empty line of the pattern is the body.
func match(want, got string) error {
	want = strings.TrimRight(want, "\n")
	got = strings.ReplaceAll(got, "\r\n", "\n")
	wantHead, wantBody, _ := strings.Cut(want, "\n\n")
	gotHead, gotBody, _ := strings.Cut(got, "\n\n")
	wantLines, gotLines := strings.Split(wantHead, "\n"), strings.Split(strings.TrimRight(gotHead, "\n"), "\n")
	if !glob(wantLines[0], gotLines[0]) {
		return fmt.Errorf("want %q, got %q", wantLines[0], gotLines[0])
	}
	if strings.TrimRight(gotBody, "\n") != wantBody && !glob(wantBody, strings.TrimRight(gotBody, "\n")) {
		return fmt.Errorf("want body %q, got %q", wantBody, gotBody)
	}
	more := slices.Contains(wantLines, "...")
	wantLines = slices.DeleteFunc(wantLines[1:], func(s string) bool { return s == "..." })

	gotByName := byName(gotLines[1:])
	for name, patterns := range byName(wantLines) {
		lines := gotByName[name]
		delete(gotByName, name)
		if len(patterns) != len(lines) {
			return fmt.Errorf("want %d lines of %s, got %d", len(patterns), name, len(lines))
		}
		for i := range patterns {
			if !glob(patterns[i], lines[i]) {
				return fmt.Errorf("want %q, got %q", patterns[i], lines[i])
			}
		}
	}
	if more {
		return nil
	}
	var unwanted []error
	for _, lines := range gotByName {
		for _, l := range lines {
			unwanted = append(unwanted, fmt.Errorf("not in the pattern: %q", l))
		}
	}
	return errors.Join(unwanted...)
}

// byName groups header lines by their lower-case name.
func byName(lines []string) map[string][]string {
	m := map[string][]string{}
	for _, l := range lines {
		name, _, _ := strings.Cut(l, ":")
		name = strings.ToLower(strings.TrimSpace(name))
		m[name] = append(m[name], l)
	}
	return m
}

// glob reports whether the whole of s matches the pattern, in which `*` is any text.
func glob(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`(?s)\A` + strings.Join(parts, ".*") + `\z`).MatchString(s)
}

func TestMatch(t *testing.T) {
	t.Parallel()
	got := "SIP/2.0 200 OK\r\nVia: a\r\nContact: <sip:x>;expires=59\r\nVia: b\r\nCSeq: 1 REGISTER\r\n\r\n"
	for _, test := range []struct {
		name, want string
		ok         bool
	}{
		{"any order of names", "SIP/2.0 200 OK\nCSeq: 1 REGISTER\nContact: <sip:x>;expires=*\nVia: a\nVia: b\n", true},
		{"order within a name", "SIP/2.0 200 OK\nCSeq: 1 REGISTER\nContact: *\nVia: b\nVia: a\n", false},
		{"status", "SIP/2.0 404 *\n...\n", false},
		{"too many fields", "SIP/2.0 200 OK\nVia: a\nVia: b\n", false},
		{"dots allow more fields", "SIP/2.0 200 OK\nVia: a\nVia: b\n...\n", true},
		{"dots do not allow more of a named field", "SIP/2.0 200 OK\nVia: a\n...\n", false},
		{"missing field", "SIP/2.0 200 OK\nExpires: *\n...\n", false},
		{"a dot is a dot", "SIP/2x0 200 OK\n...\n", false},
		{"body", "SIP/2.0 200 OK\n...\n\nv=0\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if err := match(test.want, got); (err == nil) != test.ok {
				t.Errorf("match says %v", err)
			}
		})
	}
}

func TestWire(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"A\nB: c\n":                           "A\r\nB: c\r\n\r\n",
		"A\nContent-Length: *\n\nv=0\n":       "A\r\nContent-Length: 5\r\n\r\nv=0\r\n",
		"A\nContent-Length: *\n":              "A\r\nContent-Length: 0\r\n\r\n",
		"(keepalive)\n":                       "\r\n\r\n",
		"A\nSubject: folded\n more\nB: c\n\n": "A\r\nSubject: folded\r\n more\r\nB: c\r\n\r\n",
	} {
		if got := string(wire(text)); got != want {
			t.Errorf("wire(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestSections(t *testing.T) {
	t.Parallel()
	if got := sections("a\nb\n---\nc\n"); !slices.Equal(got, []string{"a\nb", "c\n"}) {
		t.Errorf("got %q", got)
	}
}

func TestExpandBraces(t *testing.T) {
	t.Parallel()
	get := func(name string) string { return "<" + name + ">" }
	if got, want := expandBraces("$ORIGIN ${SIP}:${X} $ ${open", get), "$ORIGIN <SIP>:<X> $ ${open"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
