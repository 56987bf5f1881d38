# Reading from Konecty.
#
# The gateway's session in Konecty may read more than a key may, the session itself among it: users' sessions and password
# hashes stand with their records. So every document of a query needs a scope of its own, users the very scope and no
# wildcard, and nothing that holds credentials is asked for, compared with, sorted by or grouped by.
package tollgate.authz

import data.konecty.asked

# METADATA
# title: Refuses queries of documents that the key may not read
# custom:
#   code: FORBIDDEN
deny contains {
	"code": "FORBIDDEN",
	"message": "This key lacks a scope for a document of the query. Use a key that holds the missing scopes.",
	"details": {"missing_scopes": array.concat(_missing_scopes, missing)},
} if {
	_address_allowed
	_konecty_query
	_konecty_judged
	missing := [scope |
		some document in asked.documents(_konecty_texts)
		scope := sprintf("konecty.%s.read", [document])
		not _holds(_key_scopes, scope)
	]
	count(missing) > 0
}

# METADATA
# title: Refuses the records of users to wildcard scopes
# custom:
#   code: FORBIDDEN
deny contains {
	"code": "FORBIDDEN",
	"message": "Wildcard scopes do not reach User: the key needs the scope itself.",
	"details": {"missing_scopes": [needed]},
} if {
	_address_allowed
	some needed in _konecty_user_scopes
	not needed in _key_scopes
}

# METADATA
# title: Refuses whatever names credentials
# custom:
#   code: FORBIDDEN
deny contains {
	"code": "FORBIDDEN",
	"message": "Credentials are not readable here, with any scope: leave services and password out.",
	"details": {"fields": sprintf("Leave out %s", [concat(", ", names)])},
} if {
	_konecty_judged
	names := sort([name | some name in asked.credentials(_konecty_texts)])
	count(names) > 0
}

# METADATA
# title: Refuses to read users without a list of fields
# description: |
#   Without one the server gives all of a record. It does so too where a name is empty, or where the session may read none
#   of the named fields: so _id must be among them, which the server adds only to the first document of a query.
# custom:
#   code: FORBIDDEN
deny contains {
	"code": "FORBIDDEN",
	"message": sprintf("%s holds credentials: name the fields that you need.", [document]),
	"details": {"fields": "Name each field that you need, _id among them, such as _id,name"},
} if {
	_konecty_judged
	some read in asked.parts(_konecty_asked)
	document := read.part.document
	_konecty_guarded(document)
	not _konecty_listed(read)
}

# METADATA
# title: Refuses changes that would be answered with credentials
# description: An update answers with the whole record, whatever it changes.
# custom:
#   code: FORBIDDEN
deny contains {
	"code": "FORBIDDEN",
	"message": sprintf("%s cannot be changed here: the answer would hold its credentials.", [document]),
	"details": {"document": document},
} if {
	_konecty_route("PUT", "/rest/data/:document")
	document := input.route.params.document
	_konecty_guarded(document)
}

# METADATA
# title: Refuses operations that no route is for
# description: Where a record's id stands in the path the server has operations beside ids.
# custom:
#   code: NOT_FOUND
deny contains {
	"code": "NOT_FOUND",
	"message": "There is no such resource.",
	"details": null,
} if {
	_konecty_read
	input.route.params.id in {"find", "kpi", "graph", "pivot"}
}

# METADATA
# title: Refuses queries that cannot be judged as the server reads them
# custom:
#   code: VALIDATION_ERROR
deny contains {
	"code": "VALIDATION_ERROR",
	"message": "Invalid query.",
	"details": {problem.at: problem.says},
} if {
	_konecty_reads
	some problem in _konecty_problems
}

_konecty_problems contains {"at": "body", "says": "Send one JSON object"} if not _konecty_asks

_konecty_problems contains {"at": "body", "says": "Ask for less: the query is too long to be judged"} if asked.is_long(_konecty_asked)

_konecty_problems contains {"at": "sort", "says": "Must be JSON"} if {
	_konecty_judged
	asked.unreadable(_konecty_asked)
}

_konecty_problems contains {"at": "document", "says": "Name the document of the query and of each relation"} if {
	_konecty_judged
	some named in _konecty_named
	not _konecty_is_document(named)
}

_konecty_problems contains {"at": "names", "says": sprintf("Must be names of fields, not %s", [concat(" or ", sort(wrong))])} if {
	_konecty_judged
	wrong := {sprintf("%q", [named.name]) | some named in asked.names(_konecty_texts); not asked.is_name(named.under, named.name)}
	count(wrong) > 0
}

