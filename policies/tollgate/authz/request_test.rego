package tollgate.authz_test

# A request that nothing is held against; tests change what they are about.
request := {
	"request": {
		"method": "GET",
		"host": "api.example.com",
		"path": "/api/v2/agent/leads/l1",
		"query": {},
		"headers": {},
		"client_ip": "203.0.113.9",
	},
	"route": {"pattern": "/api/v2/agent/leads/:id", "scopes": ["agent.leads.read"], "params": {"id": "l1"}},
	"key": {"id": "key_crm", "name": "crm agent", "scopes": ["agent.leads.read"], "allowed_ips": []},
	"workspace": {"id": "ws_acme", "metadata": {}},
	"plan": {"name": "pro", "denied": false},
}

changed(path, value) := json.patch(request, [{"op": "add", "path": path, "value": value}])

without(path) := json.remove(request, [path])

test_allows_a_request_that_nothing_is_held_against if {
	data.tollgate.decision == {"allow": true} with input as request
}

test_refuses_an_empty_input if {
	decision := data.tollgate.decision with input as {}
	decision.allow == false
	decision.code == "FORBIDDEN"
}

test_refuses_without_any_input if {
	data.tollgate.decision.allow == false
}

# The plan's message is the lexically first of them, and says nothing of the route. The address is told beside it.
test_says_one_thing_where_all_is_wrong if {
	bad := json.patch(request, [
		{"op": "replace", "path": "/key/scopes", "value": []},
		{"op": "replace", "path": "/key/allowed_ips", "value": ["198.51.100.0/24"]},
		{"op": "replace", "path": "/plan/denied", "value": true},
	])
	data.tollgate.decision == {
		"allow": false,
		"code": "FORBIDDEN",
		"message": "The plan of this workspace does not include the API. Choose another plan to use it.",
		"details": {"reason": "plan", "plan": "pro", "address": "203.0.113.9"},
	} with input as bad
}
