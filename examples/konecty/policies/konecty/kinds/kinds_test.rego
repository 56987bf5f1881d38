package konecty.kinds_test

import data.konecty.kinds

taken(field, values) if {
	every value in values { not kinds.problem(field, value) }
}

refused(field, values) if {
	every value in values { kinds.problem(field, value) }
}

test_text if {
	every type in ["text", "richText"] {
		taken({"type": type}, ["a", " ", "<p>"])
		refused({"type": type}, [1, true, [], {}])
	}
}

test_url if {
	taken({"type": "url"}, ["https://example.com", "http://a-b.example:80/x?y#z"])
	refused({"type": "url"}, ["example.com", "https://a b.com", "javascript:x", 1, {}])
}

test_number if {
	every type in ["number", "percentage"] {
		taken({"type": type}, [0, -1, 0.5, 1e300])
		refused({"type": type}, ["1", true, [1], {}])
	}
}

test_number_within_bounds if {
	field := {"type": "number", "minValue": 1, "maxValue": 10}
	taken(field, [1, 10, 5.5])
	refused(field, [0.999, 10.001])
	kinds.problem(field, 11) == "Must be a number from 1 up to 10"
	taken({"type": "number", "minValue": null, "maxValue": null}, [-1, 1])
	refused({"type": "number", "maxValue": 0}, [1])
}

test_boolean if {
	taken({"type": "boolean"}, [true, false])
	refused({"type": "boolean"}, ["true", 0, 1, {}])
}

test_date if {
	taken({"type": "date"}, ["2026-03-16", "2024-02-29", "2000-02-29", "2026-04-30", "9999-12-31"])
	refused({"type": "date"}, ["2026-02-29", "1900-02-29", "2026-13-01", "2026-04-31", "2026-3-16", "2026-03-16\n", 1, {}])
}

test_date_time if {
	taken({"type": "dateTime"}, ["2026-03-16T14:00:00Z", "2026-03-16T14:00:00.000Z", "2026-03-16T23:59:59.5-03:00"])
	refused({"type": "dateTime"}, ["2026-03-16", "2026-03-16T24:00:00Z", "2026-02-30T14:00:00Z", "2026-03-16T14:00:00", 1])
}

test_picklist_of_one if {
	field := {"type": "picklist", "maxSelected": 1, "options": {"Nova": "New", "Enviada": ""}}
	taken(field, ["Nova", "Enviada"])
	refused(field, ["nova", "New", ["Nova"], 1, {}])
	kinds.problem(field, "x") == "Must be one of: Enviada, Nova"
	taken({"type": "picklist", "options": {"a": "A"}}, ["a"])
	refused({"type": "picklist"}, ["a"])
}

test_picklist_of_several if {
	field := {"type": "picklist", "minSelected": 1, "maxSelected": 2, "options": {"a": "A", "b": "B", "c": "C"}}
	taken(field, [["a"], ["a", "b"]])
	refused(field, ["a", [], ["a", "b", "c"], ["a", "x"], [["a"]], {"a": "b"}])
	kinds.problem(field, "x") == "Must be a list of 1 to 2 of: a, b, c"
	taken({"type": "picklist", "maxSelected": 2, "options": {"a": "A"}}, [[], ["a"]])
	kinds.problem({"type": "picklist", "maxSelected": 2, "options": {"a": "A"}}, 1) == "Must be a list of 0 to 2 of: a"
}

test_lookup if {
	every type in ["lookup", "inheritLookup"] {
		field := {"type": type, "document": "Contact"}
		taken(field, [{"_id": "x"}, {"_id": "x", "name": 1}])
		refused(field, ["x", {}, {"_id": ""}, {"_id": 1}, [{"_id": "x"}]])
		kinds.problem(field, "x") == `Must be an object such as {"_id": "JeSqMH6mkP5f233Rp"}, with the _id of a Contact`
	}
}

test_email if {
	taken({"type": "email"}, [{"address": "a@b.com"}, {"address": "a@b.com", "type": "work"}])
	refused({"type": "email"}, ["a@b.com", {}, {"address": "a"}, {"address": 1}, {"address": "a@b.com", "type": 1}])
}

test_phone if {
	taken({"type": "phone"}, [
		{"countryCode": 55, "phoneNumber": "5511999999999"},
		{"countryCode": 1, "phoneNumber": 2125550100, "extention": 7, "type": "x"},
	])
	refused({"type": "phone"}, [
		"5511999999999", {}, {"countryCode": 0, "phoneNumber": "12345"}, {"countryCode": 1.5, "phoneNumber": "12345"},
		{"countryCode": "55", "phoneNumber": "12345"}, {"countryCode": 1000, "phoneNumber": "12345"},
		{"countryCode": 55, "phoneNumber": "+5511"}, {"countryCode": 55, "phoneNumber": 1234.5},
		{"countryCode": 55, "phoneNumber": 999}, {"countryCode": 55, "phoneNumber": 1e15},
		{"countryCode": 55, "phoneNumber": "12345", "type": true},
	])
}

test_person_name if {
	taken({"type": "personName"}, [{"first": "João"}, {"first": null, "full": "J"}])
	refused({"type": "personName"}, ["João", {}, {"first": ""}, {"first": 1}, {"first": "J", "last": true}, [{"first": "J"}]])
}

place := {"country": "BRA", "state": "SP", "city": "São Paulo", "place": "Paulista", "number": 1000}

test_address if {
	taken({"type": "address"}, [{}, {"city": "São Paulo"}, object.union(place, {"geolocation": [-46.6, -23.5]})])
	refused({"type": "address"}, ["Paulista", {"city": true}, {"geolocation": [1]}, {"geolocation": ["1", 2]}, []])
}

test_address_that_is_required if {
	field := {"type": "address", "isRequired": true}
	taken(field, [place])
	every part, _ in place { refused(field, [object.remove(place, [part])]) }
}

test_money if {
	taken({"type": "money"}, [{"currency": "BRL", "value": 1.5}])
	refused({"type": "money"}, [1, {"currency": "brl", "value": 1}, {"currency": "BRL", "value": "1"}, {"value": 1}])
}

test_geoloc if {
	taken({"type": "geoloc"}, [[-51.22, -30.04]])
	refused({"type": "geoloc"}, [[1], [1, 2, 3], ["1", 2], [1, null], {}, "1,2"])
}

test_json if {
	taken({"type": "json"}, [{}, [], {"a": [1]}])
	refused({"type": "json"}, ["{}", 1, true])
}

test_file if {
	taken({"type": "file"}, [{"key": "k", "name": "n"}, {"key": "k", "name": "n", "size": 0}])
	refused({"type": "file"}, [
		"n", {}, {"key": "k"}, {"key": "", "name": "n"}, {"key": "k", "name": "n", "size": "1"},
		{"key": "k", "name": "n", "size": -1},
	])
}

test_unknown_types_are_left_to_the_server if {
	taken({"type": "composite"}, [1, "x", {}])
	taken({"type": "composite", "isList": true}, [1, [1]])
	kinds.problem({"type": "composite", "isList": true}, numbers.range(0, 200)) == "Must be a list of at most 200, each of them what the server takes"
}

test_lists if {
	field := {"type": "number", "isList": true}
	taken(field, [[], [1, 2], 1])
	refused(field, [[1, "2"], "1", [[1]], [null]])
	taken(field, [numbers.range(1, 200)])
	refused(field, [numbers.range(0, 200)])
	kinds.problem(field, "1") == "Must be a list of at most 200, each of them a number"
}
