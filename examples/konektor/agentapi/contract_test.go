package agentapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
	"github.com/tollgate-gateway/tollgate/examples/konektor/contract"
)

// asGateway is a generated request as it comes out of the gateway.
func asGateway(t *testing.T, r contract.Request) *http.Request {
	t.Helper()
	request, err := r.HTTP(context.Background(), "http://agent.example.com")
	require.NoError(t, err)
	request.RequestURI = r.Target
	request.Header.Set("X-Tollgate-Workspace", "ws_acme")
	request.Header.Set("X-Tollgate-Plan", "pro")
	return request
}

func TestEveryValidRequestGetsAnAnswerOfItsSchema(t *testing.T) {
	d := document(t)
	h := open(t, agentapi.Options{Seed: []string{"ws_acme"}})
	id := h.ask("ws_acme", "GET", "/leads?limit=1", nil).list()[0].(map[string]any)["id"].(string)
	for _, r := range d.Valid(map[string]string{"id": id}) {
		t.Run(r.Operation.ID+"/"+r.Name, func(t *testing.T) {
			got := h.send(asGateway(t, r))
			require.Contains(t, []int{http.StatusOK, http.StatusCreated}, got.status, got.text)
			response := r.Operation.Responses[strconv.Itoa(got.status)]
			require.NotNil(t, response, "status %d is not documented", got.status)
			if schema := response.Content["application/json"]; schema.Schema != nil {
				require.Empty(t, schema.Schema.Check(decoded(t, got.text)))
			}
		})
	}
}

func TestEveryInvalidRequestIsRefusedByNameAndWritesNothing(t *testing.T) {
	d := document(t)
	h := open(t, agentapi.Options{Seed: []string{"ws_acme"}})
	refusal := d.Components.Schemas["Error"]
	before := everything(h)
	for _, r := range d.Invalid(map[string]string{"id": "CRM-1024"}) {
		t.Run(r.Operation.ID+"/"+r.Name, func(t *testing.T) {
			got := h.send(asGateway(t, r))
			require.Equal(t, r.Status, got.status, got.text)
			require.Empty(t, refusal.Check(decoded(t, got.text)))
			require.Equal(t, "VALIDATION_ERROR", got.body.Error.Code)
			require.Contains(t, got.body.Error.Details, r.Wrong, got.text)
			require.Less(t, len(got.text), 8<<10, "a refusal stays small")
		})
	}
	require.Equal(t, before, everything(h))
}

// everything is all that ws_acme holds, as far as the API shows it.
func everything(h *harness) string {
	all := h.ask("ws_acme", "GET", "/workspace", nil).text
	for _, page := range []string{"1", "2"} {
		all += h.ask("ws_acme", "GET", "/leads?sortBy=updatedAt&limit=100&page="+page, nil).text
	}
	return all + h.ask("ws_acme", "GET", "/conversions/pending?timeframe=all_time&limit=100", nil).text
}

func decoded(t *testing.T, text string) any {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal([]byte(text), &value))
	return value
}

func TestTheServedRoutesAreTheDocumentedOnes(t *testing.T) {
	type route struct{ method, path, scope string }
	var served, documented []route
	for _, r := range agentapi.Routes() {
		served = append(served, route{r.Method, r.Path, r.Scope})
	}
	d := document(t)
	for _, op := range d.Operations() {
		documented = append(documented, route{op.Method, op.Path, op.Scope})
	}
	require.ElementsMatch(t, documented, served)
	require.Equal(t, agentapi.Base, d.Base())
}

// TestTheKnownNamesAreTheDocumentedOnes asks with a name that nobody knows; the refusal lists those that are known.
func TestTheKnownNamesAreTheDocumentedOnes(t *testing.T) {
	h := empty(t)
	asked := 0
	for _, r := range document(t).Invalid(map[string]string{"id": "CRM-1024"}) {
		if r.Wrong != "nonsense" {
			continue
		}
		asked++
		_, list, found := strings.Cut(h.send(asGateway(t, r)).body.Error.Details["nonsense"], "known are ")
		require.True(t, found, r.Operation.ID)
		var documented []string
		if schema := r.Operation.BodySchema(); schema != nil {
			for name := range schema.Properties {
				documented = append(documented, name)
			}
		} else {
			for _, parameter := range r.Operation.Parameters {
				documented = append(documented, parameter.Name)
			}
		}
		require.ElementsMatch(t, documented, strings.Split(list, ", "), r.Operation.ID)
	}
	require.Equal(t, 10, asked)
}

func TestEveryEnumerationIsServedInFull(t *testing.T) {
	h := open(t, agentapi.Options{Seed: []string{"ws_acme"}})
	summary := h.ask("ws_acme", "GET", "/analytics/summary?timeframe=all_time", nil).object()
	schemas := document(t).Components.Schemas
	for field, schema := range map[string]string{"byStatus": "Status", "byPriority": "Priority", "bySource": "Source"} {
		var served []string
		for name := range summary[field].(map[string]any) {
			served = append(served, name)
		}
		var documented []string
		for _, name := range schemas[schema].Enum {
			documented = append(documented, name.(string))
		}
		slices.Sort(served)
		slices.Sort(documented)
		require.Equal(t, documented, served)
	}
}
