//go:build !linux

package redis

import "time"

// neighbour is not known here.
type neighbour struct{}

func newNeighbour(string, string) *neighbour { return nil }
func (*neighbour) waits(time.Duration) bool  { return false }
