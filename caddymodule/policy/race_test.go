//go:build race

package policy

// underRace makes long tests shorter: the race detector slows evaluation down tenfold.
const underRace = true
