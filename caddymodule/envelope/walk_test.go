package envelope

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// texts are details.
type texts = map[string]any

// precedence are bodies in which more than one thing could be the message or a field, in the order of the package's
// documentation.
var precedence = []struct {
	name, body, message string
	details             map[string]any
}{
	// texts
	{"the most telling text comes first", `{"title":"Bad order today","msg":"c d","message":"a b","detail":"e f"}`, "a b; c d; e f; Bad order today", nil},
	{"a heading that is a word is left out", `{"error":"E1","reason":"too_old","message":"a"}`, "a", nil},
	{"a heading that is a status is left out", `{"error":"Bad Request","title":"Unprocessable Content","message":"a"}`, "a", nil},
	{"a heading stands if nothing else does", `{"error":"E1"}`, "E1", nil},
	{"a code stands if nothing else does", `{"code":"ORDER_LOCKED","status":"error"}`, "ORDER_LOCKED", nil},
	{"a number is not text", `{"code":4711,"message":7}`, std, nil},
	{"what is said twice is said once", `{"message":"a b","detail":"a b","errors":["a b","c"]}`, "a b; c", nil},
	{"sentences follow without a semicolon", `{"message":"A b.","errors":["C d"]}`, "A b. C d", nil},
	{"texts without a field follow", `{"message":"a","errors":["b",{"message":"c"},{"detail":"d"}],"details":["e"]}`, "a; e; b; c; d", nil},
	{"an error within an error follows", `{"message":"a","error":{"message":"b c"},"response":{"errors":["d e"]}}`, "a; b c; d e", nil},
	{"a text may be an object", `{"error":{"message":{"lang":"en","value":"a"}}}`, "a", nil},
	{"a text may be JSON", `{"message":"{\"errors\":[{\"field\":\"a\",\"message\":\"b\"}]}"}`, std, texts{"a": "b"}},
	{"a text without spaces may be a sentence", `{"error":"请求无效","message":"m"}`, "m; 请求无效", nil},
	// fields
	{"strong names of fields come before weak ones", `{"errors":[{"name":"x","path":"y","field":"a","message":"b"}]}`, std, texts{"a": "b"}},
	{"a weak name needs an entry that says something", `{"name":"x","message":"b"}`, "b", nil},
	{"a weak name that is an error's is none", `{"errors":[{"name":"ValidationError","message":"b"},{"name":"Error","message":"b"},{"name":"error","message":"b"},{"key":"error.taken","message":"c"},{"in":"body","message":"d"}]}`, "b; c; d", nil},
	{"a request's path is not a field", `{"path":"/leads","message":"b"}`, "b", nil},
	{"a response path is not a field", `{"errors":[{"message":"m","path":["a","b"],"locations":[{"line":1}]}]}`, "m", nil},
	{"an error that names a field says it as a whole too", `{"error":{"param":"a","message":"b c"}}`, "b c", texts{"a": "b c"}},
	{"a list of names shares a text", `{"message":"b","fields":["a","c"]}`, "b", texts{"a": "b", "c": "b"}},
	{"an entry without a text says its code", `{"message":"m","errors":[{"field":"a","code":"missing"}]}`, "m", texts{"a": "missing"}},
	{"an entry with a field and nothing else says what stands above", `{"message":"m n","errors":[{"field":"a"}]}`, "m n", texts{"a": "m n"}},
	{"a field may be named beside", `{"errors":[{"message":"b","extensions":{"field":"a"}}]}`, std, texts{"a": "b"}},
	// objects by field
	{"an object of errors is by field", `{"errors":{"message":"is required","email":"is taken","type":"is odd"}}`, std, texts{"message": "is required", "email": "is taken", "type": "is odd"}},
	{"or an error itself", `{"errors":{"detail":"Not here","status":404}}`, "Not here", nil},
	{"or holds a list", `{"errors":{"error":[{"parameter":"a","message":"b"}]}}`, std, texts{"a": "b"}},
	{"a bare object is by field if all of it can be", `{"email":["a"],"address":{"city":"is missing"},"status":400}`, std, texts{"email": "a", "address.city": "is missing"}},
	{"whatever its fields are called", `{"name":"is too long","type":"must be a or b"}`, std, texts{"name": "is too long", "type": "must be a or b"}},
	{"an entry may be by field", `{"errors":[{"name":"is blank"},{"email":"is taken"}]}`, std, texts{"name": "is blank", "email": "is taken"}},
	{"and is not otherwise", `{"email":["a"],"count":7}`, std, nil},
	{"a code under a field is its text", `{"errors":{"email":{"code":"taken","value":"x y"}}}`, std, texts{"email": "taken"}},
	{"an error's name is not a field", `{"error":{"email":["taken"]}}`, std, texts{"email": "taken"}},
	{"a message may be by field", `{"message":{"name":["x y"]}}`, std, texts{"name": "x y"}},
	{"fields may be called as anything", `{"title":["a"],"file":["b"],"code":["c"],"description":["d"]}`, std, texts{"title": "a", "file": "b", "code": "c", "description": "d"}},
	{"names of errors are not fields", `{"errors":{"ValidationError":{"c":["d"]}}}`, std, texts{"c": "d"}},
	{"names in capitals are", `{"errors":{"SHIPPING_ADDRESS":{"e":["f"]}}}`, std, texts{"SHIPPING_ADDRESS.e": "f"}},
	{"rules are not fields", `{"errors":{"email":{"required":"a b","_empty":"c"}}}`, std, texts{"email": "c; a b"}},
	{"parts of the request are not fields", `{"errors":{"body":{"a":["b"]},"query":{"c":["d"]}}}`, std, texts{"a": "b", "c": "d"}},
	{"what has no name concerns no field", `{"errors":{"":["a b"],"_x":["c"],"_id":["d"]}}`, "a b; c", texts{"_id": "d"}},
	// data
	{"data may hold errors", `{"message":"m","data":{"errors":[{"field":"a","message":"b"}]}}`, "m", texts{"a": "b"}},
	{"data is not said", `{"message":"m","data":{"email":"my own words","message":"hello there"}}`, "m", nil},
	{"what the caller sent is not said", `{"message":"m","request":{"message":"hi there"},"value":{"a":["b"]},"params":["c d"]}`, "m", nil},
	{"links, types and unknown members are not said", `{"message":"m","links":[{"href":"a b"}],"type":"c d","kind":"e f","tags":["g h"],"user":{"bio":"i j"}}`, "m", nil},
	{"lists of records are not said", `{"message":"m","results":[{"name":"x","description":"hello world"}],"items":[{"name":"y","message":"hello"}]}`, "m", nil},
	{"the backend's own is not said", `{"message":"m","debug":{"errors":[{"field":"a","message":"b"}]},"stackTrace":["c d"],"debugMessage":"e f","innerErrorMessage":"g h","internal_errors":["i j"]}`, "m", nil},
	{"a field may be called like it", `{"errors":{"internal_note":["a"],"stack_size":["b"]}}`, std, texts{"internal_note": "a", "stack_size": "b"}},
	{"an issue may be a record", `{"message":"m","issue":{"key":"X-1","summary":"my own words","description":"more of them"}}`, "m", nil},
	{"nor is an exception behind the error", `{"message":"m","cause":{"message":"c d","stackTrace":[{"x":1}]},"exception":"org.acme.Odd: e f"}`, "m", nil},
	{"details of programs stay", `{"message":"m","details":{"balance":10,"currency":"EUR","kind":"x"}}`, "m", texts{"balance": 10.0, "currency": "EUR"}},
}

