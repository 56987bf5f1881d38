package payload

import (
	"regexp"
	"slices"

	"github.com/tollgate-gateway/tollgate/cmd/konecty/internal/api"
)

var (
	emailForm = regexp.MustCompile(`^[a-zA-Z0-9_.+-]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9.-]+$`)
	brazilian = regexp.MustCompile(`^[0-9]{10,12}$`)
	// Country codes as text: those that are below 0 or above 999, and Brazil's.
	noCountry = regexp.MustCompile(`^\s*(-0*[1-9]|\+?0*[1-9][0-9]{3})`)
	brazil    = regexp.MustCompile(`^\s*\+?0*55([^0-9]|$)`)
)

func isEmail(_ *api.Field, value any) bool {
	o, _ := value.(object)
	return matches(emailForm, o["address"]) && optional(o, isOnlyText, "type") && !stumbles(value)
}

func isPhone(_ *api.Field, value any) bool {
	o, _ := value.(object)
	country, numeric := number(o["countryCode"])
	digits, isNumber := number(o["phoneNumber"])
	switch {
	case !isTextOrNumber(o["countryCode"]), !isTextOrNumber(o["phoneNumber"]), !optional(o, isTextOrNumber, "type", "extention"):
		return false
	case numeric && (country <= -1 || country >= 1000 && country < 1e15), !numeric && matches(noCountry, o["countryCode"]):
		return false
	case numeric && country >= 55 && country < 56, !numeric && matches(brazil, o["countryCode"]):
		return isNumber && digits >= 1e9 && digits < 1e12 && digits == float64(int64(digits)) || matches(brazilian, o["phoneNumber"])
	}
	return true
}

func isPersonName(_ *api.Field, value any) bool {
	o, _ := value.(object)
	return isObject(value) && optional(o, isOnlyText, "prefix", "first", "middle", "last", "sufix", "full")
}

var placeParts = []string{"country", "state", "city", "place", "number"}

func isAddress(f *api.Field, value any) bool {
	o, _ := value.(object)
	dropped := func(check func(any) bool) func(any) bool {
		return func(part any) bool { return isDropped(part) || check(part) }
	}
	if !isObject(value) || !optional(o, dropped(isOnlyText), placeParts...) || !optional(o, dropped(isPosition), "geolocation") ||
		!optional(o, dropped(isOnlyText), "postalCode", "district", "placeType", "complement", "type") {
		return false
	}
	return !f.IsRequired || !slices.ContainsFunc(placeParts, func(part string) bool { return !isOnlyText(o[part]) || o[part] == "" })
}

func isMoney(_ *api.Field, value any) bool {
	o, _ := value.(object)
	_, ok := number(o["value"])
	return ok && isOnlyText(o["currency"])
}

var operators = []string{"exists", "equals", "not_equals", "in", "not_in", "contains", "not_contains", "starts_with", "end_with",
	"less_than", "greater_than", "less_or_equals", "greater_or_equals", "between"}

func isFilter(_ *api.Field, value any) bool {
	o, _ := value.(object)
	var conditions []any
	switch given := o["conditions"].(type) {
	case []any:
		conditions = given
	case object:
		for _, condition := range given {
			conditions = append(conditions, condition)
		}
	default:
		return false
	}
	return (o["match"] == "and" || o["match"] == "or") && !stumbles(value) && !slices.ContainsFunc(conditions, func(entry any) bool {
		c, _ := entry.(object)
		operator, _ := c["operator"].(string)
		_, valued := c["value"]
		return !isOnlyText(c["term"]) || !slices.Contains(operators, operator) || !valued
	})
}

// optional reports whether the members that are there pass a check.
func optional(o object, check func(any) bool, names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return o[name] != nil && !check(o[name]) })
}

func isOnlyText(value any) bool {
	_, ok := value.(string)
	return ok
}

func isTextOrNumber(value any) bool {
	_, numeric := number(value)
	return numeric || isOnlyText(value)
}
