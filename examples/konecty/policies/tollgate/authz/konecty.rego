# METADATA
# title: Records for Konecty
# description: |
#   Refuses a record that Konecty would refuse, before it costs Konecty anything, and says all that is wrong with it at
#   once. A module that the metadata does not know is refused too: write the metadata anew when modules change.
package tollgate.authz

import data.konecty.payload

# METADATA
# title: Refuses records of modules that the metadata does not know
# custom:
#   code: NOT_FOUND
deny contains {
	"code": "NOT_FOUND",
	"message": sprintf("There is no module %s.", [_konecty_document]),
	"details": {"document": "GET /rest/query/explorer/modules lists the modules"},
} if {
	_konecty_create
	not data.konecty.modules[_konecty_document]
}

# METADATA
# title: Refuses a body that is no object, and one without any field
# custom:
#   code: VALIDATION_ERROR
deny contains {
	"code": "VALIDATION_ERROR",
	"message": sprintf("Invalid record of %s.", [_konecty_document]),
	"details": {"body": sprintf("Send one JSON object with 1 to %d fields", [_konecty_most_fields])},
} if {
	_konecty_create
	not _konecty_record
}

# METADATA
# title: Refuses a record with wrong fields
# description: The details name each of them and say what it must be.
# custom:
#   code: VALIDATION_ERROR
deny contains {
	"code": "VALIDATION_ERROR",
	"message": sprintf("Invalid record of %s.", [_konecty_document]),
	"details": problems,
} if {
	_konecty_create
	_konecty_record
	problems := payload.problems(data.konecty.modules[_konecty_document], input.request.body)
	count(problems) > 0
}

# The route of the Caddyfile beside this folder.
_konecty_create if _konecty_route("POST", "/rest/data/:document")

_konecty_document := input.route.params.document

# More fields would take longer to judge than a decision may; a module may have more.
_konecty_most_fields := max({200, count(data.konecty.modules[_konecty_document].fields)})

_konecty_record if {
	is_object(input.request.body)
	count(input.request.body) <= _konecty_most_fields
	count(input.request.body) > 0
}
