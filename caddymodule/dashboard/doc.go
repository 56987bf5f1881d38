// Package dashboard shows operators how the running gateway does, under Caddy's admin endpoint. All of it only reads; none of
// it holds a secret:
//
//	GET  /tollgate/                          the page
//	GET  /tollgate/status                    key store, counters, policies, secrets, throttles, and what is wrong with them
//	GET  /tollgate/traffic                   requests and refusals of the last hour, minute by minute
//	GET  /tollgate/routes                    routes, what they need, and how they do
//	GET  /tollgate/workspaces?n=             the busiest and the most refused, with their windows
//	GET  /tollgate/workspaces/<id>           one of them, with its keys and its last refusals
//	GET  /tollgate/workspaces/<id>/windows?key=   what is left of its windows, and of those of one of its keys
//	GET  /tollgate/refusals?n=&request_id=&workspace=&reason=
//	GET  /tollgate/events                    traffic, refusals and state as they change, by server-sent events
//	POST /tollgate/explain                   what would happen to a request, and why
package dashboard
