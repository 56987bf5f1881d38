package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// fields requires that the details name these fields and no others.
func fields(names ...string) func(*testing.T, *harness.Answer, []harness.Seen) {
	return func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
		require.Equal(t, names, slices.Sorted(maps.Keys(said(t, a))), a.Body)
	}
}

const message = `"subject": "Hi", "type": "SMS", "contact": {"_id": "` + maria + `"}`

// TestSoftFailuresLeaveAsErrors goes without the policies, which would refuse most of it before the backend could.
func TestSoftFailuresLeaveAsErrors(t *testing.T) {
	g := gateway(t, newCRM(t), unjudged...)
	failed := func(name string, r harness.Request, status int, code string, wrong ...string) harness.Case {
		return harness.Case{Name: name, Request: r, Status: status, Code: code, Hits: 1, Limits: harness.Workspace, Check: fields(wrong...)}
	}
	create := func(document, body string) harness.Request { return posted(data+document, all, body) }
	g.Run(t, []harness.Case{
		failed("required", create("Message", `{"type": "SMS", "contact": {"_id": "`+maria+`"}}`), 400, "VALIDATION_ERROR", "subject"),
		failed("several", create("Contact", `{"name": {"first": true}, "birthday": "never", "email": {"address": "a"}}`), 400, "VALIDATION_ERROR", "birthday", "email", "name"),
		failed("invalid value", create("Message", `{`+message+`, "status": "nova"}`), 400, "VALIDATION_ERROR", "status"),
		failed("lookup not found", create("Contact", `{"name": {"first": "A"}, "campaign": {"_id": "nobody"}}`), 400, "VALIDATION_ERROR", "campaign"),
		failed("lookup that reads like a failed session", create("Contact", `{"name": {"first": "A"}, "campaign": {"_id": "[get-user] x"}}`), 400, "VALIDATION_ERROR", "campaign"),
		failed("nothing sent", create("Contact", `{}`), 400, "VALIDATION_ERROR"),
		failed("permission for a field", create("Message", `{`+message+`, "sendAt": "2026-01-01T00:00:00Z"}`), 403, "FORBIDDEN", "sendAt"),
		failed("permission for a module", create("Product", `{"name": "x"}`), 403, "FORBIDDEN"),
		failed("unknown module", create("Invoice", `{"name": "x"}`), 404, "NOT_FOUND"),
		failed("unknown module of a query", posted(query, all, `{"document": "Foo"}`), 400, "VALIDATION_ERROR"),
		{Name: "an id that nobody has is not an error", Request: harness.Request{Path: data + "Contact/nobody", Key: all}, Status: 200, Hits: 1, Limits: harness.Workspace,
			Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
				require.JSONEq(t, `{"success": true, "data": [], "total": 0}`, a.Body)
			}},
	})
}

// TestWhatTheBackendAloneKnowsIsSaidBehindThePoliciesToo goes with the policies, as the file is shipped.
func TestWhatTheBackendAloneKnowsIsSaidBehindThePoliciesToo(t *testing.T) {
	g := gateway(t, newCRM(t))
	g.Run(t, []harness.Case{
		{Name: "lookup not found", Request: posted(data+"Contact", all, `{"name": {"first": "A"}, "campaign": {"_id": "nobody"}}`),
			Status: 400, Code: "VALIDATION_ERROR", Hits: 1, Limits: harness.Workspace, Check: fields("campaign")},
		{Name: "permission for a field", Request: posted(data+"Message", all, `{`+message+`, "sendAt": "2026-01-01T00:00:00Z"}`),
			Status: 403, Code: "FORBIDDEN", Hits: 1, Limits: harness.Workspace, Check: fields("sendAt")},
		{Name: "permission for a module", Request: posted(data+"Product", all, `{"name": "x", "price": {"currency": "BRL", "value": 1}}`),
			Status: 403, Code: "FORBIDDEN", Hits: 1, Limits: harness.Workspace},
	})
}

