package crm

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// members gives an object's members. To the server a list is an object too, with none of the names that anybody asks for.
func members(f *Field, value any) (object map[string]any, problem string) {
	switch value := value.(type) {
	case map[string]any:
		return value, ""
	case []any:
		return map[string]any{}, ""
	}
	return nil, must(f.Name, "be a valid Object")
}

// texts says which of some parts is neither a text nor left out.
func texts(f *Field, object map[string]any, names ...string) (problem string) {
	for _, name := range names {
		if _, ok := object[name].(string); !ok && object[name] != nil {
			return must(f.Name+"."+name, "be a valid String")
		}
	}
	return ""
}

// kept are the members with these names that hold anything.
func kept(object map[string]any, names ...string) map[string]any {
	object = maps.Clone(object)
	maps.DeleteFunc(object, func(name string, value any) bool { return value == nil || !slices.Contains(names, name) })
	return object
}

var emailForm = regexp.MustCompile(`^[a-zA-Z0-9_.+-]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9-.]+$`)

func takeEmail(f *Field, value any) (any, string) {
	email, problem := members(f, value)
	if problem != "" {
		return nil, problem
	}
	address, ok := email["address"].(string)
	if !ok {
		return nil, must(f.Name+".address", "be a valid String")
	}
	if problem := texts(f, email, "type"); problem != "" {
		return nil, problem
	}
	if !emailForm.MatchString(address) {
		return nil, must(f.Name+".address", "be a valid email")
	}
	email = maps.Clone(email) // whatever else it holds is stored
	email["address"] = strings.ToLower(address)
	return email, ""
}

var brazilian = regexp.MustCompile(`^[0-9]{10,12}$`)

func takePhone(f *Field, value any) (any, string) {
	phone, problem := members(f, value)
	if problem != "" {
		return nil, problem
	}
	phone = kept(phone, "countryCode", "phoneNumber", "extention", "type")
	for name, part := range phone {
		if number, ok := part.(float64); ok {
			phone[name] = shown(number)
		}
	}
	code, ok := phone["countryCode"].(string)
	if !ok {
		return nil, must(f.Name+".countryCode", "be a valid Number")
	}
	number, ok := phone["phoneNumber"].(string)
	if !ok {
		return nil, must(f.Name+".phoneNumber", "be a valid String")
	}
	if problem := texts(f, phone, "extention", "type"); problem != "" {
		return nil, problem
	}
	country, valid := leadingInteger(code)
	switch {
	case valid && (country < 0 || country > 999):
		return nil, must(f.Name+".countryCode", "contains 1, 2 or 3 digits")
	case valid && country == 55 && !brazilian.MatchString(number):
		return nil, must(f.Name+".phoneNumber with countryCode '55'", "contains from 10 to 12 digits")
	}
	phone["countryCode"] = nil // the database cannot say what a text without digits is as a number
	if valid {
		phone["countryCode"] = country
	}
	return phone, ""
}

var integerForm = regexp.MustCompile(`^\s*([+-]?[0-9]+)`)

// leadingInteger reads the digits that a text begins with.
func leadingInteger(text string) (number float64, ok bool) {
	found := integerForm.FindStringSubmatch(text)
	if found == nil {
		return 0, false
	}
	number, err := strconv.ParseFloat(found[1], 64)
	return number, err == nil
}

// nameParts are in the order in which they make the full name.
var nameParts = []string{"prefix", "first", "middle", "last", "sufix", "full"}

func takePersonName(f *Field, value any) (any, string) {
	name, problem := members(f, value)
	if problem != "" {
		return nil, problem
	}
	if problem := texts(f, name, nameParts...); problem != "" {
		return nil, problem
	}
	stored, said := map[string]any{}, []string{}
	for _, part := range nameParts {
		if text, _ := name[part].(string); text != "" {
			stored[part] = titled(text)
			said = append(said, titled(text))
		}
	}
	if stored["full"] == nil {
		stored["full"] = strings.Join(said, " ")
	}
	return stored, ""
}

// titled begins each word with a capital, as the server writes names.
func titled(text string) string {
	words := strings.Split(text, " ")
	for i, word := range words {
		for at, r := range word {
			words[i] = word[:at] + strings.ToUpper(string(r)) + word[at+len(string(r)):]
			break
		}
	}
	return strings.Join(words, " ")
}

