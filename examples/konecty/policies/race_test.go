//go:build race

package policies_test

// underRace leaves out counts of allocations.
const underRace = true
