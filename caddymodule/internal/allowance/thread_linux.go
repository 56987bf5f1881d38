package allowance

import (
	"syscall"
	"time"
)

// ThreadTime is how long the calling thread has run, on any core; false where the system does not tell it.
func ThreadTime() (time.Duration, bool) {
	const thisThread = 1 // RUSAGE_THREAD of getrusage(2)
	var usage syscall.Rusage
	if err := syscall.Getrusage(thisThread, &usage); err != nil {
		return 0, false
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), true
}
