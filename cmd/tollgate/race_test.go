//go:build race

package main

// underRace leaves out what the race detector's own memory would decide.
const underRace = true
