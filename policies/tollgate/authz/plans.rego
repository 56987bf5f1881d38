# A workspace whose plan is denied may not use the API at all.
package tollgate.authz

# METADATA
# title: Refuses a plan that may not use the API
# custom:
#   code: FORBIDDEN
deny contains {
	"code": "FORBIDDEN",
	"message": "The plan of this workspace does not include the API. Choose another plan to use it.",
	"details": _plan_details,
} if {
	not _plan_eligible
}

default _plan_details := {"reason": "plan"}

_plan_details := {"reason": "plan", "plan": input.plan.name}

_plan_eligible if input.plan.denied == false
