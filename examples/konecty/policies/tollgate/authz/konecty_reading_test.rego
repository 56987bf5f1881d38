package tollgate.authz_test

import data.tollgate.authz

# said are the codes and details of the refusals of a request by a key with scopes.
said(scopes, request, route) := {{"code": refusal.code, "details": refusal.details} |
	denied := authz.deny with input as {"request": request, "route": route, "key": {"scopes": scopes, "allowed_ips": []}} with data.konecty.modules as modules
	some refusal in denied
	not refusal.message in other_messages
}

# other_messages are of the gateway's own policies: nothing else is told of these requests.
other_messages := {message |
	denied := authz.deny with input as {"request": {"method": "GET", "query": {}}, "route": {"pattern": "", "params": {}, "scopes": []}, "key": {"scopes": []}}
	some refusal in denied
	message := refusal.message
}

query(scopes, body) := said(scopes, {"method": "POST", "body": body, "query": {}}, {"pattern": "/rest/query/json", "params": {}, "scopes": ["konecty.query"]})

find(scopes, document, parameters) := said(scopes, {"method": "GET", "query": parameters}, {
	"pattern": "/rest/data/:document/find", "params": {"document": document}, "scopes": [sprintf("konecty.%s.find", [document])],
})

read(scopes, document, parameters) := said(scopes, {"method": "GET", "query": parameters}, {
	"pattern": "/rest/data/:document/:id", "params": {"document": document, "id": "x"}, "scopes": [sprintf("konecty.%s.read", [document])],
})

all := ["konecty.*"]

everything := ["konecty.*", "konecty.User.read", "konecty.User.find", "konecty.User.update"]

lacks(scopes) := {{"code": "FORBIDDEN", "details": {"missing_scopes": scopes}}}

test_takes_queries if {
	every body in [
		{"document": "Contact"},
		{"document": "Contact", "fields": "", "sort": `[{"property":"name"}]`, "filter": {"textSearch": "services", "conditions": [{"term": "a", "operator": "equals", "value": {"$date": "x"}}]}},
		{"document": "Contact", "relations": [{"document": "Message", "lookup": "contact", "aggregators": {"n": {"aggregator": "count"}}}]},
	] {
		query(all, body) == set()
	}
	query(everything, {"document": "User", "fields": "name"}) == set()
	query(everything, {"document": "Contact", "relations": [{"document": "User", "fields": "_id,name"}]}) == set()
	find(everything, "User", {"fields": ["_id,name"]}) == set()
	read(everything, "User", {"fields": ["name , _id"]}) == set()
	find(all, "Contact", {"filter": [`{"match":"and","conditions":[{"term":"n%61me","operator":"equals","value":"a+b"}]}`], "sort": [`[]`], "withDetailFields": ["false"], "x": ["1", "2"]}) == set()
}

test_each_document_needs_a_scope if {
	deep := {"document": "A", "relations": [{"document": "B", "relations": [{"document": "C", "relations": [{"document": "D"}]}]}]}
	query(["konecty.query", "konecty.A.read", "konecty.B.read", "konecty.C.read"], deep) == lacks(["konecty.D.read"])
	both := lacks(["konecty.query", "konecty.D.read"]) # told beside what the gateway's own policies tell of the route
	both & query(["konecty.A.read", "konecty.B.read", "konecty.C.read"], deep) == both
	query(["konecty.query", "konecty.D.read"], deep) == lacks(["konecty.A.read", "konecty.B.read", "konecty.C.read"])
	query(["konecty.query", "konecty.A.*", "konecty.B.*", "konecty.C.*", "konecty.D.*"], deep) == set()
}

test_no_wildcard_reaches_users if {
	every scopes in [all, ["*"], ["konecty.User.*"]] {
		lacks(["konecty.User.read"]) & query(scopes, {"document": "User", "fields": "name"}) == lacks(["konecty.User.read"])
		find(scopes, "User", {"fields": ["_id"]}) == lacks(["konecty.User.find"])
		read(scopes, "User", {"fields": ["_id"]}) == lacks(["konecty.User.read"])
	}
	said(all, {"method": "DELETE", "body": {}, "query": {}}, {"pattern": "/rest/data/:document", "params": {"document": "User"}, "scopes": ["konecty.User.delete"]}) == lacks(["konecty.User.delete"])
	count(query(all, {"document": "uSER", "fields": "name"})) == 1
}

test_documents_that_are_stored_with_the_users_are_users if {
	refused := query(all, {"document": "Staff"}) with data.konecty.users as ["Staff"]
	count(refused) == 2
	lacks(["konecty.Staff.find"]) == find(all, "Staff", {"fields": ["_id"]}) with data.konecty.users as ["Staff"]
	query(all, {"document": "Staff"}) == set() with data.konecty.users as []
	count(query(all, {"document": "User"})) == 2 with data.konecty.users as []
}

