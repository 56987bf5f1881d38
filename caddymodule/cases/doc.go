// Package cases reads requests and what must come of them from files, puts each to a judge, and reports. It knows neither
// the gateway nor Caddy: the judge takes a request through the real configuration, without a backend, and spends nothing.
//
//	defaults:                     # for all cases of the file; every word may be left out
//	  plan: pro                   # of callers that say none
//	  charge: 1                   # what a case takes that passes and says nothing else
//	  address: 198.51.100.7       # the client's address; default 127.0.0.1
//	  host: api.example.com       # or https://api.example.com:8443, where the configuration has several sites
//	  headers: {Accept: application/json}
//
//	callers:
//	  reader: {scopes: [agent.leads.read], allowed_ips: [203.0.113.0/24], address: 203.0.113.9}
//	  nobody: {key: none}         # sends no key
//	  stranger: {key: unknown}    # sends one that nobody has
//	  crm: {key: key_7f3a2c}      # a key of the configuration's store, by its id
//
//	tables:                       # each request with each caller
//	  - name: scopes
//	    callers: [reader, nobody]
//	    rows:
//	      GET /leads: [pass, 401 no_key]
//	      GET /SKILL.md: public
//	      POST /leads: {body: {name: Ada}, expect: [403 missing_scope, 401]}
//
//	cases:
//	  - name: a batch costs more
//	    as: {scopes: ["agent.*"]} # or a caller's name
//	    request: POST /leads/batch?dry=1
//	    body: [{name: Ada}]
//	    expect: pass 5
//	    route: /leads/batch
//	    scopes: [agent.leads.write]
//
// Every word must be known, and every error names the file and the line.
package cases
