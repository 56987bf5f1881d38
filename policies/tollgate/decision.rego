# One decision is made of all the refusals in data.tollgate.authz.deny.
package tollgate

import data.tollgate.authz

# METADATA
# title: Allowed where nobody refuses, else the strongest code with its message and details
# description: |
#   Refusals of any other form than {code, message, details} are reported in place of a decision. The gateway takes
#   that for no answer, and says INTERNAL_ERROR.
# custom:
#   codes: [FORBIDDEN, NOT_FOUND, VALIDATION_ERROR]
decision := {"malformed": _malformed} if {
	count(_malformed) > 0
} else := {"allow": true} if {
	count(authz.deny) == 0
} else := {
	"allow": false,
	"code": _code,
	"message": _ranked[0][0],
	"details": _details,
}

# The codes that a refusal may have, the strongest first.
_codes := ["FORBIDDEN", "NOT_FOUND", "VALIDATION_ERROR"]

# What is said where the refusal itself says nothing.
_messages := {
	"FORBIDDEN": "This key may not do this.",
	"NOT_FOUND": "There is no such resource.",
	"VALIDATION_ERROR": "The request is not valid.",
}

_malformed contains refusal if {
	some refusal in authz.deny
	not _well_formed(refusal)
}

_well_formed(refusal) if {
	refusal.code in _codes
	is_string(object.get(refusal, "message", ""))
	_is_details(object.get(refusal, "details", null))
	object.keys(refusal) - {"code", "message", "details"} == set()
}

_is_details(null)

_is_details(details) if {
	is_object(details)
	every name, _ in details { is_string(name) }
}

_code := [code |
	some code in _codes
	some refusal in authz.deny
	refusal.code == code
][0]

# The refusals of that code as [message, details], in the order of their messages.
_ranked := sort([[_message(refusal), _own_details(refusal)] |
	some refusal in authz.deny
	refusal.code == _code
])

_message(refusal) := refusal.message if {
	refusal.message != ""
} else := _messages[refusal.code]

_own_details(refusal) := refusal.details if {
	is_object(refusal.details)
} else := {}

# A detail that several refusals give is the first one's.
_merged := {name: [details[name] | some [_, details] in _ranked][0] |
	some [_, own] in _ranked
	some name, _ in own
}

_details := _merged if {
	count(_merged) > 0
} else := null
