//go:build !linux

package allowance

import "time"

// ThreadTime is not known here; the clock has to do.
func ThreadTime() (time.Duration, bool) { return 0, false }
