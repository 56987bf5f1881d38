package konecty.asked_test

import data.konecty.asked

deep := {"document": "A", "fields": "a", "relations": [{"document": "B", "lookup": "b", "relations": [
	{"document": "C", "lookup": "c", "on": {"left": "l", "right": "r"}, "relations": [{"document": "D", "lookup": "d", "aggregators": {"n": {"aggregator": "push", "field": "f"}}}]},
	{"document": "E", "lookup": "e", "sort": `[{"property": "p", "direction": "ASC"}]`},
]}]}

names(query) := asked.names(asked.texts(query))

documents(query) := asked.documents(asked.texts(query))

credentials(query) := asked.credentials(asked.texts(query))

test_documents if {
	documents(deep) == {"A", "B", "C", "D", "E"}
	documents({"document": 7}) == set()
	documents({"filter": {"conditions": {"x": {"term": "t", "value": {"document": "B"}}}}}) == set()
	count(asked.parts(deep)) == 5
}

test_names if {
	names(deep) == {
		{"under": "fields", "name": "a"}, {"under": "lookup", "name": "b"}, {"under": "lookup", "name": "c"}, {"under": "left", "name": "l"},
		{"under": "right", "name": "r"}, {"under": "lookup", "name": "d"}, {"under": "field", "name": "f"}, {"under": "lookup", "name": "e"},
		{"under": "property", "name": "p"},
	}
	names({"fields": " a , b.c,"}) == {{"under": "fields", "name": "a"}, {"under": "fields", "name": "b.c"}, {"under": "fields", "name": ""}}
	names({"groupBy": ["g", "h"]}) == {{"under": "groupBy", "name": "g"}, {"under": "groupBy", "name": "h"}}
	names({"filter": {"textSearch": "x", "conditions": [{"term": "t", "value": {"term": "v"}}]}}) == {{"under": "term", "name": "t"}}
	names({"sort": `{"term": "\u0073"}`}) == {{"under": "term", "name": "s"}}
	names({"conditions": {"value": {"term": "t"}}}) == {{"under": "term", "name": "t"}}
}

test_is_name if {
	every name in ["a", "_id", "name.full", "email.0.address", "data", "contact.dataNascimento", "endereço.município", "a-b", "", "$textScore"] {
		asked.is_name("fields", name)
	}
	every name in ["a b", "a,b", "*", "a.*", "$a", "a.$b", "a..b", ".a", "a.", "a[0]", "a\u00a0b", "a\u0000"] { not asked.is_name("fields", name) }
	asked.is_name("term", "email.data.address")
	asked.is_name("term", "data.x")
	not asked.is_name("term", "ser.datavices")
	not asked.is_name("term", "")
}

test_credentials if {
	every query in [
		{"fields": "services"}, {"fields": "name,SERVICES.password"}, {"fields": "_user.services"}, {"sort": [{"property": "password"}]},
		{"sort": `[{"property": "pass\u0077ord"}]`}, {"sort": `not json: services`}, {"groupBy": ["services.resume"]},
		{"aggregators": {"x": {"field": "services"}}}, {"filter": {"conditions": {"value": {"term": "password.bcrypt"}}}},
		{"relations": [{"relations": [{"relations": [{"on": {"left": "services.x"}}]}]}]}, {"x": ["services"]},
		{"filter": {"conditions": [{"term": "name", "value": "$user.services.resume.loginTokens.0.hashedToken"}]}},
		{"filter": {"conditions": [{"term": "name", "value": "$user.['password']"}]}},
		{"filter": {"conditions": [{"term": "name", "value": {"x": ["$user.a[0]"]}}]}}, {"filter": {"conditions": [{"value": "$user."}]}},
	] {
		count(credentials(query)) > 0
	}
	every query in [
		{"document": "Services", "fields": "serviceslist,my_password,name"},
		{"filter": {"textSearch": "services", "conditions": [{"term": "name", "value": "services"}, {"term": "x", "value": ["password", "$user", "$user.group._id", "$now"]}]}},
	] {
		credentials(query) == set()
	}
}

test_credentials_within_brackets if credentials({"filter": {"conditions": [{"value": "$user[services]"}]}}) == set() # no such value is read

test_operators if {
	asked.operators({"filter": {"conditions": [{"value": {"$gt": 1}}]}, "$where": "x"}) == {"$gt", "$where"}
	asked.operators({"filter": {"conditions": [{"value": {"$date": "2026-01-01"}}]}, "relations": [1]}) == set()
}

test_is_long if {
	asked.is_long({"filter": numbers.range(1, 601)})
	not asked.is_long(deep)
}

test_unreadable if {
	not asked.unreadable({"sort": "[]", "filter": {"conditions": {"a": {"value": {"sort": "x"}}}}, "fields": "x"})
	asked.unreadable({"relations": [{"sort": "name:asc"}]})
}
