package main

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
	"github.com/tollgate-gateway/tollgate/examples/shipped"
)

// unthrottled takes the throttle of refusals away: the contract's requests are refused hundreds of times a minute.
const unthrottled = "refusal_throttle off"

func TestEveryValidRequestIsAnsweredThroughTheGateway(t *testing.T) {
	for name, caddyfile := range caddyfiles {
		t.Run(name, func(t *testing.T) {
			g := start(t, caddyfile, unthrottled)
			lead := g.Do(t, get("/leads/CRM-1024", acme)) // by its id: one of the requests changes its code
			id := decode[answer[struct{ ID string }]](t, lead.Body).Data.ID
			for _, r := range document(t).Valid(map[string]string{"id": id}) {
				a := g.Do(t, sent(r, acme))
				require.Contains(t, []int{http.StatusOK, http.StatusCreated}, a.Status, "%s %s: %s", r.Operation.ID, r.Name, a.Body)
				response := r.Operation.Responses[strconv.Itoa(a.Status)]
				require.NotNil(t, response, "%s: status %d is not documented", r.Operation.ID, a.Status)
				if schema := response.Content["application/json"]; schema.Schema != nil {
					require.Empty(t, schema.Schema.Check(decode[any](t, a.Body)), "%s %s", r.Operation.ID, r.Name)
				}
				if r.Operation.Scope != "" {
					a.CheckLimits(t, harness.Workspace)
				}
			}
		})
	}
}

func TestEveryInvalidRequestIsRefusedThroughTheGatewayAndWritesNothing(t *testing.T) {
	g := start(t, "Caddyfile", unthrottled)
	d := document(t)
	refusal := d.Components.Schemas["Error"]
	before := everything(t, g)
	for _, r := range d.Invalid(map[string]string{"id": "CRM-1024"}) {
		a := g.Do(t, sent(r, acme))
		require.Equal(t, r.Status, a.Status, "%s %s: %s", r.Operation.ID, r.Name, a.Body)
		a.CheckEnvelope(t, "VALIDATION_ERROR", false)
		a.CheckLimits(t, harness.Workspace)
		require.Empty(t, refusal.Check(decode[any](t, a.Body)), "%s %s", r.Operation.ID, r.Name)
		require.Contains(t, details(t, a), r.Wrong, "%s %s: %s", r.Operation.ID, r.Name, a.Body)
		require.Less(t, len(a.Body), 8<<10, "a refusal stays small")
	}
	require.Equal(t, before, everything(t, g))
}

// everything is all that ws_acme holds, as far as the API shows it.
func everything(t *testing.T, g *harness.Gateway) (all string) {
	t.Helper()
	for _, path := range []string{"/workspace", "/leads?sortBy=updatedAt&limit=100", "/leads?sortBy=updatedAt&limit=100&page=2",
		"/conversions/pending?timeframe=all_time&limit=100"} {
		a := g.Do(t, get(path, acme))
		require.Equal(t, http.StatusOK, a.Status, a.Body)
		all += a.Body
	}
	return all
}

// TestPeriodsAreRefusedBeforeTheBackendIsAsked is the example's policy; where it is not there the backend says the same.
func TestPeriodsAreRefusedBeforeTheBackendIsAsked(t *testing.T) {
	for name, caddyfile := range caddyfiles {
		t.Run(name, func(t *testing.T) {
			hits := 1
			if caddyfile == "Caddyfile" {
				hits = 0
			}
			g := start(t, caddyfile)
			for _, path := range []string{"/analytics/summary", "/analytics/funnel", "/analytics/campaigns", "/conversions/status", "/conversions/pending"} {
				periodCases(t, g, path, "from", "to", hits)
			}
			periodCases(t, g, "/leads", "createdFrom", "createdTo", hits)
		})
	}
}

