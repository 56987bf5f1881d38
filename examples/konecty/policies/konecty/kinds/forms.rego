# How values of each type are sent, in words for the caller.
package konecty.kinds

_form(field) := sprintf("%s: %s", [_how_many(field), _options(field)]) if {
	field.type == "picklist"
	is_object(field.options)
} else := sprintf("%s, with the _id of a %s", [_forms[field.type], field.document]) if {
	field.document
} else := concat(" ", array.concat([_forms[field.type]], _bounds(field))) if {
	_forms[field.type]
} else := "what the server takes"

_how_many(field) := "one of, or a list of" if {
	not _capped(field)
} else := sprintf("a list of %d to %d of", [_least(field), field.maxSelected]) if {
	field.maxSelected > 1
} else := "one of"

_capped(field) if is_number(field.maxSelected)

_forms := {
	"text": "text",
	"richText": "text, which may be HTML",
	"url": "a web address such as https://example.com/page, its host in small letters",
	"password": "text",
	"encrypted": "text",
	"number": "a number",
	"percentage": "a number",
	"boolean": "true or false",
	"time": "milliseconds of a day, from 0 to 86400000",
	"date": "a day such as 2026-03-16",
	"dateTime": "a time such as 2026-03-16T14:00:00.000Z",
	"picklist": "one of its keys",
	"lookup": `an object such as {"_id": "JeSqMH6mkP5f233Rp"}`,
	"inheritLookup": `an object such as {"_id": "JeSqMH6mkP5f233Rp"}`,
	"email": `an object such as {"address": "a@b.com"}`,
	"phone": `an object such as {"countryCode": 55, "phoneNumber": "11999999999"}, for 55 with 10 to 12 digits`,
	"personName": `an object such as {"first": "João", "last": "Silva"}`,
	"address": concat("", [
		`an object such as {"country": "BRA", "state": "SP", "city": "São Paulo", `,
		`"place": "Avenida Paulista", "number": "1000"}, all of it text`,
	]),
	"money": `an object such as {"currency": "BRL", "value": 100.5}`,
	"geoloc": "a list of longitude and latitude such as [-51.22, -30.04]",
	"json": "an object or a list, without null in its lists",
	"composite": "an object, without null in its lists",
	"file": `an object such as {"key": "…", "name": "offer.pdf", "size": 1234}`,
	"filter": concat("", [
		`an object such as {"match": "and", "conditions": `,
		`[{"term": "status", "operator": "equals", "value": "Ativo"}]}`,
	]),
}

_options(field) := concat(", ", sort(object.keys(field.options)))

_least(field) := field.minSelected if {
	field.minSelected > 0
} else := 0

_bounds(field) := [words |
	some [name, form] in [["minValue", "from %v"], ["maxValue", "up to %v"], ["size", "of at most %v characters"]]
	is_number(field[name])
	words := sprintf(form, [field[name]])
]
