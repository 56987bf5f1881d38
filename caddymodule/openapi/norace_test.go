//go:build !race

package openapi_test

// slack is how much longer things may take in a test than they should: what grows without bound takes a hundred times as long.
// memorySlack is the same of memory, which nobody shares.
const (
	slack       = 10
	memorySlack = 1
)
