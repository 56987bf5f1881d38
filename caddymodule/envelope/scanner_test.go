package envelope

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestScanner(t *testing.T) {
	tests := []struct {
		name, body string
		want       verdict
		within     int // bytes after which the verdict must be there; 0: all of them
	}{
		{"says true", `{"success":true,"data":[`, notSoft, 12},
		{"says false", `{"success": false}`, softFailure, 0},
		{"says false at the end", `{"a":"x","b":{"success":true},"c":[{"success":true}],"success":false,`, softFailure, 0},
		{"first name decides/false", `{"success":false,"success":true}`, softFailure, 17},
		{"first name decides/true", `{"success":true,"success":false}`, notSoft, 12},
		{"first name decides/no boolean", `{"success":"false","success":false}`, notSoft, 12},
		{"null", `{"success":null}`, notSoft, 12},
		{"name with escapes", `{"succ\u0065ss":false}`, softFailure, 0},
		{"name all in escapes", `{"\u0073\u0075\u0063\u0063\u0065\u0073\u0073":false}`, softFailure, 0},
		{"escape in upper case", `{"s\u0075ccess":false}`, softFailure, 0},
		{"another letter in an escape", `{"succ\u0045ss":false}`, notSoft, 0},
		{"no hexadecimal digit", `{"succ\u006Gss":false,"x":1}`, notSoft, 0},
		{"a name that goes on", `{"successful":false}`, notSoft, 0},
		{"a name that stops short", `{"succes":false}`, notSoft, 0},
		{"name in other case", `{"Success":false}`, notSoft, 0},
		{"name with an escaped quote", `{"success\"":false}`, notSoft, 0},
		{"inside an object only", `{"a":{"success":false}}`, notSoft, 0},
		{"inside an array only", `[{"success":false}]`, notSoft, 1},
		{"inside a string only", `{"a":"\",\"success\":false"}`, notSoft, 0},
		{"string that ends in backslashes", `{"a":"\\\\","success":false}`, softFailure, 0},
		{"quotes and brackets in nested strings", `{"a":["}]\"{",{"b":"\\"}],"success":false}`, softFailure, 0},
		{"white space everywhere", " \r\n\t{ \"a\" : 1 , \"success\" : false }", softFailure, 0},
		{"byte order mark", "\ufeff{\"success\":false}", softFailure, 0},
		{"numbers and literals before", `{"a":-1.5e3,"b":null,"c":true,"success":false}`, softFailure, 0},
		{"empty object", `{}`, notSoft, 2},
		{"no object", `"success"`, notSoft, 1},
		{"empty", ``, undecided, 0},
		{"white space only", ` `, undecided, 0},
		{"literal that is not over", `{"success":false`, undecided, 0},
		{"literal that goes on", `{"success":falsehood}`, notSoft, 0},
		{"literal that is another", `{"success":fal5e}`, notSoft, 0},
		{"no colon", `{"success" false}`, notSoft, 0},
		{"no comma", `{"a":"b" "success":false}`, notSoft, 0},
		{"20,000 nested arrays before", `{"a":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `,"success":false}`, softFailure, 0},
		{"nested arrays without end", `{"a":` + strings.Repeat("[", 20000), undecided, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var whole scanner
			require.Equal(t, tt.want, whole.feed([]byte(tt.body)))
			var bytewise scanner
			for i := range len(tt.body) {
				v := bytewise.feed([]byte{tt.body[i]})
				if tt.within > 0 {
					require.Equal(t, i+1 >= tt.within, v != undecided, "after %d bytes", i+1)
				}
			}
			require.Equal(t, tt.want, bytewise.result, "byte by byte")
			for size := 2; size < 20; size++ {
				var pieces scanner
				for piece := range chunks([]byte(tt.body), size) {
					pieces.feed(piece)
				}
				require.Equal(t, tt.want, pieces.result, "in pieces of %d", size)
			}
		})
	}
}

// saysFalse is the slow way to know: it decodes the whole object.
func saysFalse(body []byte) bool {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\ufeff"))))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return false
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return false
		}
		if name == successName {
			return string(value) == "false"
		}
	}
	return false
}

// FuzzScanner: for JSON the look agrees with a parser, for anything else it ends well, and pieces make no difference.
func FuzzScanner(f *testing.F) {
	f.Add([]byte(`{"success":false}`), uint(3))
	f.Add([]byte(`{"a":"\\\"","b":[{"c":"]"}],"succ\u0065ss" : false }`), uint(1))
	f.Add([]byte(`{"success":true,"success":false}`), uint(7))
	f.Fuzz(func(t *testing.T, body []byte, size uint) {
		var whole, pieces scanner
		want := whole.feed(body)
		for piece := range chunks(body, int(size%64)+1) {
			pieces.feed(piece)
		}
		require.Equal(t, want, pieces.result)
		if json.Valid(bytes.TrimPrefix(body, []byte("\ufeff"))) {
			require.Equal(t, saysFalse(body), want == softFailure, "%q", body)
		}
	})
}

func chunks(body []byte, size int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(body) > 0 {
			n := min(size, len(body))
			if !yield(body[:n]) {
				return
			}
			body = body[n:]
		}
	}
}

// listing is a JSON object of about n bytes that says success at its end, or at its beginning.
func listing(n int, first bool) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	if first {
		b.WriteString(`"success":true,`)
	}
	b.WriteString(`"data":[`)
	for b.Len() < n-150 {
		b.WriteString(`{"_id":"5f2b8c1e9d","name":{"first":"Ada","full":"Ada Lovelace"},"status":"Active","value":1234.5,"ok":true},`)
	}
	b.WriteString(`{}]`)
	if !first {
		b.WriteString(`,"success":true`)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// bodies are 4 KB in the shapes that backends answer in. Each says success last, but for the first.
func bodies() map[string][]byte {
	fill := func(member string) []byte {
		return []byte("{" + strings.Repeat(member, (4<<10)/len(member)) + `"success":true}`)
	}
	return map[string][]byte{
		"success first": listing(4<<10, true),
		"success last":  listing(4<<10, false),
		"flat":          fill(`"customerReference":"5f2b8c1e9d","amount":1234.5,"open":true,`),
		"text":          fill(`"text":"` + strings.Repeat("All work and no play makes Jack a dull boy. ", 40) + `",`),
		"escaped text":  fill(`"rows":["<a href=\"/x\">x<\/a>\n and some more text without any"],`),
		"not ASCII":     fill(`"rows":["Ärger über Größe, Straße und Übermaß: größtmöglich"],`),
	}
}

func BenchmarkScan4KB(b *testing.B) {
	for name, body := range bodies() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				var s scanner
				if s.feed(body) != notSoft {
					b.Fatal("the body says success")
				}
			}
		})
	}
}
