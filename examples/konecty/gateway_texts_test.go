package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// failing is a backend that fails with the texts and the status that a request names, in the server's two forms.
var failing = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	body := map[string]any{"success": false, "errors": messages(query["text"]...)}
	status, kind := http.StatusOK, "application/json; charset=utf-8"
	if query.Get("ndjson") == "true" {
		status, kind, body = http.StatusBadRequest, "application/x-ndjson", map[string]any{"_meta": body}
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
})

func messages(texts ...string) (list []map[string]string) {
	for _, text := range texts {
		list = append(list, map[string]string{"message": text})
	}
	return list
}

// with is a request that the failing backend answers with texts.
func with(ndjson bool, texts ...string) harness.Request {
	query := "?x=" + fmt.Sprint(len(texts))
	for _, text := range texts {
		query += "&text=" + escaped(text)
	}
	return harness.Request{Path: explorer + query + "&ndjson=" + fmt.Sprint(ndjson), Key: all}
}

func escaped(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return regexp.MustCompile(`%(2D|2E|5F|7E|3\d|[46][1-9A-F]|[57][0-9A])`).ReplaceAllStringFunc(b.String(), func(code string) string {
		var c byte
		_, _ = fmt.Sscanf(code, "%%%02X", &c)
		return string(c) // the gateway takes no character encoded that need not be
	})
}

// sample is a text of the real server, and what must become of it.
type sample struct {
	Text          string
	BackendStatus int  `json:"backend_status"`
	NDJSON        bool `json:"ndjson"`
	WantStatus    any  `json:"want_status"`
	Field         *string
}

// observed are texts that the real server answered with.
func observed(t *testing.T) (list []sample) {
	t.Helper()
	text, err := os.ReadFile("testdata/failures.jsonl")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		var s sample
		require.NoError(t, json.Unmarshal([]byte(line), &s))
		list = append(list, s)
	}
	require.Len(t, list, 39)
	return list
}

// others stand in the server's sources and were not among those that were observed.
var others = []struct {
	text   string
	status int
	field  string
}{
	{"Value for field day.$date must be a valid Date", 400, "day"}, {"Value for field price.currency must be one of [BRL]", 400, "price"},
	{"Value x\nfor field y for field type is invalid", 400, "type"}, {"Field x of type server can not be validated", 400, "x"},
	{"Value for field phone.countryCode must contains 1, 2 or 3 digits", 400, "phone"}, {"Value for field short must be less than 5 characters", 400, "short"},
	{"[Message] You don't have permission to create field sendAt", 403, "sendAt"}, {"[Contact] You don't have permission to update records a, b or they don't exists", 403, ""},
	{"[Contact] You don't have permission for this document", 403, ""}, {"[Contact] You don't have permission to read records", 403, ""},
	{"dataExplorer.export.errors.noReadAccess", 403, ""}, {"[Contact] Record not found using id x", 404, ""}, {"[Contact] _user must be array", 400, ""},
	{"[Contact] There are new version for records: a", 409, ""}, {"[Contact] Cannot delete records a because they are referenced by [Mensagens]", 409, ""},
	{"[Contact] Validação de dados únicos violada: code_1", 400, ""}, {"[Contact] O telefone já pertence a outro cliente", 400, ""}, {"document: Required", 400, ""},
	{"Document 'connect ECONNREFUSED' not found in metadata", 400, ""}, {"[Campaign] Campo único não respeitado: name: not primary", 400, ""},
	{"Field [code] only supports operators [equals]. Trying to use operator [contains]", 400, ""}, {"All conditions must contain term, operator and value", 400, ""},
	{"[Contact] Payload must contain an array of ids with at least one item", 400, ""},
	{"[get-user] No authTokenId found", 502, ""}, {"[Contact] Cannot convert undefined or null to object", 502, ""}, {"[Contact] Transaction error", 502, ""},
	{"[Contact] Erro ao processar a operação. Caso o problema persista, contate o suporte.", 502, ""}, {"Oops something went wrong, please try again later... if this message persisits, please contact our support", 502, ""},
	{"[Contact] Error on update, there is no affected record", 502, ""}, {"Error on writeAheadLog", 502, ""}, {"Error running validation script x is not defined", 502, ""},
	{"Error getting next user from queue: No users found!", 502, ""}, {"Error recalculating queue: No QueueUsers found for queue x!", 502, ""},
	{"[Contact] Error on delete konecty.Contact: not authorized on konecty to execute command", 502, ""}, {"MetaObject.Meta X of field y not found", 502, ""},
	{"[Contact] Error on sync Konsistent: connect ECONNREFUSED 10.0.0.5:27017", 503, ""}, {"Error creating new code value from Contact: connection 7 to mongo-1.internal:27017 closed", 503, ""},
	{"getaddrinfo ENOTFOUND mongo.internal", 503, ""}, {"getaddrinfo EAI_AGAIN mongo", 503, ""}, {"Server selection timed out after 30000 ms", 503, ""}, {"socket hang up", 503, ""},
	{"Connection pool for 10.0.0.5:27017 was cleared because another operation failed with: \"connection 3 to 10.0.0.5:27017 closed\"", 503, ""},
	{"[Contact] not master and slaveOk=false", 503, ""}, {"write EPIPE", 503, ""},
}

