# METADATA
# title: Values of Konecty's field types
# description: |
#   One function says whether the server refuses a value of a field: by its type, and by what the metadata says of the
#   field. What the metadata does not say refuses nothing: where it leaves open whether a field is a list, a value and a
#   list of values are both right. A type that is not known here is left to the server.
package konecty.kinds

import data.konecty.dates

# METADATA
# title: problem(field, value) says what the value must be; undefined where nothing is wrong
# custom:
#   code: VALIDATION_ERROR
problem(field, value) := sprintf("Must be %s", [_form(field)]) if {
	not _known(field)
	not _single(field, value)
	not _list(field, value)
} else := sprintf("Must be %s", [_form(field)]) if {
	field.isList == false
	not _single(field, value)
} else := sprintf("Must be a list, each of it %s", [_form(field)]) if {
	field.isList == true
	not _list(field, value)
} else := bound(field, value)

# METADATA
# title: bound(field, value) says what a list must be as a list; a bounded list must be sent, so value may be null
# custom:
#   code: VALIDATION_ERROR
bound(field, value) := sprintf("Must be a list of at most %v", [field.maxElements]) if {
	_bounded(field.isList, field.maxElements)
	not _counts(value, 0, field.maxElements)
} else := sprintf("Must be a list of at least %v", [field.minElements]) if {
	_bounded(field.isList, field.minElements)
	not _counts(value, field.minElements, null)
} else := "Must be a list without the same twice" if {
	field.isList == true
	field.isAllowDuplicates == false
	is_array(value)
	count({element | some element in value}) < count(value)
}

_bounded(true, n) if {
	is_number(n)
	n > 0
}

_counts(value, least, most) if {
	is_array(value)
	count(value) >= least
	not _above(count(value), most)
}

# Metadata that is complete says of every field whether it is a list.
_known(field) if is_boolean(field.isList)

# Only so many elements of a list are judged: more would take longer than a decision may.
_judged := 200

# An empty object or list clears a lookup that is not a list.
_single(field, value) if _takes(field.type, field, value)

_single(field, value) if {
	field.type in {"lookup", "inheritLookup"}
	value in [{}, []]
}

_list(field, value) if {
	every element in array.slice(_elements(value), 0, _judged) { _takes(field.type, field, element) }
}

# A single value stands for a list of one, as on the server.
_elements(value) := value if {
	is_array(value)
} else := [value]

_takes(type, field, value) if {
	type in {"text", "richText"}
	type_name(value) in {"string", "number"}
	not _too_long(field, value)
}

_takes(type, _, value) if {
	type in {"password", "encrypted"}
	is_string(value)
}

# "." leaves out the ends of lines, as in the server's language.
_takes("url", _, value) if {
	_matches(`^https?://(www\.)?[a-z0-9]+([-.][a-z0-9]+)*(:[0-9]{1,5})?(/[^\n\r\x{2028}\x{2029}]*)?$`, value)
}

_takes(type, field, value) if {
	type in {"number", "percentage"}
	is_number(value)
	not _below(value, object.get(field, "minValue", null))
	not _above(value, object.get(field, "maxValue", null))
}

_takes("boolean", _, value) if is_boolean(value)

_takes("time", _, value) if {
	is_number(value)
	value >= 0
	value <= 86400000
}

_takes(type, _, value) if {
	type in {"date", "dateTime"}
	dates.possible(value)
}

_takes("picklist", field, value) if {
	_known(field)
	_picks(field, value)
}

_takes("picklist", field, value) if {
	not _known(field)
	_may_pick(field, value)
}

_takes(type, _, value) if {
	type in {"lookup", "inheritLookup"}
	is_string(value._id)
}

_takes("email", _, value) if {
	_matches(`^[a-zA-Z0-9_.+-]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9.-]+$`, value.address)
	_parts(value, {"type"}, {"null", "string"})
	not _stumbles(value)
}

_takes("phone", _, value) if {
	type_name(value.countryCode) in {"number", "string"}
	type_name(value.phoneNumber) in {"number", "string"}
	_parts(value, {"type", "extention"}, {"null", "string", "number"})
	not _no_country(value.countryCode)
	not _wrong_in_brazil(value)
}

_takes("personName", _, value) if {
	_is_object(value)
	_parts(value, {"prefix", "first", "middle", "last", "sufix", "full"}, {"null", "string"})
}

_takes("address", field, value) if {
	_is_object(value)
	every part in _place_parts | _more_place_parts { _text_or_dropped(_part(value, part)) }
	every part in _needed_parts(field) { _text(_part(value, part)) }
	_position_or_dropped(_part(value, "geolocation"))
}

_takes("money", _, value) if {
	is_string(value.currency)
	is_number(value.value)
}

