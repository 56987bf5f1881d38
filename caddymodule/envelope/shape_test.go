package envelope

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

const std = "The request is not valid."

var shapeTests = []struct {
	name, contentType, body string
	message                 string
	details                 map[string]any
}{
	{"problem+json says its detail", "application/problem+json", `{"title":"Bad","detail":"2 fields"}`, "2 fields", nil},
	{"a pointer may be a URI fragment", "", `{"title":"Bad","errors":[{"detail":"no","pointer":"#/a%20b/c~1d~0e"}]}`, "Bad", map[string]any{"a b.c/d~e": "no"}},
	{"JSON:API parameter", "", `{"errors":[{"source":{"parameter":"sort"},"title":"T","detail":"D"}]}`, std, map[string]any{"sort": "D"}},
	{"JSON:API relationship", "", `{"errors":[{"source":{"pointer":"/data/relationships/owner"},"detail":"D"}]}`, std, map[string]any{"owner": "D"}},
	{"FastAPI nested location with index", "", `{"detail":[{"loc":["body","items",0,"name"],"msg":"field required"}]}`, std, map[string]any{"items.0.name": "field required"}},
	{"FastAPI location of one element", "", `{"detail":[{"loc":["body"],"msg":"field required"}]}`, std, map[string]any{"body": "field required"}},
	{"several messages of one field", "", `{"errors":{"phone":["is too long","is not a number","is too long"]}}`, std, map[string]any{"phone": "is too long; is not a number"}},
	{"Laravel", "", `{"message":"The given data was invalid.","errors":{"email":["taken"]}}`, "The given data was invalid.", map[string]any{"email": "taken"}},
	{"Mongoose", "", `{"message":"failed","errors":{"email":{"message":"Path email is required","path":"email"}}}`, "failed", map[string]any{"email": "Path email is required"}},
	{"Django nested", "", `{"profile":{"name":["Required"]},"items":[{},{"sku":["Unknown"]}]}`, std, map[string]any{"profile.name": "Required", "items.1.sku": "Unknown"}},
	{"Django without field", "", `{"non_field_errors":["Unable to save."]}`, "Unable to save.", nil},
	{"ASP.NET JSON path", "", `{"title":"T","errors":{"$.age":["bad"]}}`, "T", map[string]any{"age": "bad"}},
	{"Ajv", "", `{"errors":[{"instancePath":"/a/b","message":"must be string"}]}`, std, map[string]any{"a.b": "must be string"}},
	{"NestJS", "", `{"statusCode":400,"message":["email must be an email","name is empty"],"error":"Bad Request"}`, "email must be an email; name is empty", nil},
	{"Joi", "", `{"message":"invalid","details":[{"message":"\"a\" is required","path":["a","b"]}]}`, "invalid", map[string]any{"a.b": `"a" is required`}},
	{"express-validator", "", `{"errors":[{"msg":"Invalid value","param":"email","location":"body"}]}`, std, map[string]any{"email": "Invalid value"}},
	{"Spring fields", "", `{"message":"Validation failed","errors":[{"field":"name","defaultMessage":"must not be blank"}],"path":"/leads"}`, "Validation failed", map[string]any{"name": "must not be blank"}},
	{"a request's path is not a field", "", `{"error":"Bad Request","message":"m","path":"/leads"}`, "m", nil},
	{"list of texts", "", `{"errors":["one","two"]}`, "one; two", nil},
	{"list without an object around it", "", `[{"message":"one","field":"a"},"two"]`, "two", map[string]any{"a": "one"}},
	{"GitHub has a code and no message", "", `{"message":"Validation Failed","errors":[{"resource":"Issue","field":"title","code":"missing_field"}]}`, "Validation Failed", map[string]any{"title": "missing_field"}},
	{"an entry that names a parameter and says nothing", "", `{"errors":[{"param":"a"}]}`, std, map[string]any{"a": std}},
	{"an entry that is a pointer and nothing else", "application/problem+json", `{"title":"T","errors":[{"pointer":"#/a"}]}`, "T", map[string]any{"a": std}},
	{"class-validator", "", `{"message":[{"property":"email","constraints":{"isEmail":"email must be an email","min":"email is short"},"children":[]}]}`, std, map[string]any{"email": "email must be an email; email is short"}},
	{"class-validator nested", "", `{"message":[{"property":"address","children":[{"property":"city","constraints":{"isString":"city must be text"}}]}]}`, std, map[string]any{"address.city": "city must be text"}},
	{"Google", "", `{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"a.b","description":"too long"}]}]}}`, "bad", map[string]any{"a.b": "too long"}},
	{"fields inside an error object", "", `{"error":{"message":"failed","errors":{"email":["taken"]}}}`, "failed", map[string]any{"email": "taken"}},
	{"RFC 7807's own example", "application/problem+json", `{"title":"Not valid.","invalid-params":[{"name":"age","reason":"must be a positive integer"}]}`, "Not valid.", map[string]any{"age": "must be a positive integer"}},
	{"fields that are called like the names of fields", "", `{"errors":{"param":["a"],"source":{"url":["b"]},"config":{"path":["c"]}}}`, std, map[string]any{"param": "a", "source.url": "b", "config.path": "c"}},
	{"OAuth says its description", "", `{"error":"invalid_token","error_description":"The token expired"}`, "The token expired", nil},
	{"ndjson with a leading error object", "application/x-ndjson", "{\"message\":\"no\"}\n{\"row\":1}\n", "no", nil},
	{"ndjson _meta", "application/x-ndjson", "{\"_meta\":{\"success\":false,\"errors\":[{\"message\":\"Unknown document Foo\"}]}}\n", "Unknown document Foo", nil},
	{"JSON text", "application/json", `"bad id"`, "bad id", nil},
	{"byte order mark", "application/json", "\ufeff{\"message\":\"no\"}", "no", nil},
	{"JSON that says it is HTML", "text/html", `{"message":"no"}`, "no", nil},
	{"plain text", "text/plain; charset=utf-8", " bad id\r\n", "bad id", nil},
	{"text of no type", "", "bad id", std, nil},
	{"XML", "application/xml", "<error>no</error>", std, nil},
	{"HTML", "text/html", "<!DOCTYPE html><h1>no</h1>", std, nil},
	{"HTML that says it is plain", "text/plain", "\n<html>no</html>", std, nil},
	{"HTML inside JSON", "application/json", `{"message":"<html>no</html>"}`, std, nil},
	{"JSON without anything to say", "application/json", `{"status":400,"ok":false}`, std, nil},
	{"unknown members are not fields", "application/json", `{"trace":{"id":"abc"},"hosts":["a"],"n":1}`, std, nil},
	{"JSON null", "application/json", `null`, std, nil},
	{"broken JSON", "application/json", `{"message":"no"`, std, nil},
	{"no body", "application/json", ``, std, nil},
	{"control characters", "application/json", `{"message":"a\r\nSet-Cookie: x\u0000\u001b[31m\u202eb"}`, "a Set-Cookie: x [31m b", nil},
	{"an envelope of another code keeps message and details", "application/json", `{"success":false,"error":{"code":"NOT_FOUND","message":"m","details":{"a":1,"b":["x"]}}}`, "m", map[string]any{"a": 1.0, "b": []any{"x"}}},
	{"an envelope without details", "application/json", `{"success":false,"error":{"code":"VALIDATION_ERROR","message":"m"}}`, "m", nil},
	{"an envelope whose names are given twice", "application/json", `{"success":false,"error":{"code":"VALIDATION_ERROR","message":"m","message":"n","details":null}}`, "n", nil},
	{"a refused connection is nobody's affair", "application/json", `{"message":"connect ECONNREFUSED 10.0.0.7:27017"}`, std, nil},
	{"a stack trace is nobody's affair", "text/plain", "Error: boom\n    at /srv/app.js:3:9", std, nil},
	{"a detail's leak is hidden, its field named", "application/json", `{"errors":{"db":["getaddrinfo ENOTFOUND db.internal"]}}`, std, map[string]any{"db": std}},
	{"an envelope's detail leaks", "application/json", `{"error":{"message":"m","details":{"db":"connect ETIMEDOUT 10.0.0.7"}}}`, "m", map[string]any{"db": std}},
}