// drivers are words that no caller may see.
var drivers = regexp.MustCompile(`(?i)10\.0\.0\.5|27017|mongo|ECONN|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EPIPE|get-user|pool destroyed|topology|not (primary|master)|socket|slaveOk|not authorized on`)

func TestTheServersTextsGetTheirClass(t *testing.T) {
	g := gateway(t, failing)
	check := func(text string, ndjson bool, status func(int), field string) {
		a := g.Do(t, with(ndjson, text))
		status(a.Status)
		envelope := a.Envelope(t)
		require.Equal(t, string(refusal.CodeOf(a.Status)), envelope.Error.Code, text)
		if details := said(t, a); field == "" {
			require.Empty(t, details, text)
		} else {
			require.Equal(t, map[string]any{field: strings.Join(strings.Fields(text), " ")}, details)
		}
		if a.Status >= 500 {
			require.NotRegexp(t, drivers, a.Body, text)
			require.NotContains(t, envelope.Error.Message, text)
		}
		require.Equal(t, a.Status == http.StatusServiceUnavailable, a.Header.Get("Retry-After") == "5", text)
	}
	for _, s := range observed(t) {
		field := ""
		if s.Field != nil {
			field = *s.Field
		}
		check(s.Text, s.NDJSON, func(status int) {
			if s.WantStatus == "5xx" {
				require.GreaterOrEqual(t, status, 500, s.Text)
				return
			}
			require.EqualValues(t, s.WantStatus, status, s.Text)
		}, field)
	}
	for _, s := range others {
		for _, ndjson := range []bool{false, true} {
			check(s.text, ndjson, func(status int) { require.Equal(t, s.status, status, s.text) }, s.field)
		}
	}
}

func TestOfSeveralFailuresEachFieldKeepsItsOwnText(t *testing.T) {
	g := gateway(t, failing)
	a := g.Do(t, with(false, "Field subject is required", "[Contact] Ask the sales team", "Value for field day.$date must be a valid Date", "Value x for field type is invalid"))
	require.Equal(t, 400, a.Status)
	require.Equal(t, map[string]any{"subject": "Field subject is required", "day": "Value for field day.$date must be a valid Date", "type": "Value x for field type is invalid"}, said(t, a))
	require.Contains(t, a.Envelope(t).Error.Message, "Ask the sales team")
}

// TestPublishedClientsReadErrors looks for what they look for: errors[].message, of refusals of the gateway too.
func TestPublishedClientsReadErrors(t *testing.T) {
	g := keeping(t, newCRM(t))
	said := func(r harness.Request) (list []string) {
		var body struct {
			Success bool
			Error   struct{ Message string }
			Errors  []struct{ Message string }
		}
		a := g.Do(t, r)
		require.NoError(t, json.Unmarshal([]byte(a.Body), &body), a.Body)
		require.False(t, body.Success)
		require.GreaterOrEqual(t, a.Status, 400)
		for _, e := range body.Errors {
			list = append(list, e.Message)
		}
		require.NotEmpty(t, list, a.Body)
		require.Equal(t, body.Error.Message, list[0], "the envelope's own comes first")
		return list
	}
	require.Len(t, said(posted(data+"Message", all, `{"subject": true, "type": "SMS", "contact": {"_id": "x"}, "nothing": 1}`)), 3)
	require.Contains(t, said(posted(data+"Contact", all, `{"name": {"first": "A"}, "campaign": {"_id": "nobody"}}`)), "Record not found for field campaign with _id [nobody] on document [Campaign]")
	require.Len(t, said(harness.Request{Path: explorer, Key: "nobody-knows-this-secret"}), 1)
	require.Len(t, said(harness.Request{Path: "/nothing", Key: all}), 1)
	require.NotEmpty(t, said(posted(query, contact, `{"document": "User"}`)))
}

