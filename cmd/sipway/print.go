package main

import (
	"strconv"
	"strings"
	"unicode"
)

// printable returns text that came from outside so that no terminal obeys it:
// controls, bidirectional overrides and bytes that are no UTF-8 become escapes.
func printable(s string) string {
	clean := true
	for _, r := range s {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// printableLines is printable for each line of a text of our own.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return strings.Join(lines, "\n")
}
