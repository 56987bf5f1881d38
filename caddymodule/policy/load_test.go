package policy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRefusesToLoad(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  string // in the error, which is one line
	}{
		"broken Rego":                      {map[string]string{"a.rego": "package team\n\nbad if {"}, "a.rego:3: unexpected eof"},
		"two broken files, both told":      {map[string]string{"a.rego": "package team\n\nbad if {", "b.rego": "nonsense"}, "b.rego:1: "},
		"old Rego":                         {map[string]string{"a.rego": "package team\n\nbad { input.request.method }\n"}, "a.rego:3: "},
		"an empty file":                    {map[string]string{"a.rego": ""}, "a.rego:0: rego_parse_error: empty module"},
		"decision redefined":               {map[string]string{"a.rego": "package tollgate\n\ndecision := {\"allow\": true}\n"}, "a.rego:1: package tollgate is the gateway's own, it makes the decision"},
		"a package below tollgate":         {map[string]string{"a.rego": "package tollgate.mine\n\na := 1\n"}, "a.rego:1: package tollgate.mine is the gateway's own"},
		"a package below tollgate.authz":   {map[string]string{"a.rego": "package tollgate.authz.mine\n\na := 1\n"}, "a.rego:1: "},
		"a package below, in brackets":     {map[string]string{"a.rego": "package tollgate[\"authz\"].mine\n\na := 1\n"}, "a.rego:1: "},
		"a helper of ours redefined":       {map[string]string{"a.rego": authz("_address_allowed if true\n")}, "a.rego:3: _address_allowed is a rule of the embedded policies: choose another name"},
		"a default for a helper of ours":   {map[string]string{"a.rego": authz("default _plan_eligible := true\n")}, "a.rego:3: _plan_eligible"},
		"a helper of ours with brackets":   {map[string]string{"a.rego": authz("_address_allowed.x if true\n")}, "a.rego:3: _address_allowed"},
		"a function of ours":               {map[string]string{"a.rego": authz("_covers(_, _) if true\n")}, "a.rego:3: _covers"},
		"deny that is not a set":           {map[string]string{"a.rego": authz("deny := set()\n")}, "conflicting rules data.tollgate.authz.deny found"},
		"a default for deny":               {map[string]string{"a.rego": authz("default deny := set()\n")}, "a.rego:3: "},
		"deny below deny":                  {map[string]string{"a.rego": authz("deny.team contains 1\n")}, "rule data.tollgate.authz.deny conflicts with: rule data.tollgate.authz.deny.team at "},
		"the tests of ours in other files": {map[string]string{"a.rego": "package tollgate.authz_test\n\na := 1\n"}, "a.rego:1: "},
		"a typo in an input path":          {map[string]string{"a.rego": refusal(`input.requst.method == "POST"`)}, "a.rego:4: undefined ref: input.requst.method (input.requst.method; known here are"},
		"a typo deep in an input path":     {map[string]string{"a.rego": refusal(`input.key.scope == []`)}, "a.rego:4: undefined ref: input.key.scope"},
		"a typo behind an alias":           {map[string]string{"a.rego": refusal("r := input.request\n\tr.metod == \"POST\"")}, "a.rego:5: undefined ref: "},
		"a typo in an own package":         {map[string]string{"a.rego": "package team\n\nbad if input.plan.nam == \"x\"\n"}, "a.rego:3: undefined ref: input.plan.nam"},
		"a value of the wrong type":        {map[string]string{"a.rego": refusal(`input.plan.denied == "yes"`)}, "a.rego:4: match error"},
		"a header in upper case":           {map[string]string{"a.rego": refusal(`input.request.headers["X-Tenant"][0] == "a"`)}, `a.rego:4: input.request.headers["X-Tenant"] is never there: header names are in lower case, write "x-tenant"`},
		"a header that is a secret":        {map[string]string{"a.rego": refusal(`not input.request.headers.authorization`)}, "a.rego:4: input.request.headers.authorization is never there: policies see no credentials, ask input.key who it is"},
		"a header that is a secret, upper": {map[string]string{"a.rego": refusal(`input.request.headers["Cookie"]`)}, `a.rego:4: input.request.headers.Cookie is never there: policies see no credentials`},
		"a header that cannot be":          {map[string]string{"a.rego": refusal(`input.request.headers["x tenant"]`)}, `a.rego:4: input.request.headers["x tenant"] is never there: no header can have this name`},
		"a header behind an import":        {map[string]string{"a.rego": "package team\n\nimport input.request.headers as h\n\nbad if h[\"X-A\"]\n"}, `a.rego:5: input.request.headers["X-A"] is never there`},
		"two headers, both told":           {map[string]string{"a.rego": refusal("input.request.headers.A\n\tinput.request.headers.B"), "b.rego": refusal(`input.request.headers.C`)}, `a.rego:5: input.request.headers.B is never there: header names are in lower case, write "b"; `},
		"the network":                      {map[string]string{"a.rego": refusal(`http.send({"method": "GET", "url": "http://x"})`)}, "a.rego:4: http.send is not available to policies: they cannot use the network"},
		"name resolution":                  {map[string]string{"a.rego": refusal(`net.lookup_ip_addr("x")`)}, "a.rego:4: net.lookup_ip_addr is not available to policies: they cannot use the network"},
		"the clock":                        {map[string]string{"a.rego": refusal(`time.now_ns() > 1`)}, "a.rego:4: time.now_ns is not available to policies: a decision depends on its input alone, not on the clock"},
		"chance":                           {map[string]string{"a.rego": refusal(`rand.intn("x", 2) == 1`)}, "a.rego:4: rand.intn is not available to policies: a decision depends on its input alone, not on chance"},
		"the environment":                  {map[string]string{"a.rego": refusal(`opa.runtime().env.HOME`)}, "a.rego:4: opa.runtime is not available to policies: a decision depends on its input alone, not on the process that makes it"},
		"refusals in a file of tests":      {map[string]string{"latest_test.rego": refusal(`input.request.method == "POST"`)}, "latest_test.rego:1: package tollgate.authz in a file of tests, which do not belong to the policies"},
		"an unused import":                 {map[string]string{"a.rego": "package team\n\nimport data.other\n\na := 1\n"}, "a.rego:3: import data.other unused"},
		"an unused variable":               {map[string]string{"a.rego": refusal("x := 1")}, "a.rego:4: assigned var x unused"},
		"an undefined function":            {map[string]string{"a.rego": refusal("team.f(1)")}, "a.rego:4: undefined function team.f"},
		"recursion":                        {map[string]string{"a.rego": refusal("data.tollgate.decision.allow")}, "is recursive"},
		"broken data":                      {map[string]string{"a.rego": authz("_a := 1\n"), "data.json": "{\n"}, "data.json:2: it is not one JSON value: unexpected EOF"},
		"broken data in the middle":        {map[string]string{"a.rego": authz("_a := 1\n"), "data.json": "{\"a\": 1,\n\"b\": nope}"}, "data.json:2: it is not one JSON value: invalid character 'o' in literal null"},
		"data after the data":              {map[string]string{"a.rego": authz("_a := 1\n"), "data.json": "{}\n{}"}, "data.json:2: it is not one JSON value: something follows the value"},
		"data with a name twice":           {map[string]string{"a.rego": authz("_a := 1\n"), "data.json": "{\"x\": [{\"a\": 1,\n\"a\": 2}]}"}, "data.json:2: the name \"a\" stands in one object twice: keep one"},
		"YAML data with a name twice":      {map[string]string{"a.rego": authz("_a := 1\n"), "data.yaml": "a: 1\na: 2\n"}, "data.yaml: yaml: unmarshal errors: line 2: mapping key \"a\" already defined at line 1"},
		"broken YAML data":                 {map[string]string{"a.rego": authz("_a := 1\n"), "data.yaml": "a: 1\nb: [\n"}, "data.yaml: yaml: line 2: "},
		"data that are too deep":           {map[string]string{"a.rego": authz("_a := 1\n"), "data.json": strings.Repeat("[", 2000)}, "data.json:1: it has more than 1000 arrays and objects within each other"},
		"data that are not an object":      {map[string]string{"a.rego": authz("_a := 1\n"), "data.yaml": "- a\n"}, "data.yaml: the data is not an object at its top level"},
		"data for our packages":            {map[string]string{"a.rego": authz("_a := 1\n"), "tollgate/authz/data.json": `{"deny": []}`}, "data.json: data.tollgate is the gateway's own"},
		"data that two files say":          {map[string]string{"a.rego": authz("_a := 1\n"), "a.json": `{"x": {"y": 1}}`, "b.json": `{"x": {"y": 2}}`}, "b.json: data.x.y is defined by another file already"},
		"data under the name of a rule":    {map[string]string{"a.rego": "package team\n\nbad := 1\n", "data.json": `{"team": {"bad": 2}}`}, "conflicting rule for data path team/bad found"},
		"an own test that fails":           {map[string]string{"a.rego": authz("_a := 1\n"), "a_test.rego": "package team_test\n\ntest_a if 1 == 2\n"}, "a_test.rego:3: data.team_test.test_a failed"},
		"an own test that fails to run":    {map[string]string{"a.rego": authz("_a := 1\n"), "a_test.rego": "package team_test\n\ntest_a if to_number(data.x) == 1 with data.x as \"x\"\n"}, "a_test.rego:3: data.team_test.test_a cannot be evaluated: "},
		"an own test that never ends":      {map[string]string{"a.rego": authz("_a := 1\n"), "a_test.rego": "package team_test\n\ntest_a if count([1 | " + endless + "]) == 1\n"}, "a_test.rego:3: data.team_test.test_a cannot be evaluated: "},
		"an own test that is broken":       {map[string]string{"a.rego": authz("_a := 1\n"), "a_test.rego": "package team_test\n\ntest_a if nowhere\n"}, "a_test.rego:3: var nowhere is unsafe"},
		"a folder without policies":        {map[string]string{"README.md": "nothing here"}, "holds no policies: write a .rego file there, or take the path away"},
		"a folder of hidden files":         {map[string]string{".git/a.rego": authz("_a := 1\n")}, "holds no policies"},
		"folders that are too deep":        {map[string]string{strings.Repeat("a/", 20) + "a.rego": authz("_a := 1\n")}, "lies more than 16 folders deep"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(t.Context(), patient(folder(t, test.files)))
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "\n")
			_, checked := Check(t.Context(), patient(folder(t, test.files)).Paths)
			require.ErrorContains(t, checked, test.want)
		})
	}
}

