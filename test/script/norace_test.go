//go:build !race

package script

// buildFlags is empty: the binary under test is the one that users get.
var buildFlags []string
