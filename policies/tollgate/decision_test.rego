package tollgate_test

decision(refusals) := made if {
	made := data.tollgate.decision with data.tollgate.authz.deny as refusals
}

test_allows_where_nobody_refuses if {
	decision(set()) == {"allow": true}
}

test_gives_each_code if {
	every code in ["FORBIDDEN", "NOT_FOUND", "VALIDATION_ERROR"] {
		decision({{"code": code, "message": "No.", "details": {"a": 1}}}) == {
			"allow": false,
			"code": code,
			"message": "No.",
			"details": {"a": 1},
		}
	}
}

test_prefers_forbidden if {
	decision({
		{"code": "VALIDATION_ERROR", "message": "A", "details": {"v": 1}},
		{"code": "NOT_FOUND", "message": "B", "details": {"n": 1}},
		{"code": "FORBIDDEN", "message": "C", "details": {"f": 1}},
	}) == {"allow": false, "code": "FORBIDDEN", "message": "C", "details": {"f": 1}}
}

test_prefers_not_found_to_validation if {
	decision({
		{"code": "VALIDATION_ERROR", "message": "A"},
		{"code": "NOT_FOUND", "message": "B"},
	}) == {"allow": false, "code": "NOT_FOUND", "message": "B", "details": null}
}

test_takes_the_lexically_first_message_and_merges_details if {
	decision({
		{"code": "VALIDATION_ERROR", "message": "b", "details": {"x": "from b", "y": "from b"}},
		{"code": "VALIDATION_ERROR", "message": "a", "details": {"x": "from a"}},
		{"code": "VALIDATION_ERROR", "message": "c", "details": {"y": "from c", "z": {"deep": true}}},
	}) == {
		"allow": false,
		"code": "VALIDATION_ERROR",
		"message": "a",
		"details": {"x": "from a", "y": "from b", "z": {"deep": true}},
	}
}

test_does_not_merge_below_a_detail if {
	decision({
		{"code": "FORBIDDEN", "message": "a", "details": {"x": {"one": 1}}},
		{"code": "FORBIDDEN", "message": "b", "details": {"x": {"two": 2}}},
	}).details == {"x": {"one": 1}}
}

test_says_the_message_of_the_code_where_there_is_none if {
	decision({{"code": "FORBIDDEN"}}).message == "This key may not do this."
	decision({{"code": "NOT_FOUND", "message": ""}}).message == "There is no such resource."
	decision({{"code": "VALIDATION_ERROR"}}).message == "The request is not valid."
}

test_has_null_details_where_there_are_none if {
	decision({{"code": "FORBIDDEN", "message": "a"}}).details == null
	decision({{"code": "FORBIDDEN", "message": "a", "details": null}}).details == null
	decision({{"code": "FORBIDDEN", "message": "a", "details": {}}}).details == null
}

test_merges_details_with_null if {
	decision({
		{"code": "FORBIDDEN", "message": "a", "details": null},
		{"code": "FORBIDDEN", "message": "b", "details": {"x": 1}},
	}) == {"allow": false, "code": "FORBIDDEN", "message": "a", "details": {"x": 1}}
}

test_reports_malformed_refusals if {
	cases := [
		"no",
		null,
		{},
		{"message": "a"},
		{"code": "TEAPOT", "message": "a"},
		{"code": "forbidden", "message": "a"},
		{"code": ["FORBIDDEN"], "message": "a"},
		{"code": "FORBIDDEN", "message": 1},
		{"code": "FORBIDDEN", "message": null},
		{"code": "FORBIDDEN", "message": "a", "details": "x"},
		{"code": "FORBIDDEN", "message": "a", "details": ["x"]},
		{"code": "FORBIDDEN", "message": "a", "details": {1: "x"}},
		{"code": "FORBIDDEN", "message": "a", "detail": {"x": 1}},
	]
	every refusal in cases {
		decision({refusal}) == {"malformed": {refusal}}
		decision({refusal, {"code": "FORBIDDEN", "message": "a"}}) == {"malformed": {refusal}}
	}
}
