package payload

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"time"

	"github.com/tollgate-gateway/tollgate/cmd/konecty/internal/api"
)

type object = map[string]any

// takes reports whether a value is one of the field's type. A type that is not known here is left to the server.
func takes(f *api.Field, value any) bool {
	switch f.Type {
	case "text", "richText":
		_, ok := value.(string)
		return ok
	case "boolean":
		_, ok := value.(bool)
		return ok
	case "number", "percentage":
		return isWithin(f, value)
	case "picklist":
		return isPicked(f, value)
	case "lookup", "inheritLookup":
		o, _ := value.(object)
		return isText(o["_id"])
	case "address":
		return isAddress(f, value)
	case "json":
		return isObject(value) || isList(value)
	}
	if form := textForms[f.Type]; form != nil {
		text, ok := value.(string)
		return ok && form.MatchString(text) && (f.Type != "date" && f.Type != "dateTime" || isDay(text[:len(time.DateOnly)]))
	}
	if check := objects[f.Type]; check != nil {
		o, ok := value.(object)
		return ok && check(o)
	}
	return f.Type != "geoloc" || isPosition(value)
}

// textForms are the types that are texts of one form. Dates must also be days of the calendar.
var textForms = map[string]*regexp.Regexp{
	"url":      regexp.MustCompile(`^https?://[A-Za-z0-9]+([.-][A-Za-z0-9]+)*(:[0-9]{1,5})?([/?#]\S*)?$`),
	"date":     regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`),
	"dateTime": regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`),
}

func isDay(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

// objects are the types that are objects with known members.
var objects = map[string]func(object) bool{
	"email":      isEmail,
	"phone":      isPhone,
	"personName": isPersonName,
	"money":      isMoney,
	"file":       isFile,
}

var (
	emailForm    = regexp.MustCompile(`^[A-Za-z0-9_.+-]+@[A-Za-z0-9-]+\.[A-Za-z0-9.-]+$`)
	phoneForm    = regexp.MustCompile(`^[0-9]{4,15}$`)
	currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)
)

func isEmail(o object) bool {
	return matches(emailForm, o["address"]) && optionalTexts(o, "type")
}

func isPhone(o object) bool {
	country, ok := number(o["countryCode"])
	if !ok || country < 1 || country > 999 || country != math.Trunc(country) {
		return false
	}
	digits, isNumber := number(o["phoneNumber"])
	whole := isNumber && digits >= 1e3 && digits < 1e15 && digits == math.Trunc(digits)
	return (whole || matches(phoneForm, o["phoneNumber"])) && optional(o, isTextOrNumber, "type", "extention")
}

func isPersonName(o object) bool {
	parts := []string{"prefix", "first", "middle", "last", "sufix", "full"}
	return optionalTexts(o, parts...) && slices.ContainsFunc(parts, func(part string) bool { return isText(o[part]) })
}

var placeParts = []string{"country", "state", "city", "place", "number"}

func isAddress(f *api.Field, value any) bool {
	o, ok := value.(object)
	if !ok || !optional(o, isTextOrNumber, placeParts...) ||
		!optional(o, isTextOrNumber, "postalCode", "district", "placeType", "complement", "type") || !optional(o, isPosition, "geolocation") {
		return false
	}
	return !f.IsRequired || !slices.ContainsFunc(placeParts, func(part string) bool { return o[part] == nil })
}

func isMoney(o object) bool {
	_, ok := number(o["value"])
	return ok && matches(currencyForm, o["currency"])
}

func isFile(o object) bool {
	size, ok := number(o["size"])
	return isText(o["key"]) && isText(o["name"]) && (o["size"] == nil || ok && size >= 0)
}

func isWithin(f *api.Field, value any) bool {
	n, ok := number(value)
	low, hasLow := number(f.MinValue)
	high, hasHigh := number(f.MaxValue)
	return ok && (!hasLow || n >= low) && (!hasHigh || n <= high)
}

func isPicked(f *api.Field, value any) bool {
	if f.MaxSelected <= 1 {
		return isOption(f, value)
	}
	keys, ok := value.([]any)
	return ok && len(keys) >= f.MinSelected && len(keys) <= f.MaxSelected &&
		!slices.ContainsFunc(keys, func(key any) bool { return !isOption(f, key) })
}

func isOption(f *api.Field, value any) bool {
	key, ok := value.(string)
	_, found := f.Options[key]
	return ok && found
}

func isPosition(value any) bool {
	list, _ := value.([]any)
	if len(list) != 2 {
		return false
	}
	_, longitude := number(list[0])
	_, latitude := number(list[1])
	return longitude && latitude
}

// number reads a JSON number, however it was decoded.
func number(value any) (float64, bool) {
	switch value := value.(type) {
	case float64:
		return value, true
	case json.Number:
		n, err := value.Float64()
		return n, err == nil
	}
	return 0, false
}

func matches(form *regexp.Regexp, value any) bool {
	text, ok := value.(string)
	return ok && form.MatchString(text)
}

func optionalTexts(o object, names ...string) bool {
	return optional(o, func(value any) bool { _, ok := value.(string); return ok }, names...)
}

// optional reports whether the members that are there pass a check.
func optional(o object, check func(any) bool, names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return o[name] != nil && !check(o[name]) })
}

func isTextOrNumber(value any) bool {
	_, text := value.(string)
	_, numeric := number(value)
	return text || numeric
}

func isText(value any) bool {
	text, ok := value.(string)
	return ok && text != ""
}

func isObject(value any) bool {
	_, ok := value.(object)
	return ok
}

func isList(value any) bool {
	_, ok := value.([]any)
	return ok
}
