package policy

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/stretchr/testify/require"
)

const (
	listsAdvice = `; headers, query parameters and scopes are lists: write "value" in the list, or take one of them, as in list[0]`
	needsNumber = "; what a request says is text: make a number of it with to_number, once regex.match has seen that it is one"
)

// neverFires are bodies of rules that would refuse nobody, or everybody, whatever a request says.
var neverFires = map[string]string{
	`input.request.headers["x-env"] == "prod"`:                                    "a.rego:4: match error: array[string] is compared with string" + listsAdvice,
	`"prod" == input.request.headers["x-env"]`:                                    "a.rego:4: match error: string is compared with array[string]" + listsAdvice,
	`input.request.headers["x-env"] = "prod"`:                                     "a.rego:4: match error",
	`input["request"]["headers"]["x-env"] == "prod"`:                              "a.rego:4: match error",
	"h := input.request.headers\n\th[\"x-env\"] == \"prod\"":                      "a.rego:5: match error",
	"h := input.request.headers[\"x-env\"]\n\th == \"prod\"":                      "a.rego:5: match error",
	"r := input.request\n\tv := r.headers[\"x-env\"]\n\tv == \"prod\"":            "a.rego:6: match error",
	`not input.request.headers["x-env"] == "prod"`:                                "a.rego:4: match error",
	`count([1 | input.request.headers["x-env"] == "prod"]) > 0`:                   "a.rego:4: match error",
	`some name, values in input.request.headers; name == "a"; values == "b"`:      "a.rego:4: match error",
	`input.request.query[name] == "1"; name == "a"`:                               "a.rego:4: match error",
	`input.request.headers["x-env"] == null`:                                      "a.rego:4: match error",
	`input.request.headers["x-env"] in ["prod"]`:                                  "a.rego:4: match error",
	`input.request.headers["x-env"] in {"prod", "test"}`:                          "a.rego:4: match error",
	`startswith(input.request.headers["x-env"], "prod")`:                          "a.rego:4: startswith: invalid argument(s): it is given (array[string], string) and takes (string, string)" + listsAdvice,
	`lower(input.request.headers["x-env"]) == "a"`:                                "a.rego:4: lower: invalid argument(s)",
	`regex.match("^a", input.request.query.n)`:                                    "a.rego:4: regex.match: invalid argument(s)",
	`to_number(input.request.query.n) > 1`:                                        "a.rego:4: to_number: invalid argument(s)",
	`input.request.query.n == 1`:                                                  "a.rego:4: match error: array[string] is compared with number" + listsAdvice,
	`input.request.query.n[0] == 1`:                                               "a.rego:4: match error: string is compared with number" + needsNumber,
	`input.request.query == {"a": "b"}`:                                           "a.rego:4: match error",
	`input.route.params.id == 1`:                                                  "a.rego:4: match error: string is compared with number" + needsNumber,
	`input.route.params.id == ["a"]`:                                              "a.rego:4: match error",
	`input.route.params.id[0] == "a"`:                                             "a.rego:4: undefined ref: input.route.params.id[0] (a string has no elements)",
	`{"id": 1} == input.route.params`:                                             "a.rego:4: match error",
	`_f(input.request.headers["x-env"])` + "\n}\n\n_f(\"a\")\n\n_g if {true":      "a.rego:4: data.tollgate.authz._f: invalid argument(s)",
	`_f(input.request.headers["x-env"])` + "\n}\n\n_f(x) if x == \"a\"\n_g if {1": "a.rego:4: data.tollgate.authz._f: invalid argument(s)",

	// What OPA's own checker does not look at.
	`input.request.headers["x-env"] != "prod"`:                                           "a.rego:4: match error: array[string] is compared with string" + listsAdvice,
	`input.request.query.n[0] > 3`:                                                       "a.rego:4: match error: string is compared with number" + needsNumber,
	`3 >= input.request.query.n[0]`:                                                      "a.rego:4: match error",
	`input.request.query.n[0] < 3`:                                                       "a.rego:4: match error",
	`input.request.query.n[0] <= 3`:                                                      "a.rego:4: match error",
	"n := input.request.query.n\n\tn > 3":                                                "a.rego:5: match error",
	`late := input.request.query.n[0] > 3; late`:                                         "a.rego:4: match error",
	`not input.request.query.n[0] > 3`:                                                   "a.rego:4: match error",
	`count([1 | some x in input.request.query.a; x > 1]) > 1`:                            "a.rego:4: match error",
	`{x | some x in input.request.query.a; x != 1} == {"a"}`:                             "a.rego:4: match error",
	`{x: x | some x in input.request.query.a; x != 1} == {"a": "a"}`:                     "a.rego:4: match error",
	`"a" in input.route.params.id`:                                                       "a.rego:4: `in` finds nothing in a string",
	`"/admin" in input.request.path`:                                                     "a.rego:4: `in` finds nothing in a string",
	`0, "a" in input.request.path`:                                                       "a.rego:4: `in` finds nothing in a string",
	`every v in input.request.headers["x-env"] { v == 1 }`:                               "a.rego:4: match error",
	`every v in input.request.query { v == "a" }`:                                        "a.rego:4: match error",
	`every k, v in input.request.query { k == "a"; every w in v { w != 1 } }`:            "a.rego:4: match error",
	`object.get(input.request.headers, "x-env", "") == "prod"`:                           "a.rego:4: match error",
	`object.get(input.request.headers, "x-env", "") != "prod"`:                           "a.rego:4: match error",
	"v := object.get(input.request.headers, \"x-env\", \"\")\n\tv == \"prod\"":           "a.rego:5: match error",
	"v := object.get(input.request, [\"headers\", \"x-env\"], \"\")\n\tv == \"prod\"":    "a.rego:5: match error",
	"h := input.request.headers\n\tv := object.get(h, \"x-env\", null)\n\tv == \"prod\"": "a.rego:6: match error",
	`lower(object.get(input.request.headers, "x-env", "")) == "prod"`:                    "a.rego:4: lower: invalid argument(s): it is given (array[string]) and takes (string)" + listsAdvice,
	`startswith(object.get(input.request.headers, "x-env", ""), "prod")`:                 "a.rego:4: startswith: invalid argument(s)",
}