func TestShapes(t *testing.T) {
	m := newMapper(t)
	for _, tt := range shapeTests {
		t.Run(tt.name, func(t *testing.T) {
			a := m.Map(400, tt.contentType, []byte(tt.body))
			e := requireEnvelope(t, a.Body)
			require.False(t, a.Passed)
			require.Equal(t, 400, a.Status)
			require.Equal(t, refusal.CodeInvalid, e.Error.Code)
			require.Equal(t, tt.message, e.Error.Message)
			require.Equal(t, tt.details, e.Error.Details)
		})
	}
}

// innerAddress must never leave.
const innerAddress = "10.0.0.5:27017"

// FuzzMap: whatever a backend sends, the caller gets a valid envelope, or the backend's own byte for byte.
func FuzzMap(f *testing.F) {
	for _, x := range fixtures(f) {
		f.Add(x.Status, x.ContentType, []byte(x.Body))
	}
	for _, x := range wideFixtures(f, wideBackends, ownBackends) {
		f.Add(x.Status, x.ContentType, []byte(x.Body))
	}
	for _, p := range precedence {
		f.Add(400, "application/json", []byte(p.body))
	}
	for _, shape := range innerShapes {
		f.Add(400, "text/plain", []byte(strings.ReplaceAll(shape, "@", "Value is not valid: "+innerAddress)))
	}
	f.Add(200, "application/json", []byte(`{"success":false,"errors":[{"message":"Field \ud800 is required"}]}`))
	f.Add(400, "text/plain", []byte("\xff\xfe\x00"))
	plain := newMapper(f, konectyRules...)
	placed, err := NewMapper(Config{MaxBody: DefaultMaxBody, KeepErrors: true, Rules: outageRules, Places: Places{Message: "err.text", Fields: "errors", FieldName: "field", FieldText: "message", Code: "code"}})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		b := placed.Map(400, contentType, body).Body
		requireEnvelope(t, b)
		require.NotContains(t, string(b), innerAddress)
		m := plain
		if status < 400 {
			status = 200
		}
		if status > 599 {
			status = 400 + status%200
		}
		a := m.Map(status, contentType, body)
		e := requireEnvelope(t, a.Body)
		require.Equal(t, a.Code, e.Error.Code)
		require.NotContains(t, string(a.Body), innerAddress)
		if a.Passed {
			require.Equal(t, string(body), string(a.Body))
			require.NotEqual(t, refusal.CodeInternal, a.Code)
			return
		}
		require.LessOrEqual(t, len(e.Error.Details), maxDetails)
		require.LessOrEqual(t, len(e.Error.Message), maxMessage)
		require.True(t, isOneLine(strings.ReplaceAll(strings.ToValidUTF8(asciiOnly(e.Error.Message), ""), "  ", " ")), "%q", e.Error.Message)
		if status >= 500 {
			require.Equal(t, standardBody(refusal.CodeInternal), a.Body)
		}
	})
}

// asciiOnly drops what is not ASCII: the rest must have no control characters.
func asciiOnly(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf {
			return 'x'
		}
		return r
	}, s)
}
