//go:build unix

package openapi_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestHostileSchemasAndBodies: whatever is held against whatever, it takes 50 ms and 8 MB, or is refused within them.
func TestHostileSchemasAndBodies(t *testing.T) { // alone: it measures the process
	nested := func(open, shut string, n int) string { return strings.Repeat(open, n) + "1" + strings.Repeat(shut, n) }
	list := func(element string, n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(element+",", n), ",") + "]"
	}
	object := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"key%07d":%d`, i, i)
		}
		return "{" + b.String()[1:] + "}"
	}
	forms := func(n int, form string) string { return list(form, n) }
	for name, c := range map[string]struct{ schema, body string }{
		"exponential in depth":       {`{"anyOf": [{"type": "array", "items": {"$ref": "#/components/schemas/T"}}, {"type": "array", "minItems": 0, "items": {"$ref": "#/components/schemas/T"}}]}`, nested("[", "]", 60)},
		"exponential, excluding":     {`{"oneOf": [{"properties": {"a": {"$ref": "#/components/schemas/T"}}}, {"not": {"properties": {"a": {"$ref": "#/components/schemas/T"}}}}]}`, nested(`{"a":`, "}", 60)},
		"exponential, of one value":  {`{"allOf": [{"$ref": "#/components/schemas/T/x1"}, {"$ref": "#/components/schemas/T/x1"}]` + chain(30) + "}", `1`},
		"many forms of many items":   {`{"items": {"anyOf": ` + forms(1000, `{"type": "string", "minLength": 9}`) + `}}`, list(`"a"`, 15_000)},
		"unevaluated of many forms":  {`{"anyOf": ` + forms(200, `{"properties": {"a": {}}, "additionalProperties": true}`) + `, "unevaluatedProperties": false}`, object(15_000)},
		"a megabyte of keys":         {`{"additionalProperties": false}`, object(60_000)},
		"many keys, none known":      {`{"additionalProperties": false}`, object(15_900)},
		"many keys, many patterns":   {`{"patternProperties": {"^a+.*b$": false, "(c|d)*e": false, "^(x|y){0,100}$": false}}`, object(15_900)},
		"many elements":              {`{"items": {"type": "string"}}`, list("1", 15_900)},
		"too many elements":          {`{"items": {"type": "string"}}`, list("[]", 300_000)},
		"equal items":                {`{"uniqueItems": true}`, list(`{"a":[1,2,3]}`, 4_000)},
		"different items, quadratic": {`{"uniqueItems": true}`, "[" + strings.ReplaceAll(strings.Trim(object(9_000), "{}"), ":", ",") + "]"},
		"long numbers":               {`{"uniqueItems": true, "items": {"multipleOf": 1e-300, "maximum": 1e300}}`, list("1e308", 15_900)},
		"a number past all":          {`{"multipleOf": 0.1}`, "1e999999999"},
		"a long text and a pattern":  {`{"pattern": "^(([a-z])+.)+[A-Z]([a-z])+$"}`, `"` + strings.Repeat("a", 1<<20-2) + `"`},
		"texts and a large pattern":  {`{"items": {"pattern": "^(a?){500}$"}}`, list(`"`+strings.Repeat("a", 500)+`"`, 2_000)},
		"many allowed values":        {`{"items": {"enum": ` + list(`"aaaaaaaaaaaaaaaaaaaaaaa"`, 5_000) + `}}`, list(`"aaaaaaaaaaaaaaaaaaaaaab"`, 15_900)},
		"contains":                   {`{"contains": {"contains": {"contains": {"const": 1}}}}`, list("[[0,0,0]]", 4_000)},
		"deep":                       {`{}`, nested("[", "]", 500_000)},
	} {
		t.Run(name, func(t *testing.T) {
			v := posting(t, c.schema)
			body := []byte(c.body)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			start := processorTime(t)
			problems, err := v.Check(nil, "", jsonHeader, body)
			took := processorTime(t) - start
			runtime.ReadMemStats(&after)
			t.Logf("%s, %d KB of memory; %d problems, error: %v", took, (after.TotalAlloc-before.TotalAlloc)>>10, len(problems), err)
			require.Less(t, took, slack*50*time.Millisecond)
			require.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(memorySlack*8<<20), "all that was allocated, let alone what lies in memory at one time")
		})
	}
}

// chain are members x1, x2, … of which each asks the next one twice.
func chain(n int) string {
	var b strings.Builder
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, `, "x%d": {"allOf": [{"$ref": "#/components/schemas/T/x%d"}, {"$ref": "#/components/schemas/T/x%d"}]}`, i, i+1, i+1)
	}
	fmt.Fprintf(&b, `, "x%d": {}`, n)
	return b.String()
}
