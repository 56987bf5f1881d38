package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestEveryShapeOfErrors has one row for each shape that the bare server, the framework below it, the gateway and
// strangers answer with.
func TestEveryShapeOfErrors(t *testing.T) {
	for name, c := range map[string]struct {
		status     int
		kind, body string
		code       int
		says       []string
	}{
		"soft failure": {200, "application/json", `{"success":false,"errors":[{"message":"[Contact] Duplicate key error"}]}`, exitRefused, []string{"[Contact] Duplicate key error"}},
		"soft failure of fields": {200, "application/json", `{"success":false,"errors":[{"message":"Field name is required"},{"message":"Value x for field status is invalid"}]}`, exitRefused,
			[]string{"name: Field name is required; status: Value x"}},
		"session":            {401, "application/json", `{"success":false,"errors":[{"message":"[get-user] User not found"}]}`, exitRefused, []string{"the session has ended", "log in again", "User not found"}},
		"ndjson":             {400, "application/x-ndjson", `{"_meta":{"success":false,"errors":[{"message":"Unknown document Foo"}]}}` + "\n", exitRefused, []string{"Unknown document Foo"}},
		"soft ndjson":        {200, "application/x-ndjson", `{"_meta":{"success":false,"errors":[{"message":"Unknown document Foo"}]}}` + "\n", exitRefused, []string{"Unknown document Foo"}},
		"framework":          {413, "application/json", `{"statusCode":413,"code":"FST_ERR_CTP_BODY_TOO_LARGE","error":"Payload Too Large","message":"Request body is too large"}`, exitRefused, []string{"Request body is too large"}},
		"framework's 500":    {500, "application/json", `{"statusCode":500,"error":"Internal Server Error","message":"boom"}`, exitUnreachable, []string{"boom"}},
		"plain text":         {404, "text/plain", "Not found\n", exitRefused, []string{"Not found"}},
		"plain text 503":     {503, "text/plain", "Service Unavailable", exitUnreachable, []string{"Service Unavailable"}},
		"database down":      {200, "application/json", `{"success":false,"errors":[{"message":"connect ECONNREFUSED 10.20.0.5:27017"}]}`, exitUnreachable, []string{"connect ECONNREFUSED"}},
		"gateway":            {403, "application/json", `{"success":false,"error":{"code":"FORBIDDEN","message":"This key lacks a scope.","details":{"missing_scopes":["konecty.modules.read"]}}}`, exitRefused, []string{"This key lacks a scope.", "The key lacks konecty.modules.read."}},
		"gateway, fields":    {400, "application/json", `{"success":false,"error":{"code":"VALIDATION_ERROR","message":"Invalid record of Contact.","details":{"name":"Required"}}}`, exitRefused, []string{"Invalid record of Contact.; name: Required"}},
		"gateway, no key":    {401, "application/json", `{"success":false,"error":{"code":"UNAUTHORIZED","message":"A valid API key is required.","details":null}}`, exitRefused, []string{"A valid API key is required."}},
		"gateway, 502":       {502, "application/json", `{"success":false,"error":{"code":"INTERNAL_ERROR","message":"The backend cannot be reached.","details":null}}`, exitUnreachable, []string{"The backend cannot be reached.", "(request r-1)"}},
		"HTML":               {200, "text/html; charset=utf-8", "<html><h1>Welcome</h1>", exitUnreachable, []string{"text/html, which no Konecty does", "is the host right?"}},
		"HTML 404":           {404, "text/html", "<html>", exitUnreachable, []string{"text/html"}},
		"HTML 502":           {502, "text/html", "<html>", exitUnreachable, []string{"answered 502 Bad Gateway"}},
		"JSON of strangers":  {200, "application/json", `{"hello":"world"}`, exitUnreachable, []string{"which no Konecty does"}},
		"a list":             {200, "application/json", `[]`, exitUnreachable, []string{"which no Konecty does"}},
		"nothing":            {200, "", "", exitUnreachable, []string{"which no Konecty does"}},
		"nothing, 403":       {403, "", "", exitRefused, []string{"answered 403 Forbidden"}},
		"redirect":           {302, "text/html", "", exitUnreachable, []string{"redirects to https://login.example.com/"}},
		"terminal's escapes": {400, "application/json", `{"message":"a\u001b[31m\nb\u202e"}`, exitRefused, []string{"a [31m b\n"}},
		"a very long text":   {404, "text/plain", strings.Repeat("x", 5000), exitRefused, []string{"x…"}},
	} {
		t.Run(name, func(t *testing.T) {
			k := answering(t, c.status, c.kind, c.body, "Location", "https://login.example.com/", "X-Request-Id", "r-1")
			got := k.run("modules").fails(c.code, c.says...).oneLine()
			require.Less(t, len(got.stderr), 1200)
		})
	}
}

