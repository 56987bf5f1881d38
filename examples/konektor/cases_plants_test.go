package main

import "slices"

// regressions are mistakes in the configuration, each with the cases that tell it.
func regressions() map[string]plant {
	periods := func(path string) string { return "periods: GET " + agentPath + path + " as analyst" }
	route := func(words string) string { return "\n\t\troute " + words + "\n" }
	// needs is what the document says of an operation, and except a document without some.
	needs := func(id, scopes string) string {
		return "operationId: " + id + "\n      security: [{key: [" + scopes + "]}]\n"
	}
	const gate = "\n\ttollgate {\n\t\t# The operations "
	const document = "\n\t\topenapi agentapi/openapi.yaml\n"
	except := func(words string) string {
		return "\n\t\topenapi agentapi/openapi.yaml {\n\t\t\texcept " + words + "\n\t\t}\n"
	}
	block := func(words, line string) string { return "\n\t\troute " + words + " {\n\t\t\t" + line + "\n\t\t}\n" }
	all := func(groups ...[]string) []string { return slices.Concat(groups...) }
	workspace, tickets := agentPath+"/workspace", agentPath+"/support/tickets"
	return map[string]plant{
		"a scope renamed": {
			change: []string{needs("getWorkspace", "agent.workspace.read"), needs("getWorkspace", "agent.workspaces.read")},
			red:    cells("scopes", "GET", workspace, "workspace.read"),
		},
		"a route made public": {
			change: []string{document, document + "\n\t\tpublic GET " + workspace + "\n"},
			red:    all(cells("scopes", "GET", workspace, single()...), cells("callers", "GET", workspace, everyone...)),
		},
		"a cost raised": {
			change: []string{needs("createTicket", "agent.support.write"), needs("createTicket", "agent.support.write") + "      x-tollgate: {cost: 5}\n"},
			red:    cells("scopes", "POST", tickets, "support.write"),
		},
		"a cost forgotten": {
			change: []string{block("POST /keys", "cost 10"), route("POST /keys")},
			red: all(cells("keys over HTTP", "POST", "/keys", "manager"),
				[]string{"what costs more than a workspace's limit is never let in"}),
		},
		"a method added": {
			change: []string{document, document + route("DELETE "+agentPath+"/leads/:id agent.leads.read")},
			red:    cells("callers", "DELETE", agentPath+"/leads/CRM-1024", "everything", "office"),
		},
		"a method lost": {
			change: []string{route("GET,PATCH,DELETE /keys/:id"), route("GET,PATCH /keys/:id")},
			red:    cells("keys over HTTP", "DELETE", "/keys/key_1", "manager"),
		},
		"a route lost": {
			change: []string{document, except("GET " + agentPath + "/conversions/pending")},
			red:    cells("scopes", "GET", agentPath+"/conversions/pending", single()...),
		},
		"a literal route lost beside its parameter": {
			change: []string{document, except("POST " + agentPath + "/leads/upsert")},
			red: all(cells("scopes", "POST", agentPath+"/leads/upsert", single()...),
				[]string{"upsert is a route of its own, and no lead's id"}),
		},
		"a scope forgotten": {
			change: []string{needs("getFunnel", "agent.analytics.read"), needs("getFunnel", "")},
			red: all(cells("scopes", "GET", agentPath+"/analytics/funnel", single("analytics.read")...),
				[]string{"periods: GET " + agentPath + "/analytics/funnel?from=yesterday as leads.write"}),
		},
		"read in place of write": {
			change: []string{needs("createLead", "agent.leads.write"), needs("createLead", "agent.leads.read")},
			red: all(cells("scopes", "POST", agentPath+"/leads", "leads.read", "leads.write"),
				[]string{"a reader is told which scope a writer needs"}),
		},
		"a scope too many": {
			change: []string{needs("changeLead", "agent.leads.write"), needs("changeLead", "agent.leads.write, agent.leads.read")},
			red:    cells("scopes", "PATCH", agentPath+"/leads/CRM-1024", "leads.write"),
		},
		"everything public": {
			change: []string{"\n\t\tpublic OPTIONS " + agentPath + "/*\n", "\n\t\tpublic GET,OPTIONS " + agentPath + "/*\n"},
			red:    cells("callers", "GET", agentPath+"/nothing", everyone...),
		},
		"preflights refused": {
			change: []string{"\n\t\tpublic OPTIONS " + agentPath + "/*\n", "\n"},
			red:    []string{"a preflight of a browser carries no key"},
		},
		"the description elsewhere": {
			change: []string{"\n\t\tdescribe " + agentPath + " {\n", "\n\t\tdescribe " + agentPath + "/docs {\n"},
			red: all(cells("scopes", "GET", agentPath+"/SKILL.md", single()...),
				cells("callers", "GET", agentPath+"/SKILL.md", "nobody", "everything", "trial", "office", "thief")),
		},
		"whoami lost": {
			change: []string{"\n\t\twhoami " + agentPath + "/me\n", "\n"},
			red:    cells("callers", "GET", agentPath+"/me", "everything", "trial", "office", "thief"),
		},
		"trial allowed": {
			change: []string{"\n\t\tpolicies policies", "\n\t\tplan trial 60/1m\n\t\tpolicies policies"},
			red: all(cells("callers", "GET", agentPath+"/leads", "trial"), cells("callers", "POST", agentPath+"/leads", "trial"),
				cells("callers", "GET", workspace, "trial"), cells("callers", "GET", agentPath+"/nothing", "trial"),
				cells("callers", "DELETE", agentPath+"/leads/CRM-1024", "trial"),
				cells("keys over HTTP", "GET", "/keys", "trial"), cells("keys over HTTP", "POST", "/keys", "trial"),
				cells("keys over HTTP", "GET", "/keys/key_1", "trial"), cells("keys over HTTP", "PATCH", "/keys/key_1", "trial"),
				cells("keys over HTTP", "DELETE", "/keys/key_1", "trial"), cells("keys over HTTP", "POST", "/keys/key_1/rotate", "trial")),
		},
		"free allowed": {
			change: []string{"\n\t\tpolicies policies", "\n\t\tplan free 60/1m\n\t\tpolicies policies"},
			red:    []string{"a workspace's own limits lift no denied plan"},
		},
		"a plan that nobody should have": {
			change: []string{"\n\t\tpolicies policies", "\n\t\tplan gold 600/1m\n\t\tpolicies policies"},
			red:    []string{"a plan that nobody configured is denied"},
		},
		"a plan's limit below a cost": {
			change: []string{"\n\t\tpolicies policies", "\n\t\tplan pro 8/1m\n\t\tpolicies policies"},
			red:    all(cells("keys over HTTP", "POST", "/keys", "manager"), cells("keys over HTTP", "POST", "/keys/key_1/rotate", "manager")),
		},
		"a rewrite in front of the gate": {
			change: []string{gate, "\n\trewrite " + workspace + " " + agentPath + "/leads" + gate},
			red:    cells("scopes", "GET", workspace, "leads.read", "workspace.read"),
		},
		"an answer in front of the gate": {
			change: []string{gate, "\n\tredir " + workspace + " /login" + gate},
			red:    all(cells("scopes", "GET", workspace, single()...), cells("callers", "GET", workspace, everyone...)),
		},
		"the policies lost": {
			change: []string{"\n\t\tpolicies policies", "\n\t\t# policies policies"},
			red: []string{
				periods("/analytics/summary?from=2026-01-31&to=2026-01-01"), periods("/analytics/funnel?from=yesterday"),
				periods("/leads?createdFrom=2026-01-01&createdFrom=2026-01-02"), "a period that ends before it begins names both ends",
			},
		},
		"a policy that refuses too much": {
			policies: map[string]string{"policies/tollgate/authz/readonly.rego": `package tollgate.authz

deny contains {"code": "FORBIDDEN", "message": "Writing is closed."} if input.request.method == "POST"
`},
			red: all(cells("scopes", "POST", agentPath+"/leads", "leads.write"), cells("scopes", "POST", agentPath+"/leads/upsert", "leads.write"),
				cells("scopes", "POST", tickets, "support.write"), cells("callers", "POST", agentPath+"/leads", "everything", "office"),
				cells("keys over HTTP", "POST", "/keys", "manager"), cells("keys over HTTP", "POST", "/keys/key_1/rotate", "manager"),
				[]string{"upsert is a route of its own, and no lead's id", "what costs more than a workspace's limit is never let in"}),
		},
		"a policy that reads a header nobody sends": {
			policies: map[string]string{"policies/tollgate/authz/client.rego": `package tollgate.authz

deny contains {"code": "VALIDATION_ERROR", "message": "Say which client asks.", "details": {"X-Client": "Required"}} if {
	input.route.pattern == "/api/v2/agent/workspace"
	not input.request.headers["x-client"]
}
`},
			red: all(cells("scopes", "GET", workspace, "workspace.read"), cells("callers", "GET", workspace, "everything", "office")),
		},
	}
}
