package jsonbody_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/jsonbody"
)

func TestReads(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want any
	}{
		"an object":                          {` {"a": {"b": [true, null]}, "c": "d"} `, map[string]any{"a": map[string]any{"b": []any{true, nil}}, "c": "d"}},
		"an empty object":                    {`{}`, map[string]any{}},
		"an empty array":                     {`[]`, []any{}},
		"null":                               {`null`, nil},
		"a string":                           {`"é\u00e9\ud83d\ude00\\u"`, "éé😀\\u"},
		"every digit of a number":            {`[12345678901234567890.12345678901234567890, 1.0, -0]`, []any{json.Number("12345678901234567890.12345678901234567890"), json.Number("1.0"), json.Number("-0")}},
		"the largest and the smallest":       {`[1.7976931348623157e308, 5e-324, 0e999, 0.000]`, []any{json.Number("1.7976931348623157e308"), json.Number("5e-324"), json.Number("0e999"), json.Number("0.000")}},
		"names that differ in case":          {`{"a":1,"A":2}`, map[string]any{"a": json.Number("1"), "A": json.Number("2")}},
		"the same name in different objects": {`[{"a":1},{"a":{"a":2}}]`, []any{map[string]any{"a": json.Number("1")}, map[string]any{"a": map[string]any{"a": json.Number("2")}}}},
		"brackets and quotes in strings":     {`"[[{{\"[\\"`, `[[{{"[\`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := jsonbody.Parse([]byte(test.body))
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestReadsTheGreatestDepth(t *testing.T) {
	body := strings.Repeat(`[{"a":`, 32) + `"["` + strings.Repeat("}]", 32)
	_, err := jsonbody.Parse([]byte(body))
	require.NoError(t, err)
	_, err = jsonbody.Parse([]byte("[" + body + "]"))
	require.ErrorIs(t, err, jsonbody.ErrDepth)
}

func TestRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want error
	}{
		"nothing":                            {"", jsonbody.ErrSyntax},
		"white space":                        {" \n", jsonbody.ErrSyntax},
		"two values":                         {`{} {}`, jsonbody.ErrSyntax},
		"lines of JSON":                      {"{}\n{}", jsonbody.ErrSyntax},
		"a trailing comma":                   {`[1,]`, jsonbody.ErrSyntax},
		"a comment":                          {`{} // x`, jsonbody.ErrSyntax},
		"NaN":                                {`NaN`, jsonbody.ErrSyntax},
		"a leading zero":                     {`01`, jsonbody.ErrSyntax},
		"a byte order mark":                  {"\ufeff{}", jsonbody.ErrSyntax},
		"a control character in a string":    {"\"\x01\"", jsonbody.ErrSyntax},
		"an end inside a string":             {`{"a`, jsonbody.ErrSyntax},
		"text":                               {`hello`, jsonbody.ErrSyntax},
		"bad UTF-8":                          {"\"\xff\"", jsonbody.ErrUTF8},
		"UTF-16":                             {"\xff\xfe{\x00}\x00", jsonbody.ErrUTF8},
		"a surrogate in UTF-8":               {"\"\xed\xa0\x80\"", jsonbody.ErrUTF8},
		"a name twice":                       {`{"a":1,"b":2,"a":3}`, jsonbody.ErrDuplicate},
		"a name twice, once escaped":         {`{"a":1,"\u0061":3}`, jsonbody.ErrDuplicate},
		"a name twice, deep":                 {`[{"x":{"a":1,"a":1}}]`, jsonbody.ErrDuplicate},
		"half a character":                   {`"\ud800"`, jsonbody.ErrSurrogate},
		"the second half first":              {`"\ude00\ud83d"`, jsonbody.ErrSurrogate},
		"half a character before text":       {`"\ud83d\\ude00"`, jsonbody.ErrSurrogate},
		"half a character in a name":         {`{"\udfff":1}`, jsonbody.ErrSurrogate},
		"half a character at the very end":   {`["\uD83D",1]`, jsonbody.ErrSurrogate},
		"a number beyond doubles":            {`{"n":1e309}`, jsonbody.ErrNumber},
		"a number of a gigabyte":             {`[1e999999999]`, jsonbody.ErrNumber},
		"a number that is nearly nothing":    {`-1e-999999999`, jsonbody.ErrNumber},
		"a number of more than 100 digits":   {strings.Repeat("1", 101), jsonbody.ErrNumber},
		"far too many brackets":              {strings.Repeat("[", 5000) + strings.Repeat("]", 5000), jsonbody.ErrDepth},
		"far too many brackets, never ended": {strings.Repeat("[", 1<<20), jsonbody.ErrSyntax},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := jsonbody.Parse([]byte(test.body))
			require.ErrorIs(t, err, test.want)
			require.Nil(t, got)
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"a":[1,"\ud83d\ude00"]}`, `"\ud800"`, `[[]]`, `1e5`, `{"a":1,"a":2}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := jsonbody.Parse(body)
		if err != nil {
			return
		}
		// What was read is what encoding/json reads, and writes back to something that reads the same.
		var want any
		require.NoError(t, json.Unmarshal(body, &want))
		written, err := json.Marshal(got)
		require.NoError(t, err)
		again, err := jsonbody.Parse(written)
		require.NoError(t, err)
		require.True(t, reflect.DeepEqual(got, again))
		var plain any
		require.NoError(t, json.Unmarshal(written, &plain))
		require.True(t, reflect.DeepEqual(want, plain))
	})
}
