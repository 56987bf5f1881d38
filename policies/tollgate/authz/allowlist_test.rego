package tollgate.authz_test

elsewhere := refused_from({"reason": "address", "address": "203.0.113.9"})

refused_from(details) := {
	"allow": false,
	"code": "FORBIDDEN",
	"message": "This key may not be used from your address.",
	"details": details,
}

test_refuses_an_address_outside_the_list if {
	data.tollgate.decision == elsewhere with input as changed("/key/allowed_ips", ["198.51.100.0/24", "::/0"])
}

test_refuses_where_the_list_is_missing if {
	data.tollgate.decision == elsewhere with input as without("/key/allowed_ips")
}

test_refuses_where_the_key_is_missing if {
	data.tollgate.decision == elsewhere with input as without("/key")
}

test_refuses_an_unknown_address_where_there_is_a_list if {
	unknown := json.remove(changed("/key/allowed_ips", ["0.0.0.0/0", "::/0"]), ["/request/client_ip"])
	data.tollgate.decision == refused_from({"reason": "address"}) with input as unknown
}

test_allows_an_unknown_address_where_there_is_none if {
	data.tollgate.decision == {"allow": true} with input as without("/request/client_ip")
}

test_judges_addresses if {
	cases := [
		["203.0.113.0/24", "203.0.113.0", true],
		["203.0.113.0/24", "203.0.113.255", true],
		["203.0.113.0/24", "203.0.114.0", false],
		["203.0.113.0/24", "203.0.112.255", false],
		["203.0.113.9/32", "203.0.113.9", true],
		["0.0.0.0/0", "203.0.113.9", true],
		["0.0.0.0/0", "2001:db8::1", false],
		["::/0", "2001:db8::1", true],
		["::/0", "203.0.113.9", false],
		["2001:db8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true],
		["2001:db8::/32", "2001:db9::", false],
	]
	every case in cases {
		[network, address, allowed] := case
		both := json.patch(request, [
			{"op": "replace", "path": "/key/allowed_ips", "value": ["192.0.2.1/32", network]},
			{"op": "replace", "path": "/request/client_ip", "value": address},
		])
		data.tollgate.decision.allow == allowed with input as both
	}
}
