// Package mcp serves an API as tools of the Model Context Protocol. It knows no Caddy: bytes come in and go out, and a request
// for the API leaves through the small interface Site, whose implementation sends it through the gate like any other.
//
//	message → revision, method, tool → may call? → arguments → request → gate → answer → result
//
// # Transport
//
// Streamable HTTP without sessions: every message is a POST and has one answer, in JSON. Clients of revision 2026-07-28 say
// revision and client in each request; those of 2025-11-25 and 2025-06-18 initialize first, and get no session id. A request
// without the header MCP-Protocol-Version is of 2025-03-26 and refused, and so are batches, which only that revision has.
//
// The wire types are our own. Those of the official SDK are held by its server, whose call was measured at four times a proxied
// request; its client is what the tests speak with.
package mcp
