package agentapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// whole is a lead with every field set.
func whole() fields {
	return fields{
		"firstName": "Ana", "lastName": "Almeida", "email": "Ana@Example.com", "phone": "+1 (555) 010-4242", "status": "contacted",
		"priority": "high", "source": "ads", "adPlatform": "meta", "score": 55.0, "notes": "Call after 3 pm\nor mail.",
		"uniqueCode": "CRM-1", "externalRef": "hub-1", "assignedTo": "7f3f0b5e-2c1d-4e8a-9b6c-0d1e2f3a4b5c",
		"estimatedValue": 1200.5, "actualValue": -3.25,
	}
}

func TestALeadIsKeptAsItWasSent(t *testing.T) {
	h := empty(t)
	id := h.create(whole())
	got := h.get("/leads/" + id)
	require.Equal(t, http.StatusOK, got.status)
	want := whole()
	want["id"], want["campaign"] = id, nil
	want["createdAt"], want["updatedAt"] = "2026-11-22T12:00:00.000Z", "2026-11-22T12:00:00.000Z"
	require.Equal(t, want, got.object())
}

func TestALeadHasDefaults(t *testing.T) {
	h := empty(t)
	lead := h.get("/leads/" + h.create(fields{"firstName": "  Ana "})).object()
	require.Equal(t, "Ana", lead["firstName"], "white space around a text is not kept")
	for name, value := range (fields{"status": "new", "priority": "medium", "source": "other", "score": 0.0, "email": nil, "adPlatform": nil}) {
		require.Equal(t, value, lead[name], name)
	}
}

func TestALeadIsFoundByIdAndByUniqueCode(t *testing.T) {
	h := empty(t)
	id := h.create(fields{"firstName": "Ana", "uniqueCode": "CRM 7/ü"})
	for _, reference := range []string{id, strings.ToUpper(id), "CRM%207%2F%C3%BC"} {
		got := h.get("/leads/" + reference)
		require.Equal(t, http.StatusOK, got.status, reference)
		require.Equal(t, id, got.object()["id"])
	}
	// A code that is another lead's id does not hide that lead.
	h.create(fields{"firstName": "Bruno", "uniqueCode": id})
	require.Equal(t, "Ana", h.get("/leads/" + id).object()["firstName"])
}

func TestAnUnknownLeadIs404(t *testing.T) {
	h := empty(t)
	h.create(fields{"firstName": "Ana", "uniqueCode": "CRM-1"})
	for _, reference := range []string{"CRM-2", "crm-1", "7f3f0b5e-2c1d-4e8a-9b6c-0d1e2f3a4b5c", "%25", "'%20OR%201=1", "*"} {
		for method, body := range map[string]any{"GET": nil, "PATCH": fields{"score": 1}} {
			got := h.ask("ws_a", method, "/leads/"+reference, body)
			require.Equal(t, http.StatusNotFound, got.status, reference)
			require.Equal(t, "NOT_FOUND", got.body.Error.Code)
		}
	}
}

func TestAChangeTouchesOnlyWhatItNames(t *testing.T) {
	h := empty(t)
	id := h.create(whole())
	h.clock.now = noon.Add(time.Hour)
	for name, value := range (fields{"status": "hot", "score": 90.0, "lastName": nil, "email": nil, "phone": nil, "notes": nil,
		"adPlatform": nil, "uniqueCode": nil, "externalRef": nil, "assignedTo": nil, "estimatedValue": nil, "actualValue": 7.0}) {
		before := h.get("/leads/" + id).object()
		got := h.ask("ws_a", "PATCH", "/leads/"+id, fields{name: value})
		require.Equal(t, http.StatusOK, got.status, got.text)
		before[name], before["updatedAt"] = value, "2026-11-22T13:00:00.000Z"
		require.Equal(t, before, got.object(), name)
		require.Equal(t, before, h.get("/leads/"+id).object(), name)
	}
}

func TestAChangeThatIsPartlyWrongChangesNothing(t *testing.T) {
	h := empty(t)
	id := h.create(whole())
	before := h.get("/leads/" + id).text
	h.refused(h.ask("ws_a", "PATCH", "/leads/"+id, fields{"firstName": "Eva", "score": 101, "status": "odd", "x": 1}), "score", "status", "x")
	require.Equal(t, before, h.get("/leads/"+id).text)
}