func periodCases(t *testing.T, g *harness.Gateway, path, from, to string, hits int) {
	t.Helper()
	refused := func(query string, wrong ...string) harness.Case {
		return harness.Case{
			Name: "refuses/" + path + "?" + query, Request: get(path+"?"+query, acme),
			Status: http.StatusBadRequest, Code: "VALIDATION_ERROR", Hits: hits, Limits: harness.Workspace,
			Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
				for _, field := range wrong {
					require.NotEmpty(t, details(t, a)[field], a.Body)
				}
			},
		}
	}
	taken := func(query string) harness.Case {
		return harness.Case{Name: "takes/" + path + "?" + query, Request: get(path+"?"+query, acme), Status: http.StatusOK, Hits: 1, Limits: harness.Workspace}
	}
	g.Run(t, []harness.Case{
		refused(from+"=2026-02-01&"+to+"=2026-01-31", from, to),
		refused(from+"=2026-01-01T00:00:01Z&"+to+"=2026-01-01T01:00:00%2B01:00", from, to),
		refused(from+"=yesterday", from),
		refused(to+"=2026-02-30", to),
		refused(from+"=2026-01-01&"+from+"=2026-01-02", from),
		taken(from + "=2026-01-01"),
		taken(to + "=2026-01-01"),
		taken(from + "=2026-01-01&" + to + "=2026-01-01"),
		taken(from + "=2026-01-01T01:00:00%2B01:00&" + to + "=2026-01-01T00:00:00Z"),
	})
}

func TestLongBodiesAreRefused(t *testing.T) {
	for name, caddyfile := range caddyfiles {
		t.Run(name, func(t *testing.T) {
			g := start(t, caddyfile)
			before := everything(t, g)
			body := `{"firstName": "Ana", "notes": "` + strings.Repeat("x", 2<<20) + `"}`
			head := "POST " + agentapi.Base + "/leads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + acme + "\r\nContent-Type: application/json\r\nConnection: close\r\n"
			for name, a := range map[string]*harness.Answer{
				"of a known length": g.Do(t, post("/leads", acme, body)),
				"in chunks":         g.Raw(t, "POST", head+"Transfer-Encoding: chunked\r\n\r\n"+strconv.FormatInt(int64(len(body)), 16)+"\r\n"+body+"\r\n0\r\n\r\n"),
			} {
				require.Equal(t, http.StatusRequestEntityTooLarge, a.Status, "%s: %s", name, a.Body)
				a.CheckEnvelope(t, "VALIDATION_ERROR", false)
				a.CheckLimits(t, harness.Workspace)
				require.Empty(t, details(t, a), "the gateway refuses it: the backend, which has the same limit, would name it")
			}
			require.Equal(t, before, everything(t, g))
		})
	}
}

// TestABackendThatNeverAnswersIsATimeout: both files bound the wait, which is cut short here.
func TestABackendThatNeverAnswersIsATimeout(t *testing.T) {
	for name, caddyfile := range caddyfiles {
		t.Run(name, func(t *testing.T) {
			silent := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
			g := shipped.Start(t, shipped.Setup{Files: documents(t), Caddyfile: caddyfile, Backend: silent, Keys: keys(), Options: "policy_timeout 20s",
				Changes: []string{"response_header_timeout 30s", "response_header_timeout 300ms"}})
			a := g.Do(t, get("/leads", acme))
			require.Equal(t, http.StatusGatewayTimeout, a.Status, a.Body)
			a.CheckEnvelope(t, "INTERNAL_ERROR", false)
			a.CheckLimits(t, harness.Workspace)
		})
	}
}

// TestASlowBodyIsCutOff: both files bound the time for a body that goes to the backend as it comes, which is cut short here.
func TestASlowBodyIsCutOff(t *testing.T) {
	for name, caddyfile := range caddyfiles {
		t.Run(name, func(t *testing.T) {
			ended := make(chan error, 1)
			reads := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, err := io.ReadAll(r.Body)
				ended <- err
			})
			g := shipped.Start(t, shipped.Setup{Files: documents(t), Caddyfile: caddyfile, Backend: reads, Keys: keys(), Options: "policy_timeout 20s",
				Changes: []string{"read_body 1m", "read_body 300ms"}})
			conn, err := net.Dial("tcp", g.Addr)
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			_, err = io.WriteString(conn, "POST "+agentapi.Base+"/leads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+acme+
				"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
			require.NoError(t, err)
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(harness.WaitFor)))
			answer, err := io.ReadAll(conn)
			require.NoError(t, err, "closed in time")
			require.Regexp(t, `^HTTP/1.1 4\d\d `, string(answer))
			select {
			case err := <-ended:
				require.Error(t, err, "the backend is not held either")
			case <-time.After(harness.WaitFor):
				t.Fatalf("the backend was not reached, or is held; the caller heard %s", answer)
			}
		})
	}
}