func TestRefusesRulesThatNeverFire(t *testing.T) {
	for body, want := range neverFires {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"a.rego": refusal(body)}
			_, err := New(t.Context(), patient(folder(t, files)))
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "\n")
			_, err = Test(t.Context(), []string{folder(t, files)})
			require.ErrorContains(t, err, want)
		})
	}
}

// TestRefusesNothingThatIsRight has rules that look like those, and can fire.
func TestRefusesNothingThatIsRight(t *testing.T) {
	for _, body := range []string{
		`"prod" in input.request.headers["x-env"]`,
		`input.request.headers["x-env"][0] == "prod"`,
		`input.request.headers["x-env"][_] == "prod"`,
		`some value in input.request.headers["x-env"]; startswith(lower(value), "prod")`,
		`some name, values in input.request.headers; startswith(name, "x-"); count(values) > 1`,
		`input.request.headers["x-env"] == ["prod"]`,
		`input.request.headers["x-env"] != ["prod"]`,
		`input.request.headers["x-env"] != null`,
		`not input.request.headers["x-env"]`,
		`count(input.request.headers["x-env"]) != 1`,
		`concat(",", input.request.headers["x-env"]) == "a,b"`,
		`{v | some v in input.request.headers["x-env"]} & {"prod"} != set()`,
		`[v | some v in input.request.headers["x-env"]] == ["prod"]`,
		`input.request.headers[sprintf("x-%s", [input.plan.name])][0] == "a"`,
		`input.request.query == {}`,
		`input.request.query == {"a": ["b"]}`,
		`input.request.query != {}`,
		`object.keys(input.request.query) - {"from", "to"} != set()`,
		`every name, values in input.request.query { name in {"from", "to"}; count(values) == 1; every v in values { v != "" } }`,
		`regex.match("^[0-9]+$", input.request.query.n[0]); to_number(input.request.query.n[0]) > 3`,
		`input.request.query.from[0] > input.request.query.to[0]`,
		`input.route.params.id == "l1"`,
		`input.route.params["*"] != ""`,
		`{"id": "l1"} == input.route.params`,
		`some _, value in input.route.params; value == "l1"`,
		`contains(input.request.path, "/admin")`,
		`"leads" in split(input.request.path, "/")`,
		`input.workspace.metadata.n > 3; input.workspace.metadata.region != "eu"; "a" in input.workspace.metadata.list`,
		`input.request.body.n > 3; input.request.body.name != "a"; "a" in input.request.body.list`,
		`data.team.limit > 3; data.team.name != "a"`,
		`object.get(input.request.headers, "x-env", "") == ""`,
		`object.get(input.request.headers, "x-env", "") != ""`,
		`object.get(input.request.headers, "x-env", null) == null`,
		`object.get(input.request.headers, "x-env", false) != false`,
		`object.get(input.request.headers, "x-env", []) == ["prod"]`,
		`object.get(input.request.headers, "x-env", [""])[0] == "prod"`,
		`"prod" in object.get(input.request.headers, "x-env", [])`,
		`count(object.get(input.request.headers, "x-env", [])) > 0`,
		`object.get(input.request.headers, "x-env", input.plan.name) == input.plan.name`,
		`object.get(input.request.headers, "x-env", "") in {"", "none"}`,
		`_blank(object.get(input.request.headers, "x-env", ""))` + "\n}\n\n_blank(\"\")\n\n_g if {\n\ttrue",
		"name := input.plan.name\n\tv := object.get(input.request.headers, \"x-env\", \"\")\n\tv == name",
		`object.get(input.request, "scheme", "https") == "https"`,
		`object.get(input.workspace.metadata, "region", "") == "eu"`,
		`_env == "prod"` + "\n}\n\ndefault _env := \"\"\n\n_env := input.request.headers[\"x-env\"][0]\n\n_g if {\n\ttrue",
		`_one(input.request.headers["x-env"]) == "prod"` + "\n}\n\n_one(x) := x if is_string(x)\n\n_one(x) := x[0] if is_array(x)\n\n_g if {\n\ttrue",
		`_is_prod with input.request.headers as {"x-env": ["prod"]}` + "\n}\n\n_is_prod if {\n\t\"prod\" in input.request.headers[\"x-env\"]",
		`_limit == "x" with data.team.limit as "x"` + "\n}\n\n_limit := data.team.limit if {\n\ttrue",
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			engine(t, map[string]string{"a.rego": refusal(body)})
		})
	}
}

