package konecty.kinds_test

import data.konecty.kinds

# single says of a field that its metadata is complete, and that it is no list.
single(field) := object.union({"isList": false}, field)

taken(field, values) if {
	every value in values { not kinds.problem(single(field), value) }
}

refused(field, values) if {
	every value in values { kinds.problem(single(field), value) }
}

test_text if {
	every type in ["text", "richText"] {
		taken({"type": type}, ["a", " ", "<p>", 1, 1.5])
		refused({"type": type}, [true, [], {}, null])
	}
	every type in ["password", "encrypted"] {
		taken({"type": type}, ["a"])
		refused({"type": type}, [1, true, []])
	}
}

test_text_of_a_size if {
	field := {"type": "text", "size": 5}
	taken(field, ["12345", 12345, "üüüüü", "😀😀1", 1.23456789, 1000000000000000000])
	refused(field, ["123456", 123456, "😀😀😀"])
	taken({"type": "text", "size": 5, "normalization": "slug"}, ["a b c d e"])
	taken({"type": "text", "size": 0}, ["123456"])
	kinds.problem(single(field), "123456") == "Must be text of at most 5 characters"
}

test_url if {
	taken({"type": "url"}, ["https://example.com", "http://a-b.example:80/x?y#z", "https://www.example.com/a b", "http://localhost"])
	refused({"type": "url"}, ["example.com", "https://a b.com", "https://EXAMPLE.com", "https://example.com?x", "https://example.com/\n", "javascript:x", 1, {}])
}

test_number if {
	every type in ["number", "percentage"] {
		taken({"type": type}, [0, -1, 0.5, 1e300])
		refused({"type": type}, ["1", true, [1], {}])
	}
}

test_number_within_bounds if {
	field := single({"type": "number", "minValue": 1, "maxValue": 10})
	taken(field, [1, 10, 5.5])
	refused(field, [0.999, 10.001])
	kinds.problem(field, 11) == "Must be a number from 1 up to 10"
	taken({"type": "number", "minValue": null, "maxValue": "$now"}, [-1, 1])
	refused({"type": "number", "maxValue": 0}, [1])
}

test_boolean_and_time if {
	taken({"type": "boolean"}, [true, false])
	refused({"type": "boolean"}, ["true", 0, 1, {}])
	taken({"type": "time"}, [0, 86400000])
	refused({"type": "time"}, [-1, 86400001, "10:00"])
}

test_dates if {
	every type in ["date", "dateTime"] {
		taken({"type": type}, ["2026-03-16", 0, true, {"$date": "2026-03-16"}])
		refused({"type": type}, ["never", {}, []])
	}
}

colours := {"red": "Red", "green": "", "blue": {"en": "Blue"}}

test_picklist_of_one if {
	field := {"type": "picklist", "maxSelected": 1, "options": colours}
	taken(field, ["red", ["red"], ["red", "", null, 7, true, {}], [], [""], [["red", "blue"]]])
	refused(field, ["Red", ["red", "blue"], [["red", "Red"]], 1, true, {"red": "red"}, ["red", {"a": 1}]])
	kinds.problem(single(field), "x") == "Must be one of: blue, green, red"
	refused({"type": "picklist", "minSelected": 1, "maxSelected": 1, "options": colours}, [[], [""], [1], false])
}

test_picklist_of_several if {
	field := {"type": "picklist", "minSelected": 1, "maxSelected": 2, "options": colours}
	taken(field, ["red", ["red"], ["red", "blue"]])
	refused(field, [[], ["red", "green", "blue"], ["red", "x"], [["red"]], 1])
	kinds.problem(single(field), "x") == "Must be a list of 1 to 2 of: blue, green, red"
	kinds.problem(single({"type": "picklist", "maxSelected": 2, "options": {"a": "A"}}), 1) == "Must be a list of 0 to 2 of: a"
	refused({"type": "picklist", "minSelected": 2, "maxSelected": 2, "options": colours}, ["red", ["red"]])
}

test_picklist_without_bounds if {
	taken({"type": "picklist", "options": colours}, ["red", [], ["red", "green", "blue"]])
	taken({"type": "picklist"}, ["anything", ["at", "all"]])
	kinds.problem({"type": "picklist", "isList": false}, 1) == "Must be one of its keys"
}