_takes("geoloc", _, value) if _position(value)

_takes(type, _, value) if {
	type in {"json", "composite"}
	_is_object(value)
	not _stumbles(value)
}

_takes("file", _, value) if _is_object(value)

_takes("filter", _, value) if {
	value.match in {"and", "or"}
	type_name(value.conditions) in {"array", "object"}
	every condition in value.conditions { _condition(condition) }
	not _stumbles(value)
}

_takes(type, _, _) if not type in object.keys(_forms)

# A value that is not text matches nothing: to ask would fail the decision.
_matches(form, value) if {
	is_string(value)
	regex.match(form, value)
}

_text(value) if {
	is_string(value)
	value != ""
}

# To the server a list is an object too, with none of the names that anybody asks for.
_is_object(value) if type_name(value) in {"object", "array"}

_part(value, name) := object.get(value, name, null) if {
	is_object(value)
} else := null

# Parts that are absent count as null.
_parts(value, names, types) if {
	every name in names { type_name(_part(value, name)) in types }
}

# Texts are as long as the server counts: in UTF-16 code units. Numbers that it may write otherwise are left to it.
_too_long(field, value) if {
	is_number(field.size)
	field.size > 0
	not field.normalization
	text := _written(value)
	count(text) + count(regex.find_n(`[\x{10000}-\x{10FFFF}]`, text, -1)) > field.size
}

_written(value) := value if is_string(value)

_written(value) := sprintf("%d", [value]) if {
	is_number(value)
	value == floor(value)
	abs(value) < 1000000000000000
}

# A bound that is not a number is ignored.
_below(value, least) if {
	is_number(least)
	value < least
}

_above(value, most) if {
	is_number(most)
	value > most
}

# Of a list of keys the server drops what is empty, and what has no size.
_picks(field, value) if {
	chosen := _chosen(value)
	not _below(count(chosen), object.get(field, "minSelected", null))
	not _above(count(chosen), object.get(field, "maxSelected", null))
	every key in chosen { _option(field, key) }
}

_chosen(value) := [value] if is_string(value)

_chosen(value) := [key | some key in value; not _dropped(key)] if is_array(value)

_has_options(field) if is_object(field.options)

_option(field, _) if not _has_options(field)

_option(field, key) if key in object.keys(field.options)

# The one key of a list may be within another.
_option(field, keys) if {
	field.maxSelected == 1
	is_array(keys)
	every key in keys { key in object.keys(field.options) }
}

# How many keys are right is not known, nor in how many lists.
_may_pick(field, _) if not _has_options(field)

_may_pick(field, value) if value in object.keys(field.options)

_may_pick(field, value) if {
	is_array(value)
	every key in array.slice(array.flatten(value), 0, _judged) { _may_be_within(field, key) }
}

_may_be_within(_, key) if _dropped(key)

_may_be_within(field, key) if key in object.keys(field.options)

_dropped(value) if type_name(value) in {"null", "number", "boolean"}

_dropped(value) if value in ["", {}, []]

_text_or_dropped(value) if is_string(value)

_text_or_dropped(value) if _dropped(value)

_no_country(code) if {
	is_number(code)
	code <= -1
}

_no_country(code) if {
	is_number(code)
	code >= 1000
	code < 1000000000000000
}

_no_country(code) if _matches(`^\s*(-0*[1-9]|\+?0*[1-9][0-9]{3})`, code)

_wrong_in_brazil(phone) if {
	_brazil(phone.countryCode)
	not _brazilian(phone.phoneNumber)
}

_brazilian(number) if _matches(`^[0-9]{10,12}$`, _written(number))

_brazil(code) if {
	is_number(code)
	floor(code) == 55
}

_brazil(code) if _matches(`^\s*\+?0*55([^0-9]|$)`, code)

_place_parts := {"country", "state", "city", "place", "number"}

_more_place_parts := {"postalCode", "district", "placeType", "complement", "type"}

_needed_parts(field) := _place_parts if {
	field.isRequired == true
} else := set()

_position_or_dropped(value) if _dropped(value)

_position_or_dropped(value) if _position(value)

_position([longitude, latitude]) if {
	is_number(longitude)
	is_number(latitude)
}

_condition(condition) if {
	is_string(condition.term)
	condition.operator in _operators
	"value" in object.keys(condition)
}

_operators := {
	"exists", "equals", "not_equals", "in", "not_in", "contains", "not_contains", "starts_with", "end_with",
	"less_than", "greater_than", "less_or_equals", "greater_or_equals", "between",
}

# The server trips over null in a list that is a member of an object.
_stumbles(value) if {
	walk(value, [path, null])
	last := count(path) - 1
	is_number(path[last])
	not _within_list(path, last)
}

_within_list(path, last) if is_number(path[last - 1])
