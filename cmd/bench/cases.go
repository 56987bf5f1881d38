package main

import (
	"fmt"
	"net/http"
	"strings"
)

// benchCase is a kind of request.
type benchCase struct {
	name, about string
	status      int
	// gateways says that only gateways answer so. Stock Caddy takes part to compare with: it passes the same requests on.
	gateways bool
	request  func(workspace int) string
}

func (c *benchCase) title() string { return c.name }

var allCases = []*benchCase{
	{name: "200", about: "a GET that passes", status: 200, request: func(n int) string { return get("/leads/l1", secret(n)) }},
	{name: "body", about: "a POST whose body policy judges", status: 200, gateways: true, request: func(n int) string {
		return post("/judged", secret(n), `{"firstName":"Ada","lastName":"Lovelace","score":80,"notes":"`+strings.Repeat("x", 1800)+`"}`)
	}},
	{name: "validated", about: "a POST held against an OpenAPI document", status: 200, gateways: true, request: func(n int) string {
		return post("/checked", secret(n), `{"firstName":"Ada","lastName":"Lovelace","email":"ada@example.com","score":80,"tags":["a","b"]}`)
	}},
	{name: "mcp", about: "the same POST as the call of an MCP tool", status: 200, gateways: true, request: func(n int) string {
		return call(secret(n), "post_checked", `{"firstName":"Ada","lastName":"Lovelace","email":"ada@example.com","score":80,"tags":["a","b"]}`)
	}},
	{name: "401", about: "a GET with an unknown key", status: 401, gateways: true, request: func(n int) string { return get("/leads", secret(n)+"-wrong") }},
	{name: "403", about: "a GET without the scope", status: 403, gateways: true, request: func(n int) string { return get("/forbidden", secret(n)) }},
	{name: "429", about: "a GET over the limit", status: 429, gateways: true, request: func(int) string { return get("/leads", tinySecret) }},
	{name: "429-post", about: "a POST over the limit", status: 429, gateways: true, request: func(int) string {
		return post("/leads", tinySecret, `{"firstName":"Ada","lastName":"Lovelace"}`)
	}},
}

func get(path, key string) string {
	return fmt.Sprintf("GET %s HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: bench\r\nAccept: */*\r\nAuthorization: Bearer %s\r\n\r\n", path, key)
}

func post(path, key, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: bench\r\nAccept: */*\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, key, len(body), body)
}

// call is a message that calls a tool.
func call(key, tool, arguments string) string {
	return strings.Replace(post("/mcp", key, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+tool+`","arguments":`+arguments+`}}`),
		"Accept: */*", "Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-11-25", 1)
}

// plan is what the load generator sends for a case.
func (c *benchCase) plan(o *options, address string, gateway bool) loadPlan {
	p := loadPlan{Address: address, Connections: o.connections, For: o.round, Status: c.status}
	if !gateway {
		p.Status = http.StatusOK // of the backend, to whatever comes
	}
	for n := range o.workspaces {
		p.Requests = append(p.Requests, c.request(n))
	}
	return p
}
