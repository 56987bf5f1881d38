package envelope

import (
	"bufio"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// konectyRules are classify lines as a team would write them for a Konecty.
var konectyRules = []Rule{
	on(refusal.CodeInvalid, `^Field (?P<field>\S+) is required$`),
	on(refusal.CodeInvalid, `^Record not found for field (?P<field>\S+) `),
	on(refusal.CodeForbidden, `^\[Message\] You don't have permission`),
	on(refusal.CodeUnauthorized, `^\[get-user\] (User not found|No authTokenId found)$`),
	on(refusal.CodeInternal, `ECONNREFUSED|broken inside`),
}

// on is a classify line.
func on(code refusal.Code, pattern string) Rule { return Rule{Code: code, Pattern: pattern} }

func newMapper(t testing.TB, rules ...Rule) *Mapper {
	t.Helper()
	m, err := NewMapper(Config{SoftFailures: true, MaxBody: DefaultMaxBody, Rules: rules})
	require.NoError(t, err)
	return m
}

// sent is an envelope as a caller reads it.
type sent struct {
	Success *bool `json:"success"`
	Error   struct {
		Code    refusal.Code    `json:"code"`
		Message string          `json:"message"`
		Details map[string]any  `json:"-"`
		Raw     json.RawMessage `json:"details"`
	} `json:"error"`
}

// requireEnvelope asserts that body is a valid envelope and reads it.
func requireEnvelope(t testing.TB, body []byte) sent {
	t.Helper()
	require.True(t, utf8.Valid(body), "valid UTF-8: %q", body)
	var e sent
	require.NoError(t, json.Unmarshal(body, &e), "%q", body)
	require.NotNil(t, e.Success)
	require.False(t, *e.Success)
	require.True(t, e.Error.Code.Known(), "code %q", e.Error.Code)
	require.NotEmpty(t, e.Error.Message)
	require.NotEmpty(t, e.Error.Raw, "details are always present")
	require.NoError(t, json.Unmarshal(e.Error.Raw, &e.Error.Details), "details are an object or null: %s", e.Error.Raw)
	return e
}

type fixture struct {
	Name        string
	Status      int
	ContentType string `json:"content_type"`
	Body        string
	Code        refusal.Code
	Details     []string
}

// fixtures reads the error answers of real kinds of backends. The list that all parts of the project share may be newer.
func fixtures(t testing.TB) []fixture {
	t.Helper()
	var list []fixture
	for _, path := range []string{"testdata/backend-errors.jsonl", "../../../shared/fixtures/backend-errors.jsonl"} {
		file, err := os.Open(path)
		if os.IsNotExist(err) && list != nil {
			break
		}
		require.NoError(t, err)
		defer file.Close()
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			var f fixture
			require.NoError(t, json.Unmarshal(lines.Bytes(), &f))
			list = append(list, f)
		}
		require.NoError(t, lines.Err(), path)
	}
	require.GreaterOrEqual(t, len(list), 24)
	return list
}

func TestEveryKnownBackend(t *testing.T) {
	m := newMapper(t, konectyRules...)
	for _, f := range fixtures(t) {
		t.Run(f.Name, func(t *testing.T) {
			a := m.Map(f.Status, f.ContentType, []byte(f.Body))
			e := requireEnvelope(t, a.Body)
			require.Equal(t, f.Code, e.Error.Code)
			require.Equal(t, f.Code, a.Code)
			require.ElementsMatch(t, f.Details, slices.Collect(maps.Keys(e.Error.Details)))
			if f.Status >= 400 {
				require.Equal(t, f.Status, a.Status, "a backend's status is kept")
			} else {
				require.Equal(t, f.Code.Status(), a.Status, "a soft failure gets its code's status")
			}
		})
	}
}

func TestPassesByteForByte(t *testing.T) {
	m := newMapper(t)
	for _, body := range []string{
		`{"success": false, "error": {"code": "VALIDATION_ERROR", "message": "m", "details": null}}`,
		"{\n  \"error\": {\"details\": {\"a\": {\"b\": [1.50]}}, \"message\": \"\\u00e9\", \"code\": \"VALIDATION_ERROR\"},\n  \"success\": false\n}\n",
		`{"success":false,"error":{"code":"VALIDATION_ERROR","message":"m","details":{},"hint":"more"},"request_id":"r1"}`,
	} {
		a := m.Map(422, "application/json", []byte(body))
		require.True(t, a.Passed, body)
		require.Equal(t, body, string(a.Body))
		require.Equal(t, refusal.CodeInvalid, a.Code)
	}
}

