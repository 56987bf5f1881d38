//go:build race

package keystore_test

// Under the race detector fewer unknown keys do, and its own shadow of what they touch counts as well.
const (
	unknownKeys = 100_000
	maxGrowth   = 150 // MB
)
