package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Error is one thing wrong with a configuration: where, what, and what to do.
type Error struct {
	Pos  Position // zero if it is not about a place in a file
	Msg  string   // what is wrong
	Hint string   // what to do, "" if Msg says it all
}

// Error returns "file:line:col: what; what to do". It holds no control
// characters, whatever the file held.
func (e *Error) Error() string {
	s := e.Msg
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	if at := e.Pos.String(); at != "" {
		s = at + ": " + s
	}
	return s
}

// String returns "file:line:col", "file" without a line, or "" for nowhere.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Errors are all the errors of one configuration, in the order of the file. A
// non-empty Errors is an error; each line of its text is one of them.
type Errors []*Error

// Error returns one line for each error.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the single errors for errors.As and errors.Is.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}

// problem is what a value's parser found wrong: how the sentence goes on after
// the value's name, and what to do.
type problem struct{ what, todo string }

// quote shows what a person wrote: in quotes, with everything escaped that
// could move a terminal's cursor, and cut to a length that fits a line.
func quote(s string) string {
	const longest = 60
	if len(s) > longest {
		return strconv.QuoteToGraphic(s[:longest]) + "..."
	}
	return strconv.QuoteToGraphic(s)
}

// nearest returns the known word that is closest to word, "" if none is close
// enough to be what was meant.
func nearest(word string, known []string) string {
	const longestWord = 64
	if len(word) > longestWord {
		return ""
	}
	best, bestDistance := "", len(word)/3+2
	for _, k := range known {
		if d := distance(strings.ToLower(word), k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance counts the edits between a and b: insert, remove, replace, and swap
// of neighbours (optimal string alignment).
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now := make([]int, len(b)+1)
		now[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last = last, now
	}
	return last[len(b)]
}

// choices writes known words for a person: a, b or c.
func choices(known []string) string {
	if len(known) < 2 {
		return strings.Join(known, "")
	}
	last := len(known) - 1
	return strings.Join(known[:last], ", ") + " or " + known[last]
}
