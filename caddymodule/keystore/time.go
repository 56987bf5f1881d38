package keystore

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// rfc3339 is the form of an instant in RFC 3339, section 5.6. Package time takes more than that: hours of one digit, a comma
// in front of fractions, zones beyond a day.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// ParseTime reads an instant in RFC 3339, in any zone, and gives it in UTC, to the microsecond that stores keep. T and Z may
// stand in either case, as in the RFC. A leap second is refused: Go has no instant for it.
func ParseTime(s string) (time.Time, error) {
	text := strings.ToUpper(s)
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || !rfc3339.MatchString(text) {
		return time.Time{}, fmt.Errorf("time %q is not valid: write it in RFC 3339, such as 2027-01-01T00:00:00Z", s)
	}
	return t.UTC().Truncate(time.Microsecond), nil
}