var (
	neededParts = []string{"country", "state", "city", "place", "number"}
	morePlace   = []string{"postalCode", "district", "placeType", "complement", "type"}
)

// takeAddress drops what is empty, and numbers with it: they have no size.
func takeAddress(f *Field, value any) (any, string) {
	given, problem := members(f, value)
	if problem != "" {
		return nil, problem
	}
	address := kept(given, slices.Concat(neededParts, morePlace, []string{"geolocation"})...)
	maps.DeleteFunc(address, func(_ string, part any) bool { return isEmpty(part) })
	for _, part := range neededParts {
		if f.IsRequired && address[part] == nil {
			return nil, must(f.Name+"."+part, "be a valid String")
		}
	}
	if problem := texts(f, address, slices.Concat(neededParts, morePlace)...); problem != "" {
		return nil, problem
	}
	if position := address["geolocation"]; position != nil {
		list, ok := position.([]any)
		switch {
		case !ok:
			return nil, must(f.Name+".geolocation", "be a valid Array")
		case !isPosition(list):
			return nil, must(f.Name+".geolocation", "be an array with longitude and latitude")
		}
	}
	return address, ""
}

func takeMoney(f *Field, value any) (any, string) {
	money, problem := members(f, value)
	if problem != "" {
		return nil, problem
	}
	if _, ok := money["currency"].(string); !ok {
		return nil, must(f.Name+".currency", "be one of [BRL]") // it takes any
	}
	if _, ok := money["value"].(float64); !ok {
		return nil, must(f.Name+".value", "be a valid Number")
	}
	return kept(money, "currency", "value"), ""
}

func takeFile(f *Field, value any) (any, string) {
	file, problem := members(f, value)
	if problem != "" {
		return nil, problem
	}
	return kept(file, "key", "name", "size", "created", "etag", "headers", "kind", "last_modified", "description", "label", "wildcard"), ""
}

var filterOperators = []string{"exists", "equals", "not_equals", "in", "not_in", "contains", "not_contains", "starts_with", "end_with",
	"less_than", "greater_than", "less_or_equals", "greater_or_equals", "between"}

// takeFilter takes a filter as a value: something that is stored to be asked with later.
func takeFilter(f *Field, value any) (any, string) {
	filter, problem := members(f, value)
	if problem != "" {
		return nil, problem
	}
	if filter["match"] != "and" && filter["match"] != "or" {
		return nil, must(f.Name, "contains a property named 'match' with one of values ['and', 'or']")
	}
	conditions, problem := filterConditions(f, filter["conditions"])
	if problem != "" {
		return nil, problem
	}
	named := map[string]any{} // as which a list is stored
	for _, condition := range conditions {
		text, term := condition["term"].(string)
		operator, ok := condition["operator"].(string)
		_, valued := condition["value"]
		switch {
		case !term || !ok:
			return nil, must(f.Name, "contains conditions with properties 'term' and 'operator' of type String")
		case !slices.Contains(filterOperators, operator):
			return nil, must(f.Name, "contains conditions with valid operators such as ["+strings.Join(filterOperators, ", ")+"]")
		case !valued:
			return nil, must(f.Name, "contains conditions property named 'value'")
		}
		named[strings.ReplaceAll(text, ".", ":")+":"+operator] = condition
	}
	if _, list := filter["conditions"].([]any); list {
		filter = maps.Clone(filter)
		filter["conditions"] = named
	}
	return filter, ""
}

// unexpected is the server's word for what it stumbles over.
const unexpected = "Unexpected error"

func filterConditions(f *Field, value any) (conditions []map[string]any, problem string) {
	var list []any
	switch value := value.(type) {
	case []any:
		list = value
		for _, condition := range list {
			object, _ := condition.(map[string]any)
			if _, ok := object["term"].(string); !ok {
				return nil, unexpected
			}
		}
	case map[string]any:
		list = slices.Collect(maps.Values(value))
	default:
		return nil, must(f.Name, "contains a property named 'conditions' of type Object with at least 1 item")
	}
	for _, condition := range list {
		if condition == nil {
			return nil, unexpected
		}
		object, _ := condition.(map[string]any)
		conditions = append(conditions, object)
	}
	return conditions, ""
}
