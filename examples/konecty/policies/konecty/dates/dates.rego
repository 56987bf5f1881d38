# METADATA
# title: Dates as the server's language reads them
# description: |
#   JavaScript reads nearly anything as a date. Only what it certainly refuses is refused here; the rest is left to the
#   server.
package konecty.dates

# METADATA
# title: possible(value) tells that a value may be a date
# description: What stands under "$date" in an object is read in its place.
# custom:
#   code: VALIDATION_ERROR
possible(value) if _readable(_within(value))

_within(value) := value["$date"] if {
	is_object(value)
	value["$date"] != null
} else := value

_readable(value) if is_boolean(value)

# The calendar ends 100,000,000 days from 1970.
_readable(value) if {
	is_number(value)
	abs(value) <= 8640000000000000
}

_readable(value) if {
	is_string(value)
	not _no_date(value)
}

# A list is read as its elements with commas between them.
_readable([value]) if _readable_text(value)

_readable(value) if {
	is_array(value)
	count(value) > 1
}

_readable_text(value) if not is_string(value)

_readable_text(value) if not _no_date(value)

_no_date(text) if not regex.match(`[0-9]`, text)

_no_date(text) if {
	regex.match(_like_iso, text)
	not regex.match(_iso, text)
}

_no_date(text) if {
	regex.match(`^[0-9]{1,2}/[0-9]{1,2}/[1-9][0-9]{3}$`, text)
	not regex.match(`^(0?[1-9]|1[0-2])/(0?[1-9]|[12][0-9]|3[01])/[0-9]{4}$`, text)
}

_zone := `(Z|[+-][0-9]{2}:?[0-9]{2})?`

_like_iso := concat("", [
	`^([1-9][0-9]{3}|0[1-9][0-9]{2}|00[4-9][0-9])-[0-9]{1,2}-[0-9]{1,2}`,
	`([T ][0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}(\.[0-9]+)?)?`, _zone, `)?$`,
])

_iso := concat("", [
	`^[0-9]{4}-(0?[1-9]|1[0-2])-(0?[1-9]|[12][0-9]|3[01])`,
	`([T ]([01]?[0-9]|2[0-4]):[0-5]?[0-9](:[0-5]?[0-9](\.[0-9]+)?)?`, _zone, `)?$`,
])
