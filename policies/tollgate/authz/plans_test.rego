package tollgate.authz_test

ineligible := not_included({"reason": "plan", "plan": "pro"})

not_included(details) := {
	"allow": false,
	"code": "FORBIDDEN",
	"message": "The plan of this workspace does not include the API. Choose another plan to use it.",
	"details": details,
}

test_refuses_a_denied_plan if {
	data.tollgate.decision == ineligible with input as changed("/plan/denied", true)
}

test_refuses_where_it_is_not_known_whether_the_plan_is_denied if {
	data.tollgate.decision == ineligible with input as without("/plan/denied")
}

test_refuses_where_the_plan_is_missing if {
	data.tollgate.decision == not_included({"reason": "plan"}) with input as without("/plan")
}

test_refuses_a_plan_that_says_denied_in_another_type if {
	every value in ["false", null, 0] {
		data.tollgate.decision == ineligible with input as changed("/plan/denied", value)
	}
}
