package cases_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/cases"
)

// answers is a judge that has an outcome for each address. What it has none for cannot be told.
type answers map[string]cases.Outcome

// Judge is part of cases.Judge.
func (a answers) Judge(_ context.Context, r *cases.Request) (*cases.Outcome, error) {
	o, ok := a[r.Address]
	if !ok {
		return nil, errors.New("nobody knows <this> \x1b[31mpage")
	}
	return &o, nil
}

// run runs a file against the answers.
func run(t *testing.T, text string, a answers, only *regexp.Regexp) *cases.Report {
	t.Helper()
	all, err := cases.Parse("c.yaml", []byte(text))
	require.NoError(t, err)
	report, err := cases.Run(t.Context(), a, all, only)
	require.NoError(t, err)
	return report
}

func refused(status int, code, reason string) cases.Outcome {
	return cases.Outcome{Kind: cases.Refused, Status: status, Code: code, Reason: reason, Message: "No.", Missing: []string{"b", "a"},
		Details: map[string]any{"cost": 10.0, "list": []any{"x"}}, Route: "/r", Scopes: []string{"y", "x"}, Explain: func(int) string { return "step by step\n" }}
}

// TestCompares: each word of an expectation is compared, and one that is left out may be anything.
func TestCompares(t *testing.T) {
	passes := cases.Outcome{Kind: cases.Pass, Charge: 5, Route: "/r", Scopes: []string{}, Explain: func(int) string { return "" }}
	a := answers{"/no": refused(403, "FORBIDDEN", "missing_scope"), "/yes": passes, "/open": {Kind: cases.Public}, "/me": {Kind: cases.Whoami}, "/none": {Kind: cases.NoGate}}
	for expectation, want := range map[string]string{
		"/no, expect: 403": "", "/no, expect: 403 FORBIDDEN": "", "/no, expect: 403 missing_scope": "",
		"/no, expect: 403, details: {list: [x], cost: 10}":  "",
		"/no, expect: 403, missing: [a, b], scopes: [x, y]": "",
		"/no, expect: 403, message: No., route: /r":         "",
		"/no, expect: 404":                      "expected 404, got 403 missing_scope",
		"/no, expect: pass":                     "expected pass, got 403 missing_scope",
		"/no, expect: 403 plan":                 "reason: expected plan, got missing_scope",
		"/no, expect: 403, details: {cost: 10}": `details: expected {"cost":10}, got {"cost":10,"list":["x"]}`,
		"/no, expect: 403, details: {}":         `details: expected null, got {"cost":10,"list":["x"]}`,
		"/no, expect: 403, missing: [a]":        "missing scopes: expected [a], got [b, a]",
		"/no, expect: 403, scopes: []":          "scopes of the route: expected [], got [y, x]",
		"/no, expect: 403, message: no.":        `message: expected "no.", got "No."`,
		"/no, expect: 403, route: /other":       "route: expected /other, got /r",
		"/yes, expect: pass":                    "",
		"/yes, expect: pass 5":                  "",
		"/yes, expect: pass, charge: 5":         "",
		"/yes, expect: pass 4":                  "charge: expected 4, got 5",
		"/yes, expect: public":                  "expected public, got pass 5",
		"/yes, expect: 403":                     "expected 403, got pass 5",
		"/open, expect: public":                 "",
		"/open, expect: pass":                   "expected pass, got public",
		"/open, expect: public, route: /r":      "route: expected /r, got none",
		"/me, expect: whoami":                   "",
		"/me, expect: pass":                     "expected pass, got whoami",
		"/none, expect: no gate":                "",
		"/none, expect: pass":                   "expected pass, got no gate",
		"/none, expect: public":                 "expected public, got no gate",
		"/unknown, expect: pass":                "cannot be judged: nobody knows <this> \ufffd[31mpage",
	} {
		t.Run(expectation, func(t *testing.T) {
			report := run(t, "cases:\n  - {name: a, as: {plan: pro}, request: GET "+expectation+"}", a, nil)
			require.Equal(t, want == "", report.Results[0].Passed())
			var b strings.Builder
			require.NoError(t, report.Text(&b))
			if want == "" {
				require.Equal(t, "1 case passes\n", b.String())
				return
			}
			require.Contains(t, b.String(), "FAIL c.yaml:2: a\n  ")
			require.Contains(t, b.String(), want)
			require.Equal(t, "1 of 1 cases fail", report.Summary())
		})
	}
}

