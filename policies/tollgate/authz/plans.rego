# A workspace whose plan is denied may not use the API at all.
package tollgate.authz

# METADATA
# title: Refuses a plan that may not use the API
# custom:
#   code: FORBIDDEN
deny contains {
	"code": "FORBIDDEN",
	"message": "The plan of this workspace does not include the API. Choose another plan to use it.",
} if {
	not _plan_eligible
}

_plan_eligible if input.plan.denied == false
