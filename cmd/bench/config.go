package main

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// bareCaddy is a reverse proxy and nothing else.
func bareCaddy(*world, string, string) string {
	return `{
	admin $ADMIN
	auto_https off
	log default {
		level ERROR
	}
}
http://:$PORT {
	reverse_proxy $BACKEND
}
`
}

// wholeGateway is the shipped Caddyfile's pipeline: keys, policies, limits, error mapping.
func wholeGateway(counters string) func(*world, string, string) string {
	return func(*world, string, string) string {
		return `{
	admin $ADMIN
	auto_https off
	log default {
		level ERROR
	}
	tollgate {
		keys file $DIR/keys.yaml
		` + counters + `
		plan bench 100000000/1m
		plan tiny 1/366d
		policies $DIR/policies
		auth_throttle off
		refusal_throttle off
	}
}
http://:$PORT {
	tollgate {
		route GET /leads agent.leads.read
		route GET /leads/:id agent.leads.read
		route POST /leads agent.leads.write
		route POST /judged agent.leads.write {
			body 64KiB
		}
		route GET /forbidden nobody.holds.this
		openapi $DIR/openapi.yaml {
			validate
		}
		mcp /mcp
	}
	handle {
		request_body {
			max_size 2MiB
		}
		reverse_proxy $BACKEND
	}
}
`
	}
}

// ownHop is the whole gateway with its own transport to the backend.
func ownHop(w *world, port, admin string) string {
	return strings.Replace(wholeGateway("counters memory")(w, port, admin), "reverse_proxy $BACKEND", "reverse_proxy $BACKEND {\n\t\t\ttransport tollgate\n\t\t}", 1)
}

func bareNginx(*world, string, string) string {
	return `worker_processes auto;
pid $DIR/nginx.pid;
error_log $DIR/nginx.error.log;
events { worker_connections 1024; }
http {
	access_log off;
	keepalive_requests 100000000;
	upstream backend { server $BACKEND; keepalive 64; keepalive_requests 100000000; }
	server {
		listen 127.0.0.1:$PORT;
		location / { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; }
	}
}
`
}

func bareHaproxy(*world, string, string) string {
	return `defaults
	mode http
	timeout connect 5s
	timeout client 60s
	timeout server 60s
frontend in
	bind 127.0.0.1:$PORT
	default_backend out
backend out
	http-reuse always
	server one $BACKEND
`
}

// secret is the key of a workspace.
func secret(workspace int) string { return fmt.Sprintf("bench-secret-of-workspace-%06d", workspace) }

// tinySecret is a key whose workspace has used up its limit after one request.
const tinySecret = "bench-secret-of-the-tiny-workspace"

// keysFile holds workspaces with a key each, and the tiny one.
func keysFile(workspaces int) string {
	var b strings.Builder
	b.WriteString("workspaces:\n")
	write := func(name, plan, secret string) {
		fmt.Fprintf(&b, "  - id: ws_%s\n    plan: %s\n    keys:\n      - {id: key_%s, sha256: %x, scopes: [agent.leads.*]}\n",
			name, plan, name, sha256.Sum256([]byte(secret)))
	}
	for n := range workspaces {
		write(fmt.Sprint(n), "bench", secret(n))
	}
	write("tiny", "tiny", tinySecret)
	return b.String()
}

// benchDocument has the operation whose requests are held against it.
const benchDocument = `openapi: 3.1.0
info: {title: Leads, version: "1"}
paths:
  /checked:
    post:
      security: [{key: [agent.leads.write]}]
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [lastName]
              additionalProperties: false
              properties:
                firstName: {type: string, maxLength: 80}
                lastName: {type: string, minLength: 1, maxLength: 80}
                email: {type: string, format: email}
                score: {type: integer, minimum: 0, maximum: 100}
                tags: {type: array, maxItems: 10, items: {type: string}}
      responses: {"200": {description: the lead}}
components:
  securitySchemes:
    key: {type: http, scheme: bearer}
`

// benchPolicy is a rule of a team's own that reads the body.
const benchPolicy = `package tollgate.authz

import rego.v1

deny contains {"code": "VALIDATION_ERROR", "message": "A lead needs a name.", "details": {"lastName": "Required"}} if {
	input.request.body
	not input.request.body.lastName
}
`
