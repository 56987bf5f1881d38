package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRead(t *testing.T) {
	t.Parallel()
	value, err := Reader{MaxDepth: 3}.Read([]byte(` {"a": [1.50, "x", null, true, {}], "b": {}} `))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"a": []any{json.Number("1.50"), "x", nil, true, map[string]any{}}, "b": map[string]any{}}, value)
	value, err = Reader{MaxDepth: 3, UniqueTo: 1}.Read([]byte(`{"a": {"b": 1, "b": 2}}`))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"a": map[string]any{"b": json.Number("2")}}, value)
	_, err = Reader{MaxDepth: 3, UniqueTo: 1}.Read([]byte(`{"a": 1, "a": 2}`))
	require.ErrorIs(t, err, ErrDuplicate)

	odd := errors.New("odd")
	for name, c := range map[string]struct {
		text   string
		err    error
		offset int64
		dup    string
		depth  int
	}{
		"nothing":            {"", ErrSyntax, 0, "", 0},
		"half":               {`{"a": [1`, ErrSyntax, 8, "", 0},
		"two values":         {`{} {}`, ErrSyntax, 4, "", 0},
		"not JSON":           {`{"a": x}`, ErrSyntax, 4, "", 0},
		"a name twice":       {`{"a": 1, "\u0061": 2}`, ErrDuplicate, 17, "a", 1},
		"a name twice below": {`[{"b": {"c": 1, "c": 2}}]`, ErrDuplicate, 19, "c", 3},
		"too deep":           {`[[[[]]]]`, ErrDepth, 4, "", 0},
		"a number":           {`[7]`, odd, 2, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			value, err := Reader{MaxDepth: 3, Number: func(text string) error {
				if text == "7" {
					return odd
				}
				return nil
			}}.Read([]byte(c.text))
			require.Nil(t, value)
			require.ErrorIs(t, err, c.err)
			wrong, _ := errors.AsType[*Error](err)
			require.Equal(t, []any{c.offset, c.dup, c.depth}, []any{wrong.Offset, wrong.Name, wrong.Depth})
		})
	}
}

func TestDeeper(t *testing.T) {
	t.Parallel()
	for text, deeper := range map[string]bool{
		"":                     false,
		`[[1],[2]]`:            false,
		`[[[1]]]`:              true,
		`["[[[", "\"[[["]`:     false,
		`{"a": {"b": "}{"}}`:   false,
		`{"a": {"b": {}}}`:     true,
		`["\\", [[]]]`:         true,
		strings.Repeat("[", 9): true,
	} {
		require.Equal(t, deeper, Deeper([]byte(text), 2), text)
	}
}

// FuzzRead: what is read has no other reading than encoding/json's, and nothing panics.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, `[1,2,{"a":"b"}]`, `{"a":1,"a":2}`, `"x"`, `1e5`, `[[`, "{\"\xff\":1}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		value, err := Reader{MaxDepth: 64}.Read(text)
		if err != nil {
			return
		}
		if !json.Valid(text) {
			t.Fatalf("%q is read and is not JSON", text)
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		var plain any
		if err := decoder.Decode(&plain); err != nil || !reflect.DeepEqual(plain, value) {
			t.Fatalf("%q is read as %v, by encoding/json as %v", text, value, plain)
		}
	})
}
