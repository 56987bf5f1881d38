# How values of each type are sent, in words for the caller.
package konecty.kinds

_form(field) := sprintf("one of: %s", [_options(field)]) if {
	field.type == "picklist"
	not _several(field)
} else := sprintf("a list of %d to %d of: %s", [_least(field), field.maxSelected, _options(field)]) if {
	field.type == "picklist"
} else := sprintf("%s, with the _id of a %s", [_forms[field.type], field.document]) if {
	field.document
} else := concat(" ", array.concat([_forms[field.type]], _bounds(field))) if {
	_forms[field.type]
} else := "what the server takes"

_forms := {
	"text": "text",
	"richText": "text, which may be HTML",
	"url": "a web address such as https://example.com/page",
	"number": "a number",
	"percentage": "a number",
	"boolean": "true or false",
	"date": "a day such as 2026-03-16",
	"dateTime": "a time with zone such as 2026-03-16T14:00:00.000Z",
	"picklist": "one of its keys",
	"lookup": `an object such as {"_id": "JeSqMH6mkP5f233Rp"}`,
	"inheritLookup": `an object such as {"_id": "JeSqMH6mkP5f233Rp"}`,
	"email": `an object such as {"address": "a@b.com"}`,
	"phone": `an object such as {"countryCode": 55, "phoneNumber": "5511999999999"}`,
	"personName": `an object such as {"first": "João", "last": "Silva"}`,
	"address": concat("", [
		`an object such as {"country": "BRA", "state": "SP", "city": "São Paulo", `,
		`"place": "Avenida Paulista", "number": "1000"}`,
	]),
	"money": `an object such as {"currency": "BRL", "value": 100.5}`,
	"geoloc": "a list of longitude and latitude such as [-51.22, -30.04]",
	"json": "an object or a list",
	"file": `an object such as {"key": "…", "name": "offer.pdf", "size": 1234}`,
}

_options(field) := concat(", ", sort(object.keys(field.options)))

_least(field) := field.minSelected if {
	field.minSelected > 0
} else := 0

_bounds(field) := array.concat(
	[sprintf("from %v", [least]) | least := field.minValue; is_number(least)],
	[sprintf("up to %v", [most]) | most := field.maxValue; is_number(most)],
)
