package explain_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// manyWays is a configuration in which requests come to their gates, or past them, by ways of many kinds.
const manyWays = `{
	admin off
	persist_config off
	auto_https off
	log default {
		output file $DIR/caddy.log {
			roll_disabled
		}
	}
	tollgate {
		keys file $DIR/keys.yaml
		auth_throttle off
	}
}
(backend) {
	reverse_proxy $BACKEND {
		header_up X-Route {tollgate.route}
	}
}
&(shared) {
	route {
		tollgate {
			route GET /invoked
		}
		import backend
	}
}
http://api.example.com:$PORT, http://*.api.example.com:$PORT {
	handle_path /api/* {
		tollgate {
			route GET /leads agent.leads.read
			route GET /api/leads agent.leads.read
			route GET /denied nobody.has.it
		}
		import backend
	}
	handle /one/* {
		tollgate {
			route GET /one/:id
			route POST /one/:id agent.leads.write
		}
		import backend
	}
	handle /two/* {
		tollgate {
			route GET /two/:id
			route GET /one/:id nobody.has.it
			whoami /two/me
		}
		import backend
	}
	route /old/* {
		uri strip_prefix /old
		tollgate {
			route GET /new/:id
			route GET /old/new/:id nobody.has.it
		}
		import backend
	}
	route /deep/* {
		rewrite /deep/query* /deep/found?a=1&{query}
		route {
			@write method POST PUT
			handle @write {
				tollgate {
					route POST,PUT /deep/*
				}
				import backend
			}
			handle /deep/er/* {
				method PUT
				tollgate {
					route PUT /deep/er/x
				}
				import backend
			}
			handle {
				tollgate {
					route GET /deep/found
				}
				import backend
			}
		}
	}
	handle /headers/* {
		@plain not header X-Special *
		request_header X-Kind agent
		@kind header X-Kind agent
		handle @plain {
			route {
				tollgate {
					route GET /headers/*
				}
				import backend
			}
		}
	}
	handle /vars/* {
		vars kind guarded
		@guarded vars kind guarded
		route {
			route @guarded {
				tollgate {
					route GET /vars/x
				}
			}
			import backend
		}
	}
	handle /expression/* {
		@q expression ` + "`{query.guard} == 'yes'`" + `
		route @q {
			tollgate {
				route GET /expression/x
			}
		}
		import backend
	}
	handle /invoked {
		invoke shared
	}
	route /grouped/* {
		handle /grouped/first {
			vars kind first
		}
		handle {
			tollgate {
				route GET /grouped/*
			}
			import backend
		}
	}
	handle /moved {
		redir * /one/1
		tollgate {
			route GET /moved
		}
	}
	handle /unanswered {
		tollgate {
			route GET /unanswered
		}
	}
	handle /open/* {
		import backend
	}
	handle /forbidden {
		error 403
	}
}
http://other.example.com:$PORT {
	tollgate {
		route GET /leads
	}
	import backend
}
http://:$PORT {
	tollgate {
		route GET /leads nobody.has.it
	}
	import backend
}
http://:$TLS {
	@inner host inner.example.com
	handle @inner {
		tollgate {
			route GET /leads
		}
		import backend
	}
	handle {
		tollgate {
			route GET /leads nobody.has.it
		}
		import backend
	}
}
`

// walker is the key that takes the ways.
const walker = "walker-secret-0123456789"

const walkersKeys = `workspaces:
  - id: ws_acme
    plan: enterprise
    keys:
      - {id: key_walker, sha256: $SHA(walker-secret-0123456789), scopes: [agent.leads.read]}
`

