# METADATA
# title: Periods of the Agent API
# description: |
#   Refuses a period that the backend could not answer before it costs the backend anything: from, to, createdFrom and
#   createdTo must be dates or times, given once and in order. A date is meant in the workspace's time zone, which the
#   gateway does not know: a date and a time are compared by the backend only, which checks all of it again.
package tollgate.authz

# METADATA
# title: Refuses what is neither a date nor a time
# description: The details name the parameter.
# custom:
#   code: VALIDATION_ERROR
deny contains {
	"code": "VALIDATION_ERROR",
	"message": "Invalid query parameters",
	"details": {name: concat(" ", [
		"Must be one date (2026-01-31) or time with zone (2026-01-31T09:00:00Z; write + as %2B)",
		"from 1900 to 2199",
	])},
} if {
	_agent_api
	some pair in _period_pairs
	some name in pair
	values := input.request.query[name]
	not _one_instant(values)
}

# METADATA
# title: Refuses a period that ends before it begins
# description: The details name both parameters.
# custom:
#   code: VALIDATION_ERROR
deny contains {
	"code": "VALIDATION_ERROR",
	"message": "Invalid query parameters",
	"details": {
		from: concat(" ", ["Must not be later than", to]),
		to: concat(" ", ["Must not be earlier than", from]),
	},
} if {
	_agent_api
	some [from, to] in _period_pairs
	first := input.request.query[from]
	last := input.request.query[to]
	_one_instant(first)
	_one_instant(last)
	_later(first[0], last[0])
}

# Another API behind the same gateway may call its phone numbers from and to.
_agent_api if startswith(input.route.pattern, "/api/v2/agent/")

_period_pairs := [["from", "to"], ["createdFrom", "createdTo"]]

_one_instant([text]) if _is_date(text)

_one_instant([text]) if _is_time(text)

_later(first, last) if {
	_is_date(first)
	_is_date(last)
	first > last
}

_later(first, last) if {
	_is_time(first)
	_is_time(last)
	time.parse_rfc3339_ns(first) > time.parse_rfc3339_ns(last)
}

_is_date(text) if regex.match(concat("", ["^", _date, "$"]), text)

_is_time(text) if regex.match(concat("", ["^", _date, "T", _time, "$"]), text)

# The calendar as a form: to parse a day that does not exist would fail the decision instead of refusing the request.
_date := concat("", ["(", concat("|", _dates), ")"])

_dates := [
	"(19|20|21)[0-9]{2}-(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])",
	"(19|20|21)[0-9]{2}-(0[469]|11)-(0[1-9]|[12][0-9]|30)",
	"(19|20|21)[0-9]{2}-02-(0[1-9]|1[0-9]|2[0-8])",
	"((19|20|21)(0[48]|[2468][048]|[13579][26])|2000)-02-29",
]

_time := `([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])`