_konecty_problems contains {"at": "operators", "says": sprintf("Have no meaning here: %s", [concat(", ", sort(names))])} if {
	_konecty_judged
	names := asked.operators(_konecty_asked)
	count(names) > 0
}

_konecty_problems contains {"at": name, "says": "Give it once"} if {
	some name, values in input.request.query
	name in _konecty_parameters
	count(values) != 1
}

_konecty_problems contains {"at": "filter", "says": "Must be one JSON object, encoded for the URL, and its percent signs once more"} if {
	_konecty_find
	text := _konecty_parameter("filter")
	not _konecty_is_filter(text)
}

_konecty_is_filter(text) if is_object(_konecty_filter(text))

_konecty_problems contains {"at": "withDetailFields", "says": "Joins other documents: query them as relations instead"} if {
	_konecty_parameter("withDetailFields") != "false"
}

_konecty_parameters := {"fields", "filter", "sort", "withDetailFields"}

_konecty_parameter(name) := input.request.query[name][0]

# Every part that reads a document must name it with text. A relation always reads one.
_konecty_named contains object.get(_konecty_asked, "document", null)

_konecty_named contains _konecty_name_of(relation) if {
	walk(_konecty_asked, [path, relation])
	is_number(path[count(path) - 1])
	path[count(path) - 2] == "relations"
}

_konecty_name_of(relation) := object.get(relation, "document", null) if {
	is_object(relation)
} else := null

_konecty_is_document(name) if {
	is_string(name)
	regex.match(`^[A-Za-z0-9_-]+$`, name)
}

# A document of one's own may be stored with the users: its metadata names their collection, which no session is told. Such
# documents stand in users.json.
_konecty_users(document) if lower(document) == "user"

_konecty_users(document) if document in data.konecty.users

# Documents whose records hold credentials: users, and those with fields that are called so.
_konecty_guarded(document) if {
	is_string(document)
	_konecty_users(document)
}

_konecty_guarded(document) if {
	is_string(document)
	some name in {"services", "password"}
	data.konecty.modules[document].fields[name]
}

_konecty_listed(read) if {
	is_string(read.part.fields)
	names := asked.listed(read.part.fields)
	every name in names { name != "" }
	_konecty_keeps_id(read, names)
}

_konecty_keeps_id(_, names) if "_id" in names

_konecty_keeps_id(read, _) if {
	_konecty_query
	count(read.path) == 0
}

# The scopes of a request that concern users: the route's own, and those of a query's documents.
_konecty_user_scopes contains scope if {
	document := input.route.params.document
	_konecty_users(document)
	some scope in input.route.scopes
	startswith(scope, sprintf("konecty.%s.", [document]))
}

_konecty_user_scopes contains sprintf("konecty.%s.read", [document]) if {
	_konecty_query
	_konecty_judged
	some document in asked.documents(_konecty_texts)
	_konecty_users(document)
}

_konecty_asks if is_object(_konecty_asked)

# What is too long or no query is refused for that alone.
_konecty_judged if {
	_konecty_reads
	_konecty_asks
	not asked.is_long(_konecty_asked)
}

_konecty_reads if _konecty_query

_konecty_reads if _konecty_find

_konecty_reads if _konecty_read

_konecty_query if _konecty_route("POST", "/rest/query/json")

_konecty_find if input.route.pattern == "/rest/data/:document/find"

_konecty_read if input.route.pattern == "/rest/data/:document/:id"

_konecty_route(method, pattern) if {
	input.request.method == method
	input.route.pattern == pattern
}

_konecty_texts := asked.texts(_konecty_asked)

# What is asked for, in the form of a query, whichever way it is asked.
_konecty_asked := input.request.body if _konecty_query

_konecty_asked := object.union(_konecty_parts, {"document": input.route.params.document}) if _konecty_read

_konecty_asked := object.union(_konecty_parts, {
	"document": input.route.params.document,
	"filter": _konecty_filters,
}) if {
	_konecty_find
}

_konecty_parts := {name: value |
	some name in {"fields", "sort"}
	value := _konecty_parameter(name)
}

# The server takes the body of a POST for the filter, whatever its parts are called.
_konecty_filters := input.request.body if {
	input.request.method == "POST"
} else := _konecty_filter(_konecty_parameter("filter")) if {
	_konecty_parameter("filter")
} else := {}

# The server decodes a filter once more than the URL. There "+" does not mean a space.
_konecty_filter(text) := json.unmarshal(decoded) if {
	regex.match(`^([^%]|%[0-9A-Fa-f]{2})*$`, text)
	decoded := urlquery.decode(replace(text, "+", "%2B"))
	json.is_valid(decoded)
}
