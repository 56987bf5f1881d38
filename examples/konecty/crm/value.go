package crm

import (
	"crypto/md5" // what the server stores of an encrypted field
	"encoding/hex"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
)

// kind takes one JSON value of a field and gives it as it is stored, or says what is wrong with it.
type kind func(f *Field, value any) (stored any, problem string)

// kinds are all field types but lookups, which need the store, and autoNumber, which the server fills.
var kinds = map[string]kind{
	"text": takeText, "richText": takeText, "url": takeURL, "password": takeHidden, "encrypted": takeHidden,
	"number": takeNumber, "percentage": takeNumber, "boolean": takeBoolean, "time": takeTime,
	"date": takeMoment, "dateTime": takeMoment,
	"picklist": takePicklist,
	"email":    takeEmail, "phone": takePhone, "personName": takePersonName, "address": takeAddress,
	"money": takeMoney, "geoloc": takeGeoloc, "json": takeJSON, "composite": takeJSON, "file": takeFile, "filter": takeFilter,
}

// must is how most problems are worded. At is the field, with the part of it at fault.
func must(at, what string) string { return "Value for field " + at + " must " + what }

func takeText(f *Field, value any) (any, string) {
	if number, ok := value.(float64); ok {
		value = shown(number)
	}
	text, ok := value.(string)
	if !ok {
		return nil, must(f.Name, "be a valid String")
	}
	if f.Size > 0 && len(utf16.Encode([]rune(text))) > f.Size {
		return nil, must(f.Name, fmt.Sprintf("be less than %d characters", f.Size))
	}
	if text == "" {
		return nil, ""
	}
	return text, ""
}

func takeHidden(f *Field, value any) (any, string) {
	text, ok := value.(string)
	if !ok {
		return nil, must(f.Name, "be a valid String")
	}
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:]), ""
}

var urlForm = regexp.MustCompile(`^https?://(www\.)?[a-z0-9]+([-.][a-z0-9]+)*(:[0-9]{1,5})?(/[^\n\r\x{2028}\x{2029}]*)?$`)

func takeURL(f *Field, value any) (any, string) {
	text, ok := value.(string)
	switch {
	case !ok:
		return nil, must(f.Name, "be a valid String")
	case !urlForm.MatchString(text):
		return nil, must(f.Name, "be a valid url")
	}
	return text, ""
}

func takeNumber(f *Field, value any) (any, string) {
	number, ok := value.(float64)
	switch {
	case !ok:
		return nil, must(f.Name, "be a valid Number")
	case f.MaxValue != nil && number > *f.MaxValue:
		return nil, must(f.Name, fmt.Sprintf("be less than %v", *f.MaxValue))
	case f.MinValue != nil && number < *f.MinValue:
		return nil, must(f.Name, fmt.Sprintf("be greater than %v", *f.MinValue))
	}
	return number, ""
}

func takeBoolean(f *Field, value any) (any, string) {
	if _, ok := value.(bool); !ok {
		return nil, must(f.Name, "be a valid Boolean")
	}
	return value, ""
}

// dayMilliseconds are those of a day.
const dayMilliseconds = 86_400_000

func takeTime(f *Field, value any) (any, string) {
	number, ok := value.(float64)
	switch {
	case !ok:
		return nil, must(f.Name, "be a valid Number")
	case number < 0 || number > dayMilliseconds:
		return nil, must(f.Name, "be agreater then 0 and less then 86400000")
	}
	return number, ""
}

func takeMoment(f *Field, value any) (any, string) {
	if wrapped, ok := value.(map[string]any); ok && wrapped["$date"] != nil {
		value = wrapped["$date"]
	}
	stored, ok := moment(value)
	if !ok {
		return nil, must(f.Name+".$date", "be a valid Date")
	}
	return stored, ""
}

// takePicklist takes keys. Of a list it drops what is empty, and what is no text.
func takePicklist(f *Field, value any) (any, string) {
	low, high := 0, 0
	if f.MinSelected != nil {
		low = *f.MinSelected
	}
	if f.MaxSelected != nil {
		high = *f.MaxSelected
	}
	switch given := value.(type) {
	case []any:
		kept := []any{}
		for _, key := range given {
			if !isEmpty(key) {
				kept = append(kept, key)
			}
		}
		value = kept
	case string:
		if given == "" {
			return nil, ""
		}
		if low > 1 || high > 1 {
			value = []any{given}
		}
	}
	list, isList := value.([]any)
	switch {
	case high > 1 && !isList, low > 1 && !isList:
		return nil, must(f.Name, "be a valid Array")
	case f.MaxSelected != nil && isList && len(list) > high:
		return nil, must(f.Name, fmt.Sprintf("be an array with max of %d item(s)", high))
	case low > 0 && isList && len(list) < low, low == 1 && value == false, low == 1 && value == 0.0:
		return nil, must(f.Name, fmt.Sprintf("be an array with min of %d item(s)", low))
	}
	if high == 1 && isList {
		if len(list) == 0 {
			return nil, ""
		}
		value = list[0]
		list, isList = value.([]any)
	}
	if !isList {
		list = []any{value}
	}
	for _, key := range list {
		if key, ok := key.(string); !ok || !f.hasOption(key) {
			return nil, fmt.Sprintf("Value %s for field %s is invalid", shown(value), f.Name)
		}
	}
	return value, ""
}

func (f *Field) hasOption(key string) bool {
	_, found := f.Options[key]
	return found
}

// isEmpty is what the server's language takes for nothing, or for something without a size: numbers too.
func isEmpty(value any) bool {
	switch value := value.(type) {
	case string:
		return value == ""
	case []any:
		return len(value) == 0
	case map[string]any:
		return len(value) == 0
	}
	return true
}

// shown is a value as JavaScript puts it into a text.
func shown(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case float64:
		if value == math.Trunc(value) && math.Abs(value) < 1e21 {
			return strconv.FormatFloat(value, 'f', -1, 64)
		}
		return strconv.FormatFloat(value, 'g', -1, 64)
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

func takeGeoloc(f *Field, value any) (any, string) {
	list, ok := value.([]any)
	switch {
	case !ok:
		return nil, must(f.Name, "be a valid Array")
	case !isPosition(list):
		return nil, must(f.Name, "be an array with longitude and latitude")
	}
	return value, ""
}

func isPosition(list []any) bool {
	if len(list) != 2 {
		return false
	}
	_, longitude := list[0].(float64)
	_, latitude := list[1].(float64)
	return longitude && latitude
}

func takeJSON(f *Field, value any) (any, string) {
	switch value.(type) {
	case map[string]any, []any:
		return value, ""
	}
	if f.Type == "composite" {
		return nil, must(f.Name, "be a valid Object")
	}
	return nil, must(f.Name, "be a valid Object or Array")
}
