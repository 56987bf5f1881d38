package keystore

import (
	"fmt"
	"time"
)

// ParseTime reads an instant in RFC 3339, in any zone, and gives it in UTC, to the microsecond that stores keep.
func ParseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("time %q is not valid: write it in RFC 3339, such as 2027-01-01T00:00:00Z", s)
	}
	return t.UTC().Truncate(time.Microsecond), nil
}