func TestEveryWrongFieldIsNamedAtOnce(t *testing.T) {
	h := empty(t)
	got := h.ask("ws_a", "POST", "/leads", fields{"lastName": 1, "email": "a@b", "phone": "call me", "score": "5"})
	h.refused(got, "firstName", "lastName", "email", "phone", "score")
	require.Equal(t, "Required", got.body.Error.Details["firstName"])
	require.Equal(t, "Invalid lead data", got.body.Error.Message)
}

func TestTextsThatLookRightAreRefused(t *testing.T) {
	h := empty(t)
	for name, c := range map[string]struct {
		field string
		value any
	}{
		"a name of spaces":              {"firstName", "   "},
		"a name with a zero byte":       {"firstName", "Ana\x00"},
		"a name with a line break":      {"firstName", "Ana\nBcc: x"},
		"notes with an escape":          {"notes", "\x1b[2J"},
		"an e-mail address with a tab":  {"email", "ana\t@example.com"},
		"two e-mail addresses":          {"email", "a@example.com,b@example.com"},
		"an e-mail address with a name": {"email", "Ana <ana@example.com>"},
		"a phone number of no digits":   {"phone", "+-- --"},
		"a phone number of 16 digits":   {"phone", "1234567890123456"},
		"a phone with a letter":         {"phone", "+1 555 O10"},
		"a code of spaces":              {"uniqueCode", "  "},
		"a UUID in braces":              {"assignedTo", "{7f3f0b5e-2c1d-4e8a-9b6c-0d1e2f3a4b5c}"},
		"a UUID without hyphens":        {"assignedTo", "7f3f0b5e2c1d4e8a9b6c0d1e2f3a4b5c"},
		"a status with a space":         {"status", "new lead"},
	} {
		t.Run(name, func(t *testing.T) {
			h.t = t
			h.refused(h.ask("ws_a", "POST", "/leads", fields{"firstName": "Ana", "lastName": "x", c.field: c.value}), c.field)
		})
	}
	require.Empty(t, h.get("/leads").list())
}

func TestACodeOrReferenceBelongsToOneLead(t *testing.T) {
	h := empty(t)
	h.create(fields{"firstName": "Ana", "uniqueCode": "CRM-1", "externalRef": "hub-1"})
	other := h.create(fields{"firstName": "Bruno"})
	for field, value := range map[string]string{"uniqueCode": "CRM-1", "externalRef": "hub-1"} {
		for _, got := range []reply{
			h.ask("ws_a", "POST", "/leads", fields{"firstName": "Eva", field: value}),
			h.ask("ws_a", "PATCH", "/leads/"+other, fields{field: value}),
			h.ask("ws_a", "POST", "/leads/upsert", fields{"id": other, field: value}),
		} {
			require.Equal(t, http.StatusConflict, got.status, got.text)
			require.Equal(t, "VALIDATION_ERROR", got.body.Error.Code)
			require.Contains(t, got.body.Error.Details, field)
		}
	}
	require.Equal(t, []string{"Ana", "Bruno"}, sorted(h.get("/leads").names()))
	require.Equal(t, http.StatusCreated, h.ask("ws_b", "POST", "/leads", fields{"firstName": "Eva", "uniqueCode": "CRM-1"}).status)
}

func TestAWrongMethodIs405AndAWrongPath404(t *testing.T) {
	h := empty(t)
	for target, allow := range map[string]string{"/leads": "GET, POST", "/leads/upsert": "POST", "/leads/x": "GET, PATCH", "/workspace": "GET",
		"/support/tickets": "POST"} {
		got := h.ask("ws_a", "DELETE", target, nil)
		require.Equal(t, http.StatusMethodNotAllowed, got.status, target)
		require.Equal(t, "NOT_FOUND", got.body.Error.Code)
		require.Equal(t, allow, got.header.Get("Allow"))
	}
	for _, target := range []string{"", "/", "/leads/", "/leads/x/y", "/Leads", "/analytics", "/support"} {
		got := h.get(target)
		require.Equal(t, http.StatusNotFound, got.status, target)
		require.Equal(t, "NOT_FOUND", got.body.Error.Code)
	}
}
