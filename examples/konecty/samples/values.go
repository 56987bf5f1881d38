package samples

import (
	"maps"
	"slices"

	"github.com/tollgate-gateway/tollgate/examples/konecty/crm"
)

// validOnes are values of a field's type; of a list field, of its elements.
func validOnes(f *crm.Field) []any {
	switch {
	case f.Type == "picklist":
		return validKeys(f)
	case f.Type == "number" || f.Type == "percentage":
		return within(f)
	case f.Type == "lookup" || f.Type == "inheritLookup":
		id := Existing[f.Document]
		values := []any{object{"_id": id}, object{"_id": id, "name": "ignored"}}
		if f.IsList {
			return values // nothing clears an element of a list
		}
		return append(values, object{})
	case f.Type == "address" && f.IsRequired:
		return []any{place, object{"country": "BRA", "state": "SP", "city": "São Paulo", "place": "P", "number": "1", "geolocation": []any{-46.6, -23.5}}}
	case f.Size > 0:
		return []any{"12345"[:min(5, f.Size)], 7.0, "ü"}
	}
	return good[f.Type]
}

// invalidOnes are values that are of another type, or of the type and wrong.
func invalidOnes(f *crm.Field) []any {
	switch {
	case f.Type == "picklist":
		return invalidKeys(f)
	case f.Type == "number" || f.Type == "percentage":
		return append(slices.Clone(bad[f.Type]), beyond(f)...)
	case f.Type == "lookup" || f.Type == "inheritLookup":
		id := Existing[f.Document]
		values := []any{id, 7.0, object{"_id": nil}, object{"_id": 7.0}, object{"id": id}, []any{id}, true}
		if f.IsList {
			values = append(values, object{})
		}
		return values
	case f.Type == "address" && f.IsRequired:
		return append(slices.Clone(bad[f.Type]), object{}, object{"city": "São Paulo"}, []any{}, with1("number", 1000.0))
	case f.Size > 0:
		return append(slices.Clone(bad[f.Type]), string(slices.Repeat([]byte("x"), f.Size+1)))
	}
	return bad[f.Type]
}

func validKeys(f *crm.Field) (values []any) {
	keys := slices.Sorted(maps.Keys(f.Options))
	low, high := bound(f.MinSelected, 0), bound(f.MaxSelected, 99)
	if low <= 1 {
		values = append(values, keys[0], []any{keys[0]}, []any{keys[0], ""}, []any{keys[0], nil, 1.0, true})
	}
	if low == 0 {
		values = append(values, []any{}, []any{""}, []any{1.0})
	}
	if high > 1 {
		values = append(values, []any{keys[0], keys[1]})
	}
	if f.IsList {
		return []any{keys[0], keys[1]}
	}
	return values
}

func bound(n *int, otherwise int) int {
	if n == nil {
		return otherwise
	}
	return *n
}

func invalidKeys(f *crm.Field) []any {
	keys := slices.Sorted(maps.Keys(f.Options))
	values := []any{"nothing", keys[0] + " ", "rED", 1.0, true, object{keys[0]: keys[0]}, []any{"nothing"}, []any{keys[0], object{"a": 1.0}}}
	if f.IsList {
		return []any{"nothing", 1.0, true, object{keys[0]: keys[0]}}
	}
	if high := bound(f.MaxSelected, 99); high < len(keys) {
		values = append(values, append([]any{}, toAny(keys[:high+1])...))
	}
	if low := bound(f.MinSelected, 0); low > 0 {
		values = append(values, []any{}, []any{""}, false)
	}
	if bound(f.MinSelected, 0) > 1 {
		values = append(values, keys[0], []any{keys[0]})
	}
	return values
}

func toAny(keys []string) (list []any) {
	for _, key := range keys {
		list = append(list, key)
	}
	return list
}

func within(f *crm.Field) []any {
	low, high := 0.0, 100.0
	if f.MinValue != nil {
		low = *f.MinValue
	}
	if f.MaxValue != nil {
		high = *f.MaxValue
	}
	return []any{low, high, (low + high) / 2, low + 0.5}
}

func beyond(f *crm.Field) (values []any) {
	if f.MinValue != nil {
		values = append(values, *f.MinValue-1, -1e300)
	}
	if f.MaxValue != nil {
		values = append(values, *f.MaxValue+0.001, 1e300)
	}
	return values
}