test_picklist_of_which_little_is_known if {
	field := {"type": "picklist", "options": colours}
	every value in ["red", ["red", "blue", "green"], ["red", "", 7], [["red", "blue"]], []] { not kinds.problem(field, value) }
	every value in ["x", ["x"], [["red", "x"]], 7, true, {"a": 1}, ["red", {"a": 1}]] { kinds.problem(field, value) }
	not kinds.problem({"type": "picklist"}, 7)
	kinds.problem(field, "x") == "Must be one of, or a list of: blue, green, red"
}

test_lookup if {
	every type in ["lookup", "inheritLookup"] {
		field := single({"type": type, "document": "Contact"})
		taken(field, [{"_id": "x"}, {"_id": "x", "name": 1}, {"_id": ""}, {}, []])
		refused(field, ["x", {"_id": 1}, {"id": "x"}, [{"_id": "x"}]])
		kinds.problem(field, "x") == `Must be an object such as {"_id": "JeSqMH6mkP5f233Rp"}, with the _id of a Contact`
	}
}

test_email if {
	taken({"type": "email"}, [{"address": "a@b.com"}, {"address": "a@b.com", "type": "work", "x": 1}, {"address": "a@b.com", "type": null}])
	refused({"type": "email"}, ["a@b.com", {}, [], {"address": "a"}, {"address": 1}, {"address": "a@b.com", "type": 1}, {"address": "a@b.com", "x": [null]}])
}

test_phone if {
	taken({"type": "phone"}, [
		{"countryCode": 55, "phoneNumber": "11999999999"}, {"countryCode": "55", "phoneNumber": 11999999999},
		{"countryCode": 0, "phoneNumber": ""}, {"countryCode": 1, "phoneNumber": "call me", "extention": 7, "type": "x", "y": true},
		{"countryCode": 5.5, "phoneNumber": 1}, {"countryCode": "none", "phoneNumber": 1}, {"countryCode": 999, "phoneNumber": "1"},
		{"countryCode": "556", "phoneNumber": "1"}, {"countryCode": "-0", "phoneNumber": "1"},
	])
	refused({"type": "phone"}, [
		"5511999999999", {}, {"countryCode": 55}, {"phoneNumber": "1"}, {"countryCode": true, "phoneNumber": "1"},
		{"countryCode": 55, "phoneNumber": "5511999999999"}, {"countryCode": " +055", "phoneNumber": "1"}, {"countryCode": 55.5, "phoneNumber": 1.5},
		{"countryCode": 1000, "phoneNumber": "1"}, {"countryCode": -1, "phoneNumber": "1"}, {"countryCode": "-1", "phoneNumber": "1"},
		{"countryCode": "1000", "phoneNumber": "1"}, {"countryCode": 1, "phoneNumber": "1", "type": true},
	])
}

test_person_name if {
	taken({"type": "personName"}, [{"first": "João"}, {"first": null, "full": "J"}, {}, {"first": ""}, {"x": 1}, []])
	refused({"type": "personName"}, ["João", {"first": 1}, {"first": "J", "last": true}])
}

place := {"country": "BRA", "state": "SP", "city": "São Paulo", "place": "Paulista", "number": "1000"}

test_address if {
	taken({"type": "address"}, [
		{}, [], {"city": "São Paulo"}, object.union(place, {"geolocation": [-46.6, -23.5]}), {"number": 1000}, {"city": true}, {"city": {}},
		{"geolocation": []}, {"geolocation": 7}, {"x": [1]},
	])
	refused({"type": "address"}, ["Paulista", {"city": {"a": 1}}, {"city": [1]}, {"geolocation": [1]}, {"geolocation": "x"}, {"geolocation": ["1", 2]}])
}

test_address_that_is_required if {
	field := {"type": "address", "isRequired": true}
	taken(field, [place])
	every part, _ in place {
		refused(field, [object.remove(place, [part]), object.union(place, {part: ""}), object.union(place, {part: 1000})])
	}
	refused(field, [[]])
}

