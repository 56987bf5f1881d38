package payload

import (
	"math"
	"regexp"

	"github.com/tollgate-gateway/tollgate/cmd/konecty/internal/api"
)

// farthest is the last moment of the server's calendar, in milliseconds from 1970.
const farthest = 8.64e15

const (
	timeOfDay = `([T ][0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?$`
	anyYear   = `^([1-9][0-9]{3}|0[1-9][0-9]{2}|00[4-9][0-9])`
)

// The server's language reads nearly any text as a date. It refuses texts of these forms whose numbers are out of bounds;
// each form stands beside the one of those that are within.
var (
	likeISO     = regexp.MustCompile(anyYear + `-[0-9]{1,2}-[0-9]{1,2}` + timeOfDay)
	isoForm     = regexp.MustCompile(anyYear + `-(0?[1-9]|1[0-2])-(0?[1-9]|[12][0-9]|3[01])([T ]([01]?[0-9]|2[0-4]):[0-5]?[0-9](:[0-5]?[0-9](\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?$`)
	likeSlashed = regexp.MustCompile(`^[0-9]{1,2}/[0-9]{1,2}/[1-9][0-9]{3}$`)
	slashedForm = regexp.MustCompile(`^(0?[1-9]|1[0-2])/(0?[1-9]|[12][0-9]|3[01])/[0-9]{4}$`)
	anyDigit    = regexp.MustCompile(`[0-9]`)
)

// isMoment reports whether a value may be a date. Only what is certainly not a date is refused; the rest is left to the server.
func isMoment(_ *api.Field, value any) bool {
	if wrapped, ok := value.(object); ok && wrapped["$date"] != nil {
		value = wrapped["$date"]
	}
	if n, ok := number(value); ok {
		return math.Abs(n) <= farthest
	}
	switch value := value.(type) {
	case bool:
		return true
	case string:
		return isDate(value)
	case []any: // is read as its elements with commas between them
		if len(value) == 1 {
			text, ok := value[0].(string)
			return !ok || isDate(text)
		}
		return len(value) > 1
	}
	return false
}

func isDate(text string) bool {
	return anyDigit.MatchString(text) && (!likeISO.MatchString(text) || isoForm.MatchString(text)) &&
		(!likeSlashed.MatchString(text) || slashedForm.MatchString(text))
}
