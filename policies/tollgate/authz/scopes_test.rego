package tollgate.authz_test

lacking(missing) := {
	"allow": false,
	"code": "FORBIDDEN",
	"message": "This key lacks a scope that the route needs. Use a key that holds the missing scopes.",
	"details": {"missing_scopes": missing},
}

test_refuses_a_missing_scope if {
	data.tollgate.decision == lacking(["agent.leads.read"]) with input as changed("/key/scopes", ["agent.leads.write"])
}

test_names_all_missing_scopes_in_the_order_of_the_route if {
	needs := changed("/route/scopes", ["b.x", "agent.leads.read", "a.x"])
	data.tollgate.decision == lacking(["b.x", "a.x"]) with input as needs
}

test_refuses_a_key_without_scopes if {
	data.tollgate.decision == lacking(["agent.leads.read"]) with input as changed("/key/scopes", [])
}

test_refuses_where_the_scopes_of_the_key_are_missing if {
	data.tollgate.decision == lacking(["agent.leads.read"]) with input as without("/key/scopes")
}

test_refuses_where_the_scopes_of_the_route_are_missing if {
	data.tollgate.decision == lacking([]) with input as without("/route/scopes")
}

test_refuses_where_the_route_is_missing if {
	data.tollgate.decision == lacking([]) with input as without("/route")
}

test_allows_a_route_that_needs_nothing if {
	data.tollgate.decision == {"allow": true} with input as changed("/route", {"pattern": "", "scopes": [], "params": {}})
}

test_judges_wildcards if {
	cases := [
		["*", "agent.leads.read", true],
		["*", "agent", true],
		["agent.*", "agent.leads", true],
		["agent.*", "agent.leads.read", true],
		["agent.*", "agent", false],
		["agent.*", "agent.", false],
		["agent.*", "agents.leads", false],
		["agent.*", "Agent.leads", false],
		["agent.leads.*", "agent.files.read", false],
		["agent.leads", "agent.leads", true],
		["agent.leads", "agent.leads.read", false],
		["agent.leads.read", "agent.leads", false],
		["agent*", "agentx", false],
	]
	every case in cases {
		[held, needed, allowed] := case
		both := json.patch(request, [
			{"op": "replace", "path": "/key/scopes", "value": [held]},
			{"op": "replace", "path": "/route/scopes", "value": [needed]},
		])
		data.tollgate.decision.allow == allowed with input as both
	}
}

test_says_nothing_of_scopes_outside_the_allowlist if {
	stolen := json.patch(request, [
		{"op": "replace", "path": "/key/scopes", "value": []},
		{"op": "replace", "path": "/key/allowed_ips", "value": ["198.51.100.0/24"]},
	])
	data.tollgate.decision == elsewhere with input as stolen
}
