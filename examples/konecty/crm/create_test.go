package crm_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCreatedRecords(t *testing.T) {
	h := open(t)
	got := h.create("Contact", contact(object{
		"email": []any{object{"address": "Ana@Example.com", "colour": "red"}}, "birthday": "1990-02-28",
		"campaign": object{"_id": friday}, "notes": "", "website": nil,
	})).record()

	require.Regexp(t, `^\w{17}$`, got["_id"])
	require.EqualValues(t, 16505, got["code"])
	require.Equal(t, object{"first": "Ana", "full": "Ana"}, got["name"])
	require.Equal(t, []any{object{"address": "ana@example.com", "colour": "red"}}, got["email"], "what else a part holds is stored")
	require.Equal(t, "1990-02-28T00:00:00.000Z", got["birthday"])
	require.Equal(t, object{"_id": friday, "code": 41.0, "name": "Black Friday"}, got["campaign"], "description fields are copied")
	require.Equal(t, "Ativo", got["status"], "defaults are put in")
	require.Equal(t, false, got["newsletter"])
	require.NotContains(t, got, "notes", `"" is not stored`)
	require.NotContains(t, got, "website", "null is not stored")
	require.Equal(t, "2026-11-22T12:00:00.000Z", got["_createdAt"])
	require.Equal(t, "Integration", got["_createdBy"].(object)["name"])

	read := h.ask("GET", "/rest/data/Contact/"+got["_id"].(string), "").record()
	require.Equal(t, got, read)
	some := h.ask("GET", "/rest/data/Contact/"+got["_id"].(string)+"?fields=name.full,code", "").record()
	require.Equal(t, object{"_id": got["_id"], "code": 16505.0, "name": object{"full": "Ana"}}, some)
}

func TestPublishedExamplesAreAccepted(t *testing.T) {
	h := open(t)
	for document, payload := range map[string]object{
		"Message":  {"subject": "Bem-vindo!", "body": "<p>Olá!</p>", "contact": object{"_id": maria}, "status": "Nova", "type": "Email"},
		"Contact":  {"name": object{"first": "Maria", "last": "Silva"}, "type": []any{"client"}, "email": []any{object{"address": "maria@example.com"}}},
		"Activity": {"subject": "Ligação", "status": "Realizado", "type": "Ligação", "contact": object{"_id": maria}},
	} {
		require.Empty(t, h.create(document, payload).problems(), document)
	}
}

func TestWhatIsWrongIsSaidAtOnce(t *testing.T) {
	h := open(t)
	for name, c := range map[string]struct {
		document string
		payload  any
		says     []string
	}{
		"no object":              {"Contact", "x", []string{"[Contact] Data must be object"}},
		"nothing":                {"Contact", object{}, []string{"[Contact] Data must have at least one field"}},
		"nothing in a list":      {"Contact", []any{}, []string{"[Contact] Data must have at least one field"}},
		"no list of users":       {"Contact", contact(object{"_user": object{"_id": "x"}}), []string{"[Contact] _user must be array"}},
		"a lookup alone, first":  {"Message", object{"subject": "", "type": "SMS", "contact": object{"_id": "xyz"}}, []string{"Record not found for field contact with _id [xyz] on document [Contact]"}},
		"all fields, then":       {"Message", object{"subject": "", "type": "x", "contact": object{"_id": maria}}, []string{"Field subject is required", "Value x for field type is invalid"}},
		"picklist in wrong case": {"Contact", contact(object{"status": "ativo"}), []string{"Value ativo for field status is invalid"}},
		"picklist of several":    {"Contact", contact(object{"type": []any{"client", "x"}}), []string{"Value client,x for field type is invalid"}},
		"too many":               {"Campaign", object{"name": "C", "channels": []any{"Google", "Meta", "Email"}}, []string{"Value for field channels must be an array with max of 2 item(s)"}},
		"too few":                {"Campaign", object{"name": "C", "channels": []any{}}, []string{"Value for field channels must be an array with min of 1 item(s)"}},
		"a part":                 {"Contact", contact(object{"email": object{"address": "ana"}}), []string{"Value for field email.address must be a valid email"}},
		"a date":                 {"Contact", contact(object{"birthday": "tomorrow"}), []string{"Value for field birthday.$date must be a valid Date"}},
		"thirteen digits": {"Contact", contact(object{"phone": object{"countryCode": 55, "phoneNumber": "5511999999999"}}), []string{
			"Value for field phone.phoneNumber with countryCode '55' must contains from 10 to 12 digits"}},
		"an element":          {"Contact", contact(object{"tags": []any{"a", true}}), []string{"Value for field tags must be a valid String"}},
		"the same twice":      {"Contact", contact(object{"tags": []any{"a", "a"}}), []string{"Value for field tags must be a list with no duplicated values"}},
		"nothing in a date":   {"Specimen", object{"text": "x", "pair": []any{"red", "blue"}, "days": []any{nil}}, []string{"[Specimen] Unexpected error"}},
		"null in a list":      {"Specimen", object{"pair": []any{"red", "blue"}, "note": object{"a": []any{nil}}}, []string{"[Specimen] Cannot convert undefined or null to object"}},
		"an id that is taken": {"Contact", contact(object{"_id": maria}), []string{"[Contact] Campo único não respeitado: _id: " + maria}},
		"an unknown document": {"Invoice", object{"a": 1}, []string{"[Invoice] Document not found"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.says, h.create(c.document, c.payload).problems())
		})
	}
	require.Equal(t, 2, len(h.query(`{"document": "Contact"}`)), "nothing of that was stored")
}

// TestWhatNobodyAskedForIsStored has what the skill forbids and the server takes.
func TestWhatNobodyAskedForIsStored(t *testing.T) {
	got := open(t).create("Contact", contact(object{"_id": "mine", "code": 3, "nme": object{"x": 1}})).record()
	require.Equal(t, "mine", got["_id"])
	require.EqualValues(t, 3, got["code"])
	require.Equal(t, object{"x": 1.0}, got["nme"])
}

func TestUniqueFields(t *testing.T) {
	h := open(t)
	product := object{"name": "P", "price": object{"currency": "BRL", "value": 1}, "sku": "A-1"}
	require.Empty(t, h.create("Product", product).problems())
	require.Equal(t, []string{"Value for field sku must be unique"}, h.create("Product", product).problems())
}

func TestDeniedByTheAccessProfile(t *testing.T) {
	h := open(t, "Product", "Message.status")
	message := object{"subject": "Hi", "type": "SMS", "contact": object{"_id": maria}}
	require.Empty(t, h.create("Message", message).problems())
	message["status"] = "Nova"
	require.Equal(t, []string{"[Message] You don't have permission to create field status"}, h.create("Message", message).problems())
	require.Equal(t, []string{"[Product] You don't have permission to create records"}, h.create("Product", object{"name": "P"}).problems())
}

func TestConcurrentCreatesGetCodesOfTheirOwn(t *testing.T) {
	h := open(t)
	const callers = 20
	codes := make([]any, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			codes[i] = h.create("Opportunity", object{"contact": object{"_id": maria}, "products": object{"_id": starter}}).record()["code"]
			h.query(`{"document": "Opportunity", "fields": "contact,contact.name.full", "filter": {"textSearch": "maria"}}`)
		})
	}
	all.Wait()
	seen := map[any]bool{}
	for _, code := range codes {
		seen[code] = true
	}
	require.Len(t, seen, callers)
}