test_money if {
	taken({"type": "money"}, [{"currency": "BRL", "value": 1.5}, {"currency": "brl", "value": 0}])
	refused({"type": "money"}, [1, {"currency": "BRL", "value": "1"}, {"value": 1}, {"currency": 7, "value": 1}, []])
}

test_geoloc if {
	taken({"type": "geoloc"}, [[-51.22, -30.04]])
	refused({"type": "geoloc"}, [[1], [1, 2, 3], ["1", 2], [1, null], {}, "1,2"])
}

test_objects if {
	every type in ["json", "composite"] {
		taken({"type": type}, [{}, [], {"a": [1]}, {"a": [[null]]}, {"a": null}])
		refused({"type": type}, ["{}", 1, true, {"a": [null]}, [null]])
	}
	taken({"type": "file"}, [{}, {"key": "k", "name": "n", "size": "1"}])
	refused({"type": "file"}, ["n", 1])
}

condition := {"term": "a", "operator": "equals", "value": null}

test_filter if {
	taken({"type": "filter"}, [
		{"match": "and", "conditions": []}, {"match": "or", "conditions": {}}, {"match": "and", "conditions": [condition]},
		{"match": "and", "conditions": {"a": condition}},
	])
	refused({"type": "filter"}, [
		"x", {}, [], {"match": "and"}, {"match": "xor", "conditions": []}, {"match": "and", "conditions": "x"},
		{"match": "and", "conditions": [null]}, {"match": "and", "conditions": [object.remove(condition, ["value"])]},
		{"match": "and", "conditions": [object.union(condition, {"operator": "regex"})]}, {"match": "and", "conditions": [object.union(condition, {"term": 1})]},
		{"match": "and", "conditions": [object.union(condition, {"value": [null]})]},
	])
}

test_unknown_types_are_left_to_the_server if {
	taken({"type": "calculated"}, [1, "x", {}])
	not kinds.problem({"type": "calculated", "isList": true}, [1, {}])
	kinds.problem({"type": "calculated", "isList": true, "maxElements": 1}, [1, 2]) == "Must be a list of at most 1"
	kinds._form({"type": "calculated"}) == "what the server takes"
}

test_lists if {
	field := {"type": "number", "isList": true}
	every value in [[], [1, 2], 1, numbers.range(1, 300)] { not kinds.problem(field, value) }
	every value in [[1, "2"], "1", [[1]], [null]] { kinds.problem(field, value) }
	kinds.problem(field, "1") == "Must be a list, each of it a number"
	kinds.problem({"type": "lookup", "document": "A", "isList": true}, {}) # nothing clears an element
}

test_bounded_lists if {
	field := {"type": "number", "isList": true, "minElements": 1, "maxElements": 2}
	every value in [[1], [1, 2]] { not kinds.problem(field, value) }
	kinds.problem(field, []) == "Must be a list of at least 1"
	kinds.problem(field, [1, 2, 3]) == "Must be a list of at most 2"
	kinds.problem(field, 1) == "Must be a list of at most 2"
	kinds.bound(field, null) == "Must be a list of at most 2"
	not kinds.bound({"type": "number", "isList": false, "maxElements": 2}, null)
	not kinds.bound({"type": "number", "isList": true, "maxElements": 0}, null)
}

test_lists_without_duplicates if {
	field := {"type": "json", "isList": true, "isAllowDuplicates": false}
	not kinds.problem(field, [{"a": 1}, {"a": 2}])
	kinds.problem(field, [{"a": 1}, {"a": 1}]) == "Must be a list without the same twice"
}

test_where_it_is_not_known_whether_a_field_is_a_list_both_are_right if {
	field := {"type": "number"}
	every value in [1, [], [1, 2]] { not kinds.problem(field, value) }
	every value in ["1", [1, "2"], [[1]]] { kinds.problem(field, value) }
	not kinds.problem({"type": "geoloc"}, [1, 2])
	not kinds.problem({"type": "geoloc"}, [[1, 2], [3, 4]])
	not kinds.problem({"type": "lookup"}, {})
	not kinds.problem({"type": "lookup"}, [{"_id": "x"}])
}