const three = `callers: {a: {plan: pro}}
cases:
  - {name: first, as: a, request: GET /yes, expect: pass}
  - {name: "second <&\"\x07", as: a, request: GET /no, expect: pass}
  - {name: third, as: a, request: GET /gone, expect: pass}
`

func TestRunsTheCasesThatMatch(t *testing.T) {
	a := answers{"/yes": {Kind: cases.Pass, Charge: 1}}
	report := run(t, three, a, regexp.MustCompile("^fir"))
	require.Equal(t, "1 case passes, 2 not run", report.Summary())
	all, err := cases.Parse("c.yaml", []byte(three))
	require.NoError(t, err)
	_, err = cases.Run(t.Context(), a, all, regexp.MustCompile("fourth"))
	require.EqualError(t, err, `none of 3 cases has a name that matches "fourth": write a part of a name`)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = cases.Run(ended, a, all, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestViewIsForPrograms(t *testing.T) {
	report := run(t, three, answers{"/yes": {Kind: cases.Pass, Charge: 1}, "/no": refused(403, "FORBIDDEN", "plan")}, nil)
	view := report.View()
	require.Equal(t, 2, view.Failed)
	require.Equal(t, []bool{true, false, false}, []bool{view.Cases[0].Passed, view.Cases[1].Passed, view.Cases[2].Passed})
	require.Equal(t, "step by step\n", view.Cases[1].Explain)
	require.Empty(t, view.Cases[0].Explain)
	require.Nil(t, view.Cases[2].Got)
	require.NotEmpty(t, view.Cases[2].Error)
	text, err := json.Marshal(view)
	require.NoError(t, err)
	for _, name := range []string{"cases", "differs", "missing", "scopes"} {
		require.NotContains(t, string(text), `"`+name+`":null`, "lists are lists")
	}
}

// The elements of a JUnit report and the attributes that each may have, and must, as the schema of Jenkins has them
// (junit-10.xsd), with the element that each stands in.
var schema = map[string]struct {
	in        string
	may, must []string
}{
	"testsuites": {"", []string{"name", "time", "tests", "failures", "disabled", "errors"}, nil},
	"testsuite": {"testsuites", []string{"name", "tests", "failures", "errors", "group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url", "version"},
		[]string{"name", "tests", "failures", "errors"}},
	"testcase": {"testsuite", []string{"name", "assertions", "time", "classname", "status", "class", "file", "line"}, []string{"name", "classname"}},
	"failure":  {"testcase", []string{"type", "message"}, []string{"type", "message"}},
	"error":    {"testcase", []string{"type", "message"}, []string{"type", "message"}},
}

// TestJUnitKeepsToTheSchema, and counts right.
func TestJUnitKeepsToTheSchema(t *testing.T) {
	report := run(t, three, answers{"/yes": {Kind: cases.Pass, Charge: 1}, "/no": refused(403, "FORBIDDEN", "plan")}, nil)
	var b bytes.Buffer
	require.NoError(t, report.JUnit(&b))
	require.True(t, strings.HasPrefix(b.String(), "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"))
	seen := map[string]int{}
	var around []string
	attributes := map[string]string{}
	decoder := xml.NewDecoder(&b)
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch e := token.(type) {
		case xml.StartElement:
			rule, known := schema[e.Name.Local]
			require.True(t, known, e.Name.Local)
			require.Equal(t, rule.in, strings.Join(around[max(0, len(around)-1):], ""))
			must := slices.Clone(rule.must)
			for _, a := range e.Attr {
				require.Contains(t, rule.may, a.Name.Local, e.Name.Local)
				must = slices.DeleteFunc(must, func(name string) bool { return name == a.Name.Local })
				attributes[e.Name.Local+" "+a.Name.Local] += a.Value + "|"
			}
			require.Empty(t, must, "what must stand in %s", e.Name.Local)
			around = append(around, e.Name.Local)
			seen[e.Name.Local]++
		case xml.EndElement:
			around = around[:len(around)-1]
		}
	}
	require.Equal(t, map[string]int{"testsuites": 1, "testsuite": 1, "testcase": 3, "failure": 1, "error": 1}, seen)
	for _, element := range []string{"testsuites", "testsuite"} {
		require.Equal(t, "3|", attributes[element+" tests"])
		require.Equal(t, "1|", attributes[element+" failures"])
		require.Equal(t, "1|", attributes[element+" errors"])
	}
	require.Equal(t, "first|second <&\"\ufffd|third|", attributes["testcase name"])
	require.Equal(t, "expected pass, got 403 plan|", attributes["failure message"])
}