func TestPoliciesRefuseBeforeTheBackendIsAsked(t *testing.T) {
	g := gateway(t, newCRM(t))
	refused := func(name, document, body string, status int, code string, details map[string]string) harness.Case {
		return harness.Case{Name: name, Request: posted(data+document, all, body), Status: status, Code: code, Limits: harness.Workspace,
			Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
				got := said(t, a)
				require.Len(t, got, len(details), a.Body)
				for field, words := range details {
					require.Contains(t, got[field], words)
				}
			}}
	}
	invalid := func(name, document, body string, details map[string]string) harness.Case {
		return refused(name, document, body, 400, "VALIDATION_ERROR", details)
	}
	g.Run(t, []harness.Case{
		invalid("everything at once", "Message", `{"subject": true, "status": "nova", "email": {"address": "maria"}, "sendAt": "tomorrow", "code": 1, "_id": "x", "bdy": "Hi", "contact": "maria"}`,
			map[string]string{"subject": "text", "status": "Enviada, Falha no Envio, Nova, Rascunho", "email": "a list", "sendAt": "a time", "code": "Generated", "_id": "Generated",
				"bdy": "Unknown field", "contact": "_id", "type": "Required"}),
		invalid("required, with null and empty", "Message", `{"subject": "", "type": null, "contact": {"_id": "`+maria+`"}}`, map[string]string{"subject": "Required", "type": "Required"}),
		invalid("picklist in another case", "Message", `{`+message+`, "status": "NOVA"}`, map[string]string{"status": "Nova"}),
		invalid("lookup without _id", "Message", `{"subject": "Hi", "type": "SMS", "contact": {"code": 16503}}`, map[string]string{"contact": "_id"}),
		invalid("nothing sent", "Contact", `{}`, map[string]string{"body": "fields"}),
		invalid("only nulls", "Contact", `{"name": null}`, map[string]string{"name": "Required"}),
		invalid("a list", "Contact", `[{"name": {"first": "A"}}]`, map[string]string{"body": "object"}),
		refused("unknown module", "Invoice", `{"name": "x"}`, 404, "NOT_FOUND", map[string]string{"document": "modules"}),
	})
	long := posted(data+"Contact", all, `{"name": {"first": "`+strings.Repeat("x", 1<<20)+`"}}`)
	g.Run(t, []harness.Case{{Name: "a body that is too long", Request: long, Status: 413, Code: "VALIDATION_ERROR", Limits: harness.Workspace}})
}

// requireNoWords looks for the backend's words that no caller may see.
func requireNoWords(t *testing.T, a *harness.Answer) {
	t.Helper()
	for _, word := range []string{"10.20.0.5", "27017", "ECONN", "get-user", "User not found", token, oldToken} {
		require.NotContains(t, fmt.Sprint(a.Header)+a.Body, word)
	}
}

// TestFailuresOfTheBackendAreBadGateways asks every endpoint of a backend whose database is down, with a session that has
// ended, and where the workspace has no secret.
func TestFailuresOfTheBackendAreBadGateways(t *testing.T) {
	server := newCRM(t)
	g := gateway(t, server)
	failing := func(what, key string, status, hits int, logged string) {
		for endpoint, r := range endpoints(key) {
			g.Run(t, []harness.Case{{Name: what + "/" + endpoint, Request: r, Status: status, Code: "INTERNAL_ERROR", Hits: hits, Limits: harness.Workspace,
				Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
					requireNoWords(t, a)
					require.Empty(t, a.Header.Get("WWW-Authenticate"), "it is not the caller's key that failed")
					require.Eventually(t, func() bool {
						return hasLine(g.ReadFile(t, "caddy.log"), a.Header.Get("X-Request-Id"), logged)
					}, 20*time.Second, 10*time.Millisecond, "the log says why")
				}}})
		}
	}
	failing("session", stale, http.StatusBadGateway, 1, "User not found")
	failing("no secret", nothing, http.StatusInternalServerError, 0, "konecty_token")
	server.SetDatabaseDown(true)
	failing("database down", all, http.StatusServiceUnavailable, 1, "ECONNREFUSED 10.20.0.5:27017")
}

// hasLine reports whether one line of a log holds all of the words.
func hasLine(log string, words ...string) bool {
	for line := range strings.Lines(log) {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			return true
		}
	}
	return false
}

func TestABackendThatNeverAnswersIsATimeout(t *testing.T) {
	server := newCRM(t)
	server.SetSilent(true)
	g := gateway(t, server, impatient...)
	for endpoint, r := range endpoints(all) {
		g.Run(t, []harness.Case{{Name: endpoint, Request: r, Status: http.StatusGatewayTimeout, Code: "INTERNAL_ERROR", Hits: 1, Limits: harness.Workspace}})
	}
}

// TestTheSessionTokenStaysInside looks for it in every kind of answer, in the log at debug level and in the metrics.
func TestTheSessionTokenStaysInside(t *testing.T) {
	server := newCRM(t)
	g := gateway(t, server, impatient...)
	round := func() {
		for _, key := range []string{all, contact, stale, nothing, "nobody-knows-this-secret"} {
			requests := slices.Collect(maps.Values(endpoints(key)))
			requests = append(requests, posted(data+"Product", key, `{"name": "x", "price": {"currency": "BRL", "value": 1}}`), posted(data+"Contact", key, `{"nme": 1}`), posted(query, key, `{"document": "Foo"}`),
				harness.Request{Path: "/me", Key: key}, harness.Request{Path: "/nothing", Key: key}, harness.Request{Method: "HEAD", Path: explorer, Key: key})
			for _, r := range requests {
				requireNoWords(t, g.Do(t, r))
			}
		}
	}
	round()
	server.SetDatabaseDown(true)
	round()
	server.SetSilent(true)
	requireNoWords(t, g.Do(t, endpoints(all)["modules"]))

	metrics := g.Do(t, harness.Request{Path: "/metrics"})
	require.Contains(t, metrics.Body, "tollgate_")
	log := g.ReadFile(t, "caddy.log")
	require.Contains(t, log, `"level":"debug"`)
	require.Contains(t, log, "handled request", "the access log is in it")
	for _, secret := range []string{token, oldToken, all, contact, stale} {
		require.NotContains(t, metrics.Body, secret)
		require.NotContains(t, log, secret)
	}
}