func TestPrecedence(t *testing.T) {
	m := newMapper(t)
	for _, tt := range precedence {
		t.Run(tt.name, func(t *testing.T) {
			a := m.Map(400, "application/json", []byte(tt.body))
			e := requireEnvelope(t, a.Body)
			require.Equal(t, tt.message, e.Error.Message)
			require.Equal(t, tt.details, e.Error.Details)
		})
	}
}

// hostileBodies make a walk long, by what they repeat.
func hostileBodies() map[string]string {
	repeat := func(s string, n int) string { return strings.TrimSuffix(strings.Repeat(s, n), ",") }
	nested := func(open, inner, end string) string {
		return strings.Repeat(open, maxNesting-2) + inner + strings.Repeat(end, maxNesting-2)
	}
	var wide strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&wide, `"f%d":{"g":["h"]},`, i)
	}
	all := strings.TrimSuffix(wide.String(), ",")
	return map[string]string{
		"many entries":         `{"errors":[` + repeat(`{"field":"a","message":"b"},`, 2500) + `]}`,
		"many texts":           `{"errors":[` + repeat(`"a b c",`, 8000) + `]}`,
		"many fields":          `{"errors":{` + all + `}}`,
		"many bare fields":     `{` + all + `}`,
		"many unknown lists":   `{` + repeat(`"a":[{"b":[{"c":1}]}],`, 3000) + `,"x":1}`,
		"objects in objects":   nested(`{"error":`, `"a"`, `}`),
		"lists in lists":       `{"errors":` + nested(`[`, `"a"`, `]`) + `}`,
		"bare in bare":         nested(`{"a":{"x":["y"]},"b":`, `["a"]`, `}`),
		"trees":                nested(`{"errors":["a"],"children":`, `{}`, `}`),
		"lists of bare ones":   `[` + repeat(nested(`{"q":`, `["a"]`, `}`)+`,`, 100) + `]`,
		"JSON in JSON":         `{"message":` + quoted(`{"message":`+quoted(`{"message":`+quoted(`[`+repeat(`{"message":"a"},`, 500)+`]`)+`}`)+`}`) + `}`,
		"many JSON texts":      `{"errors":[` + repeat(quoted(`{"message":"a"}`)+`,`, 2500) + `]}`,
		"names that are long":  `{"errors":{"` + strings.Repeat("x", 60000) + `":["a"]}}`,
		"a text that is long":  `{"message":"` + strings.Repeat("connection 10.0.0.5 ", 3000) + `"}`,
		"addresses everywhere": `{"errors":[` + repeat(`"10.0.0.5:27017 is not valid",`, 2000) + `]}`,
		"colons":               `{"message":"` + strings.Repeat("a:b::", 12000) + `"}`,
	}
}

func quoted(s string) string { return fmt.Sprintf("%q", s) }

// TestHostileBodiesCostLittle: what a body of 64 KiB costs is bounded, however it is made. Allocations are counted; the
// time is only to find what never ends.
func TestHostileBodiesCostLittle(t *testing.T) {
	m := newMapper(t, konectyRules...)
	for name, body := range hostileBodies() {
		t.Run(name, func(t *testing.T) {
			require.LessOrEqual(t, len(body), 200<<10)
			started, before := time.Now(), allocated()
			a := m.Map(400, "application/json", []byte(body))
			e := requireEnvelope(t, a.Body)
			require.Less(t, allocated()-before, uint64(32<<20))
			require.Less(t, time.Since(started), 10*time.Second)
			require.LessOrEqual(t, len(e.Error.Message), maxMessage)
			require.LessOrEqual(t, len(e.Error.Details), maxDetails)
			require.NotContains(t, string(a.Body), "10.0.0.5")
		})
	}
}

func BenchmarkHostile(b *testing.B) {
	m := newMapper(b, konectyRules...)
	for name, body := range hostileBodies() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				m.Map(400, "application/json", []byte(body))
			}
		})
	}
}