var place = object{"country": "BRA", "state": "SP", "city": "São Paulo", "place": "Paulista", "number": "1000"}

func with1(name string, value any) object {
	changed := maps.Clone(place)
	changed[name] = value
	return changed
}

func condition(changed object) object {
	c := object{"term": "status", "operator": "equals", "value": "Ativo"}
	maps.Copy(c, changed)
	maps.DeleteFunc(c, func(_ string, value any) bool { return value == absent })
	return c
}

var absent any = struct{ absent bool }{}

func conditioned(conditions any) object {
	return object{"match": "and", "conditions": conditions}
}

// good and bad are values by type.
var good = map[string][]any{
	"text":     {"Text", "ü\n\t\"\\ <b>&</b>", " ", "null", 7.0, 1.5, -3.0, 1e21},
	"richText": {"<p>Olá</p>", "plain", "<script>alert(1)</script>", "a\u2028b", 12.0},
	"url": {"https://example.com", "http://example.com:8080/a?b=c#d", "https://www.example.com/ü", "http://a-b.example/", "http://localhost",
		"https://example.com/a b", "http://1.2.3.4/"},
	"boolean":    {true, false},
	"time":       {0.0, 86400000.0, 3600000.5},
	"password":   {"secret", " "},
	"encrypted":  {"secret", " "},
	"date":       dates,
	"dateTime":   dates,
	"email":      {object{"address": "a@b.com"}, object{"address": "A.b+c_d-1@example.co.uk", "type": "work"}, object{"address": "a@b.c", "type": nil, "x": 1.0}, object{"address": "a@b.."}},
	"phone":      phones,
	"personName": {object{"first": "João"}, object{"first": "João", "last": "Silva", "x": true}, object{"full": "João Silva"}, object{}, object{"first": "", "full": ""}, object{"x": "y"}},
	"address": {object{}, place, object{"city": "São Paulo"}, object{"number": 1000.0}, object{"city": true}, object{"number": object{}}, object{"geolocation": []any{}},
		object{"geolocation": []any{-46.6, -23.5}}, object{"x": []any{1.0}}, object{"postalCode": nil}},
	"money":     {object{"currency": "BRL", "value": 100.0}, object{"currency": "usd", "value": 0.5, "x": 1.0}, object{"currency": "", "value": -3.0}},
	"geoloc":    {[]any{-51.22, -30.04}, []any{0.0, 0.0}, []any{500.0, 90.0}},
	"json":      {object{"a": []any{1.0, []any{nil}, object{"b": nil}}}, object{}},
	"composite": {object{"a": 1.0}, object{}},
	"file":      {object{"key": "k", "name": "a.png"}, object{"key": "k", "name": "a.png", "size": "1234", "kind": "image/png"}, object{}, object{"x": 1.0}, object{"size": -1.0}},
	"filter": {conditioned([]any{}), conditioned(object{}), conditioned([]any{condition(nil)}), conditioned(object{"a": condition(nil)}),
		object{"match": "or", "conditions": object{"a": condition(object{"operator": "in", "value": nil})}, "filters": []any{object{"match": "xor"}}, "x": 1.0}},
}

var dates = []any{"2026-03-16", "2026-3-16", "2026-02-30", "2026-03-16T14:00:00.000Z", "2026-03-16T14:00:00Z", "2026-03-16T14:00:00", "2026-03-16 14:00:00", "2026-03-16T14:00",
	"2026-03-16T24:00:00Z", "2026-03-16T23:59:59.123456789-03:00", "2026-03", "2026", "03/16/2026", "16 Mar 2026", "March 16, 2026 10:00 PM", "Mon, 16 Mar 2026 14:00:00 GMT",
	"0001-01-01", "9999-12-31", 1773669600000.0, 0.0, -1.0, true, false, object{"$date": "2026-03-16T14:00:00.000Z"}, object{"$date": 5.0}, object{"$date": "2026-03-16", "x": 1.0}}

var phones = []any{object{"countryCode": 55.0, "phoneNumber": "11999999999"}, object{"countryCode": 55.0, "phoneNumber": "551199999999"}, object{"countryCode": "55", "phoneNumber": 1199999999.0},
	object{"countryCode": 0.0, "phoneNumber": ""}, object{"countryCode": 1.0, "phoneNumber": "call me"}, object{"countryCode": 999.0, "phoneNumber": "+1 (23)", "type": "home", "extention": 12.0, "x": true},
	object{"countryCode": "+1", "phoneNumber": "1"}, object{"countryCode": 5.5, "phoneNumber": "1"}}

