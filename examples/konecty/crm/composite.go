package crm

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// parts gives the members of an object that have these names, and says if one is no text. What else the object holds is
// dropped, as the server does.
func parts(at string, value any, names ...string) (kept map[string]any, problem string) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, must(at, "be a valid Object")
	}
	kept = map[string]any{}
	for _, name := range names {
		switch part := object[name].(type) {
		case nil:
		case string:
			kept[name] = part
		default:
			return nil, must(at+"."+name, "be a valid String")
		}
	}
	return kept, ""
}

// numbersAsTexts gives an object with its numbers as texts: callers send house and telephone numbers as either.
func numbersAsTexts(value any) any {
	object, ok := value.(map[string]any)
	if !ok {
		return value
	}
	object = maps.Clone(object)
	for name, part := range object {
		if number, ok := part.(float64); ok {
			object[name] = strconv.FormatFloat(number, 'f', -1, 64)
		}
	}
	return object
}

var emailForm = regexp.MustCompile(`^[A-Za-z0-9_.+-]+@[A-Za-z0-9-]+\.[A-Za-z0-9.-]+$`)

func takeEmail(_ *Field, at string, value any) (any, string) {
	email, problem := parts(at, value, "address", "type")
	if problem != "" {
		return nil, problem
	}
	address, _ := email["address"].(string)
	if !emailForm.MatchString(address) {
		return nil, must(at+".address", "be a valid email")
	}
	email["address"] = strings.ToLower(address)
	return email, ""
}

var phoneForm = regexp.MustCompile(`^[0-9]{4,15}$`)

func takePhone(_ *Field, at string, value any) (any, string) {
	phone, problem := parts(at, numbersAsTexts(value), "phoneNumber", "extention", "type")
	if problem != "" {
		return nil, problem
	}
	country, ok := value.(map[string]any)["countryCode"].(float64)
	if !ok || country < 1 || country > 999 || country != math.Trunc(country) {
		return nil, must(at+".countryCode", "contains 1, 2 or 3 digits")
	}
	if number, _ := phone["phoneNumber"].(string); !phoneForm.MatchString(number) {
		return nil, must(at+".phoneNumber", "contains from 4 to 15 digits")
	}
	phone["countryCode"] = country
	return phone, ""
}

// nameParts are in the order in which they make the full name.
var nameParts = []string{"prefix", "first", "middle", "last", "sufix"}

func takePersonName(_ *Field, at string, value any) (any, string) {
	name, problem := parts(at, value, append(slices.Clone(nameParts), "full")...)
	if problem != "" {
		return nil, problem
	}
	if full, _ := name["full"].(string); full == "" {
		var said []string
		for _, part := range nameParts {
			if text, _ := name[part].(string); text != "" {
				said = append(said, text)
			}
		}
		name["full"] = strings.Join(said, " ")
	}
	if name["full"] == "" {
		return nil, must(at, "contain at least one part of a name")
	}
	return name, ""
}

var (
	placeParts = []string{"country", "state", "city", "place", "number"}
	morePlace  = []string{"postalCode", "district", "placeType", "complement", "type"}
)

func takeAddress(f *Field, at string, value any) (any, string) {
	address, problem := parts(at, numbersAsTexts(value), slices.Concat(placeParts, morePlace)...)
	if problem != "" {
		return nil, problem
	}
	for _, part := range placeParts {
		if f.IsRequired && address[part] == nil {
			return nil, must(at+"."+part, "be a valid String")
		}
	}
	if position := value.(map[string]any)["geolocation"]; position != nil {
		if !isPosition(position) {
			return nil, must(at+".geolocation", "be an array with longitude and latitude")
		}
		address["geolocation"] = position
	}
	return address, ""
}

var currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)

func takeMoney(_ *Field, at string, value any) (any, string) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, must(at, "be a valid Object")
	}
	currency, _ := object["currency"].(string)
	if !currencyForm.MatchString(currency) {
		return nil, must(at+".currency", "be a currency such as BRL")
	}
	amount, ok := object["value"].(float64)
	if !ok {
		return nil, must(at+".value", "be a valid Number")
	}
	return map[string]any{"currency": currency, "value": amount}, ""
}

func takeFile(_ *Field, at string, value any) (any, string) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, must(at, "be a valid Object")
	}
	file := map[string]any{}
	for _, part := range []string{"key", "name"} {
		text, _ := object[part].(string)
		if text == "" {
			return nil, must(at+"."+part, "be a valid String")
		}
		file[part] = text
	}
	for _, part := range []string{"size", "kind", "etag", "label", "description"} {
		if object[part] != nil {
			file[part] = object[part]
		}
	}
	if size, sent := file["size"]; sent {
		if number, ok := size.(float64); !ok || number < 0 {
			return nil, must(at+".size", "be a valid Number")
		}
	}
	return file, ""
}