// TestTestsMayMockInputsOfAnyForm has tests of the team's with inputs that the schema does not allow.
func TestTestsMayMockInputsOfAnyForm(t *testing.T) {
	engine(t, map[string]string{
		"a.rego":      refusal(`"prod" in input.request.headers["x-env"]`),
		"a_test.rego": "package tollgate.authz_test\n\ntest_a if not data.tollgate.decision.allow with input as {\"request\": {\"headers\": {\"x-env\": \"prod\"}}}\n",
	})
}

const published = "package httpapi.authz\n\ndefault allow := false\n\nallow if input.request.method == \"GET\"\n"

func TestRefusesFilesThatNobodyAsks(t *testing.T) {
	good := refusal(`input.request.method == "POST"`)
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"the published form":              {map[string]string{"a.rego": published}, "a.rego:3: allow of package httpapi.authz is never asked for a decision; no rule of this file is asked, so it would refuse nobody: a request passes unless a rule refuses it, so write what is refused, in package tollgate.authz: deny contains {"},
		"beside a good one":               {map[string]string{"a.rego": published, "b.rego": good}, "a.rego:3: allow of package httpapi.authz is never asked"},
		"allow in our package":            {map[string]string{"a.rego": authz("default allow := false\n\nallow if input.request.method == \"GET\"\n")}, "a.rego:3: allow of package tollgate.authz is never asked"},
		"deny in another package":         {map[string]string{"a.rego": "package main\n\ndeny contains \"no\" if input.request.method == \"GET\"\n"}, "a.rego:3: deny of package main is never asked"},
		"below a dot":                     {map[string]string{"a.rego": "package main\n\nhttp.allow if input.request.method == \"GET\"\n"}, "a.rego:3: http of package main is never asked"},
		"two, both told":                  {map[string]string{"a.rego": published, "b.rego": "package main\n\ndeny if input.request.method == \"GET\"\n"}, "b.rego:3: deny of package main is never asked"},
		"tested, and still asked by none": {map[string]string{"a.rego": published, "a_test.rego": "package httpapi.authz_test\n\ntest_a if data.httpapi.authz.allow with input.request.method as \"GET\"\n"}, "a.rego:3: allow of package httpapi.authz is never asked"},
		"asked by one nobody asks":        {map[string]string{"a.rego": published, "b.rego": "package team\n\nok if data.httpapi.authz.allow\n"}, "a.rego:3: allow of package httpapi.authz is never asked"},
	} {
		t.Run(name, func(t *testing.T) {
			root := folder(t, test.files)
			_, err := New(t.Context(), patient(root))
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "\n")
			_, err = Test(t.Context(), []string{root})
			require.ErrorContains(t, err, test.want)
		})
	}
	t.Run("in a bundle", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "b.tar.gz")
		write(t, name, tarball(t, map[string][]byte{"policies/a.rego": []byte(published), "policies/b.rego": []byte(good)}))
		_, err := New(t.Context(), patient(name))
		require.ErrorContains(t, err, "b.tar.gz:policies/a.rego:3: allow of package httpapi.authz is never asked")
	})
}