func TestDatabaseDownAtTheBareServer(t *testing.T) {
	b := newBare(t)
	b.SetDatabaseDown(true)
	newTool(t, b).run("modules").fails(exitUnreachable, "connect ECONNREFUSED").oneLine()
}

func TestErrorsAsJSON(t *testing.T) {
	k := answering(t, 403, "application/json", `{"success":false,"error":{"code":"FORBIDDEN","message":"No.","details":{"missing_scopes":["konecty.query"]}}}`)
	got := k.run("modules", "--json")
	require.Equal(t, exitRefused, got.code)
	require.JSONEq(t, `{"success": false, "error": {"code": "FORBIDDEN", "message": "No. The key lacks konecty.query.", "details": {"missing_scopes": ["konecty.query"]}}}`, got.stdout)
	require.Empty(t, got.stderr)

	k.host = "http://127.0.0.1:1"
	got = k.run("modules", "--json")
	require.Equal(t, exitUnreachable, got.code)
	require.Contains(t, got.stdout, `"INTERNAL_ERROR"`)
}

func TestUnreachableHosts(t *testing.T) {
	k := &tool{t: t, token: token, home: t.TempDir()}
	for host, code := range map[string]int{
		"http://127.0.0.1:1": exitUnreachable, "http://127.0.0.1:1/path/": exitUnreachable,
		"crm.example.com": exitUsage, "ftp://crm.example.com": exitUsage, "https://": exitUsage, "https://user:pass@crm.example.com": exitUsage,
		"https://crm.example.com?x": exitUsage, "://": exitUsage,
	} {
		k.host = host
		k.run("modules").fails(code).oneLine()
	}
}

func TestUsage(t *testing.T) {
	b := newBare(t)
	k := newTool(t, b)
	for _, words := range []string{"nothing", "modules x", "search", "fields", "fields a b", "lookup Contact", "--nothing", "modules --limit 5", "create",
		"metadata", "modules --token"} {
		k.run(strings.Fields(words)...).fails(exitUsage).oneLine()
	}
	k.run("modules", "-x"+token).fails(exitUsage).oneLine()
	require.Empty(t, b.requests())
	require.Contains(t, k.run().ok().stdout, "Available Commands")
	require.NotContains(t, k.run("create", "--help").ok().stdout, "completion")
}

// limited refuses with 429 a number of times, then answers.
func limited(t *testing.T, times int, retryAfter string) (k *tool, waits *[]time.Duration, asked *int) {
	t.Helper()
	waits, asked = new([]time.Duration), new(int)
	b := newBare(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if *asked++; *asked > times {
			b.Server.ServeHTTP(w, r)
			return
		}
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(429)
		_, _ = w.Write([]byte(`{"success":false,"error":{"code":"RATE_LIMITED","message":"Too many requests.","details":{"retry_after_seconds":12}}}`))
	}))
	t.Cleanup(server.Close)
	k = &tool{t: t, host: server.URL, token: token, home: t.TempDir(), wait: func(_ context.Context, d time.Duration) error {
		*waits = append(*waits, d)
		return nil
	}}
	return k, waits, asked
}

func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		times      int
		retryAfter string
		flag       string
		code       int
		waits      []time.Duration
		asked      int
	}{
		"waits once":                    {1, "12", "", exitDone, []time.Duration{12 * time.Second}, 2},
		"waits once only":               {2, "12", "", exitRefused, []time.Duration{12 * time.Second}, 2},
		"does not wait if told so":      {1, "12", "--no-wait", exitRefused, nil, 1},
		"does not wait without a time":  {1, "", "", exitRefused, nil, 1},
		"does not wait for hours":       {1, "86400", "", exitRefused, nil, 1},
		"waits a second for past dates": {1, "Wed, 21 Oct 2015 07:28:00 GMT", "", exitDone, []time.Duration{time.Second}, 2},
		"does not understand":           {1, "soon", "", exitRefused, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			k, waits, asked := limited(t, c.times, c.retryAfter)
			arguments := []string{"modules"}
			if c.flag != "" {
				arguments = append(arguments, c.flag)
			}
			got := k.run(arguments...)
			require.Equal(t, c.code, got.code, got.stderr)
			require.Equal(t, c.waits, *waits)
			require.Equal(t, c.asked, *asked)
			require.Equal(t, len(c.waits), strings.Count(got.stderr, "waiting "+durationText(c.waits)))
			if c.code != exitDone {
				require.Contains(t, got.stderr, "Too many requests.")
			}
		})
	}
}

func durationText(waits []time.Duration) string {
	if len(waits) == 0 {
		return "never"
	}
	return waits[0].String()
}

func TestWaitingEndsWithTheProgram(t *testing.T) {
	k, _, asked := limited(t, 1, "12")
	k.wait = func(context.Context, time.Duration) error { return context.Canceled }
	k.run("modules").fails(exitRefused, "waiting for the limit")
	require.Equal(t, 1, *asked)
}
