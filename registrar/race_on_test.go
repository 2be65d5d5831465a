//go:build race

package registrar

// raceEnabled: sync.Pool then forgets on purpose, so allocations mean nothing.
const raceEnabled = true
