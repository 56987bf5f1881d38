package crm

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// kind takes one JSON value of a field and gives it as it is stored, or says what is wrong with it. At is how messages
// name the value: the field, with the part of it at fault.
type kind func(f *Field, at string, value any) (stored any, problem string)

// kinds are all field types but lookups, which need the store, and autoNumber, which nobody sends.
var kinds = map[string]kind{
	"text": takeText, "richText": takeText, "url": takeURL,
	"number": takeNumber, "percentage": takeNumber, "boolean": takeBoolean,
	"date": takeDate, "dateTime": takeDateTime,
	"picklist": takePicklist,
	"email":    takeEmail, "phone": takePhone, "personName": takePersonName, "address": takeAddress,
	"money": takeMoney, "geoloc": takeGeoloc, "json": takeJSON, "file": takeFile,
}

// must is how most problems are worded.
func must(at, what string) string { return "Value for field " + at + " must " + what }

func takeText(_ *Field, at string, value any) (any, string) {
	if _, ok := value.(string); !ok {
		return nil, must(at, "be a valid String")
	}
	return value, ""
}

var urlForm = regexp.MustCompile(`^https?://[A-Za-z0-9]+([.-][A-Za-z0-9]+)*(:[0-9]{1,5})?([/?#]\S*)?$`)

func takeURL(_ *Field, at string, value any) (any, string) {
	if text, ok := value.(string); !ok || !urlForm.MatchString(text) {
		return nil, must(at, "be a valid url")
	}
	return value, ""
}

func takeNumber(f *Field, at string, value any) (any, string) {
	number, ok := value.(float64)
	switch {
	case !ok:
		return nil, must(at, "be a valid Number")
	case f.MaxValue != nil && number > *f.MaxValue:
		return nil, must(at, fmt.Sprintf("be less than or equals to %v", *f.MaxValue))
	case f.MinValue != nil && number < *f.MinValue:
		return nil, must(at, fmt.Sprintf("be greater than or equals to %v", *f.MinValue))
	}
	return number, ""
}

func takeBoolean(_ *Field, at string, value any) (any, string) {
	if _, ok := value.(bool); !ok {
		return nil, must(at, "be a valid Boolean")
	}
	return value, ""
}

// storedTime is the form in which the server gives dates and times.
const storedTime = "2006-01-02T15:04:05.000Z"

func takeDate(_ *Field, at string, value any) (any, string) {
	text, _ := value.(string)
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return nil, must(at, "be a valid Date")
	}
	return day.Format(storedTime), ""
}

// timeForm leaves to time.Parse only what it and JavaScript read alike.
var timeForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

func takeDateTime(_ *Field, at string, value any) (any, string) {
	text, _ := value.(string)
	moment, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || !timeForm.MatchString(text) {
		return nil, must(at, "be a valid Date")
	}
	return moment.UTC().Format(storedTime), ""
}

// takePicklist takes one key, or a list of keys where the field allows several.
func takePicklist(f *Field, at string, value any) (any, string) {
	if f.MaxSelected <= 1 {
		if key, ok := value.(string); !ok || !f.hasOption(key) {
			return nil, fmt.Sprintf("Value %s for field %s is invalid", shown(value), at)
		}
		return value, ""
	}
	keys, ok := value.([]any)
	switch {
	case !ok:
		return nil, must(at, "be a valid Array")
	case len(keys) > f.MaxSelected:
		return nil, must(at, fmt.Sprintf("be an array with max of %d item(s)", f.MaxSelected))
	case len(keys) < f.MinSelected:
		return nil, must(at, fmt.Sprintf("be an array with min of %d item(s)", f.MinSelected))
	}
	for _, key := range keys {
		if key, ok := key.(string); !ok || !f.hasOption(key) {
			return nil, fmt.Sprintf("Value %s for field %s is invalid", shown(value), at)
		}
	}
	return keys, ""
}

func (f *Field) hasOption(key string) bool {
	_, found := f.Options[key]
	return found
}

// shown is a value as JavaScript puts it into a text.
func shown(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case []any:
		parts := make([]string, len(value))
		for i := range value {
			parts[i] = shown(value[i])
		}
		return strings.Join(parts, ",")
	case map[string]any:
		return "[object Object]"
	}
	return fmt.Sprint(value)
}

func takeGeoloc(_ *Field, at string, value any) (any, string) {
	if !isPosition(value) {
		return nil, must(at, "be an array with longitude and latitude")
	}
	return value, ""
}

func isPosition(value any) bool {
	list, _ := value.([]any)
	if len(list) != 2 {
		return false
	}
	_, longitude := list[0].(float64)
	_, latitude := list[1].(float64)
	return longitude && latitude
}

func takeJSON(_ *Field, at string, value any) (any, string) {
	switch value.(type) {
	case map[string]any, []any:
		return value, ""
	}
	return nil, must(at, "be a valid Object or Array")
}
