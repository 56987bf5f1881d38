//go:build race

package gateway_test

// underRace says that the race detector allocates as well.
const underRace = true