func TestPassesNothingElse(t *testing.T) {
	m := newMapper(t)
	for name, body := range map[string]string{
		"5xx":                  `{"success":false,"error":{"code":"INTERNAL_ERROR","message":"secret","details":null}}`,
		"success is true":      `{"success":true,"error":{"code":"VALIDATION_ERROR","message":"m","details":null}}`,
		"unknown code":         `{"success":false,"error":{"code":"TEAPOT","message":"m","details":null}}`,
		"details are a list":   `{"success":false,"error":{"code":"VALIDATION_ERROR","message":"m","details":[]}}`,
		"message is not text":  `{"success":false,"error":{"code":"VALIDATION_ERROR","message":1,"details":null}}`,
		"success is twice":     `{"success":false,"success":true,"error":{"code":"VALIDATION_ERROR","message":"m","details":null}}`,
		"something follows":    `{"success":false,"error":{"code":"VALIDATION_ERROR","message":"m","details":null}} {}`,
		"names in other case":  `{"Success":false,"Error":{"Code":"VALIDATION_ERROR","Message":"m","Details":null}}`,
		"invalid UTF-8":        "{\"success\":false,\"error\":{\"code\":\"VALIDATION_ERROR\",\"message\":\"m\xff\",\"details\":null}}",
		"code of other status": `{"success":false,"error":{"code":"FORBIDDEN","message":"m","details":null}}`,
	} {
		t.Run(name, func(t *testing.T) {
			status := 400
			if name == "5xx" {
				status = 500
			}
			a := m.Map(status, "application/json", []byte(body))
			require.False(t, a.Passed)
			require.Equal(t, refusal.CodeOf(status), requireEnvelope(t, a.Body).Error.Code)
		})
	}
}

func TestHidesEvery5xx(t *testing.T) {
	m := newMapper(t, on(refusal.CodeNotFound, "secret"))
	for _, f := range fixtures(t) {
		a := m.Map(503, f.ContentType, []byte(f.Body+" secret"))
		require.Equal(t, standardBody(refusal.CodeInternal), a.Body, f.Name)
		require.Equal(t, 503, a.Status)
		require.Contains(t, a.Hidden, "secret", "the log gets it")
	}
}

func TestClassify(t *testing.T) {
	m := newMapper(t, append(konectyRules, on(refusal.CodeRateLimited, "required"))...)
	tests := []struct {
		name    string
		status  int
		body    string
		code    refusal.Code
		want    int
		details map[string]any
	}{
		{"soft failure gets the code's status", 200, `{"success":false,"errors":[{"message":"[Message] You don't have permission to create field status"}]}`, refusal.CodeForbidden, 403, nil},
		{"soft failure nobody classifies", 201, `{"success":false,"errors":[{"message":"Value x"}]}`, refusal.CodeInvalid, 400, nil},
		{"4xx keeps its status", 409, `{"message":"[Message] You don't have permission to x"}`, refusal.CodeForbidden, 409, nil},
		{"first rule wins", 400, `{"message":"Field a is required"}`, refusal.CodeInvalid, 400, map[string]any{"a": "Field a is required"}},
		{"later rule", 400, `{"message":"A token is required"}`, refusal.CodeRateLimited, 400, nil},
		{"plain message of an error", 400, `{"error":"Field a.b is required"}`, refusal.CodeInvalid, 400, map[string]any{"a.b": "Field a.b is required"}},
		{"_meta.errors", 400, `{"_meta":{"success":false,"errors":[{"message":"Field a is required"},{"message":"other"}]}}`, refusal.CodeInvalid, 400, map[string]any{"a": "Field a is required"}},
		{"an entry's own field stays", 400, `{"errors":[{"field":"x","message":"Field a is required"}]}`, refusal.CodeInvalid, 400, map[string]any{"x": "Field a is required"}},
		{"first message that matches decides", 200, `{"success":false,"errors":[{"message":"other"},{"message":"[get-user] User not found"},{"message":"Field a is required"}]}`, refusal.CodeUnauthorized, 401, map[string]any{"a": "Field a is required"}},
		{"internal hides the text", 200, `{"success":false,"errors":[{"message":"connect ECONNREFUSED 10.0.0.7:27017"}]}`, refusal.CodeInternal, 500, nil},
		{"internal hides any text", 400, `{"message":"Field x is broken inside","errors":{"x":["y"]}}`, refusal.CodeInternal, 400, nil},
		{"internal hides the text of a 4xx", 401, `{"success":false,"errors":[{"message":"connect ECONNREFUSED 10.0.0.7:27017"}]}`, refusal.CodeInternal, 401, nil},
		{"soft envelope keeps its code", 200, `{"success":false,"error":{"code":"NOT_FOUND","message":"m","details":null}}`, refusal.CodeNotFound, 404, nil},
		{"soft envelope that is our fault", 200, `{"success":false,"error":{"code":"INTERNAL_ERROR","message":"secret","details":null}}`, refusal.CodeInvalid, 400, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := m.Map(tt.status, "application/json", []byte(tt.body))
			e := requireEnvelope(t, a.Body)
			require.Equal(t, tt.code, e.Error.Code)
			require.Equal(t, tt.want, a.Status)
			require.Equal(t, tt.details, e.Error.Details)
			require.NotContains(t, string(a.Body), "10.0.0.7")
			require.NotContains(t, string(a.Body), "inside")
		})
	}
}

