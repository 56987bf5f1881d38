package agentapi

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// query reads the parameters of a request, each with its rule, and collects what is wrong. A parameter that nobody
// asked for is wrong as well: a misspelt filter must not be taken for no filter.
type query struct {
	values url.Values
	known  []string
	wrong  problems
	// location is the workspace's time zone, in which dates without a time are meant.
	location *time.Location
}

// readQuery begins with the query of a request and the settings of its workspace, whose time zone dates are in.
func (a *API) readQuery(r *http.Request, who identity) (*query, settings, error) {
	settings, err := a.store.settings(r.Context(), who.workspace)
	if err != nil {
		return nil, settings, err
	}
	q := &query{wrong: problems{}, location: settings.location}
	if q.values, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		q.wrong["query"] = "Must be well-formed: name=value pairs with percent-encoding"
	}
	return q, settings, nil
}

// text is the parameter's value, empty where it is not given or wrong.
func (q *query) text(name string, checks ...check) string {
	q.known = append(q.known, name)
	values := q.values[name]
	problem := ""
	switch {
	case len(values) == 0:
		return ""
	case len(values) > 1:
		problem = "Given more than once"
	case !utf8.ValidString(values[0]):
		problem = "Must be UTF-8"
	default:
		problem = firstProblem(values[0], checks)
	}
	if problem != "" {
		q.wrong[name] = problem
		return ""
	}
	return values[0]
}

// choice is one of values; the fallback where it is not given.
func (q *query) choice(name string, values []string, fallback string) string {
	if value := q.text(name, oneOf(values)); value != "" {
		return value
	}
	return fallback
}

func (q *query) integer(name string, low, high, fallback int) int {
	n := fallback
	q.text(name, func(s string) string {
		var err error
		if n, err = strconv.Atoi(s); err != nil || n < low || n > high {
			return integerProblem(low, high)
		}
		return ""
	})
	return n
}

// maxPage keeps the offset of a page far from any overflow.
const maxPage = 1_000_000

func (q *query) page() int  { return q.integer("page", 1, maxPage, 1) }
func (q *query) limit() int { return q.integer("limit", 1, 100, 50) }

const instantProblem = "Must be one date (2026-01-31) or time with zone (2026-01-31T09:00:00Z; write + as %2B) from 1900 to 2199"

// instantForm keeps to RFC 3339 where time.Parse is more generous.
var instantForm = regexp.MustCompile(`^(19|20|21)\d{2}-\d{2}-\d{2}(T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d))?$`)

// instant is a date or an RFC 3339 time; nil where it is not given. A date means its first or its last millisecond.
func (q *query) instant(name string, last bool) *time.Time {
	var found *time.Time
	q.text(name, func(s string) string {
		at, err := time.Parse(time.RFC3339, s)
		if len(s) == len(time.DateOnly) {
			at, err = time.ParseInLocation(time.DateOnly, s, q.location)
			if last {
				at = at.AddDate(0, 0, 1).Add(-time.Millisecond)
			}
		}
		if err != nil || !instantForm.MatchString(s) {
			return instantProblem
		}
		found = &at
		return ""
	})
	return found
}

// between reads two instants of which the first must not be later than the second.
func (q *query) between(from, to string) (first, last *millis) {
	begin, end := q.instant(from, false), q.instant(to, true)
	if begin != nil && end != nil && begin.After(*end) {
		q.wrong[from] = "Must not be later than " + to
		q.wrong[to] = "Must not be earlier than " + from
	}
	return optionalMillis(begin), optionalMillis(end)
}

func optionalMillis(t *time.Time) *millis {
	if t == nil {
		return nil
	}
	ms := millisOf(*t)
	return &ms
}

// check ends the reading: it names unknown parameters and gives all problems as one error.
func (q *query) check() error {
	for name := range q.values {
		if !slices.Contains(q.known, name) {
			q.wrong.name(name, "Unknown parameter; known are "+strings.Join(q.known, ", "))
		}
	}
	return q.wrong.failure("Invalid query parameters")
}
