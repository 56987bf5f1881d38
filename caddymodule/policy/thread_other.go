//go:build !linux

package policy

import "time"

// threadTime is not known here; the clock has to do.
func threadTime() (time.Duration, bool) { return 0, false }