// endless is an expression with 10^15 solutions.
const endless = "some a in numbers.range(1, 100000); some b in numbers.range(1, 100000); some c in numbers.range(1, 100000); a + b + c < 0"

func TestLoads(t *testing.T) {
	post := refusal(`input.request.method == "POST"`)
	for name, files := range map[string]map[string]string{
		"a file":                         {"a.rego": post},
		"a file with a loud name":        {"a.REGO": post},
		"files in folders":               {"x/y/a.rego": post, "z.rego": authz("_other := 1\n\n_x := _other\n")},
		"beside other files":             {"a.rego": post, "README.md": "#", "run.sh": "exit", "a.rego.bak": "nonsense", ".hidden.rego": "nonsense"},
		"data beside it":                 {"a.rego": refusal(`input.request.method in data.lists.blocked`), "lists/methods.yaml": "blocked: [POST]\n"},
		"data of several files":          {"a.rego": refusal(`input.request.method in data.lists.blocked`), "lists/a.json": `{"blocked": ["POST"]}`, "lists/b.yml": "other: 1\n"},
		"packages of its own":            {"a.rego": refusal(`data.team.http.bad`), "b.rego": "package team.http\n\nbad if input.request.method == \"POST\"\n"},
		"a refusal made elsewhere":       {"a.rego": authz(`deny contains r if some r in data.team.deny`), "b.rego": "package team\n\ndeny contains {\"code\": \"FORBIDDEN\", \"message\": \"refused\"} if input.request.method == \"POST\"\n"},
		"tests that pass":                {"a.rego": post, "a_test.rego": "package tollgate.authz_test\n\ntest_a if not data.tollgate.decision.allow with input as {}\n"},
		"a test that is yet to do":       {"a.rego": post, "a_test.rego": "package team_test\n\ntodo_test_a if 1 == 2\n"},
		"prints, which do nothing":       {"a.rego": refusal("print(\"x\", input.request.method)\n\tinput.request.method == \"POST\"")},
		"a name like one of the package": {"tollgate/authz/scopes.rego": post},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, files)
			d, err := e.Decide(t.Context(), request())
			require.NoError(t, err)
			require.True(t, d.Allow)
			d, err = e.Decide(t.Context(), request().with(method("POST")))
			require.NoError(t, err)
			require.FileExists(t, d.File)
			require.Equal(t, Decision{Code: Forbidden, Message: "refused", File: d.File, Line: 3, Generation: 1}, d)
		})
	}
}

