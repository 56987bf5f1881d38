package samples

import (
	"maps"
	"slices"

	"github.com/tollgate-gateway/tollgate/examples/konecty/crm"
)

// validOnes are values of a field's type; of a list field, of its elements.
func validOnes(f *crm.Field, existing map[string]string) []any {
	switch f.Type {
	case "picklist":
		return validKeys(f)
	case "number", "percentage":
		return within(f)
	case "lookup", "inheritLookup":
		id := existing[f.Document]
		return []any{object{"_id": id}, object{"_id": id, "name": "ignored"}, object{"_id": id, "code": nil}}
	case "autoNumber":
		return nil
	}
	return good[f.Type]
}

// invalidOnes are values that are of another type, or of the type and wrong.
func invalidOnes(f *crm.Field, existing map[string]string) []any {
	switch f.Type {
	case "picklist":
		return invalidKeys(f)
	case "number", "percentage":
		return append(slices.Clone(bad[f.Type]), beyond(f)...)
	case "lookup", "inheritLookup":
		id := existing[f.Document]
		return []any{id, 7.0, object{}, object{"_id": ""}, object{"_id": nil}, object{"_id": 7.0}, object{"id": id}, []any{id}, true}
	case "address":
		if f.IsRequired {
			return append(slices.Clone(bad[f.Type]), object{"city": "São Paulo"})
		}
	}
	return bad[f.Type]
}

func validKeys(f *crm.Field) (values []any) {
	keys := slices.Sorted(maps.Keys(f.Options))
	if f.MaxSelected <= 1 {
		for _, key := range keys {
			values = append(values, key)
		}
		return values
	}
	most := []any{}
	for _, key := range keys {
		values = append(values, []any{key})
		if len(most) < f.MaxSelected {
			most = append(most, key)
		}
	}
	return append(values, most, many(keys[0], f.MaxSelected))
}