func TestWarnsOfFilesThatNobodyAsks(t *testing.T) {
	good := refusal(`input.request.method == "POST"`)
	for name, test := range map[string]struct {
		files map[string]string
		want  string // in the one warning; empty: none
	}{
		"asked":                                {map[string]string{"a.rego": good}, ""},
		"a helper that nobody asks":            {map[string]string{"a.rego": good, "b.rego": "package team\n\nbad if input.request.method == \"PUT\"\n"}, "b.rego: no rule of this file is asked for a decision; if only tests use it, end its name in _test.rego"},
		"a helper in our package":              {map[string]string{"a.rego": good, "b.rego": authz("_bad if input.request.method == \"PUT\"\n")}, "b.rego: no rule of this file is asked"},
		"functions that are called allow":      {map[string]string{"a.rego": good, "b.rego": "package team\n\nallow(x) if x == 1\n"}, "b.rego: no rule of this file is asked"},
		"values that only tests use":           {map[string]string{"a.rego": good, "b.rego": "package team\n\ninput_a := {\"request\": {}}\n", "a_test.rego": "package team_test\n\ntest_a if data.team.input_a == {\"request\": {}}\n"}, "b.rego: no rule of this file is asked"},
		"allow beside deny":                    {map[string]string{"a.rego": good + "\nallow if input.request.method == \"GET\"\n"}, "a.rego:7: allow of package tollgate.authz is never asked"},
		"a helper of our package that is used": {map[string]string{"a.rego": refusal(`_bad`), "b.rego": authz("_bad if input.request.method == \"POST\"\n")}, ""},
		"a package that is asked by name":      {map[string]string{"a.rego": refusal(`not data.httpapi.authz.allow`), "b.rego": published}, ""},
		"a package that is imported":           {map[string]string{"a.rego": "package tollgate.authz\n\nimport data.httpapi.authz\n\ndeny contains {\"code\": \"FORBIDDEN\"} if not authz.allow\n", "b.rego": published}, ""},
		"packages under a computed name":       {map[string]string{"a.rego": refusal(`some name in ["authz"]; not data.httpapi[name].allow`), "b.rego": published}, ""},
		"all packages under a name":            {map[string]string{"a.rego": refusal(`object.get(data.httpapi, ["authz", "allow"], false)`), "b.rego": published}, ""},
		"refusals of all packages":             {map[string]string{"a.rego": authz("deny contains refusal if some refusal in data.teams[_].deny\n"), "b.rego": "package teams.one\n\ndeny contains {\"code\": \"FORBIDDEN\"} if input.request.method == \"PUT\"\n"}, ""},
		"walked":                               {map[string]string{"a.rego": refusal(`walk(data.httpapi, [_, true])`), "b.rego": published}, ""},
		"a function put in by with":            {map[string]string{"a.rego": refusal(`_f(1) with _f as data.team.g`) + "\n_f(_) := 1\n", "b.rego": "package team\n\ng(x) := x\n"}, ""},
		"a file without rules":                 {map[string]string{"a.rego": good, "b.rego": "# METADATA\n# title: A package\npackage team\n"}, ""},
		"tests":                                {map[string]string{"a.rego": good, "a_test.rego": published}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			warnings := engine(t, test.files).Report().Warnings
			if test.want == "" {
				require.Empty(t, warnings)
				return
			}
			require.Len(t, warnings, 1)
			require.Contains(t, warnings[0], test.want)
		})
	}
}