test_credentials_are_refused_with_any_scope if {
	every refused in [
		query(everything, {"document": "Contact", "fields": "services"}), query(everything, {"document": "User", "fields": "name", "groupBy": ["password"]}),
		find(everything, "Contact", {"fields": ["_user.services"]}), find(everything, "Contact", {"sort": [`{"term":"s\u0065rvices"}`]}),
		find(everything, "Contact", {"filter": [`{"conditions":[{"term":"s%65rvices"}]}`]}), read(everything, "Contact", {"fields": ["password"]}),
	] {
		some refusal in refused
		refusal.code == "FORBIDDEN"
		refusal.details.fields
	}
}

test_posted_finds_are_filters_whatever_they_call_their_parts if {
	route := {"pattern": "/rest/data/:document/find", "params": {"document": "User"}, "scopes": ["konecty.User.find"]}
	some refusal in said(everything, {"method": "POST", "body": {"fields": "_id,name"}, "query": {}}, route)
	refusal.details.fields
	said(everything, {"method": "POST", "body": {"conditions": []}, "query": {"fields": ["_id,name"]}}, route) == set()
}

test_users_are_read_with_a_list_of_fields_only if {
	needs := {"code": "FORBIDDEN", "details": {"fields": "Name each field that you need, _id among them, such as _id,name"}}
	every refused in [
		query(everything, {"document": "User"}), query(everything, {"document": "User", "fields": ""}), query(everything, {"document": "User", "fields": "name,"}),
		query(everything, {"document": "User", "fields": ["name"]}), query(everything, {"document": "Contact", "relations": [{"document": "User"}]}),
		query(everything, {"document": "Contact", "relations": [{"document": "User", "fields": "name"}]}), query(everything, {"document": "Portal"}),
		find(everything, "User", {}), find(everything, "User", {"fields": ["name"]}), find(everything, "User", {"fields": [","]}), read(everything, "User", {}),
		read(everything, "User", {"fields": ["name"]}),
	] {
		needs in refused
	}
	some refusal in query(everything, {"document": "User", "fields": "*"})
	refusal.code == "VALIDATION_ERROR"
}

test_users_are_not_changed if {
	every document in ["User", "Portal"] {
		refused := said(everything, {"method": "PUT", "body": {}, "query": {}}, {"pattern": "/rest/data/:document", "params": {"document": document}, "scopes": []})
		refused == {{"code": "FORBIDDEN", "details": {"document": document}}}
	}
	said(all, {"method": "PUT", "body": {}, "query": {}}, {"pattern": "/rest/data/:document", "params": {"document": "Contact"}, "scopes": []}) == set()
}

test_operations_are_no_ids if {
	every id in ["find", "kpi", "graph", "pivot"] {
		said(all, {"method": "GET", "query": {}}, {"pattern": "/rest/data/:document/:id", "params": {"document": "Contact", "id": id}, "scopes": []}) == {{"code": "NOT_FOUND", "details": null}}
	}
}

# problems are the details of a refusal as invalid.
problems(refused) := {name |
	some refusal in refused
	refusal.code == "VALIDATION_ERROR"
	some name, _ in refusal.details
}

test_refuses_what_cannot_be_judged if {
	every body in [null, 7, "x", [], [{"document": "Contact"}]] { problems(query(all, body)) == {"body"} }
	problems(said(all, {"method": "POST", "query": {}}, {"pattern": "/rest/query/json", "params": {}, "scopes": []})) == {"body"}
	problems(query(all, {"document": "Contact", "x": numbers.range(1, 601)})) == {"body"}
	every body in [{}, {"document": 7}, {"document": "A.B"}, {"document": ""}, {"document": "A", "relations": [{"lookup": "x"}]}, {"document": "A", "relations": [["B"]]}] {
		problems(query(all, body)) == {"document"}
	}
	problems(query(all, {"document": "A", "sort": "name:asc"})) == {"sort"}
	problems(query(all, {"document": "A", "filter": {"conditions": [{"term": "a", "value": {"$gt": ""}}]}})) == {"operators"}
	every body in [
		{"document": "A", "fields": "ser vices"}, {"document": "A", "filter": {"conditions": [{"term": "ser.datavices"}]}},
		{"document": "A", "fields": ["a b"]}, {"document": "A", "groupBy": ["$a"]},
	] {
		problems(query(all, body)) == {"names"}
	}
}

test_refuses_parameters_that_the_server_reads_otherwise if {
	every name in ["fields", "sort", "filter", "withDetailFields"] {
		name in problems(find(all, "Contact", {name: ["a", "b"]}))
		name in problems(find(all, "Contact", {name: []}))
	}
	every text in ["x", "[]", "%zz", `{"a":"%2"}`, "7"] { problems(find(all, "Contact", {"filter": [text]})) == {"filter"} }
	problems(find(all, "Contact", {"withDetailFields": ["true"]})) == {"withDetailFields"}
	problems(read(all, "Contact", {"withDetailFields": ["true"]})) == {"withDetailFields"}
}
