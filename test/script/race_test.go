//go:build race

package script

// buildFlags makes the binary under test carry the race detector when the tests do.
var buildFlags = []string{"-race"}
