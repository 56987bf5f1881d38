package agentapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const freshID = "11111111-2222-4333-8444-555555555555"

// crowd makes one lead for each identifier and gives their ids by first name.
func crowd(h *harness) map[string]string {
	return map[string]string{
		"Ana":   h.create(fields{"firstName": "Ana", "status": "new"}),
		"Bruno": h.create(fields{"firstName": "Bruno", "uniqueCode": "CRM-B"}),
		"Carla": h.create(fields{"firstName": "Carla", "phone": "+1 555 010 0001"}),
		"Diego": h.create(fields{"firstName": "Diego", "externalRef": "hub-d"}),
	}
}

func TestUpsertFindsInOrder(t *testing.T) {
	for name, c := range map[string]struct {
		body      fields
		found, by string
	}{
		"id before all":                   {fields{"id": "Ana", "phone": "15550100001"}, "Ana", "id"},
		"uniqueCode before phone":         {fields{"uniqueCode": "CRM-B", "phone": "15550100001", "score": 1}, "Bruno", "uniqueCode"},
		"phone before externalRef":        {fields{"phone": "15550100001", "externalRef": "hub-new"}, "Carla", "phone"},
		"phone in another spelling":       {fields{"phone": "(1) 555.010-0001"}, "Carla", "phone"},
		"externalRef last":                {fields{"externalRef": "hub-d"}, "Diego", "externalRef"},
		"next one where id finds none":    {fields{"id": freshID, "uniqueCode": "CRM-B"}, "Bruno", "uniqueCode"},
		"last one where others find none": {fields{"id": freshID, "uniqueCode": "CRM-?", "phone": "999", "externalRef": "hub-d"}, "Diego", "externalRef"},
	} {
		t.Run(name, func(t *testing.T) {
			h := empty(t)
			ids := crowd(h)
			if id, given := ids[asText(c.body["id"])]; given {
				c.body["id"] = id
			}
			got := h.ask("ws_a", "POST", "/leads/upsert", c.body)
			require.Equal(t, http.StatusOK, got.status, got.text)
			require.Equal(t, false, got.object()["created"])
			require.Equal(t, c.by, got.object()["matchedBy"])
			lead := got.object()["lead"].(map[string]any)
			require.Equal(t, ids[c.found], lead["id"], "a found lead keeps its id")
			require.Equal(t, c.found, lead["firstName"], "and what was not sent")
			for field, value := range c.body {
				if field != "id" && field != "score" {
					require.Equal(t, value, lead[field])
				}
			}
			require.Len(t, h.get("/leads").list(), len(ids), "nothing was created")
			require.Equal(t, lead, h.get("/leads/"+ids[c.found]).object())
		})
	}
}

func TestUpsertLeavesToOthersWhatIsTheirs(t *testing.T) {
	h := empty(t)
	ids := crowd(h)
	before := h.get("/leads").text
	for name, c := range map[string]struct {
		body  fields
		field string
	}{
		"id before uniqueCode":          {fields{"id": ids["Ana"], "uniqueCode": "CRM-B"}, "uniqueCode"},
		"id before externalRef":         {fields{"id": ids["Ana"], "externalRef": "hub-d"}, "externalRef"},
		"uniqueCode before externalRef": {fields{"uniqueCode": "CRM-B", "externalRef": "hub-d"}, "externalRef"},
		"phone before externalRef":      {fields{"phone": "15550100001", "externalRef": "hub-d"}, "externalRef"},
	} {
		got := h.ask("ws_a", "POST", "/leads/upsert", c.body)
		require.Equal(t, http.StatusConflict, got.status, name)
		require.Contains(t, got.body.Error.Details, c.field)
		require.Equal(t, before, h.get("/leads").text)
	}
}

func asText(value any) string {
	text, _ := value.(string)
	return text
}

func TestUpsertCreatesWhereNothingIsFound(t *testing.T) {
	h := empty(t)
	body := fields{"id": freshID, "firstName": "Eva", "uniqueCode": "CRM-E", "phone": "555 0100", "externalRef": "hub-e"}
	got := h.ask("ws_a", "POST", "/leads/upsert", body)
	require.Equal(t, http.StatusCreated, got.status, got.text)
	require.Equal(t, true, got.object()["created"])
	require.Nil(t, got.object()["matchedBy"])
	require.Equal(t, freshID, got.object()["lead"].(map[string]any)["id"])

	again := h.ask("ws_a", "POST", "/leads/upsert", body)
	require.Equal(t, http.StatusOK, again.status)
	require.Equal(t, "id", again.object()["matchedBy"])
	require.Len(t, h.get("/leads").list(), 1)
}

func TestUpsertNeedsAFirstNameOnlyToCreate(t *testing.T) {
	h := empty(t)
	h.refused(h.ask("ws_a", "POST", "/leads/upsert", fields{"uniqueCode": "CRM-1"}), "firstName")
	require.Empty(t, h.get("/leads").list())
	h.create(fields{"firstName": "Ana", "uniqueCode": "CRM-1"})
	require.Equal(t, http.StatusOK, h.ask("ws_a", "POST", "/leads/upsert", fields{"uniqueCode": "CRM-1", "score": 9}).status)
}

func TestUpsertNeedsAnIdentifier(t *testing.T) {
	h := empty(t)
	for _, body := range []fields{{"firstName": "Ana"}, {}, {"firstName": "Ana", "phone": nil, "uniqueCode": nil}} {
		h.refused(h.ask("ws_a", "POST", "/leads/upsert", body), "id", "uniqueCode", "phone", "externalRef")
	}
	h.refused(h.ask("ws_a", "POST", "/leads/upsert", fields{"id": "CRM-1"}), "id")
	h.refused(h.ask("ws_a", "POST", "/leads/upsert", fields{"id": nil, "phone": "555"}), "id")
}

func TestUpsertByAPhoneThatSeveralHaveTakesTheOldest(t *testing.T) {
	h := empty(t)
	oldest := h.create(fields{"firstName": "Ana", "phone": "5550100"})
	h.clock.now = noon.Add(time.Minute)
	h.create(fields{"firstName": "Bruno", "phone": "5550100"})
	got := h.ask("ws_a", "POST", "/leads/upsert", fields{"phone": "555-0100", "score": 1})
	require.Equal(t, oldest, got.object()["lead"].(map[string]any)["id"])
}

func TestUpsertNeverFindsAnotherWorkspacesLead(t *testing.T) {
	h := empty(t)
	ids := crowd(h)
	for name, body := range map[string]fields{
		"id": {"id": ids["Ana"]}, "uniqueCode": {"uniqueCode": "CRM-B"}, "phone": {"phone": "+1 555 010 0001"}, "externalRef": {"externalRef": "hub-d"},
	} {
		body["firstName"] = "Eva"
		got := h.ask("ws_b", "POST", "/leads/upsert", body)
		require.Equal(t, http.StatusCreated, got.status, name)
	}
	require.Equal(t, []string{"Ana", "Bruno", "Carla", "Diego"}, sorted(h.get("/leads").names()))
}

func TestConcurrentUpsertsCreateOneLead(t *testing.T) {
	h := empty(t)
	const callers = 8
	created := make(chan bool, callers)
	for range callers {
		go func() {
			got := h.ask("ws_a", "POST", "/leads/upsert", fields{"firstName": "Ana", "phone": "555 0100"})
			created <- got.status == http.StatusCreated
		}()
	}
	n := 0
	for range callers {
		if <-created {
			n++
		}
	}
	require.Equal(t, 1, n)
	require.Len(t, h.get("/leads").list(), 1)
}