func TestRefusesRefusalsThatCouldOnlyFail(t *testing.T) {
	const form = `; write {"code": "FORBIDDEN", "message": "…", "details": {…}}; message and details may be left out`
	for rules, want := range map[string]string{
		`deny contains "no"`: "a.rego:3: the refusal is of type string" + form,
		`deny contains "no" if input.request.method == "POST"`:                                   "a.rego:3: the refusal is of type string",
		"deny contains msg if {\n\tinput.request.method == \"POST\"\n\tmsg := \"no\"\n}":         "a.rego:3: the refusal is of type string",
		"deny contains msg if {\n\tmsg := sprintf(\"%s is refused\", [input.request.method])\n}": "a.rego:3: the refusal is of type string",
		`deny contains sprintf("%s is refused", [input.request.method])`:                         "a.rego:3: the refusal is of type string",
		`deny contains input.request.method`:                                                     "a.rego:3: the refusal is of type string",
		`deny contains x if some x in input.request.query.a`:                                     "a.rego:3: the refusal is of type string",
		`deny contains 1`:                   "a.rego:3: the refusal is of type number",
		`deny contains ["FORBIDDEN", "no"]`: "a.rego:3: the refusal is of type array<string, string>",
		`deny contains {"msg": "no"}`:       "a.rego:3: the refusal has no code",
		`deny contains {"message": "no"} if input.request.method == "POST"`:                                                      "a.rego:3: the refusal has no code",
		`deny contains {"code": "TEAPOT"}`:                                                                                       `a.rego:3: the refusal has the code "TEAPOT", which is not one of FORBIDDEN, NOT_FOUND, VALIDATION_ERROR`,
		`deny contains {"code": "forbidden", "message": input.request.method}`:                                                   `a.rego:3: the refusal has the code "forbidden"`,
		"deny contains r if {\n\tcode := \"TEAPOT\"\n\tr := {\"code\": code, \"message\": input.request.method}\n}":              `a.rego:3: the refusal has the code "TEAPOT"`,
		`deny contains {"code": 403}`:                                                                                            "a.rego:3: the refusal has a code of type number",
		`deny contains {"code": "FORBIDDEN", "message": 1}`:                                                                      "a.rego:3: the refusal has a message of type number",
		`deny contains {"code": "FORBIDDEN", "message": null}`:                                                                   "a.rego:3: the refusal has a message of type null",
		`deny contains {"code": "FORBIDDEN", "message": input.request.headers["x-a"]}`:                                           "a.rego:3: the refusal has a message of type array[string]",
		`deny contains {"code": "FORBIDDEN", "details": "x"}`:                                                                    "a.rego:3: the refusal has details of type string",
		`deny contains {"code": "FORBIDDEN", "details": [1]}`:                                                                    "a.rego:3: the refusal has details of type array<number>",
		`deny contains {"code": "FORBIDDEN", "status": 418}`:                                                                     `a.rego:3: the refusal has a field "status"`,
		"deny contains _refuse(\"no\")\n\n_refuse(text) := {\"message\": text}":                                                  "a.rego:3: the refusal has no code",
		"deny contains _refuse(\"no\")\n\n_refuse(text) := text if text == \"no\"":                                               "a.rego:3: the refusal is of type string",
		"deny contains r if some r in _all\n\n_all contains \"no\"":                                                              "a.rego:3: the refusal is of type string",
		"deny contains r if some r in _all\n\n_all contains \"no\"\n\n_all contains {\"code\": \"FORBIDDEN\"}":                   "a.rego:3: the refusal is of type string",
		"deny contains {\"code\": \"FORBIDDEN\"}\n\ndeny contains \"one\"\n\ndeny contains \"other\" if input.plan.name == \"\"": "a.rego:5: the refusal is of type string",
	} {
		t.Run(rules, func(t *testing.T) {
			t.Parallel()
			_, err := New(t.Context(), patient(folder(t, map[string]string{"a.rego": authz(rules + "\n")})))
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

// TestTakesRefusalsThatMayBeRight has those of which only evaluation can tell, with what is said about them.
func TestTakesRefusalsThatMayBeRight(t *testing.T) {
	for rules, warning := range map[string]string{
		`deny contains {"code": "FORBIDDEN"}`:                                                                                                                                          "",
		`deny contains {"code": "NOT_FOUND", "message": "", "details": null}`:                                                                                                          "",
		`deny contains {"code": "FORBIDDEN", "details": {}}`:                                                                                                                           "",
		`deny contains {"code": "FORBIDDEN", "details": {input.request.method: 1}}`:                                                                                                    "",
		`deny contains {"code": "FORBIDDEN", "details": {"seen": input.request.headers}}`:                                                                                              "",
		`deny contains {"code": "FORBIDDEN", "details": input.workspace.metadata}`:                                                                                                     "",
		`deny contains {"code": "FORBIDDEN", "message": input.workspace.metadata.text}`:                                                                                                "",
		`deny contains {"code": code} if some code in ["FORBIDDEN", "NOT_FOUND"]`:                                                                                                      "",
		`deny contains object.union({"code": "FORBIDDEN"}, {"message": "a"})`:                                                                                                          "",
		`deny contains {field: "FORBIDDEN" | some field in ["code"]}`:                                                                                                                  "",
		`deny contains refusal if some refusal in data.lists.refusals`:                                                                                                                 "",
		`deny contains refusal if some refusal in input.request.body`:                                                                                                                  "",
		"deny contains _refuse(\"no\")\n\n_refuse(text) := {\"code\": \"FORBIDDEN\", \"message\": text}":                                                                               "",
		"deny contains r if {\n\tsome r in _all\n\tis_object(r)\n}\n\n_all contains \"no\"\n\n_all contains {\"code\": \"FORBIDDEN\"}":                                                 "a.rego:3: the refusal, for some requests, is of type string, and fails their decision",
		"deny contains {\"code\": \"FORBIDDEN\", \"message\": _text}\n\ndefault _text := \"a\"\n\n_text := 1 if input.request.method == \"POST\"":                                      "",
		"deny contains _refusal\n\n_refusal := {\"code\": \"FORBIDDEN\"} if input.request.method == \"POST\"\n\n_refusal := {\"code\": \"NOT_FOUND\"} if input.request.method == \"\"": "",
	} {
		t.Run(rules, func(t *testing.T) {
			t.Parallel()
			warnings := engine(t, map[string]string{"a.rego": authz(rules + "\n")}).Report().Warnings
			if warning == "" {
				require.Empty(t, warnings)
				return
			}
			require.Len(t, warnings, 1)
			require.Contains(t, warnings[0], warning)
		})
	}
}

// TestSaysWhoseRefusalIsMalformed has refusals of which only evaluation can know, made in several ways and files.
func TestSaysWhoseRefusalIsMalformed(t *testing.T) {
	const made = `json.unmarshal("\"no\"")`
	for name, test := range map[string]struct {
		files map[string]string
		want  string // what the error begins with, without the folder
	}{
		"by deny":           {map[string]string{"a.rego": authz("_x := 1\n\ndeny contains " + made + " if _x == 1\n")}, "a.rego:5: the policy decision is malformed"},
		"beside a good one": {map[string]string{"a.rego": refusal(`input.request.method == "GET"`), "b.rego": authz("deny contains " + made + "\n")}, "b.rego:3: the policy decision is malformed"},
		"by two":            {map[string]string{"a.rego": authz("deny contains " + made + "\n"), "b.rego": authz("deny contains " + made + "\n")}, "a.rego:3, b.rego:3: the policy decision is malformed"},
		"passed on by deny": {map[string]string{"a.rego": authz("deny contains r if some r in data.team.all\n"), "b.rego": "package team\n\nall contains r if r := " + made + "\n\nall contains {\"code\": \"FORBIDDEN\"}\n"}, "a.rego:3: the policy decision is malformed"},
		"made elsewhere":    {map[string]string{"a.rego": authz("deny contains r if some r in data.team.all\n"), "b.rego": "package team\n\nall contains {\"code\": lower(\"X\")}\n"}, "b.rego:3: the policy decision is malformed"},
		"deep in details":   {map[string]string{"a.rego": authz("deny contains {\"code\": \"FORBIDDEN\", \"details\": {\"a\": {1: 2}}}\n")}, "a.rego:3: the policy decision is malformed: details: key 1 is not a string"},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, test.files)
			_, err := e.Decide(t.Context(), request())
			require.ErrorIs(t, err, ErrMalformed)
			said := strings.ReplaceAll(err.Error(), e.options.Paths[0]+"/", "")
			require.True(t, strings.HasPrefix(said, test.want), said)
		})
	}
}

// TestAgreesWithThePoliciesOnTheFormOfRefusals holds wellFormed against decision.rego.
func TestAgreesWithThePoliciesOnTheFormOfRefusals(t *testing.T) {
	for _, refusal := range []string{
		`"no"`, `null`, `{}`, `{"message": "a"}`, `{"code": "TEAPOT"}`, `{"code": "FORBIDDEN"}`, `{"code": ["FORBIDDEN"]}`,
		`{"code": "FORBIDDEN", "message": 1}`, `{"code": "FORBIDDEN", "message": null}`, `{"code": "FORBIDDEN", "message": "a"}`,
		`{"code": "FORBIDDEN", "details": "x"}`, `{"code": "FORBIDDEN", "details": ["x"]}`, `{"code": "FORBIDDEN", "details": null}`,
		`{"code": "FORBIDDEN", "details": {}}`, `{"code": "FORBIDDEN", "details": {"a": {"b": [1]}}}`, `{"code": "FORBIDDEN", "details": {1: "x"}}`,
		`{"code": "FORBIDDEN", "detail": {"x": 1}}`, `{"code": "FORBIDDEN", 1: 2}`, `{"code": "NOT_FOUND", "message": "a", "details": {"s": {1, 2}}}`,
		`{"code": "FORBIDDEN", "details": {"a": {1: 2}}}`,
	} {
		t.Run(refusal, func(t *testing.T) {
			e := engine(t, map[string]string{"a.rego": authz("deny contains r if {\n\tsome r in [" + refusal + ", json.unmarshal(\"1\")]\n\tnot is_number(r)\n}\n")})
			_, err := e.Decide(t.Context(), request())
			require.Equal(t, err == nil, wellFormed(ast.MustParseTerm(refusal).Value), err)
		})
	}
}
