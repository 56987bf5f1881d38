package tollgate.authz_test

deletion := {
	"request": {"method": "DELETE", "host": "api.example.com", "path": "/api/leads/l1", "query": {}, "headers": {}, "client_ip": "203.0.113.9"},
	"route": {"pattern": "/api/leads/:id", "scopes": ["leads.write"], "params": {"id": "l1"}},
	"key": {"id": "key_1", "name": "crm", "scopes": ["leads.write"], "allowed_ips": []},
	"workspace": {"id": "ws_acme", "metadata": {}},
	"plan": {"name": "pro", "denied": false},
}

test_a_deletion_without_a_reason_is_refused if {
	not data.tollgate.decision.allow with input as deletion
}

test_a_deletion_with_a_reason_passes if {
	data.tollgate.decision.allow with input as object.union(deletion, {"request": {"headers": {"x-reason": ["duplicate"]}}})
}