// addresses in the forms that texts have them in, and what of each no caller may see.
var addresses = []struct{ written, tells string }{
	{"10.0.0.5:27017", "10.0.0.5"}, {"10.12.13.14", "10.12.13.14"}, {"[fd00::5]:27017", "fd00::5"}, {"mongo-1.internal:27017", "mongo-1"}, {"mongodb://app:s3cret@db.internal/konecty", "s3cret"},
	{"mongodb+srv://app:s3cret@cluster0.ab1cd.mongodb.net/", "s3cret"}, {"192.168.7.9:6379", "192.168.7.9"}, {"127.0.0.1:27017", "127.0.0.1"}, {"redis://:pw9@cache:6379/0", "pw9"},
	{"amqp://guest:gu3st@rabbit:5672", "gu3st"}, {"::1:27017", "27017"}, {"172.20.0.3:27017", "172.20.0.3"},
}

// driverTexts are what drivers say, with a place for an address.
var driverTexts = []string{"connect ECONNREFUSED %s", "connection 3 to %s closed", "read ECONNRESET %s", "connect ETIMEDOUT %s", "getaddrinfo ENOTFOUND %s", "connection timed out to %s",
	"Server selection timed out: %s", "pool destroyed for %s", "Topology is closed (%s)", "not primary: %s", "socket hang up %s", "Timed out while checking out a connection from connection pool %s",
	"failed to connect to %s on first connect", "MongoNetworkError: %s", "connection <monitor> to %s timed out", "MongoServerError: Authentication failed. (%s)"}

// around are texts that such a text may stand within: the server puts it behind its own words, hooks anywhere.
var around = []string{"%s", "[Contact] %s", "[Contact] Error on sync Konsistent: %s", "Error creating new code value from Contact: %s", "Falha ao salvar: %s. Tente novamente.", "x %s y",
	"{\"error\":\"%s\"}", "Value for field a must be %s", "Value %s for field a is invalid", "Error running validation script %s", "a\n%s", "(%s)", "=%s;", "“%s”"}

// hostile makes a text of a driver's words with an address at any place, and says what of it no caller may see.
func hostile(random *rand.Rand) (text, tells string) {
	address := addresses[random.IntN(len(addresses))]
	inner := fmt.Sprintf(driverTexts[random.IntN(len(driverTexts))], address.written)
	if random.IntN(4) == 0 { // behind more of the kind
		inner = "connect ECONNREFUSED, " + inner
	}
	return fmt.Sprintf(around[random.IntN(len(around))], inner), address.tells
}

// TestNoAddressLeaves maps 10,000 texts by the rules of the Caddyfile, alone and beside one that is shown, and sends some
// of them through the gateway.
func TestNoAddressLeaves(t *testing.T) {
	m, random := mapper(t), rand.New(rand.NewPCG(17, 39))
	shown := 0
	for range 10_000 {
		text, tells := hostile(random)
		for _, texts := range [][]string{{text}, {"Field subject is required", text}} {
			body, err := json.Marshal(map[string]any{"success": false, "errors": messages(texts...)})
			require.NoError(t, err)
			a := m.Map(http.StatusOK, "application/json", body)
			require.NotContains(t, string(a.Body), tells, "%q", texts)
			require.NotContains(t, string(a.Body), strings.ToUpper(tells), "%q", texts)
			if a.Code == refusal.CodeInvalid {
				shown++
			}
		}
	}
	require.Greater(t, shown, 10_000, "most of it is hidden as a text, not with the whole answer")
	g := gateway(t, failing)
	for range 200 {
		text, tells := hostile(random)
		a := g.Do(t, with(random.IntN(2) == 0, "Field subject is required", text))
		require.Equal(t, 400, a.Status)
		require.NotContains(t, a.Body, tells, "%q", text)
		require.Contains(t, a.Body, "Field subject is required")
	}
}
