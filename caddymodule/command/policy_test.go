package command_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

const ownPolicy = `package tollgate.authz

import rego.v1

deny contains {"code": "FORBIDDEN", "message": "Only from the EU."} if {
	input.workspace.metadata.region != "eu"
	not privileged
}

privileged if input.key.name == "root"
`

const ownTest = `package tollgate.authz_test

import rego.v1

test_refuses_others if {
	count(data.tollgate.authz.deny) > 0 with input as {"workspace": {"metadata": {"region": "us"}}}
}

test_says_something if {
	print("seen:", 42)
	true
}
`

func TestPolicyTest(t *testing.T) {
	d := harness.NewDesk(t, ":8080\n")
	d.WriteAll(t, "own/region.rego", ownPolicy)
	d.WriteAll(t, "own/region_test.rego", ownTest)
	out := d.Must(t, "policy", "test", "own", "--wide")
	require.Contains(t, out, "own/region_test.rego:5  data.tollgate.authz_test.test_refuses_others  passed")
	require.Contains(t, out, "test_says_something printed:\nseen: 42\n")
	require.Regexp(t, `own/region.rego +\d+ % covered, but not lines 10\n`, out)

	d.Write(t, "own/wrong_test.rego", "package tollgate.authz_test\n\nimport rego.v1\n\ntest_wrong if 1 == 2\n")
	o := d.Run("", "policy", "test", "own", "--wide")
	require.ErrorContains(t, o.Err, "1 of 3 tests fail")
	require.Contains(t, o.Out, "own/wrong_test.rego:5   data.tollgate.authz_test.test_wrong           failed")

	o = d.Run("", "policy", "test", "own", "--json")
	require.Error(t, o.Err)
	var report struct {
		Tests    []struct{ Passed bool }
		Coverage []struct {
			File    string
			Percent float64
			Missed  []int
		}
	}
	require.NoError(t, json.Unmarshal([]byte(o.Out), &report))
	require.Len(t, report.Tests, 3)
	require.Equal(t, "own/region.rego", report.Coverage[0].File)
	require.NotEmpty(t, report.Coverage[0].Missed)
}

func TestPolicyTestNamesEachMissedLineOnce(t *testing.T) {
	d := harness.NewDesk(t, ":8080\n")
	d.WriteAll(t, "own/region.rego", "package tollgate.authz\n\ndeny contains {\"code\": \"FORBIDDEN\"} if {\n\tinput.request.method == \"POST\"\n\tsome x in [\n\t\t1,\n\t\t2,\n\t]\n\tx == 3\n}\n\ndeny contains {\"code\": \"NOT_FOUND\"} if {\n\tinput.request.method == \"PUT\"\n}\n\ndeny contains {\"code\": \"NOT_FOUND\"} if input.plan.denied\n")
	d.WriteAll(t, "own/region_test.rego", "package tollgate.authz_test\n\ntest_a if count(data.tollgate.authz.deny) > 0 with input.request.method as \"PUT\"\n")
	require.Regexp(t, `own/region.rego +\d+ % covered, but not lines 3-9, 16\n`, d.Must(t, "policy", "test", "own", "--wide"))
}

func TestPolicyCommandsPassOnWarnings(t *testing.T) {
	d := harness.NewDesk(t, ":8080\n")
	d.WriteAll(t, "own/region.rego", ownPolicy)
	d.WriteAll(t, "own/region_test.rego", ownTest)
	d.WriteAll(t, "own/helper.rego", "package own\n\nbad if input.request.method == \"POST\"\n")
	for _, command := range []string{"check", "test"} {
		require.Contains(t, d.Must(t, "policy", command, "own", "--wide"), "\nwarning: own/helper.rego: no rule of this file is asked for a decision")
		require.Contains(t, d.Must(t, "policy", command, "own", "--json"), `"warnings":["own/helper.rego: no rule`)
	}
}

func TestPolicyCheck(t *testing.T) {
	d := harness.NewDesk(t, globalOption("policies own"))
	d.WriteAll(t, "own/region.rego", ownPolicy)
	out := d.Must(t, "policy", "check")
	require.Contains(t, out, "input.key.name")
	require.Contains(t, out, "decisions are remembered: they depend on")
	require.Contains(t, out, "input.workspace.metadata.region")

	d.Write(t, "own/whole.rego", "package tollgate.authz\n\nimport rego.v1\n\ndeny contains {\"code\": \"FORBIDDEN\"} if count(input) == 0\n")
	out = d.Must(t, "policy", "check", "--wide")
	require.Regexp(t, `decisions are made anew for every request: .*whole.rego:5`, out)
	require.Regexp(t, `\nthe schema cannot see which names are read at .*whole.rego:5: input: only a test finds a typing error there\n`, out)
	var report struct {
		Remembered bool
		Why        string
		Files      []struct {
			File      string
			Embedded  bool
			Reads     []string
			Why       string
			Unchecked []string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(d.Must(t, "policy", "check", "--json")), &report))
	require.False(t, report.Remembered)
	require.NotEmpty(t, report.Why)
	require.NotEmpty(t, report.Files)
}

func TestPolicyMistakes(t *testing.T) {
	for name, c := range map[string]struct{ rego, want string }{
		"syntax":        {"package tollgate.authz\n\ndeny contains {\n", "own/own.rego:"},
		"typo in input": {"package tollgate.authz\n\nimport rego.v1\n\ndeny contains {\"code\": \"FORBIDDEN\"} if input.key.scope == []\n", "own/own.rego:5"},
		"network":       {"package own\n\nimport rego.v1\n\nx := http.send({\"url\": \"http://localhost\", \"method\": \"get\"})\n", "own/own.rego:5: http.send is not available to policies"},
		"not asked":     {"package httpapi.authz\n\ndefault allow := false\n\nallow if input.request.method == \"GET\"\n", "own/own.rego:3: allow of package httpapi.authz is never asked"},
		"lists":         {"package tollgate.authz\n\ndeny contains {\"code\": \"FORBIDDEN\"} if input.request.headers[\"x-env\"] == \"prod\"\n", "own/own.rego:3: match error: array[string] is compared with string"},
		"text":          {"package tollgate.authz\n\ndeny contains \"no\"\n", "own/own.rego:3: the refusal is of type string"},
		"decision":      {"package tollgate\n\nimport rego.v1\n\ndecision := {\"allow\": true}\n", "own/own.rego:"},
	} {
		for _, command := range []string{"policy check own", "policy test own"} {
			t.Run("refuses/"+name+"/"+command, func(t *testing.T) {
				d := harness.NewDesk(t, ":8080\n")
				d.WriteAll(t, "own/own.rego", c.rego)
				d.Refuses(t, harness.Blunder{Line: command, Want: c.want}, "")
			})
		}
	}
	t.Run("refuses/no tests", func(t *testing.T) {
		d := harness.NewDesk(t, ":8080\n")
		d.WriteAll(t, "own/own.rego", ownPolicy)
		d.Refuses(t, harness.Blunder{Line: "policy test own", Want: "there are no tests in own"}, "")
	})
}