func TestLoadsPathsOfEveryKind(t *testing.T) {
	post := []byte(refusal(`input.request.method in data.lists.blocked`))
	data := []byte(`{"blocked": ["POST"]}`)
	root := folder(t, map[string]string{"one.rego": string(post), "lists.json": `{"lists": {"blocked": ["POST"]}}`})
	bundle := filepath.Join(root, "bundle.tar.gz")
	write(t, bundle, tarball(t, map[string][]byte{"/policies/a.rego": post, "./lists/data.json": data, ".manifest": []byte("{}"), "/.signatures.json": []byte("x")}))
	for name, paths := range map[string][]string{
		"single files":    {filepath.Join(root, "one.rego"), filepath.Join(root, "lists.json")},
		"a bundle":        {bundle},
		"a file twice":    {filepath.Join(root, "one.rego"), filepath.Join(root, "one.rego"), filepath.Join(root, "lists.json")},
		"a file not neat": {root + "//./one.rego", filepath.Join(root, "lists.json")},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := New(t.Context(), patient(paths...))
			require.NoError(t, err)
			d, err := e.Decide(t.Context(), request().with(method("POST")))
			require.NoError(t, err)
			require.Equal(t, "refused", d.Message)
		})
	}
}

// TestLoadsMountsOfKubernetes reads a ConfigMap as it is mounted: links to a link to a hidden folder of this version.
func TestLoadsMountsOfKubernetes(t *testing.T) {
	root := folder(t, map[string]string{"..2026_01_01/a.rego": refusal(`input.request.method == "POST"`), "..2025_12_31/a.rego": "nonsense"})
	require.NoError(t, os.Symlink("..2026_01_01", filepath.Join(root, "..data")))
	require.NoError(t, os.Symlink(filepath.Join("..data", "a.rego"), filepath.Join(root, "a.rego")))
	_, err := New(t.Context(), patient(root))
	require.NoError(t, err)
}