var bad = map[string][]any{
	"text":       {true, object{}, []any{"a"}, []any{}},
	"richText":   {false, object{"html": "<p>"}, []any{"<p>"}},
	"url":        {"example.com", "ftp://example.com", "https://", "https://exa mple.com", "javascript:alert(1)", "https://example.com?x", "https://EXAMPLE.com", "https://user@example.com", "https://example.com/\nx", 7.0, object{}, []any{"https://example.com"}},
	"number":     {"1", true, object{}, []any{1.0}},
	"percentage": {"50%", "50", false, object{"value": 1.0}, []any{}},
	"boolean":    {"true", 1.0, 0.0, object{}, []any{true}},
	"time":       {-1.0, 86400000.5, "10:00", "0", true, object{}, []any{1.0}},
	"password":   {1.0, true, object{}, []any{"x"}},
	"encrypted":  {1.0, false, object{"x": "y"}, []any{}},
	"date":       noDates,
	"dateTime":   noDates,
	"email": {"a@b.com", object{}, object{"address": "a"}, object{"address": "a@b"}, object{"address": "a b@c.com"}, object{"address": "ü@b.com"}, object{"address": "a@b.com\n"},
		object{"address": 7.0}, object{"address": nil}, object{"address": "a@b.com", "type": 7.0}, 7.0, true, []any{}},
	"phone": {"5511999999999", object{}, object{"phoneNumber": "5511999999999"}, object{"countryCode": 55.0}, object{"countryCode": 55.0, "phoneNumber": "5511999999999"},
		object{"countryCode": "55", "phoneNumber": "119999999"}, object{"countryCode": 55.0, "phoneNumber": "+551199999999"}, object{"countryCode": 1000.0, "phoneNumber": "1"}, object{"countryCode": -1.0, "phoneNumber": "1"},
		object{"countryCode": true, "phoneNumber": "1"}, object{"countryCode": 1.0, "phoneNumber": true}, object{"countryCode": 1.0, "phoneNumber": "12345", "type": true},
		object{"countryCode": 1.0, "phoneNumber": "12345", "extention": object{}}, 5511999999999.0},
	"personName": {"João", object{"first": 7.0}, object{"first": "João", "last": true}, object{"full": object{}}, 7.0, false},
	"address": {"Paulista 1000", object{"city": object{"a": 1.0}}, object{"number": []any{1.0}}, object{"geolocation": []any{1.0}}, object{"geolocation": "x"},
		object{"geolocation": []any{"1", "2"}}, object{"geolocation": object{"a": 1.0}}, 7.0, true},
	"money": {100.0, "100", object{}, object{"currency": "BRL"}, object{"value": 1.0}, object{"currency": "BRL", "value": "1"}, object{"currency": 7.0, "value": 1.0},
		object{"currency": "BRL", "value": nil}, true, []any{}},
	"geoloc":    {"-51,-30", object{"lon": 1.0}, []any{}, []any{1.0}, []any{1.0, 2.0, 3.0}, []any{"1", "2"}, []any{1.0, nil}, 7.0},
	"json":      {"{}", 7.0, true, false, object{"a": []any{1.0, nil}}},
	"composite": {"{}", 7.0, true},
	"file":      {"a.png", 7.0, true},
	"filter": {"x", 7.0, true, object{}, object{"match": "and"}, object{"match": "xor", "conditions": []any{}}, conditioned("x"), conditioned([]any{condition(object{"term": 7.0})}),
		conditioned(object{"a": condition(object{"operator": absent})}), conditioned([]any{condition(object{"operator": "regex"})}), conditioned([]any{condition(object{"value": absent})}),
		conditioned([]any{nil}), conditioned(object{"a": nil})},
}

var noDates = []any{"tomorrow", "2026-13-01", "2026-00-10", "2026-03-32", "16/03/2026", "31/12/2026", "2026-03-16T25:00:00Z", "2026-03-16T14:60:00Z", "2026-03-16 14:00:60",
	object{}, object{"x": "2026-03-16"}, object{"$date": "never"}, object{"$date": object{}}, object{"$date": nil}, []any{}, 1e18}
