package payload

import (
	"fmt"
	"strings"

	"github.com/tollgate-gateway/tollgate/cmd/konecty/internal/api"
)

// Form says how a field's value is sent; of a list field, each of its elements.
func Form(f *api.Field) string {
	switch {
	case f.Type == "picklist" && f.Options != nil:
		return Choice(f)
	case f.IsLookup():
		return fmt.Sprintf(`{"_id": "…"} of a %s; "konecty lookup %s <code or text>" finds it, --lookup %s=<code or text> puts it in`, f.Document, f.Document, f.Name)
	}
	form, known := forms[f.Type]
	if !known {
		return "what the server takes"
	}
	return strings.Join(append([]string{form}, Bounds(f)...), " ")
}

// Choice says which of a picklist's keys are taken, and how many.
func Choice(f *api.Field) string {
	keys := strings.Join(f.Keys(), ", ")
	switch {
	case f.MaxSelected == nil:
		return "one of, or a list of: " + keys
	case *f.MaxSelected > 1:
		least := 0.0
		if f.MinSelected != nil {
			least = *f.MinSelected
		}
		return fmt.Sprintf("a list of %v to %v of: %s", least, *f.MaxSelected, keys)
	}
	return "one of: " + keys
}

// Bounds are the words for the bounds of a field's value.
func Bounds(f *api.Field) (words []string) {
	if low, ok := number(f.MinValue); ok {
		words = append(words, fmt.Sprintf("from %v", low))
	}
	if high, ok := number(f.MaxValue); ok {
		words = append(words, fmt.Sprintf("up to %v", high))
	}
	if f.Size > 0 {
		words = append(words, fmt.Sprintf("of at most %v characters", f.Size))
	}
	return words
}

var forms = map[string]string{
	"text": "text", "richText": "text, which may be HTML", "password": "text", "encrypted": "text",
	"url":    "a web address such as https://example.com/page, its host in small letters",
	"number": "a number", "percentage": "a number such as 12.5",
	"boolean":    "true or false",
	"time":       "milliseconds of a day, from 0 to 86400000",
	"date":       "a day such as 2026-03-16",
	"dateTime":   "a time such as 2026-03-16T14:00:00.000Z",
	"picklist":   "one of its keys",
	"email":      `{"address": "a@b.com"}`,
	"phone":      `{"countryCode": 55, "phoneNumber": "11999999999"}, for 55 with 10 to 12 digits`,
	"personName": `{"first": "João", "last": "Silva"}`,
	"address":    `{"country": "BRA", "state": "SP", "city": "São Paulo", "place": "Avenida Paulista", "number": "1000"}, all of it text`,
	"money":      `{"currency": "BRL", "value": 100.5}`,
	"geoloc":     "[longitude, latitude] such as [-51.22, -30.04]",
	"json":       "an object or a list, without null in its lists",
	"composite":  "an object, without null in its lists",
	"file":       `{"key": "…", "name": "offer.pdf", "size": 1234}`,
	"filter":     `{"match": "and", "conditions": [{"term": "status", "operator": "equals", "value": "Ativo"}]}`,
	"autoNumber": "nothing: the server generates it",
}
