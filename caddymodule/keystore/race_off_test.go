//go:build !race

package keystore_test

const (
	// unknownKeys is how many different keys guessers try in a test.
	unknownKeys = 1_000_000
	// maxGrowth is by how much the process may grow meanwhile, in MB.
	maxGrowth = 50
)
