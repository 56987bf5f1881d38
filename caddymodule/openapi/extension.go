package openapi

import (
	"fmt"
	"strconv"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/size"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// unknownDate is told of an operation that is deprecated since nobody knows when: RFC 9745 has no other way to say so than
// a date that is over.
var unknownDate = time.Unix(0, 0).UTC()

// extend reads "deprecated" and "x-tollgate" of an operation into its route.
func (o *operation) extend(r *route.Route) error {
	if at, found := o.of.get("deprecated"); found {
		deprecated, err := at.flag("deprecated")
		if err != nil {
			return err
		}
		if deprecated {
			r.Deprecation = &route.Deprecation{Deprecated: unknownDate}
		}
	}
	extension, found := o.of.get("x-tollgate")
	if !found {
		return nil
	}
	return extension.each("x-tollgate", func(word string, key, value place) error {
		read, known := extensionWords[word]
		if !known {
			return key.errorf("x-tollgate has no %q: known are cost, body, limit, deprecated, sunset, link", word)
		}
		text, err := value.text()
		if err != nil {
			return err
		}
		if err := read(r, text); err != nil {
			return value.errorf("x-tollgate: %s: %w", word, err)
		}
		return nil
	})
}

// extensionWords are the words of x-tollgate. They mean what they mean in the block of a route.
var extensionWords = map[string]func(*route.Route, string) error{
	"cost": func(r *route.Route, text string) (err error) {
		if r.Cost, err = strconv.ParseInt(text, 10, 64); err != nil || r.Cost < 1 || r.Cost > record.MaxLimit {
			return fmt.Errorf("%q is not a whole number of at least 1", text)
		}
		return nil
	},
	"body":       func(r *route.Route, text string) (err error) { r.BodyLimit, err = size.Parse(text, 1<<30); return err },
	"limit":      func(r *route.Route, text string) (err error) { r.Limit, err = record.ParseWindow(text); return err },
	"deprecated": func(r *route.Route, text string) error { return date(&deprecation(r).Deprecated, text) },
	"sunset":     func(r *route.Route, text string) error { return date(&deprecation(r).Sunset, text) },
	"link":       func(r *route.Route, text string) error { deprecation(r).Link = text; return nil },
}

func deprecation(r *route.Route) *route.Deprecation {
	if r.Deprecation == nil {
		r.Deprecation = new(route.Deprecation)
	}
	return r.Deprecation
}

func date(into *time.Time, text string) (err error) {
	*into, err = route.ParseDate(text)
	return err
}
