package tollgate.authz_test

import data.tollgate.authz

form := "Must be one date (2026-01-31) or time with zone (2026-01-31T09:00:00Z; write + as %2B) from 1900 to 2199"

# refusals are the details of all that this file's rules refuse, by parameter.
refusals(query) := details if {
	pattern := "/api/v2/agent/analytics/summary"
	denied := authz.deny with input as {"request": {"query": query}, "route": {"pattern": pattern}}
	details := object.union_n([refusal.details |
		some refusal in denied
		refusal.code == "VALIDATION_ERROR"
	])
}

test_allows_no_period if refusals({}) == {}

test_allows_dates_in_order if refusals({"from": ["2026-01-01"], "to": ["2026-03-31"]}) == {}

test_allows_one_day if refusals({"from": ["2026-01-01"], "to": ["2026-01-01"]}) == {}

test_allows_one_end if {
	refusals({"from": ["2026-01-01"]}) == {}
	refusals({"to": ["2026-01-01T00:00:00Z"]}) == {}
}

test_allows_times_in_order_across_zones if {
	refusals({"from": ["2026-01-01T23:00:00+02:00"], "to": ["2026-01-01T21:30:00Z"]}) == {}
}

test_leaves_a_date_and_a_time_to_the_backend if {
	refusals({"from": ["2026-01-02T00:00:00+02:00"], "to": ["2026-01-01"]}) == {}
}

test_allows_leap_days_that_exist if {
	every day in ["2000-02-29", "2024-02-29", "2096-02-29"] { refusals({"from": [day]}) == {} }
}

test_refuses_days_that_do_not_exist if {
	days := ["1900-02-29", "2100-02-29", "2026-02-29", "2026-04-31", "2026-13-01", "2026-00-10", "2026-01-00", "2026-01-32"]
	every day in days { refusals({"from": [day]}) == {"from": form} }
}

test_refuses_malformed_values if {
	values := [
		"", "yesterday", "2026-1-1", "20260101", "2026-01-01 ", "1899-12-31", "2200-01-01", "2026-01-01T10:00:00",
		"2026-01-01T24:00:00Z", "2026-01-01T10:00:00 02:00", "2026-01-01T10:00:00,5Z", "2026-02-30T10:00:00Z",
		"2026-01-01T10:00:00+24:00", "'; DROP TABLE leads; --",
	]
	every value in values { refusals({"to": [value]}) == {"to": form} }
}

test_refuses_a_parameter_given_twice if {
	refusals({"from": ["2026-01-01", "2026-01-02"]}) == {"from": form}
}

test_refuses_dates_out_of_order if {
	refusals({"from": ["2026-03-31"], "to": ["2026-01-01"]}) == {
		"from": "Must not be later than to",
		"to": "Must not be earlier than from",
	}
}

test_refuses_times_out_of_order_across_zones if {
	refusals({"createdFrom": ["2026-01-01T22:00:00Z"], "createdTo": ["2026-01-01T23:00:00+02:00"]}) == {
		"createdFrom": "Must not be later than createdTo",
		"createdTo": "Must not be earlier than createdFrom",
	}
}

test_names_every_wrong_parameter if {
	refusals({"from": ["x"], "to": ["y"], "createdFrom": ["2026-01-01"]}) == {"from": form, "to": form}
}

test_leaves_other_apis_alone if {
	every pattern in ["", "/sms", "/api/v2/agents/:id"] {
		denied := authz.deny with input as {"request": {"query": {"from": ["+49"]}}, "route": {"pattern": pattern}}
		count({refusal | some refusal in denied; refusal.code == "VALIDATION_ERROR"}) == 0
	}
}

test_says_code_and_message if {
	denied := authz.deny with input as {"request": {"query": {"from": ["x"]}}, "route": {"pattern": "/api/v2/agent/leads"}}
	{"code": "VALIDATION_ERROR", "message": "Invalid query parameters", "details": {"from": form}} in denied
}