func TestRefusesPaths(t *testing.T) {
	root := folder(t, map[string]string{"a.txt": "x", "a.tar.gz": "this is not gzip", "loop/a.rego": authz("_a := 1\n")})
	require.NoError(t, os.Symlink(".", filepath.Join(root, "loop", "again")))
	require.NoError(t, os.Symlink(os.DevNull, filepath.Join(root, "pipe.rego")))
	write(t, filepath.Join(root, "short.tar.gz"), tarball(t, map[string][]byte{"a.rego": []byte(authz("_a := 1\n"))})[:60])
	write(t, filepath.Join(root, "delta.tar.gz"), tarball(t, map[string][]byte{"patch.json": []byte("{}")}))
	write(t, filepath.Join(root, "huge.json"), "")
	require.NoError(t, os.Truncate(filepath.Join(root, "huge.json"), maxBytes+1))
	write(t, filepath.Join(root, "twice.tar.gz"), tarred(t, "a.rego", authz("_a := 1\n"), "./a.rego", authz("_b := 1\n")))
	write(t, filepath.Join(root, "twice the same.tar.gz"), tarred(t, "x/a.rego", authz("_a := 1\n"), "/x/../x/a.rego", authz("_a := 1\n")))
	write(t, filepath.Join(root, "bomb.tar.gz"), tarred(t, "a.txt", strings.Repeat("\x00", maxUnpacked+1)))
	write(t, filepath.Join(root, "devices", "a.rego"), authz("_a := 1\n"))
	require.NoError(t, os.Symlink(os.DevNull, filepath.Join(root, "devices", "b.rego")))
	write(t, filepath.Join(root, "links", "a.rego"), authz("_a := 1\n"))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(root, "links", "b.rego")))
	for i := range maxFiles + 1 {
		write(t, filepath.Join(root, "many", fmt.Sprint(i, ".json")), "")
	}
	for path, want := range map[string]string{
		"twice.tar.gz":          "twice.tar.gz: it holds a.rego twice: pack it anew",
		"twice the same.tar.gz": "it holds x/a.rego twice: pack it anew",
		"bomb.tar.gz":           "bomb.tar.gz: it unpacks to more than 128 MiB, which no bundle of policies does",
		"devices":               "b.rego is not a regular file",
		"links":                 "b.rego: no such file or directory",
		"many":                  "policies and data are more than 64 MiB or 10000 files",
		"missing":               "no such file or directory",
		"a.txt":                 "is not a folder, a .rego, .json, .yaml or .yml file, or a .tar.gz bundle",
		"a.tar.gz":              "a.tar.gz: gzip: invalid header",
		"short.tar.gz":          "short.tar.gz: unexpected EOF",
		"delta.tar.gz":          "a delta bundle is only a part",
		"huge.json":             "huge.json: policies and data are more than 64 MiB or 10000 files",
		"pipe.rego":             "pipe.rego is not a regular file",
		"loop":                  "does a link lead back?",
	} {
		t.Run(path, func(t *testing.T) {
			_, err := New(t.Context(), patient(filepath.Join(root, path)))
			require.ErrorContains(t, err, want)
			require.ErrorContains(t, err, root)
		})
	}
}