func invalidKeys(f *crm.Field) []any {
	key := slices.Sorted(maps.Keys(f.Options))[0]
	if f.MaxSelected <= 1 {
		return []any{"nothing", key + " ", "aTIVO", 1.0, true, object{key: key}, []any{key}, []any{}}
	}
	return []any{key, object{"0": key}, []any{"nothing"}, []any{key, 1.0}, []any{key, nil}, []any{[]any{key}}, many(key, f.MaxSelected+1), []any{}, false}
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

// good and bad are values by type.
var good = map[string][]any{
	"text":     {"Text", "ü\n\t\"\\ <b>&</b>", long(5000), " ", "null"},
	"richText": {"<p>Olá</p>", "plain", "<script>alert(1)</script>", "a\u2028b"},
	"url": {"https://example.com", "http://example.com:8080/a?b=c#d", "https://EXAMPLE.com/ü", "http://a-b.example/", "https://example.com?x",
		"http://localhost"},
	"boolean": {true, false},
	"date":    {"2026-03-16", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"},
	"dateTime": {"2026-03-16T14:00:00.000Z", "2026-03-16T14:00:00Z", "2026-03-16T23:59:59.123456789-03:00", "2024-02-29T00:00:00+23:59",
		"2026-12-31T23:59:59.9Z"},
	"email":      {object{"address": "a@b.com"}, object{"address": "A.b+c_d-1@example.co.uk", "type": "work"}, object{"address": "a@b.c", "type": nil, "x": 1.0}},
	"phone":      {object{"countryCode": 55.0, "phoneNumber": "5511999999999"}, object{"countryCode": 1.0, "phoneNumber": 2125550100.0}, object{"countryCode": 999.0, "phoneNumber": "1234", "type": "home", "extention": 12.0}},
	"personName": {object{"first": "João"}, object{"first": "João", "last": "Silva", "x": true}, object{"full": "João Silva"}, object{"prefix": "Dr.", "middle": nil, "sufix": "Jr."}},
	"address": {object{"country": "BRA", "state": "SP", "city": "São Paulo", "place": "Paulista", "number": "1000"},
		object{"country": "BRA", "state": "SP", "city": "São Paulo", "place": "Paulista", "number": 1000.0, "postalCode": nil},
		object{"country": "BRA", "state": "SP", "city": "São Paulo", "place": "P", "number": "1", "geolocation": []any{-46.6, -23.5}}},
	"money":  {object{"currency": "BRL", "value": 100.0}, object{"currency": "USD", "value": 0.5, "x": 1.0}, object{"currency": "EUR", "value": -3.0}},
	"geoloc": {[]any{-51.22, -30.04}, []any{0.0, 0.0}, []any{180.0, 90.0}},
	"json":   {object{}, []any{}, object{"a": []any{1.0, nil, object{"b": true}}}, []any{[]any{"x"}}},
	"file":   {object{"key": "k", "name": "a.png"}, object{"key": "k", "name": "a.png", "size": 1234.0, "kind": "image/png"}, object{"key": "k", "name": "n", "size": 0.0, "x": 1.0}},
}

var bad = map[string][]any{
	"text":       {1.0, true, object{}, []any{"a"}, []any{}},
	"richText":   {1.0, false, object{"html": "<p>"}, []any{"<p>"}},
	"url":        {"example.com", "ftp://example.com", "https://", "https://exa mple.com", "javascript:alert(1)", "https://example.com/a b", "https://user@example.com", 7.0, object{}, []any{"https://example.com"}},
	"number":     {"1", true, object{}, []any{1.0}},
	"percentage": {"50%", "50", false, object{"value": 1.0}, []any{}},
	"boolean":    {"true", 1.0, 0.0, object{}, []any{true}},
	"date": {"2026-02-29", "1900-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "16/03/2026", "2026-3-16", "2026-03-16T00:00:00Z", " 2026-03-16", "2026-03-16\n",
		"٢٠٢٦-03-16", 20260316.0, true, object{"$date": "2026-03-16"}, []any{"2026-03-16"}},
	"dateTime": {"2026-03-16", "2026-03-16T14:00:00", "2026-03-16 14:00:00Z", "2026-02-30T14:00:00Z", "2026-03-16T24:00:00Z", "2026-03-16T14:60:00Z",
		"2026-03-16T14:00:60Z", "2026-03-16T14:00:00,5Z", "2026-03-16T14:00:00.Z", "2026-03-16T14:00:00.1234567890Z", "2026-03-16T14:00:00+24:00",
		"2026-03-16t14:00:00z", "2026-03-16T4:00:00Z", "2026-03-16T14:00:00+0300", 1773669600000.0, object{}, []any{}},
	"email": {"a@b.com", object{}, object{"address": "a"}, object{"address": "a@b"}, object{"address": "a b@c.com"}, object{"address": "ü@b.com"}, object{"address": "a@b.com\n"},
		object{"address": 7.0}, object{"address": nil}, object{"address": "a@b.com", "type": 7.0}, 7.0, true},
	"phone": {"5511999999999", object{}, object{"phoneNumber": "5511999999999"}, object{"countryCode": 55.0}, object{"countryCode": "55", "phoneNumber": "5511999999999"},
		object{"countryCode": 0.0, "phoneNumber": "5511999999999"}, object{"countryCode": 1000.0, "phoneNumber": "5511999999999"}, object{"countryCode": 5.5, "phoneNumber": "5511999999999"},
		object{"countryCode": 55.0, "phoneNumber": "+5511999999999"}, object{"countryCode": 55.0, "phoneNumber": "123"}, object{"countryCode": 55.0, "phoneNumber": 1234.5},
		object{"countryCode": 55.0, "phoneNumber": -12345.0}, object{"countryCode": 55.0, "phoneNumber": 1e15}, object{"countryCode": 55.0, "phoneNumber": true},
		object{"countryCode": 55.0, "phoneNumber": "12345", "type": true}, object{"countryCode": 55.0, "phoneNumber": "12345", "extention": object{}}, 5511999999999.0},
	"personName": {"João", object{}, object{"x": "João"}, object{"first": ""}, object{"first": nil, "full": ""}, object{"first": 7.0}, object{"first": "João", "last": true}, object{"full": object{}}, 7.0, false},
	"address":    {"Paulista 1000", object{"city": true}, object{"number": object{}}, object{"geolocation": []any{1.0}}, object{"geolocation": "x"}, object{"geolocation": []any{"1", "2"}}, object{"postalCode": []any{}}, 7.0, true},
	"money": {100.0, "100", object{}, object{"currency": "BRL"}, object{"value": 1.0}, object{"currency": "brl", "value": 1.0}, object{"currency": "R$", "value": 1.0}, object{"currency": "BRL", "value": "1"},
		object{"currency": 7.0, "value": 1.0}, object{"currency": "BRL", "value": nil}, true},
	"geoloc":     {"-51,-30", object{"lon": 1.0}, []any{}, []any{1.0}, []any{1.0, 2.0, 3.0}, []any{"1", "2"}, []any{1.0, nil}, 7.0},
	"json":       {"{}", 7.0, true, false},
	"file":       {"a.png", object{}, object{"key": "k"}, object{"name": "n"}, object{"key": "", "name": "n"}, object{"key": 1.0, "name": "n"}, object{"key": "k", "name": "n", "size": "1"}, object{"key": "k", "name": "n", "size": -1.0}, true},
	"autoNumber": {1.0, "1", true, object{}, []any{1.0}},
}
