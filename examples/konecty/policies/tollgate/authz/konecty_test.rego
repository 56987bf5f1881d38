package tollgate.authz_test

import data.tollgate.authz

modules := {
	"Contact": {"fields": {"name": {"type": "text", "isRequired": true}, "age": {"type": "number"}}},
	"Portal": {"fields": {"password": {"type": "password"}}},
}

asked(document, body) := {
	"request": {"method": "POST", "body": body, "query": {}},
	"route": {"pattern": "/rest/data/:document", "params": {"document": document}, "scopes": []},
}

# refusals are what this file's rules say.
refusals(document, body) := {refusal |
	denied := authz.deny with input as asked(document, body) with data.konecty.modules as modules
	some refusal in denied
	refusal.code != "FORBIDDEN"
}

test_takes_a_record if refusals("Contact", {"name": "Ana", "age": 30}) == set()

test_refuses_wrong_fields if {
	refusals("Contact", {"age": "30", "colour": "red"}) == {{
		"code": "VALIDATION_ERROR",
		"message": "Invalid record of Contact.",
		"details": {"name": "Required", "age": "Must be a number", "colour": "Unknown field"},
	}}
}

nothing := {{
	"code": "VALIDATION_ERROR",
	"message": "Invalid record of Contact.",
	"details": {"body": "Send one JSON object with 1 to 200 fields"},
}}

test_refuses_what_is_no_record if {
	every body in [null, "x", 7, [], [{"name": "Ana"}], {}] { refusals("Contact", body) == nothing }
}

test_refuses_more_fields_than_can_be_judged if {
	body := {sprintf("f%d", [n]): 1 | some n in numbers.range(1, 201)}
	refusals("Contact", body) == nothing
}

test_refuses_a_missing_body if {
	request := {
		"request": {"method": "POST", "query": {}},
		"route": {"pattern": "/rest/data/:document", "params": {"document": "Contact"}, "scopes": []},
	}
	denied := authz.deny with input as request with data.konecty.modules as modules
	nothing & denied == nothing
}

test_refuses_unknown_modules if {
	refusals("Invoice", {"name": "x"}) == {{
		"code": "NOT_FOUND",
		"message": "There is no module Invoice.",
		"details": {"document": "GET /rest/query/explorer/modules lists the modules"},
	}}
}

test_refuses_everything_without_metadata if {
	denied := authz.deny with input as asked("Contact", {"name": "Ana"}) with data.konecty.modules as {}
	some refusal in denied
	refusal.code == "NOT_FOUND"
}

test_leaves_other_routes_alone if {
	every route in [
		{"pattern": "/rest/query/explorer/modules", "params": {}, "scopes": []},
		{"pattern": "", "params": {}, "scopes": []},
	] {
		denied := authz.deny with input as {"request": {"method": "POST", "body": {}, "query": {}}, "route": route}
		every refusal in denied { refusal.code == "FORBIDDEN" }
	}
}