func TestBounds(t *testing.T) {
	m := newMapper(t, konectyRules...)
	t.Run("message", func(t *testing.T) {
		e := requireEnvelope(t, m.Map(400, "text/plain", []byte(strings.Repeat("é", 5000))).Body)
		require.LessOrEqual(t, len(e.Error.Message), maxMessage)
		require.True(t, strings.HasSuffix(e.Error.Message, "é…"))
	})
	t.Run("number of details", func(t *testing.T) {
		e := requireEnvelope(t, m.Map(400, "", []byte(`{"errors":{`+strings.Repeat(`"f":["x"],`, 9)+manyFields(1000)+`}}`)).Body)
		require.Len(t, e.Error.Details, maxDetails)
	})
	t.Run("messages of one field", func(t *testing.T) {
		body := `{"errors":{"f":[` + strings.TrimSuffix(strings.Repeat(`"`+strings.Repeat("x", 200)+`",`, 60), ",") + `]}}`
		e := requireEnvelope(t, m.Map(400, "", []byte(body)).Body)
		require.LessOrEqual(t, len(e.Error.Details["f"].(string)), maxMessage)
	})
	t.Run("names that grow with every level", func(t *testing.T) {
		body := []byte(`{"errors":{"` + strings.Repeat("x", 30000) + `":{` + manyFields(2000) + `}}}`)
		before := allocated()
		m.Map(400, "", body)
		require.Less(t, allocated()-before, uint64(8<<20))
	})
	t.Run("field name", func(t *testing.T) {
		body := `{"errors":{"` + strings.Repeat("x", 5000) + `":["m"],"<b>":["n"]}}`
		require.Nil(t, requireEnvelope(t, m.Map(400, "", []byte(body)).Body).Error.Details)
	})
	t.Run("20,000 nested arrays", func(t *testing.T) {
		for _, body := range []string{
			strings.Repeat("[", 20000) + strings.Repeat("]", 20000), `{"errors":` + strings.Repeat("[", 20000), strings.Repeat(`{"a":`, 10000),
			`{"message":"no","x":` + strings.Repeat("[", maxNesting) + strings.Repeat("]", maxNesting) + `}`,
		} {
			require.Equal(t, standardBody(refusal.CodeInvalid), m.Map(400, "application/json", []byte(body)).Body)
		}
	})
	t.Run("as deep as may be", func(t *testing.T) {
		body := `{"message":"no","x":` + strings.Repeat("[", maxNesting-1) + strings.Repeat("]", maxNesting-1) + `}`
		require.Equal(t, "no", requireEnvelope(t, m.Map(400, "", []byte(body)).Body).Error.Message)
	})
	t.Run("nested details of an envelope", func(t *testing.T) {
		body := `{"error":{"message":"m","details":{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}}}`
		require.Less(t, strings.Count(string(m.Map(400, "", []byte(body)).Body), "["), maxDepth+2)
	})
	t.Run("log text", func(t *testing.T) {
		a := m.Map(500, "text/plain", []byte("line 1\r\nline 2\xff"+strings.Repeat("x", 1<<16)))
		require.LessOrEqual(t, len(a.Hidden), maxLogText)
		require.True(t, utf8.ValidString(a.Hidden))
		require.True(t, strings.HasPrefix(a.Hidden, "line 1 line 2"))
	})
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"f` + string(rune('a'+i%26)) + strings.Repeat("x", i/26) + `":["m"]`)
	}
	return b.String()
}
