package crm

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func newTestServer(t *testing.T) *Server {
	t.Helper()
	s, err := New(Options{Token: "s3ssion-token-of-the-tests"})
	require.NoError(t, err)
	return s
}

func TestRequiredAddressesNeedAllTheirParts(t *testing.T) {
	f := &Field{Name: "home", Type: "address", IsRequired: true}
	whole := map[string]any{"country": "BRA", "state": "SP", "city": "São Paulo", "place": "Paulista", "number": "1000"}
	_, problem := takeAddress(f, whole)
	require.Empty(t, problem)
	for part := range whole {
		lacking := clone(whole).(map[string]any)
		lacking[part] = 1000.0 // a number has no size: it is dropped
		_, problem := takeAddress(f, lacking)
		require.Equal(t, "Value for field home."+part+" must be a valid String", problem)
	}
}

// TestDatesAreReadAsByTheServersLanguage has what V8 made of texts, in UTC.
func TestDatesAreReadAsByTheServersLanguage(t *testing.T) {
	text, err := os.ReadFile("testdata/dates.jsonl")
	require.NoError(t, err)
	count := 0
	for line := range strings.Lines(string(text)) {
		var c struct {
			Text         string
			Milliseconds *float64
		}
		require.NoError(t, json.Unmarshal([]byte(line), &c))
		ms, ok := parseDate(c.Text)
		require.Equal(t, c.Milliseconds != nil, ok, c.Text)
		if ok {
			require.InDelta(t, *c.Milliseconds, ms, 0, c.Text)
		}
		count++
	}
	require.Equal(t, 440, count)
}

func TestTheStoreIsBounded(t *testing.T) {
	s := newTestServer(t)
	m := s.modules["Product"]
	for range maxRecords - len(s.store.all("Product")) {
		_, problem := s.store.insert(m, record{"name": "P"})
		require.Empty(t, problem)
	}
	_, problems := s.create(m, map[string]any{"name": "P", "price": map[string]any{"currency": "BRL", "value": 1.0}})
	require.Equal(t, []string{"[Product] Error on insert, there is no affected record"}, problems)
	require.Len(t, s.store.all("Product"), maxRecords)
}

func TestPanicsAreTheFrameworks500(t *testing.T) {
	s := newTestServer(t)
	s.mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("boom") })
	recorder := httptest.NewRecorder()
	s.ServeHTTP(recorder, httptest.NewRequest("GET", "/panic", nil))
	require.Equal(t, 500, recorder.Code)
	require.JSONEq(t, `{"statusCode": 500, "error": "Internal Server Error", "message": "boom"}`, recorder.Body.String())
}

func TestUnknownTypesCannotBeValidated(t *testing.T) {
	_, problem := newTestServer(t).take(&Module{}, &Field{Name: "x", Type: "calculated"}, 1.0)
	require.Equal(t, "Field x of type calculated can not be validated", problem)
}

func TestIDsAreLongAndDifferent(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := newID()
		require.Regexp(t, `^[2-9A-HJ-NP-Za-km-z]{17}$`, id)
		seen[id] = true
	}
	require.Len(t, seen, 1000)
}
