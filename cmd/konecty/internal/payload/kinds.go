package payload

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"unicode/utf16"

	"github.com/tollgate-gateway/tollgate/cmd/konecty/internal/api"
)

type object = map[string]any

// takes reports whether a value is one of the field's type. A type that is not known here is left to the server.
func takes(f *api.Field, value any) bool {
	check, known := kinds[f.Type]
	return !known || check(f, value)
}

var kinds = map[string]func(*api.Field, any) bool{
	"text": isText, "richText": isText, "url": isURL, "password": isString, "encrypted": isString,
	"number": isWithin, "percentage": isWithin, "time": isTime,
	"boolean": func(_ *api.Field, value any) bool { _, ok := value.(bool); return ok },
	"date":    isMoment, "dateTime": isMoment, "picklist": isPicked, "lookup": isReference, "inheritLookup": isReference,
	"email": isEmail, "phone": isPhone, "personName": isPersonName, "address": isAddress, "money": isMoney,
	"geoloc": func(_ *api.Field, value any) bool { return isPosition(value) },
	"json":   isJSON, "composite": isJSON, "filter": isFilter,
	"file": func(_ *api.Field, value any) bool { return isObject(value) },
	// Nobody gets here: what the server generates is refused before.
	"autoNumber": func(*api.Field, any) bool { return false },
}

func isString(_ *api.Field, value any) bool {
	_, ok := value.(string)
	return ok
}

func isText(f *api.Field, value any) bool {
	text, ok := value.(string)
	if n, numeric := number(value); numeric {
		if n != math.Trunc(n) || math.Abs(n) >= 1e15 {
			return true // how the server writes it is left to it
		}
		text, ok = strconv.FormatFloat(n, 'f', -1, 64), true
	}
	return ok && (f.Size <= 0 || f.Normalization != "" || float64(len(utf16.Encode([]rune(text)))) <= f.Size)
}

var urlForm = regexp.MustCompile(`^https?://(www\.)?[a-z0-9]+([-.][a-z0-9]+)*(:[0-9]{1,5})?(/[^\n\r\x{2028}\x{2029}]*)?$`)

func isURL(_ *api.Field, value any) bool { return matches(urlForm, value) }

func isWithin(f *api.Field, value any) bool {
	n, ok := number(value)
	low, hasLow := number(f.MinValue)
	high, hasHigh := number(f.MaxValue)
	return ok && (!hasLow || n >= low) && (!hasHigh || n <= high)
}

func isTime(_ *api.Field, value any) bool {
	n, ok := number(value)
	return ok && n >= 0 && n <= 86_400_000
}

func isReference(_ *api.Field, value any) bool {
	o, _ := value.(object)
	_, ok := o["_id"].(string)
	return ok
}

// isPicked judges the keys of a picklist. Of a list the server drops what is empty, and what has no size. Where it is not
// known how many keys are right, nor in how many lists, any number is.
func isPicked(f *api.Field, value any) bool {
	list, isList := value.([]any)
	_, isKey := value.(string)
	if f.Options == nil {
		return true
	}
	if !isList && !isKey {
		return false
	}
	if isKey {
		list = []any{value}
	}
	chosen := slices.DeleteFunc(slices.Clone(list), isDropped)
	count := float64(len(chosen))
	if f.IsList != nil && (f.MinSelected != nil && count < *f.MinSelected || f.MaxSelected != nil && count > *f.MaxSelected) {
		return false
	}
	return !slices.ContainsFunc(chosen, func(key any) bool { return !isChosen(f, key) })
}

// isChosen judges one of a list of keys. The one key of a list may be within another; where not even that is known, any
// number may.
func isChosen(f *api.Field, key any) bool {
	within, ok := key.([]any)
	if !ok || f.IsList != nil && (f.MaxSelected == nil || *f.MaxSelected != 1) {
		return isOption(f, key)
	}
	return !slices.ContainsFunc(within, func(key any) bool { return !isOption(f, key) && (f.IsList != nil || !isDropped(key)) })
}

func isOption(f *api.Field, value any) bool {
	key, ok := value.(string)
	_, found := f.Options[key]
	return ok && found
}

// isDropped tells what the server takes for nothing where it drops what is empty: numbers have no size.
func isDropped(value any) bool {
	switch value.(type) {
	case nil, bool:
		return true
	}
	_, numeric := number(value)
	return numeric || value == "" || isEmpty(value)
}

func isEmpty(value any) bool {
	switch value := value.(type) {
	case object:
		return len(value) == 0
	case []any:
		return len(value) == 0
	}
	return false
}

func isJSON(_ *api.Field, value any) bool { return isObject(value) && !stumbles(value) }

// isObject reports whether a value is an object to the server, which lists are too.
func isObject(value any) bool {
	switch value.(type) {
	case object, []any:
		return true
	}
	return false
}

// stumbles reports what the server trips over: null in a list that is a member of an object.
func stumbles(value any) bool {
	switch value := value.(type) {
	case object:
		for _, member := range value {
			if stumbles(member) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(value, func(element any) bool {
			inner, _ := element.(object)
			return element == nil || stumbles(inner)
		})
	}
	return false
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
