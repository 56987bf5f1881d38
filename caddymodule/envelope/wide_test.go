package envelope

import (
	"bufio"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// wideFixture is an error answer of a well-known backend, and what must be left of it.
type wideFixture struct {
	Name        string
	Status      int
	ContentType string `json:"content_type"`
	Body        string
	Headers     [][2]string
	Gzip        bool
	Message     string            // must be found in the envelope's message or details; "": free
	Fields      map[string]string // must be keys of details, the text within
	Never       []string          // must not be found anywhere
}

// The error answers of backends. Those in wideBackends are not ours: they say whether the walk is right. Those in ownBackends
// were written with it, after the sources and documentation of each.
const (
	wideBackends = "testdata/backend-errors-wide.jsonl"
	ownBackends  = "testdata/backend-errors-own.jsonl"
)

// wideFixtures reads a list. The one that all parts of the project share may be newer.
func wideFixtures(t testing.TB, paths ...string) (list []wideFixture) {
	t.Helper()
	for _, path := range paths {
		file, err := os.Open(path)
		if os.IsNotExist(err) && strings.HasPrefix(path, "../") {
			continue
		}
		require.NoError(t, err)
		defer file.Close()
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			var f wideFixture
			require.NoError(t, json.Unmarshal(lines.Bytes(), &f))
			list = append(list, f)
		}
		require.NoError(t, lines.Err(), path)
	}
	require.GreaterOrEqual(t, len(list), 90)
	return list
}

// answered sends the fixture through a Writer.
func (f *wideFixture) answered(t testing.TB, m *Mapper) outcome {
	var headers []string
	for _, h := range f.Headers {
		headers = append(headers, h[0], h[1])
	}
	body := f.Body
	if f.Gzip {
		body = string(encoded(t, "gzip", strings.NewReader(body)))
		headers = append(headers, "Content-Encoding", "gzip")
	}
	return exchange(t, Options{Mapper: m}, responds(f.Status, f.ContentType, body, headers...))
}

// fault says what an answer lacks; "": nothing.
func (f *wideFixture) fault(body []byte) string {
	var e sent
	if err := json.Unmarshal(body, &e); err != nil {
		return err.Error()
	}
	if err := json.Unmarshal(e.Error.Raw, &e.Error.Details); err != nil {
		return err.Error()
	}
	texts := []string{e.Error.Message}
	for _, v := range e.Error.Details {
		s, _ := v.(string)
		texts = append(texts, s)
	}
	if !strings.Contains(strings.Join(texts, "\n"), f.Message) {
		return "message lacks: " + f.Message
	}
	for name, want := range f.Fields {
		got, ok := e.Error.Details[name].(string)
		if !ok {
			return "no field " + name
		}
		if !strings.Contains(got, want) {
			return "field " + name + " says " + got
		}
	}
	for _, never := range f.Never {
		if strings.Contains(string(body), never) {
			return "holds " + never
		}
	}
	return ""
}

// TestWhatAnAgentNeedsSurvives counts the backends of whose errors the message and every field survive, and nothing else does.
func TestWhatAnAgentNeedsSurvives(t *testing.T) {
	m := newMapper(t)
	good, list := 0, wideFixtures(t, wideBackends, "../../../shared/fixtures/backend-errors-wide.jsonl", ownBackends)
	for _, f := range list {
		o := f.answered(t, m)
		requireEnvelope(t, o.Body.Bytes())
		if fault := f.fault(o.Body.Bytes()); fault != "" {
			t.Errorf("%s: %s\n%s\n%s", f.Name, fault, f.Body, o.Body)
		} else {
			good++
		}
	}
	t.Logf("%d of %d", good, len(list))
}

// None of it survives in a 5xx.
func TestNothingOfA5xxSurvives(t *testing.T) {
	m := newMapper(t)
	for _, f := range wideFixtures(t, wideBackends, ownBackends) {
		require.Equal(t, standardBody("INTERNAL_ERROR"), m.Map(502, f.ContentType, []byte(f.Body)).Body, f.Name)
	}
}

// TestAnErrorIsFoundOneDeeper: all of it survives as well in an object or a list around it.
func TestAnErrorIsFoundOneDeeper(t *testing.T) {
	m := newMapper(t)
	for _, around := range []string{
		`{"error":@}`, `{"status":400,"response":@}`, `{"code":1,"data":@}`, `{"ok":false,"result":@}`, `{"statusCode":400,"body":@}`, `[@]`, `{"errors":[@]}`, `{"Fault":@,"time":7}`,
	} {
		for _, f := range wideFixtures(t, wideBackends, ownBackends) {
			if value, _ := parse([]byte(f.Body)); !isObject(value) || strings.Contains(f.Body, "\n") {
				continue // a text, a list, ndjson
			}
			body := strings.Replace(around, "@", f.Body, 1)
			require.Empty(t, f.fault(m.Map(f.Status, "application/json", []byte(body)).Body), "%s in %s", f.Name, around)
		}
	}
}

func isObject(v any) bool {
	_, ok := v.(object)
	return ok
}

var (
	memberName = regexp.MustCompile(`"([a-zA-Z_]+)"\s*:`)
	hump       = regexp.MustCompile(`([a-z])([A-Z])`)
)

// TestSpellingsAreOne: names of members may be written in another style.
func TestSpellingsAreOne(t *testing.T) {
	m := newMapper(t)
	for style, spell := range map[string]func(string) string{
		"snake_case": func(s string) string { return strings.ToLower(hump.ReplaceAllString(s, "${1}_$2")) },
		"PascalCase": func(s string) string { return strings.ToUpper(s[:1]) + s[1:] },
	} {
		for _, f := range wideFixtures(t, wideBackends, ownBackends) {
			body := memberName.ReplaceAllStringFunc(f.Body, func(s string) string {
				name := memberName.FindStringSubmatch(s)[1]
				if name == "success" || name == "errors" || f.names(name) {
					return s
				}
				return `"` + spell(name) + `":`
			})
			require.Empty(t, f.fault(m.Map(f.Status, f.ContentType, []byte(body)).Body), "%s in %s: %s", f.Name, style, body)
		}
	}
}

// names reports whether a name is, or is a part of, that of a field.
func (f *wideFixture) names(name string) bool {
	for field := range f.Fields {
		if strings.Contains(field, name) {
			return true
		}
	}
	return false
}