// TestExplainIsTheGateway: whatever way the configuration sends a request, explain finds the gate that it meets, and its
// verdict and route; or that it meets none.
func TestExplainIsTheGateway(t *testing.T) {
	g := harness.New(t)
	g.WriteFile(t, "keys.yaml", walkersKeys)
	_, port, _ := strings.Cut(g.Addr, ":")
	_, second, _ := strings.Cut(g.TLSAddr, ":")
	text := strings.NewReplacer("$DIR", g.Dir, "$PORT", port, "$TLS", second, "$BACKEND", g.Backend.Addr).Replace(manyWays)
	require.NoError(t, g.Load(text))
	said := harness.Warnings(t, g.Dir+"/caddy.log")
	require.Len(t, said, 1, "one of the ways is closed, and no alarm is false")
	require.Contains(t, said[0], "redir 302 stands before this gate and answers every request: none comes to the gate")
	d := harness.NewDesk(t, text)

	for _, line := range []string{
		"GET api /api/leads", "GET api /leads", "GET api /api/api/leads", "GET api /api/denied", "GET api /api/nowhere", "GET api /api//leads",
		"GET api /API/leads", "GET api /api/%6ceads", "GET api /api/../leads", "GET eu.api /api/leads", "GET a.b.api /api/leads",
		"GET api /one/1", "POST api /one/1", "get api /one/1", "GET api /two/1", "GET api /two/me", "GET api /one/", "HEAD api /two/1",
		"GET api /old/new/1", "GET api /new/1", "GET api /old/new/1?a=%zz",
		"POST api /deep/x", "PUT api /deep/x/y", "GET api /deep/x", "GET api /deep/query?b=2", "GET api /deep/er/x", "GET api /deep/er/y",
		"GET api /headers/x", "GET api /vars/x", "GET api /vars/y", "GET api /expression/x?guard=yes", "GET api /expression/x",
		"GET api /invoked", "GET api /grouped/first", "GET api /grouped/other", "GET api /moved", "GET api /unanswered", "GET api /unanswered?",
		"GET api /open/x", "DELETE api /open//x", "GET api /forbidden", "GET api /", "OPTIONS api /nothing",
		"GET other /leads", "get other /leads", "GET nobody /leads",
		"GET :inner /leads", "GET :elsewhere /leads", "GET :elsewhere /nowhere",
	} {
		t.Run(line, func(t *testing.T) {
			at := strings.Fields(line)
			method, target := at[0], at[2]
			name, onSecond := strings.CutPrefix(at[1], ":")
			host, gateway := name+".example.com:"+port, g
			if onSecond {
				host, gateway = name+".example.com:"+second, &harness.Gateway{Addr: g.TLSAddr}
			}
			g.Backend.Seen()
			answer := gateway.Raw(t, method, method+" "+target+" HTTP/1.1\r\nHost: "+host+
				"\r\nAuthorization: Bearer "+walker+"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			seen := g.Backend.Seen()
			e := d.Explain(t, method, "http://"+host+target, "--key-id", "key_walker")
			require.Equal(t, answer.Header.Get("X-Request-Id") != "", e.Way.Gate, "only a gate gives requests an id")
			if e.Way.Gate {
				requireVerdict(t, method, answer, seen, &e)
				return
			}
			require.Equal(t, "no_gate", e.Verdict.Reason)
			require.Equal(t, len(seen) == 1, e.Way.Answer == "reverse_proxy", e.Way.Answer)
		})
	}
}

// requireVerdict compares what explain foretold with what the gateway did.
func requireVerdict(t *testing.T, method string, answer *harness.Answer, seen []harness.Seen, e *harness.Explained) {
	t.Helper()
	if e.Verdict.Allowed && answer.Status >= 400 { // what is behind the gate is not followed, but named
		require.Empty(t, e.Way.Answer)
		require.Empty(t, seen)
		return
	}
	require.Equal(t, answer.Status < 400, e.Verdict.Allowed, "%d; %+v", answer.Status, e.Verdict)
	if !e.Verdict.Allowed {
		require.Equal(t, answer.Status, e.Verdict.Status)
		require.Empty(t, seen)
		if method != "HEAD" {
			var shown struct{ Error json.RawMessage }
			require.NoError(t, json.Unmarshal([]byte(answer.Body), &shown))
			require.JSONEq(t, string(shown.Error), string(e.Verdict.Error))
		}
		return
	}
	if len(seen) == 0 {
		require.True(t, strings.HasSuffix(e.Route.Pattern, "/me"), "whoami is answered by the gateway")
		return
	}
	require.Equal(t, seen[0].Header.Get("X-Route"), e.Route.Pattern)
	require.Equal(t, seen[0].Target, e.Way.Target)
	require.Equal(t, seen[0].Method, e.Way.Method)
	require.Equal(t, "reverse_proxy", e.Way.Answer)
}