// TestLeavesAloneWhatIsNoPolicy has beside a policy what folders and bundles may hold as well.
func TestLeavesAloneWhatIsNoPolicy(t *testing.T) {
	post := refusal(`input.request.method == "POST"`)
	root := folder(t, map[string]string{"a/a.rego": post, "a/.hidden.rego": "nonsense", "a/.git/b.rego": "nonsense", "a/README.md": "nonsense"})
	require.NoError(t, os.Symlink("nowhere", filepath.Join(root, "a", "current")))
	require.NoError(t, os.Symlink(os.DevNull, filepath.Join(root, "a", "pipe")))
	write(t, filepath.Join(root, "b.tar.gz"), tarred(t, "a.rego", post, ".hidden.rego", "nonsense", "x/.git/b.rego", "nonsense", ".manifest", "{}", "README.md", "nonsense"))
	for _, name := range []string{"a", "b.tar.gz"} {
		e, err := New(t.Context(), patient(filepath.Join(root, name)))
		require.NoError(t, err, name)
		require.Len(t, e.Report().Files, 5, name)
	}
}

// TestNoPolicyIsLostToItsName has the same file by several paths, and different files of one name.
func TestNoPolicyIsLostToItsName(t *testing.T) {
	post, put := refusal(`input.request.method == "POST"`), refusal(`input.request.method == "PUT"`)
	root := folder(t, map[string]string{"a.rego": post})
	bundle := filepath.Join(root, "b.tar.gz")
	write(t, bundle, tarred(t, "a.rego", put))
	e, err := New(t.Context(), patient(root, filepath.Join(root, "a.rego"), bundle, root+"/../"+filepath.Base(root), bundle))
	require.NoError(t, err)
	for _, name := range []string{"POST", "PUT"} {
		d, err := e.Decide(t.Context(), request().with(method(name)))
		require.NoError(t, err)
		require.False(t, d.Allow, name)
	}
	write(t, bundle+":a.rego", post)
	for _, paths := range [][]string{{root, bundle}, {bundle, root}} {
		_, err = New(t.Context(), patient(paths...))
		require.ErrorContains(t, err, "b.tar.gz:a.rego: another policy is called the same: rename the file")
	}
}

// tarred packs files, given as name and content in turn, in this order.
func tarred(t testing.TB, files ...string) string {
	t.Helper()
	var packed bytes.Buffer
	zipped, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	require.NoError(t, err)
	archive := tar.NewWriter(zipped)
	for i := 0; i < len(files); i += 2 {
		require.NoError(t, archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: files[i], Size: int64(len(files[i+1])), Mode: 0o600}))
		_, err := archive.Write([]byte(files[i+1]))
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	require.NoError(t, zipped.Close())
	return packed.String()
}

func tarball(t testing.TB, files map[string][]byte) string {
	var list []string
	for name, content := range files {
		list = append(list, name, string(content))
	}
	return tarred(t, list...)
}

func TestLoadsTenMegabytes(t *testing.T) {
	var names strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&names, "%q: %q,\n", fmt.Sprint("name", i), strings.Repeat("y", 1000))
	}
	data := `{"names": {` + names.String() + `"last": 1}}`
	require.Greater(t, len(data), 10_000_000)
	e := engine(t, map[string]string{"data.json": data, "a.rego": refusal(`data.names[input.request.method] != ""`)})
	d, err := e.Decide(t.Context(), request().with(method("name9999")))
	require.NoError(t, err)
	require.Equal(t, "refused", d.Message)
}

// TestRefusesTenMegabytesOfRego has so many rules that compiling them would take minutes.
func TestRefusesTenMegabytesOfRego(t *testing.T) {
	files := map[string]string{}
	for i := range 100 {
		var rules strings.Builder
		for n := range 500 {
			fmt.Fprintf(&rules, "_bad_%d_%d if input.request.path == %q\n\n", i, n, strings.Repeat("z", 160))
		}
		files[fmt.Sprintf("policy%02d.rego", i)] = authz(rules.String())
	}
	began := time.Now()
	_, err := New(t.Context(), patient(folder(t, files)))
	require.ErrorContains(t, err, "the policies are more than 2 MiB: keep lists and tables in data files")
	require.Less(t, time.Since(began), 30*time.Second)
}
