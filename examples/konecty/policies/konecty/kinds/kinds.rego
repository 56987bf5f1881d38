# METADATA
# title: Values of Konecty's field types
# description: |
#   One function says whether a value is one of a type; the metadata of the field adds the allowed keys and bounds. A type
#   that is not known here is left to the server.
package konecty.kinds

# METADATA
# title: problem(field, value) says what the value must be; undefined where nothing is wrong
# custom:
#   code: VALIDATION_ERROR
problem(field, value) := sprintf("Must be %s", [_form(field)]) if {
	not _is_list(field)
	not _takes(field.type, field, value)
} else := sprintf("Must be a list of at most %d, each of them %s", [_longest, _form(field)]) if {
	_is_list(field)
	not _takes_all(field, value)
}

# Longer lists would take longer to judge than a decision may.
_longest := 200

_is_list(field) if field.isList == true

_takes_all(field, value) if {
	elements := _elements(value)
	count(elements) <= _longest
	every element in elements { _takes(field.type, field, element) }
}

# A single value stands for a list of one, as on the server.
_elements(value) := value if {
	is_array(value)
} else := [value]

_takes("text", _, value) if is_string(value)

_takes("richText", _, value) if is_string(value)

_takes("url", _, value) if _matches(`^https?://[A-Za-z0-9]+([.-][A-Za-z0-9]+)*(:[0-9]{1,5})?([/?#]\S*)?$`, value)

_takes("number", field, value) if _within(field, value)

_takes("percentage", field, value) if _within(field, value)

_takes("boolean", _, value) if is_boolean(value)

_takes("date", _, value) if _matches(concat("", ["^", _date, "$"]), value)

_takes("dateTime", _, value) if _matches(concat("", ["^", _date, "T", _time, "$"]), value)

_takes("picklist", field, value) if {
	not _several(field)
	_option(field, value)
}

_takes("picklist", field, value) if {
	_several(field)
	is_array(value)
	count(value) <= field.maxSelected
	not _below(count(value), object.get(field, "minSelected", null))
	every key in value { _option(field, key) }
}

_takes("lookup", _, value) if _text(value._id)

_takes("inheritLookup", _, value) if _text(value._id)

_takes("email", _, value) if {
	_matches(`^[A-Za-z0-9_.+-]+@[A-Za-z0-9-]+\.[A-Za-z0-9.-]+$`, value.address)
	_members(value, {"type"}, {"null", "string"})
}

_takes("phone", _, value) if {
	_country_code(value.countryCode)
	_phone_number(value.phoneNumber)
	_members(value, {"type", "extention"}, {"null", "string", "number"})
}

_takes("personName", _, value) if {
	is_object(value)
	_members(value, _name_parts, {"null", "string"})
	some part in _name_parts
	_text(value[part])
}

_takes("address", field, value) if {
	is_object(value)
	_members(value, _place_parts | _more_place_parts, {"null", "string", "number"})
	every part in _needed_parts(field) { object.get(value, part, null) != null }
	_position_or_none(object.get(value, "geolocation", null))
}

_takes("money", _, value) if {
	_matches(`^[A-Z]{3}$`, value.currency)
	is_number(value.value)
}

_takes("geoloc", _, value) if _position(value)

_takes("json", _, value) if is_object(value)

_takes("json", _, value) if is_array(value)

_takes("file", _, value) if {
	_text(value.key)
	_text(value.name)
	_members(value, {"size"}, {"null", "number"})
	not _below(object.get(value, "size", null), 0)
}

_takes(type, _, _) if not type in object.keys(_forms)

# Whatever is no text matches nothing: to ask would fail the decision.
_matches(form, value) if {
	is_string(value)
	regex.match(form, value)
}

_text(value) if {
	is_string(value)
	value != ""
}

# Members that are absent count as null.
_members(value, names, types) if {
	every name in names { type_name(object.get(value, name, null)) in types }
}

_within(field, value) if {
	is_number(value)
	not _below(value, object.get(field, "minValue", null))
	not _above(value, object.get(field, "maxValue", null))
}

# A bound that is no number is none.
_below(value, least) if {
	is_number(value)
	is_number(least)
	value < least
}

_above(value, most) if {
	is_number(most)
	value > most
}

_several(field) if field.maxSelected > 1

_option(field, key) if key in object.keys(field.options)

_country_code(code) if {
	is_number(code)
	code >= 1
	code <= 999
	code == floor(code)
}

_phone_number(number) if _matches(`^[0-9]{4,15}$`, number)

_phone_number(number) if {
	is_number(number)
	number >= 1000
	number < 1000000000000000
	number == floor(number)
}

_name_parts := {"prefix", "first", "middle", "last", "sufix", "full"}

_place_parts := {"country", "state", "city", "place", "number"}

_more_place_parts := {"postalCode", "district", "placeType", "complement", "type"}

_needed_parts(field) := _place_parts if {
	field.isRequired == true
} else := set()

_position_or_none(null)

_position_or_none(value) if _position(value)

_position([longitude, latitude]) if {
	is_number(longitude)
	is_number(latitude)
}

# The calendar as a form: to parse a day that does not exist would fail the decision instead of refusing the request.
_date := concat("", ["(", concat("|", _dates), ")"])

_dates := [
	"[0-9]{4}-(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])",
	"[0-9]{4}-(0[469]|11)-(0[1-9]|[12][0-9]|30)",
	"[0-9]{4}-02-(0[1-9]|1[0-9]|2[0-8])",
	"([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29",
]

_time := `([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])`
